/*
 * server_lost_read.c
 *    Reads whose connection breaks: they are done again while no event was given out, and otherwise end
 *    in an error, never in a result that only looks complete.
 */
#include "lost.h"

#define EVENTS 120

static goes_event events[EVENTS];

/*
 * open_filled opens a store whose table has just the events, by a new connection: the next call uses
 * that.
 */
static goes_store *
open_filled(void)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_error *error = NULL;

	reach_server(store);
	if (events[0].name != NULL)
		return store;
	admin_do(TEST_DATABASE, "TRUNCATE events");
	fill_events(events, EVENTS);
	assert_ok(goes_insert(store, events, EVENTS, NULL, &error));
	return store;
}

/* A small result: the first 20 of the aggregate's events. */
static goes_query *
small_query(void)
{
	goes_query *query = goes_query_new();

	goes_query_aggregate(query, "order", &events[0].aggregate_id);
	goes_query_version_max(query, 40);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	return query;
}

/*
 * read_by_query runs a query and reads its events, and returns the last status. *count says how many came.
 */
static int
read_by_query(goes_store *store, const goes_query *query, const goes_context *context, int *count)
{
	const goes_event *event;
	goes_cursor		 *cursor = NULL;
	goes_error		 *error = NULL;
	int				  status = goes_query_run(store, query, &cursor, context, &error);

	*count = 0;
	if (status == GOES_OK)
	{
		while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
			++*count;
		if (status < 0)
		{
			goes_error *again = NULL;

			/* an error stays */
			assert_int_equal(goes_cursor_next(cursor, &event, &again), status);
			goes_error_free(again);
		}
		goes_cursor_close(cursor);
	}
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

/*
 * check_reading reads while a plan is carried out, with all of the connection's messages or none of
 * those that come before the query's.
 */
static void
check_reading(goes_store *store, const goes_query *query, const Plan *plan, int expected)
{
	int64_t start = milliseconds();
	int		count;
	int		status;

	proxy_plan(proxy, plan, 1);
	status = read_by_query(store, query, NULL, &count);
	expect_soon(plan, start, WITHIN_MS);
	if (status == GOES_END ? count != expected
						   : status != GOES_ERR_CONNECT ||
								 (count == 0 && !proxy_struck_early(proxy)) || count > expected)
		fail_msg(PLACE ": %d of %d events, then %s", PLACE_OF(plan), count, expected,
				 goes_status_text(status));
	if (proxy_struck(proxy) == 0)
		assert_int_equal(status, GOES_END);
}

static void
test_a_small_result_is_whole_or_ends_in_an_error(void **state)
{
	goes_store *store = open_filled();
	goes_query *query = small_query();
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			expected;

	assert_int_equal(read_by_query(store, query, NULL, &expected), GOES_END);
	assert_int_equal(expected, 20);
	do
	{
		proxy_cut(proxy); /* so that connecting is part of it */
		check_reading(store, query, &plan, expected);
	} while (next_message(&plan));
	goes_query_free(query);
	goes_store_close(store);
}

/*
 * With a connection that exists the first message is the query's, and every place gets its turn.
 */
static void
test_a_small_result_breaks_anywhere_on_a_connection_in_use(void **state)
{
	goes_store *store = open_filled();
	goes_query *query = small_query();
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			expected;

	do
	{
		leave_in_peace();
		assert_int_equal(read_by_query(store, query, NULL, &expected), GOES_END);
		check_reading(store, query, &plan, expected);
	} while (next_place(&plan));
	goes_query_free(query);
	goes_store_close(store);
}

/*
 * All events come by way of FETCHes that are sent ahead. Their messages are many: beyond the first
 * ones every 24th has to do, and the last ones.
 */
static void
test_a_large_result_is_whole_or_ends_in_an_error(void **state)
{
	goes_store *store = open_filled();
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			expected;
	int			last;

	assert_int_equal(read_by_query(store, NULL, NULL, &expected), GOES_END);
	assert_int_equal(expected, EVENTS);
	leave_in_peace();
	assert_int_equal(read_by_query(store, NULL, NULL, &expected), GOES_END);
	last = proxy_messages(proxy, TO_CLIENT);
	do
	{
		leave_in_peace();
		assert_int_equal(read_by_query(store, NULL, NULL, &expected), GOES_END);
		check_reading(store, NULL, &plan, EVENTS);
		if (plan.number > 20 && plan.number < last - 25)
			plan.number += 23;
	} while (next_message(&plan));
	goes_store_close(store);
}

static int
find(goes_store *store, const goes_context *context)
{
	goes_event *found = NULL;
	goes_error *error = NULL;
	int			status = goes_find(store, &events[7].id, &found, context, &error);

	if (status == GOES_OK)
		assert_memory_equal(&found->id, &events[7].id, sizeof found->id);
	goes_event_free(found);
	goes_error_free(error);
	return status;
}

static int
count(goes_store *store, const goes_context *context)
{
	goes_error *error = NULL;
	int64_t		number = -1;
	int			status = goes_count(store, NULL, &number, context, &error);

	assert_int_equal(number, status == GOES_OK ? EVENTS : -1);
	goes_error_free(error);
	return status;
}

static int
query_all(goes_store *store, const goes_context *context)
{
	int number;

	return read_by_query(store, NULL, context, &number);
}

static int
query_few(goes_store *store, const goes_context *context)
{
	goes_query *query = small_query();
	int			number;
	int			status = read_by_query(store, query, context, &number);

	goes_query_free(query);
	return status;
}

static int (*const reads[])(goes_store *, const goes_context *) = {find, count, query_few,
																   query_all};

/*
 * A read with one answer is asked again, once.
 */
static void
test_find_and_count_are_done_again(void **state)
{
	goes_store *store = open_filled();

	for (int i = 0; i < 2; i++)
	{
		Plan plan = PLACES_FROM_THE_FIRST;

		do
		{
			int status;

			proxy_cut(proxy);
			proxy_plan(proxy, &plan, 1);
			status = reads[i](store, NULL);
			if (status != GOES_OK && !(status == GOES_ERR_CONNECT && proxy_struck_early(proxy)))
				fail_msg("read %d, " PLACE ": %s", i, PLACE_OF(&plan), goes_status_text(status));
		} while (next_message(&plan));
	}
	goes_store_close(store);
}

/*
 * But it is asked no more often than that, and not if nobody answers.
 */
static void
test_a_read_is_done_again_only_once(void **state)
{
	goes_store *store = open_filled();

	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
	{
		Plan plans[] = {{.direction = TO_CLIENT, .number = 1, .fate = TORN},
						{.direction = TO_SERVER, .fate = DROPPED}};

		if (reads[i] != query_all) /* the last message is not the read's */
		{
			leave_in_peace();
			assert_int_equal(reads[i](store, NULL), GOES_OK);
			proxy_plan(proxy, plans, 1);
			assert_int_equal(reads[i](store, NULL), GOES_OK);
			plans[1].number = proxy_messages(proxy, TO_SERVER);
			proxy_plan(proxy, plans, 2);
			assert_int_equal(reads[i](store, NULL), GOES_ERR_CONNECT);
			assert_int_equal(proxy_struck(proxy), 2);
			assert_int_equal(proxy_connections(proxy), 1);
		}
		leave_in_peace();
		assert_int_equal(reads[i](store, NULL), GOES_OK);
		plans[0].refuses = true;
		proxy_plan(proxy, plans, 1);
		assert_int_equal(reads[i](store, NULL), GOES_ERR_CONNECT);
	}
	goes_store_close(store);
}

/*
 * Inside a transaction nothing can be done again: the transaction is over.
 */
static void
test_a_lost_read_ends_its_transaction(void **state)
{
	goes_store *store = open_filled();
	Plan		plan = PLACES_FROM_THE_FIRST;

	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
	{
		for (plan.number = 1; plan.number <= 4; plan.number++)
		{
			goes_error *error = NULL;
			goes_tx	   *tx = NULL;

			plan.fate = plan.number % FATES;
			leave_in_peace();
			assert_ok(goes_tx_begin(store, &tx, NULL, &error));
			proxy_plan(proxy, &plan, 1);
			assert_int_equal(reads[i](goes_tx_store(tx), NULL), GOES_ERR_CONNECT);
			assert_int_equal(reads[i](goes_tx_store(tx), NULL), GOES_ERR_STATE);
			expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
		}
	}
	goes_store_close(store);
}

/*
 * Whichever message is late, the read ends at its timeout, which covers the repetition, too. The
 * pool's only connection is replaced.
 */
static void
test_delayed_reads_meet_their_timeout(void **state)
{
	goes_store	*store = open_filled();
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};

	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
	{
		Plan plan = {.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = 60000};

		for (; plan.direction < DIRECTIONS; plan.direction++)
		{
			for (plan.number = 1; plan.number < 6; plan.number += 4)
			{
				int64_t start;
				int		status;
				bool	is_struck;

				leave_in_peace();
				assert_int_equal(reads[i](store, NULL), GOES_OK);
				proxy_plan(proxy, &plan, 1);
				start = milliseconds();
				status = reads[i](store, &context);
				is_struck = proxy_struck(proxy) > 0;
				if (status != (is_struck ? GOES_ERR_TIMEOUT : GOES_OK) ||
					!is_within(start, 100 + WITHIN_MS))
					fail_msg("read %zu, " PLACE ": %s, after %lld ms", i, PLACE_OF(&plan),
							 goes_status_text(status), (long long) (milliseconds() - start));
			}
		}
	}
	goes_store_close(store);
}

static void
test_a_repetition_does_not_get_the_time_anew(void **state)
{
	goes_store	*store = open_filled();
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(2000)};
	Plan		 plans[] = {
				{.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = (int) paced_ms(1200)},
				{.direction = TO_SERVER, .number = 1, .fate = DROPPED},
				{.direction = TO_SERVER, .number = 3, .fate = DELAYED, .delay_ms = 60000}};

	for (size_t i = 0; i < sizeof reads / sizeof *reads; i += 3) /* goes_find, and a cursor */
	{
		int64_t start;

		leave_in_peace();
		assert_int_equal(reads[i](store, NULL), GOES_OK);
		proxy_plan(proxy, plans, 3);
		start = milliseconds();
		assert_int_equal(reads[i](store, &context), GOES_ERR_TIMEOUT);
		assert_true(milliseconds() - start >= context.timeout_ms - 10);
		assert_true(is_within(start, 2800));
		assert_int_equal(proxy_struck(proxy), 3);
	}
	goes_store_close(store);
}

static void
test_delayed_reads_can_be_cancelled(void **state)
{
	goes_store *store = open_filled();

	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
	{
		Plan plan = {.direction = TO_CLIENT, .number = 2, .fate = DELAYED, .delay_ms = 60000};
		goes_context context = {.size = sizeof context, .cancel = goes_cancel_new()};
		int64_t		 start;

		leave_in_peace();
		assert_int_equal(reads[i](store, NULL), GOES_OK);
		proxy_plan(proxy, &plan, 1);
		start = milliseconds();
		cancel_in(context.cancel, paced_ms(50));
		assert_int_equal(reads[i](store, &context), GOES_ERR_CANCELLED);
		assert_true(is_within(start, 50 + WITHIN_MS));
		cancel_in(NULL, 0);
		goes_cancel_free(context.cancel);
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_small_result_is_whole_or_ends_in_an_error),
		cmocka_unit_test(test_a_small_result_breaks_anywhere_on_a_connection_in_use),
		cmocka_unit_test(test_a_large_result_is_whole_or_ends_in_an_error),
		cmocka_unit_test(test_find_and_count_are_done_again),
		cmocka_unit_test(test_a_read_is_done_again_only_once),
		cmocka_unit_test(test_a_lost_read_ends_its_transaction),
		cmocka_unit_test(test_delayed_reads_meet_their_timeout),
		cmocka_unit_test(test_a_repetition_does_not_get_the_time_anew),
		cmocka_unit_test(test_delayed_reads_can_be_cancelled),
	};

	return RUN_LOST_TESTS(tests);
}
