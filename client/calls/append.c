/*
 * append.c
 *    goes_append.
 *
 * The hooks and the server get a copy of the events: the program's own events change only on
 * success.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls/appending.h"
#include "store/tx.h"

/*
 * check_arguments fails for arguments that the server would refuse.
 */
static int
check_arguments(const char *aggregate_name, const goes_uuid *aggregate_id, int32_t expected_version,
				goes_error **err)
{
	if (aggregate_name == NULL || *aggregate_name == '\0' || goes_uuid_is_nil(aggregate_id))
		return fail(err, GOES_ERR_INVALID,
					"an append needs the aggregate's name and id: use goes_insert() for events "
					"without an aggregate");
	if (expected_version < GOES_EXPECT_ANY)
		return fail(err, GOES_ERR_INVALID,
					"the expected version %d is not valid: use GOES_EXPECT_ANY, "
					"GOES_EXPECT_EXISTS, 0 or a version",
					(int) expected_version);
	return GOES_OK;
}

/*
 * is_of_aggregate tells whether an event is of the aggregate, or names none.
 */
static bool
is_of_aggregate(const goes_event *event, const char *aggregate_name, const goes_uuid *aggregate_id)
{
	bool has_name = event->aggregate_name != NULL && *event->aggregate_name != '\0';
	bool has_id = !goes_uuid_is_nil(&event->aggregate_id);

	return (!has_name || strcmp(event->aggregate_name, aggregate_name) == 0) &&
		   (!has_id || memcmp(&event->aggregate_id, aggregate_id, sizeof *aggregate_id) == 0);
}

/*
 * check_versions fails for events that do not agree with the append, or with the versions of the
 * events before them. The server would fail, too, but would count the events from 1.
 */
static int
check_versions(const Write *write, const goes_event *events, goes_error **err)
{
	bool	is_known = write->expected_version >= 0; /* the version before the first event */
	int64_t before = write->expected_version;

	for (size_t i = 0; i < write->n; i++)
	{
		int32_t version = events[i].aggregate_version;

		if (!is_of_aggregate(&events[i], write->aggregate_name, write->aggregate_id))
			return fail_event(err, GOES_ERR_INVALID, (int64_t) i,
							  "event %zu is of another aggregate than the append", i);
		if (version == 0)
			continue;
		if (!is_known)
			before = version - (int64_t) i - 1;
		is_known = true;
		if (version != before + (int64_t) i + 1)
			return fail_event(err, GOES_ERR_INVALID, (int64_t) i,
							  "event %zu has version %d instead of %lld: leave it 0, and the "
							  "append assigns the version",
							  i, (int) version, (long long) (before + (int64_t) i + 1));
	}
	return GOES_OK;
}

/*
 * copy_events copies events, and puts the aggregate into those that have none.
 */
static goes_event *
copy_events(const goes_event *events, size_t n, const char *aggregate_name,
			const goes_uuid *aggregate_id)
{
	goes_event *copy = calloc(n > 0 ? n : 1, sizeof *copy);

	for (size_t i = 0; copy != NULL && i < n; i++)
	{
		copy[i] = events[i];
		if (copy[i].aggregate_name == NULL || *copy[i].aggregate_name == '\0')
			copy[i].aggregate_name = aggregate_name;
		if (goes_uuid_is_nil(&copy[i].aggregate_id))
			copy[i].aggregate_id = *aggregate_id;
	}
	return copy;
}

int
append_prepare(Write *write, VersionText text, const goes_event *events, goes_error **err)
{
	int32_t expected = write->expected_version;
	int		status = check_arguments(write->aggregate_name, write->aggregate_id, expected, err);

	if (status == GOES_OK)
		status = check_versions(write, events, err);
	if (status != GOES_OK)
		return status;
	snprintf(text, sizeof(VersionText), "%d", (int) expected);
	write->expected = expected == GOES_EXPECT_ANY ? NULL : text;
	write->to_number = copy_events(events, write->n, write->aggregate_name, write->aggregate_id);
	write->events = write->to_number;
	return write->events == NULL ? fail_memory(err) : GOES_OK;
}

/*
 * may_coalesce tells whether an append can share a commit. One that is not valid must not go with others.
 */
static bool
may_coalesce(const goes_store *store, const Write *write)
{
	return store->coalescing != NULL && store->tx == NULL && write->n > 0 &&
		   store->hooks[GOES_PRE_INSERT] == NULL && store->hooks[GOES_POST_INSERT] == NULL &&
		   check_owner(store, NULL) == GOES_OK &&
		   require_events(write->events, write->n, NULL) == GOES_OK;
}

int
goes_append(goes_store *store, const char *aggregate_name, const goes_uuid *aggregate_id,
			goes_event *events, size_t n, int32_t expected_version, const goes_context *context,
			goes_error **err)
{
	VersionText text;
	Write		write = {.request = REQUEST_APPEND,
						 .n = n,
						 .aggregate_name = aggregate_name,
						 .aggregate_id = aggregate_id,
						 .expected_version = expected_version};
	goes_error *error = NULL;
	int			status;

	if (store == NULL || (events == NULL && n > 0))
		return fail(err, GOES_ERR_INVALID, "the store and the events must not be NULL");
	status = append_prepare(&write, text, events, &error);
	if (status == GOES_OK && may_coalesce(store, &write))
		status = append_coalesced(store, &write, context, &error);
	else if (status == GOES_OK)
		status = write_events(store, &write, context, &error);
	else if (store->tx != NULL)
		tx_fail(store->tx, error); /* otherwise the program could commit without the append */
	if (status == GOES_OK && n > 0)
		memcpy(events, write.to_number, n * sizeof *events);
	free(write.to_number);
	return pass_error(err, error, status);
}
