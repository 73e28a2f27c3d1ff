/*
 * server_query_order.c
 *    Sorting and the limit of a query, against events that are known; large queries, and those that fail.
 */
#include "queried.h"

static void
test_sorting_by_time(void **state)
{
	goes_query_sort(query, GOES_SORT_TIME, GOES_ASC);
	expect_in_order("8 0 1 2 3 4 5 6 7 9");
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC); /* changes nothing: there are no ties */
	expect_in_order("8 0 1 2 3 4 5 6 7 9");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
}

static void
test_ties_go_to_the_next_key_and_then_by_id(void **state)
{
	goes_query_aggregate_name(query, "order");
	goes_query_aggregate_name(query, "invoice");
	goes_query_sort(query, GOES_SORT_AGGREGATE_NAME, GOES_ASC);
	expect_in_order("4 5 0 1 2 3");
	goes_query_sort(query, GOES_SORT_AGGREGATE_ID, GOES_DESC);
	expect_in_order("5 4 2 3 0 1");
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_DESC);
	expect_in_order("5 4 3 2 1 0");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	goes_query_version_min(query, 1);
	expect_in_order("0 2 4 1 3 5");
}

static void
test_the_limit_cuts_what_is_sorted(void **state)
{
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	goes_query_limit(query, 3);
	expect_in_order("9 7 6");
	goes_query_limit(query, 0);
	expect_in_order("");
	goes_query_limit(query, 1);
	expect_in_order("9");
	goes_query_limit(query, 1001);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
	goes_query_limit(query, MAX);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
}

static void
test_count_minds_neither_limit_nor_sorting(void **state)
{
	goes_error *error = NULL;
	int64_t		count = -1;

	goes_query_name(query, "even");
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	goes_query_limit(query, 1);
	assert_ok(goes_count(store, query, &count, NULL, &error));
	assert_int_equal(count, 4);
	assert_true(goes_query_test(query, &events[0]));
}

static void
test_more_values_than_fit_a_small_request(void **state)
{
	char name[32];

	for (int i = 0; i < 3000; i++)
	{
		goes_uuid id;

		goes_uuid_v7(&id);
		goes_query_id(query, i == 2000 ? &events[4].id : &id);
		snprintf(name, sizeof name, "name %d", i);
		goes_query_name(query, i == 1000 ? "even" : name);
		goes_query_time_range(query, 100 * i, 100 * i + 50);
		goes_query_aggregate(query, i == 2500 ? "invoice" : name, &order_one);
	}
	expect_found("4");
}

static void
test_a_failed_step_fails_the_run(void **state)
{
	goes_error	*error = NULL;
	goes_cursor *cursor = NULL;
	int64_t		 count = 7;

	assert_int_equal(goes_query_name(query, NULL), GOES_ERR_INVALID);
	goes_query_name(query, "even");
	expect_error(goes_query_run(store, query, &cursor, NULL, &error), &error, GOES_ERR_INVALID,
				 "step");
	assert_null(cursor);
	expect_error(goes_count(store, query, &count, NULL, &error), &error, GOES_ERR_INVALID, "step");
	assert_int_equal(count, 7);
	assert_false(goes_query_test(query, &events[0]));
}

static void
test_a_query_for_a_table_that_is_gone_is_a_schema_error(void **state)
{
	goes_store	*gone = open_with_one_connection("gone");
	goes_error	*error = NULL;
	goes_cursor *cursor;
	goes_query	*small = query_for_few();
	int64_t		 count;

	assert_ok(goes_store_connect(gone, NULL, &error));
	admin_do(TEST_DATABASE, "DROP TABLE gone");
	for (int i = 0; i < 2; i++)
	{
		expect_error(goes_query_run(gone, query, &cursor, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
		expect_error(goes_query_run(gone, small, &cursor, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
		expect_error(goes_count(gone, query, &count, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
	}
	goes_query_free(small);
	goes_store_close(gone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		query_test(test_sorting_by_time),
		query_test(test_ties_go_to_the_next_key_and_then_by_id),
		query_test(test_the_limit_cuts_what_is_sorted),
		query_test(test_count_minds_neither_limit_nor_sorting),
		query_test(test_more_values_than_fit_a_small_request),
		query_test(test_a_failed_step_fails_the_run),
		query_test(test_a_query_for_a_table_that_is_gone_is_a_schema_error),
	};

	return RUN_QUERY_TESTS(tests);
}
