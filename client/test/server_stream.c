/*
 * server_stream.c
 *    Large results: how much memory they take, how soon they begin, and how soon they are left.
 *
 * GOES_TEST_EVENTS sets another number of events: CI has two million.
 */
#include <limits.h>

#include "events.h"
#include "resident.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVENTS 50000 /* slow, and the memory cannot be told from the sanitizer's own */
#define MOST_GROWTH_KB LONG_MAX
#define MOST_GROWTH_WIDE_KB LONG_MAX
#else
#define EVENTS 500000
#define MOST_GROWTH_KB (2 * 1024) /* four bytes an event */
#define MOST_GROWTH_WIDE_KB (8 * 1024)
#endif
#define HISTORY 50000
#define FIRST_MS 20
#define CLOSE_MS 1000

static int
events_wanted(void)
{
	const char *wanted = getenv("GOES_TEST_EVENTS");

	return wanted == NULL ? EVENTS : atoi(wanted);
}

/*
 * expect_little_growth reads a query's events and expects the memory to grow by so much at most.
 */
static void
expect_little_growth(goes_store *store, const goes_query *query, int64_t n, long most_kb,
					 const char *what)
{
	int64_t begun = milliseconds();
	long	before;
	long	growth;

	forget_most_memory();
	before = memory_kb("VmRSS");
	assert_int_equal(run_to_end(store, query), n);
	growth = memory_kb("VmHWM") - before;
	print_message("# %s: %lld events in %lld ms, %ld kB more memory\n", what, (long long) n,
				  (long long) (milliseconds() - begun), growth);
	assert_true(growth <= most_kb);
}

/*
 * open_large opens a store with many events, which are made once.
 */
static goes_store *
open_large(void)
{
	goes_store *store = open_with_one_connection("large");

	if (count_events(store) == 0)
	{
		fill_store(store, "large", events_wanted(), 100);
		admin_do(TEST_DATABASE, "ANALYZE large");
	}
	return store;
}

static void
test_memory_does_not_grow_with_the_result(void **state)
{
	goes_store *store = open_large();
	goes_error *error = NULL;
	goes_query *sorted = goes_query_new();
	goes_tx	   *tx;

	goes_query_sort(sorted, GOES_SORT_TIME, GOES_ASC);
	expect_little_growth(store, NULL, events_wanted(), MOST_GROWTH_KB, "streamed");
	expect_little_growth(store, sorted, events_wanted(), MOST_GROWTH_KB, "streamed and sorted");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_little_growth(goes_tx_store(tx), NULL, events_wanted(), MOST_GROWTH_KB,
						 "in a transaction");
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_query_free(sorted);
	goes_store_close(store);
}

static void
test_memory_does_not_grow_with_a_long_history(void **state)
{
	goes_store *store = open_with_one_connection("history");
	goes_query *query = goes_query_new();
	goes_uuid	id = uuid_of("11111111-1111-1111-1111-111111111111");

	fill_store(store, "history", HISTORY, 100);
	admin_do(TEST_DATABASE, "UPDATE history SET aggregate_name = 'counter', aggregate_version = "
							"\"time\", aggregate_id = '11111111-1111-1111-1111-111111111111'");
	goes_query_aggregate(query, "counter", &id);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	expect_little_growth(store, query, HISTORY, MOST_GROWTH_KB, "one aggregate");
	goes_query_free(query);
	goes_store_close(store);
}

static void
test_memory_does_not_grow_with_wide_events(void **state)
{
	goes_store *store = open_with_one_connection("wide_events");
	goes_error *error = NULL;
	goes_tx	   *tx;

	fill_store(store, "wide_events", 24, 1000000);
	expect_little_growth(store, NULL, 24, MOST_GROWTH_WIDE_KB, "a megabyte each, streamed");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_little_growth(goes_tx_store(tx), NULL, 24, MOST_GROWTH_WIDE_KB,
						 "a megabyte each, in a transaction");
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_store_close(store);
}

/*
 * When a wide event comes, the server has been asked already for as many events as if they were
 * narrow.
 */
static void
test_memory_does_not_grow_when_wide_events_follow_narrow_ones(void **state)
{
	goes_store *store = open_with_one_connection("narrow_then_wide");

	fill_store(store, "narrow_then_wide", 20000, 10);
	admin_do(TEST_DATABASE, "UPDATE narrow_then_wide SET data = "
							"pg_catalog.to_jsonb(pg_catalog.repeat('x', 1000000)) "
							"WHERE \"time\" > 19950");
	expect_little_growth(store, NULL, 20000, MOST_GROWTH_WIDE_KB, "20 bytes, then a megabyte each");
	goes_store_close(store);
}

/*
 * The best of a few: other programs of this machine may be in the way.
 */
static void
test_the_first_event_comes_at_once(void **state)
{
	goes_store *store = open_large();
	goes_error *error = NULL;
	int64_t		best = INT64_MAX;

	for (int i = 0; i < 5; i++)
	{
		int64_t			  begun = milliseconds();
		const goes_event *event;
		goes_cursor		 *cursor;

		assert_ok(goes_query_run(store, NULL, &cursor, NULL, &error));
		assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_EVENT);
		if (milliseconds() - begun < best)
			best = milliseconds() - begun;
		goes_cursor_close(cursor);
	}
	print_message("# the first event after %lld ms\n", (long long) best);
	assert_true(is_short(best, FIRST_MS));
	goes_store_close(store);
}

/*
 * servers_processes counts those of our store.
 */
static int
servers_processes(void)
{
	char *text = admin(TEST_DATABASE,
					   "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closer'");
	int	  count = atoi(text);

	free(text);
	return count;
}

/*
 * close_early reads some events, and expects closing to be quick and the store to work on.
 */
static void
close_early(goes_store *store, const goes_query *query, int events)
{
	goes_error		 *error = NULL;
	goes_context	  context = {.size = sizeof context, .timeout_ms = paced_ms(10000)};
	const goes_event *event;
	goes_cursor		 *cursor;
	int64_t			  begun;

	assert_ok(goes_query_run(store, query, &cursor, &context, &error));
	for (int i = 0; i < events; i++)
		assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_EVENT);
	begun = milliseconds();
	goes_cursor_close(cursor);
	assert_true(is_within(begun, CLOSE_MS));
}

static void
test_leaving_a_large_result_early_is_quick_and_leaks_nothing(void **state)
{
	goes_store_options options = options_of("large");
	goes_store		  *store = open_large();
	goes_query		  *first = query_for_few();
	char			   url[1024];
	int64_t			   begun;

	goes_store_close(store);
	snprintf(url, sizeof url, "%s application_name=closer", server_url());
	options.url = url;
	options.max_connections = 1;
	store = open_with(&options);
	for (int i = 0; i < 50; i++)
	{
		close_early(store, NULL, i % 5 == 4 ? 3000 : 1);
		close_early(store, first, 1);
		close_early(store, NULL, 0);
	}
	assert_int_equal(count_events(store), events_wanted());
	begun = milliseconds();
	while (servers_processes() > 1 && is_within(begun, 3000))
		usleep(20000);
	assert_int_equal(servers_processes(), 1);
	goes_query_free(first);
	goes_store_close(store);
}

/*
 * A small rest is read, so that the connection need not be made anew. A large one is not, unless the
 * result was read whole.
 */
static void
test_leaving_a_small_result_early_keeps_the_connection(void **state)
{
	goes_store *store = open_with_one_connection("small");
	goes_query *few = query_for_few();
	int			process;

	fill_store(store, "small", 100, 10);
	process = process_of(store);
	close_early(store, NULL, 1);
	close_early(store, NULL, 50);
	close_early(store, few, 1);
	assert_int_equal(run_to_end(store, NULL), 100);
	assert_int_equal(run_to_end(store, few), 100);
	assert_int_equal(process_of(store), process);
	goes_query_free(few);
	goes_store_close(store);
}

static void
test_leaving_a_large_result_early_costs_the_connection(void **state)
{
	goes_store *store = open_with_one_connection("wide_events");
	goes_query *row_by_row = goes_query_new();
	goes_query *whole = query_for_few();
	goes_uuid	id = uuid_of("11111111-1111-1111-1111-111111111111");
	int			process;

	admin_do(TEST_DATABASE, "UPDATE wide_events SET aggregate_name = 'counter', aggregate_version "
							"= \"time\", aggregate_id = '11111111-1111-1111-1111-111111111111'");
	goes_query_aggregate(row_by_row, "counter", &id);
	goes_query_sort(row_by_row, GOES_SORT_TIME, GOES_ASC);
	assert_int_equal(run_to_end(store, row_by_row), 24);
	process = process_of(store);
	close_early(store, row_by_row, 1);
	assert_int_not_equal(process_of(store), process);
	process = process_of(store);
	close_early(store, NULL, 1);
	assert_int_not_equal(process_of(store), process);
	process = process_of(store);
	close_early(store, whole, 1);
	assert_int_equal(process_of(store), process);
	goes_query_free(row_by_row);
	goes_query_free(whole);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_does_not_grow_with_the_result),
		cmocka_unit_test(test_memory_does_not_grow_with_a_long_history),
		cmocka_unit_test(test_memory_does_not_grow_with_wide_events),
		cmocka_unit_test(test_memory_does_not_grow_when_wide_events_follow_narrow_ones),
		cmocka_unit_test(test_the_first_event_comes_at_once),
		cmocka_unit_test(test_leaving_a_large_result_early_is_quick_and_leaks_nothing),
		cmocka_unit_test(test_leaving_a_small_result_early_keeps_the_connection),
		cmocka_unit_test(test_leaving_a_large_result_early_costs_the_connection),
	};

	return RUN_TESTS(tests);
}
