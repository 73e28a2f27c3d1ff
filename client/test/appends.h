/*
 * appends.h
 *    Appending events and checking what became of them, for the tests with a server.
 */
#ifndef GOES_TEST_APPENDS_H
#define GOES_TEST_APPENDS_H

#include "events.h"

/* make_events makes events without an aggregate, each with data of its own. */
static inline void
make_events(goes_event *events, size_t n)
{
	static const char *const data[] = {"{\"total\": 30}", "null", NULL, "\"€\"", "[1, 2.50]"};

	for (size_t i = 0; i < n; i++)
		goes_event_init(&events[i], "order.changed", data[i % 5]);
}

static inline goes_uuid
new_id(void)
{
	goes_uuid id;

	goes_uuid_v7(&id);
	return id;
}

/*
 * expect_numbered checks what an append made of events: they have the aggregate, and versions one
 * after the other, and are what they were otherwise.
 */
static inline void
expect_numbered(const goes_event *events, const goes_event *before, size_t n, const char *name,
				const goes_uuid *id)
{
	for (size_t i = 0; i < n; i++)
	{
		goes_event changed = before[i];

		assert_string_equal(events[i].aggregate_name, name);
		assert_memory_equal(&events[i].aggregate_id, id, sizeof *id);
		assert_int_equal(events[i].aggregate_version - events[0].aggregate_version, i);
		changed.aggregate_name = events[i].aggregate_name;
		changed.aggregate_id = events[i].aggregate_id;
		changed.aggregate_version = events[i].aggregate_version;
		assert_memory_equal(&changed, &events[i], sizeof changed);
	}
}

/*
 * try_append appends, and checks that events are numbered by success, and that nothing else leaves a
 * trace on them.
 */
static inline int
try_append(goes_store *store, const char *name, const goes_uuid *id, goes_event *events, size_t n,
		   int32_t expected, const goes_context *context, goes_error **error)
{
	goes_event *before = calloc(n + 1, sizeof *before);
	int			status;

	if (n > 0 && events != NULL)
		memcpy(before, events, n * sizeof *before);
	status = goes_append(store, name, id, events, n, expected, context, error);
	if (status == GOES_OK)
		expect_numbered(events, before, n, name, id);
	else if (events != NULL)
		assert_memory_equal(events, before, n * sizeof *before);
	free(before);
	return status;
}

/* append appends to "order", which has to succeed, and returns the version of the first event. */
static inline int32_t
append(goes_store *store, const goes_uuid *id, goes_event *events, size_t n, int32_t expected)
{
	goes_error *error = NULL;

	assert_ok(try_append(store, "order", id, events, n, expected, NULL, &error));
	return n > 0 ? events[0].aggregate_version : 0;
}

/* append_new appends so many new events to "order". */
static inline void
append_new(goes_store *store, const goes_uuid *id, size_t n)
{
	goes_event *events = calloc(n, sizeof *events);

	make_events(events, n);
	(void) append(store, id, events, n, GOES_EXPECT_ANY);
	free(events);
}

/*
 * expect_append_refused appends to "order" and expects the status and the event it is about, and nothing new.
 */
static inline void
expect_append_refused(goes_store *store, const goes_uuid *id, goes_event *events, size_t n,
					  int32_t expected, int status, int64_t index, const char *part_of_message)
{
	goes_error *error = NULL;
	int64_t		before = count_events(store);
	int			returned = try_append(store, "order", id, events, n, expected, NULL, &error);

	assert_int_equal(goes_error_event_index(error), index);
	expect_error(returned, &error, status, part_of_message);
	assert_int_equal(count_events(store), before);
}

/* The details of a conflict. */
typedef struct Details
{
	const char *sqlstate;
	const char *name;
	goes_uuid	id;
	int32_t		current;
	int32_t		version;
	int64_t		index;
} Details;

/*
 * expect_conflict checks that a call failed with these details, and frees the error. It takes the
 * error's place, so that the call may stand among its arguments.
 */
static inline void
expect_conflict(int returned, goes_error **error, const Details *details)
{
	goes_conflict conflict = {.size = sizeof conflict};

	if (returned != GOES_ERR_CONFLICT)
		fail_msg("%s: %s", goes_status_text(returned), goes_error_message(*error));
	assert_string_equal(goes_error_sqlstate(*error), details->sqlstate);
	assert_true(goes_error_is_retryable(*error));
	assert_true(goes_error_conflict(*error, &conflict));
	assert_string_equal(conflict.aggregate_name, details->name);
	assert_memory_equal(&conflict.aggregate_id, &details->id, sizeof details->id);
	assert_int_equal(conflict.current_version, details->current);
	assert_int_equal(conflict.event_version, details->version);
	assert_int_equal(goes_error_event_index(*error), details->index);
	goes_error_free(*error);
	*error = NULL;
}

/*
 * expect_history compares an aggregate's events with those that it is to have, in their order, and
 * their versions, which begin after `before`.
 */
static inline void
expect_history(goes_store *store, const char *name, const goes_uuid *id, const goes_event *events,
			   size_t n, int32_t before)
{
	goes_error		 *error = NULL;
	goes_query		 *query = goes_query_new();
	goes_cursor		 *cursor = NULL;
	const goes_event *found;
	size_t			  i = 0;
	int				  status;

	goes_query_aggregate(query, name, id);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	assert_ok(goes_query_run(store, query, &cursor, NULL, &error));
	for (; (status = goes_cursor_next(cursor, &found, &error)) == GOES_EVENT; i++)
	{
		assert_true(i < n);
		assert_memory_equal(&found->id, &events[i].id, sizeof found->id);
		assert_string_equal(found->name, events[i].name);
		assert_true(found->time == events[i].time);
		assert_string_equal(found->aggregate_name, name);
		assert_int_equal(found->aggregate_version - before, i + 1);
		assert_string_equal(found->data, events[i].data ? events[i].data : "null");
	}
	assert_ok(status);
	assert_int_equal(i, n);
	goes_cursor_close(cursor);
	goes_query_free(query);
}

#endif
