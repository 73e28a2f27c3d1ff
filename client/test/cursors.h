/*
 * cursors.h
 *    For the tests of cursors: a history, and reading it in every way.
 */
#ifndef GOES_TEST_CURSORS_H
#define GOES_TEST_CURSORS_H

#include "events.h"

/* The ways of reading. */
enum
{
	DIRECT, /* one aggregate's history */
	STREAM,
	PORTAL,
	WAYS
};

static const char aggregate[] = "11111111-1111-1111-1111-111111111111";

/*
 * make_history makes n events of one aggregate, at the times 1 to n.
 */
static inline void
make_history(goes_store *store, const char *table, int n, int bytes)
{
	fill_store(store, table, n, bytes);
	admin_do(TEST_DATABASE,
			 "UPDATE %s SET aggregate_id = '%s', aggregate_name = 'counter', "
			 "aggregate_version = \"time\"",
			 table, aggregate);
}

/* A reading under way. */
typedef struct Reader
{
	goes_store	*store;
	goes_tx		*tx;
	goes_cursor *cursor;
} Reader;

static inline int
start_reading(Reader *reader, goes_store *store, int way, int n, const goes_context *context,
			  goes_error **err)
{
	goes_uuid	id = uuid_of(aggregate);
	goes_query *query = goes_query_new();
	int			status = GOES_OK;

	*reader = (Reader){.store = store};
	goes_query_aggregate(query, "counter", way == DIRECT ? &id : NULL);
	goes_query_time_max(query, n);
	goes_query_sort(query, GOES_SORT_TIME, GOES_ASC);
	if (way == PORTAL)
	{
		status = goes_tx_begin(store, &reader->tx, NULL, err);
		reader->store = goes_tx_store(reader->tx);
	}
	if (status == GOES_OK)
		status = goes_query_run(reader->store, query, &reader->cursor, context, err);
	goes_query_free(query);
	return status;
}

static inline void
end_reading(Reader *reader)
{
	goes_cursor_close(reader->cursor);
	goes_tx_rollback(reader->tx);
}

/*
 * expect_next expects the event of a time.
 */
static inline void
expect_next(Reader *reader, int64_t time)
{
	goes_error		 *error = NULL;
	const goes_event *event;

	assert_ok(goes_cursor_next(reader->cursor, &event, &error));
	assert_int_equal(event->time, time);
}

#endif
