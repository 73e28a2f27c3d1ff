/*
 * calls.h
 *    Every kind of call on a store whose outcome is known: they look for an event that store_one stored.
 */
#ifndef GOES_TEST_CALLS_H
#define GOES_TEST_CALLS_H

#include "events.h"

static goes_event stored; /* what the calls look for */

static inline int
call_insert(goes_store *store, goes_error **err)
{
	goes_event event = event_of("happened", "{}");

	return goes_insert(store, &event, 1, NULL, err);
}

static inline int
call_insert_that_conflicts(goes_store *store, goes_error **err)
{
	goes_event	  event = stored;
	goes_error	 *error = NULL;
	goes_conflict conflict = {.size = sizeof conflict};
	int			  status;

	goes_uuid_v7(&event.id);
	status = goes_insert(store, &event, 1, NULL, &error);
	if (status == GOES_ERR_CONFLICT && goes_error_conflict(error, &conflict) &&
		conflict.current_version == stored.aggregate_version)
	{
		goes_error_free(error);
		return GOES_OK;
	}
	if (err != NULL)
		*err = error;
	else
		goes_error_free(error);
	return status == GOES_OK ? GOES_ERR_STATE : status;
}

static inline int
call_append(goes_store *store, goes_error **err)
{
	goes_event event = event_of("happened", "{}");

	return goes_append(store, "appended.to", &stored.aggregate_id, &event, 1, GOES_EXPECT_ANY, NULL,
					   err);
}

static inline int
call_find(goes_store *store, goes_error **err)
{
	goes_event *found = NULL;
	int			status = goes_find(store, &stored.id, &found, NULL, err);

	goes_event_free(found);
	return status;
}

static inline int
call_delete(goes_store *store, goes_error **err)
{
	goes_uuid id;

	goes_uuid_v7(&id);
	return goes_delete(store, &id, 1, NULL, err);
}

static inline int
call_count(goes_store *store, goes_error **err)
{
	goes_query *query = goes_query_new();
	int64_t		count = -1;
	int			status;

	goes_query_aggregate(query, stored.aggregate_name, NULL);
	status = goes_count(store, query, &count, NULL, err);
	goes_query_free(query);
	return status == GOES_OK && count != 1 ? GOES_ERR_NOT_FOUND : status;
}

/*
 * call_query expects the one event that is stored.
 */
static inline int
call_query(goes_store *store, const goes_uuid *id, goes_error **err)
{
	goes_query		 *query = goes_query_new();
	goes_cursor		 *cursor = NULL;
	const goes_event *event;
	int				  status;

	goes_query_aggregate(query, stored.aggregate_name, id);
	status = goes_query_run(store, query, &cursor, NULL, err);
	if (status == GOES_OK)
		status = goes_cursor_next(cursor, &event, err) == GOES_EVENT ? GOES_OK : GOES_ERR_NOT_FOUND;
	if (status == GOES_OK)
		status = goes_cursor_next(cursor, &event, err);
	goes_cursor_close(cursor);
	goes_query_free(query);
	return status;
}

static inline int
call_small_query(goes_store *store, goes_error **err)
{
	return call_query(store, &stored.aggregate_id, err);
}

static inline int
call_large_query(goes_store *store, goes_error **err)
{
	return call_query(store, NULL, err);
}

static inline int
call_transaction(goes_store *store, goes_error **err)
{
	goes_tx *tx;
	int		 status = goes_tx_begin(store, &tx, NULL, err);

	if (status != GOES_OK)
		return status;
	status = call_insert(goes_tx_store(tx), err);
	if (status == GOES_OK)
		return goes_tx_commit(tx, NULL, err);
	goes_tx_rollback(tx);
	return status;
}

static int (*const calls[])(goes_store *, goes_error **) = {
	call_insert, call_insert_that_conflicts, call_find,		   call_delete,
	call_count,	 call_small_query,			 call_large_query, call_append,
};

#define CALLS (sizeof calls / sizeof *calls)

static inline void
store_one(goes_store *store)
{
	goes_error *error = NULL;
	goes_uuid	id;

	goes_uuid_v7(&id);
	stored = event_of_aggregate("order", &id, 1);
	assert_ok(goes_insert(store, &stored, 1, NULL, &error));
}

#endif
