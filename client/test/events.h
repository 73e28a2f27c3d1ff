/*
 * events.h
 *    Making events and reading them back, for the tests with a server.
 */
#ifndef GOES_TEST_EVENTS_H
#define GOES_TEST_EVENTS_H

#include "server.h"

/* A store whose calls all use the same connection. */
static inline goes_store *
open_with_one_connection(const char *table)
{
	goes_store_options options = options_of(table);

	options.max_connections = 1;
	return open_with(&options);
}

static inline goes_event
event_of_aggregate(const char *name, const goes_uuid *id, int32_t version)
{
	goes_event event = event_of("happened", "{}");

	event.aggregate_name = name;
	event.aggregate_id = *id;
	event.aggregate_version = version;
	return event;
}

/* Makes the store's table, and n events in it, n at most a few millions. */
static inline void
fill_store(goes_store *store, const char *table, int n, int bytes)
{
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE,
			 "INSERT INTO %s (id, name, \"time\", data) SELECT "
			 "(pg_catalog.lpad(pg_catalog.to_hex(i), 32, '0'))::uuid, 'filled', i, "
			 "pg_catalog.to_jsonb(pg_catalog.repeat('x', %d)) "
			 "FROM pg_catalog.generate_series(1, %d) AS i",
			 table, bytes, n);
}

static inline void
store_events(goes_store *store, const goes_event *events, size_t n)
{
	goes_error *error = NULL;

	assert_ok(goes_insert(store, events, n, NULL, &error));
}

static inline int64_t
count_events(goes_store *store)
{
	goes_error *error = NULL;
	int64_t		count = -1;

	assert_ok(goes_count(store, NULL, &count, NULL, &error));
	return count;
}

static inline bool
is_there(goes_store *store, const goes_event *event)
{
	goes_event *found = NULL;
	int			status = goes_find(store, &event->id, &found, NULL, NULL);

	goes_event_free(found);
	return status == GOES_OK;
}

/* Reads a cursor to its end. */
static inline int64_t
read_to_end(goes_cursor *cursor)
{
	goes_error		 *error = NULL;
	const goes_event *event;
	int64_t			  n = 0;
	int				  status;

	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
		n++;
	assert_ok(status);
	return n;
}

/* Runs a query and counts the events it returns. */
static inline int64_t
run_to_end(goes_store *store, const goes_query *query)
{
	goes_error	*error = NULL;
	goes_cursor *cursor = NULL;
	int64_t		 n;

	assert_ok(goes_query_run(store, query, &cursor, NULL, &error));
	n = read_to_end(cursor);
	goes_cursor_close(cursor);
	return n;
}

/* A query that is read in one go, for those without it are streamed. */
static inline goes_query *
query_for_few(void)
{
	goes_query *query = goes_query_new();

	assert_int_equal(goes_query_limit(query, 1000), GOES_OK);
	return query;
}

/* The server's process behind a store's only connection. */
static inline int
process_of(goes_store *store)
{
	goes_error *error = NULL;
	PGconn	   *connection = NULL;
	int			process;

	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	process = PQbackendPID(connection);
	goes_pool_release(goes_store_pool(store), connection);
	return process;
}

/* Compares an event with what the store has under its id. */
static inline void
expect_stored_event(goes_store *store, const goes_event *event)
{
	goes_error *error = NULL;
	goes_event *found;

	assert_ok(goes_find(store, &event->id, &found, NULL, &error));
	assert_memory_equal(&found->id, &event->id, sizeof event->id);
	assert_string_equal(found->name, event->name);
	assert_true(found->time == event->time);
	assert_memory_equal(&found->aggregate_id, &event->aggregate_id, sizeof event->aggregate_id);
	assert_string_equal(found->aggregate_name, event->aggregate_name ? event->aggregate_name : "");
	assert_int_equal(found->aggregate_version, event->aggregate_version);
	assert_string_equal(found->data, event->data ? event->data : "null");
	assert_int_equal(found->data_len, strlen(found->data));
	goes_event_free(found);
}

/* Inserts, and expects the status and the event it is about. */
static inline void
expect_insert_refused(goes_store *store, const goes_event *events, size_t n, int status,
					  int64_t index, const char *part_of_message)
{
	goes_error *error = NULL;
	int			returned = goes_insert(store, events, n, NULL, &error);

	assert_int_equal(goes_error_event_index(error), index);
	expect_error(returned, &error, status, part_of_message);
}

/* Makes a name of so many characters, to be freed. */
static inline char *
unicode_name(size_t characters)
{
	static const char *const letters[] = {"a", "ä", "€", "😀"};
	char					*name = calloc(characters, 4 + 1);

	for (size_t i = 0; i < characters; i++)
		strcat(name, letters[i % 4]);
	return name;
}

#endif
