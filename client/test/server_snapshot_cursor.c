/*
 * server_snapshot_cursor.c
 *    Reading the snapshots that a query finds: how it ends, what goes on meanwhile, and what it takes.
 */
#include <limits.h>
#include <pthread.h>

#include "events.h"
#include "one_store.h"
#include "resident.h"
#include "snapshots.h"

#define MANY 200000
#define WIDTH 100 /* bytes of a state of those */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOST_GROWTH_KB LONG_MAX /* it cannot be told from the sanitizer's own */
#else
#define MOST_GROWTH_KB (4 * 1024)
#endif

static goes_snapshot_cursor *
start_snapshots(goes_store *used, const char *table, const goes_context *context)
{
	goes_snapshot_cursor *cursor = NULL;
	goes_query			 *query = goes_query_new();
	goes_error			 *error = NULL;

	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	assert_ok(goes_snapshot_query(used, table, query, &cursor, context, &error));
	goes_query_free(query);
	return cursor;
}

/*
 * expect_next_snapshot expects the snapshot of a version.
 */
static void
expect_next_snapshot(goes_snapshot_cursor *cursor, int32_t version)
{
	const goes_snapshot *snapshot = NULL;
	goes_error			*error = NULL;

	assert_ok(goes_snapshot_cursor_next(cursor, &snapshot, &error));
	assert_non_null(snapshot);
	assert_int_equal(snapshot->aggregate_version, version);
}

/*
 * make_many makes a table with the versions from 1 to MANY of one aggregate.
 */
static void
make_many(void)
{
	admin_do(TEST_DATABASE, "SELECT goes_create_snapshot_store('many')");
	admin_do(TEST_DATABASE, "TRUNCATE many");
	admin_do(TEST_DATABASE,
			 "INSERT INTO many (aggregate_id, aggregate_name, aggregate_version, \"time\", state) "
			 "SELECT '11111111-1111-1111-1111-111111111111', 'order', i, i, "
			 "decode(repeat('00', %d), 'hex') FROM generate_series(1, %d) AS i",
			 WIDTH, MANY);
}

static void
test_nothing_found_ends_at_once(void **state)
{
	goes_snapshot_cursor *cursor = start_snapshots(store, "empty", NULL);
	const goes_snapshot	 *snapshot = NULL;

	for (int i = 0; i < 3; i++)
		assert_int_equal(goes_snapshot_cursor_next(cursor, &snapshot, NULL), GOES_END);
	assert_null(snapshot);
	goes_snapshot_cursor_close(cursor);
}

static void
test_closing_early_is_quick(void **state)
{
	int read[] = {0, 1, 3, 1000, 5000};

	make_many();
	for (size_t i = 0; i < sizeof read / sizeof *read; i++)
	{
		goes_snapshot_cursor *cursor = start_snapshots(store, "many", NULL);
		int64_t				  begun;

		for (int32_t version = 1; version <= read[i]; version++)
			expect_next_snapshot(cursor, version);
		begun = milliseconds();
		goes_snapshot_cursor_close(cursor);
		assert_true(is_within(begun, 1000));
		assert_int_equal(count_events(store),
						 0); /* the connection, or another one, is free again */
	}
}

/*
 * The result is some 30 MB.
 */
static void
test_a_large_result_takes_little_memory(void **state)
{
	goes_snapshot_cursor *cursor;
	const goes_snapshot	 *snapshot;
	long				  before;

	forget_most_memory();
	before = memory_kb("VmRSS");
	cursor = start_snapshots(store, "many", NULL);
	expect_next_snapshot(cursor, 1);
	for (int32_t version = 2; version <= MANY; version++)
		expect_next_snapshot(cursor, version);
	assert_int_equal(goes_snapshot_cursor_next(cursor, &snapshot, NULL), GOES_END);
	assert_true(memory_kb("VmHWM") - before < MOST_GROWTH_KB);
	goes_snapshot_cursor_close(cursor);
}

static void
test_other_calls_interleave_with_a_snapshot_cursor(void **state)
{
	goes_snapshot_cursor *first;
	goes_snapshot_cursor *second;
	const goes_snapshot	 *snapshot;
	goes_error			 *error = NULL;
	goes_uuid			  id;
	goes_tx				 *tx;

	goes_uuid_v7(&id);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	for (int32_t version = 1; version <= 20; version++)
		save_version(goes_tx_store(tx), "few", "order", &id, version);
	first = start_snapshots(goes_tx_store(tx), "few", NULL);
	second = start_snapshots(goes_tx_store(tx), "few", NULL);
	for (int32_t version = 1; version <= 20; version++)
	{
		expect_next_snapshot(first, version);
		save_version(goes_tx_store(tx), "few", "order", &id, 100 + version);
		expect_next_snapshot(second, version);
		assert_int_equal(latest_version(goes_tx_store(tx), "few", "order", &id), 100 + version);
	}
	assert_int_equal(goes_snapshot_cursor_next(first, &snapshot, &error), GOES_END);
	goes_snapshot_cursor_close(first);
	goes_snapshot_cursor_close(second); /* before its end */
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(latest_version(store, "few", "order", &id), 120);
}

/*
 * Somebody else holds the table.
 */
static void
test_a_query_that_has_to_wait(void **state)
{
	for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++)
	{
		PGconn				 *holder = admin_connection(TEST_DATABASE);
		goes_snapshot_cursor *cursor = NULL;
		goes_context		  context = {.size = sizeof context};
		goes_error			 *error = NULL;
		int64_t				  begun;
		pthread_t			  thread;

		PQclear(PQexec(holder, "BEGIN; LOCK TABLE many"));
		begun = milliseconds();
		if (is_cancelled)
		{
			context.cancel = goes_cancel_new();
			assert_int_equal(pthread_create(&thread, NULL, cancel_soon, context.cancel), 0);
		}
		else
			context.timeout_ms = paced_ms(100);
		expect_error(goes_snapshot_query(store, "many", NULL, &cursor, &context, &error), &error,
					 is_cancelled ? GOES_ERR_CANCELLED : GOES_ERR_TIMEOUT, "");
		assert_true(milliseconds() - begun >= 90);
		assert_true(is_within(begun, 1100));
		PQfinish(holder);
		if (is_cancelled)
			pthread_join(thread, NULL);
		goes_cancel_free(context.cancel);
		assert_int_equal(count_events(store), 0);
	}
}

static void
test_a_reading_that_is_cancelled(void **state)
{
	goes_context		  context = {.size = sizeof context, .cancel = goes_cancel_new()};
	goes_snapshot_cursor *cursor = start_snapshots(store, "many", &context);
	const goes_snapshot	 *snapshot;
	goes_error			 *error = NULL;

	expect_next_snapshot(cursor, 1);
	goes_cancel_trigger(context.cancel);
	for (int i = 0; i < 2; i++) /* it stays so */
		expect_error(goes_snapshot_cursor_next(cursor, &snapshot, &error), &error,
					 GOES_ERR_CANCELLED, "");
	goes_snapshot_cursor_close(cursor);
	goes_cancel_free(context.cancel);
	assert_int_equal(count_events(store), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_found_ends_at_once),
		cmocka_unit_test(test_closing_early_is_quick),
		cmocka_unit_test(test_a_large_result_takes_little_memory),
		cmocka_unit_test(test_other_calls_interleave_with_a_snapshot_cursor),
		cmocka_unit_test(test_a_query_that_has_to_wait),
		cmocka_unit_test(test_a_reading_that_is_cancelled),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
