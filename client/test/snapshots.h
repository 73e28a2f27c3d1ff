/*
 * snapshots.h
 *    Making snapshots and reading them back, for the tests with a server.
 */
#ifndef GOES_TEST_SNAPSHOTS_H
#define GOES_TEST_SNAPSHOTS_H

#include "server.h"

static goes_uuid order;

/* Gives a test, OF_AN_ORDER, an aggregate of its own. */
static inline int
new_order(void **state)
{
	goes_uuid_v7(&order);
	return 0;
}

#define OF_AN_ORDER(test) cmocka_unit_test_setup(test, new_order)

/* The state is a text, or NULL for none. */
static inline goes_snapshot
snapshot_of(const char *name, const goes_uuid *id, int32_t version, const char *state)
{
	return (goes_snapshot){.aggregate_id = *id,
						   .aggregate_name = name,
						   .aggregate_version = version,
						   .time = INT64_C(1000) + version,
						   .state = state,
						   .state_len = state == NULL ? 0 : strlen(state)};
}

static inline void
store_snapshot(goes_store *store, const char *table, const goes_snapshot *snapshot)
{
	goes_error *error = NULL;

	assert_ok(goes_snapshot_save(store, table, snapshot, NULL, &error));
}

static inline void
save_version(goes_store *store, const char *table, const char *name, const goes_uuid *id,
			 int32_t version)
{
	goes_snapshot snapshot = snapshot_of(name, id, version, "state");

	store_snapshot(store, table, &snapshot);
}

static inline void
assert_same_snapshot(const goes_snapshot *one, const goes_snapshot *other)
{
	assert_memory_equal(&one->aggregate_id, &other->aggregate_id, sizeof(goes_uuid));
	assert_string_equal(one->aggregate_name, other->aggregate_name);
	assert_int_equal(one->aggregate_version, other->aggregate_version);
	assert_int_equal(one->time, other->time);
	assert_int_equal(one->state_len, other->state_len);
	if (one->state_len > 0)
		assert_memory_equal(one->state, other->state, one->state_len);
}

/* The version of an aggregate's newest snapshot; -1 if there is none. */
static inline int32_t
latest_version(goes_store *store, const char *table, const char *name, const goes_uuid *id)
{
	goes_snapshot *found = NULL;
	goes_error	  *error = NULL;
	int32_t		   version = -1;
	int			   status = goes_snapshot_latest(store, table, name, id, &found, NULL, &error);

	if (status == GOES_ERR_NOT_FOUND)
	{
		assert_null(found);
		goes_error_free(error);
		return version;
	}
	assert_ok(status);
	version = found->aggregate_version;
	goes_snapshot_free(found);
	return version;
}

#endif
