/*
 * server_query.c
 *    Every filter of a query against events that are known.
 */
#include "queried.h"

#define EVERYTHING "0 1 2 3 4 5 6 7 8 9"

static void
test_an_empty_query_finds_everything(void **state)
{
	expect_found(EVERYTHING);
	expect_found_by(NULL, EVERYTHING);
}

static void
test_names_are_alternatives(void **state)
{
	goes_query_name(query, "even");
	expect_found("0 2 4 6");
	goes_query_name(query, ODD_NAME);
	goes_query_name(query, "unknown");
	expect_found("0 2 4 6 8");
}

static void
test_ids_are_alternatives(void **state)
{
	goes_query_id(query, &events[3].id);
	expect_found("3");
	goes_query_id(query, &events[8].id);
	goes_query_id(query, &events[8].id);
	goes_query_id(query, &order_one);
	goes_query_id(query, &(goes_uuid){0});
	expect_found("3 8");
}

static void
test_times_are_alternatives(void **state)
{
	goes_query_time(query, 30);
	expect_found("3");
	goes_query_time(query, MIN);
	goes_query_time(query, MAX);
	goes_query_time(query, 31);
	expect_found("3 8 9");
}

static void
test_the_last_time_bound_wins_and_counts_itself(void **state)
{
	goes_query_time_min(query, 60);
	goes_query_time_min(query, 30);
	expect_found("3 4 5 6 7 9");
	goes_query_time_max(query, 70);
	goes_query_time_max(query, 50);
	expect_found("3 4 5");
	goes_query_time_after(query, 30);
	expect_found("4 5");
	goes_query_time_before(query, 50);
	expect_found("4");
	goes_query_time_min(query, MIN);
	expect_found("0 1 2 3 4 8");
	goes_query_time_max(query, MAX);
	expect_found(EVERYTHING);
	goes_query_time_max(query, MIN);
	expect_found("8");
	goes_query_time_max(query, MAX);
	goes_query_time_min(query, MAX);
	expect_found("9");
}

static void
test_after_the_last_time_comes_nothing(void **state)
{
	goes_query_time_after(query, MAX);
	expect_found("");
	goes_query_time_after(query, MAX - 1);
	expect_found("9");
	goes_query_time_before(query, MIN);
	expect_found("");
	goes_query_time_min(query, MIN);
	expect_found("");
	goes_query_time_before(query, MIN + 1);
	expect_found("8");
}

static void
test_before_the_first_time_comes_nothing(void **state)
{
	goes_query_time_before(query, MIN);
	expect_found("");
	goes_query_time_before(query, 1);
	expect_found("0 8");
}

static void
test_time_ranges_have_both_ends(void **state)
{
	goes_query_time_range(query, 10, 30);
	expect_found("1 2 3");
	goes_query_time_range(query, 31, 39);
	goes_query_time_range(query, 60, 60);
	expect_found("1 2 3 6");
	goes_query_time_range(query, MAX, MAX);
	expect_found("1 2 3 6 9");
	goes_query_time_range(query, MIN, MIN);
	expect_found("1 2 3 6 8 9");
	goes_query_time_range(query, MIN, MAX);
	expect_found(EVERYTHING);
}

static void
test_a_reversed_time_range_is_empty_and_still_a_filter(void **state)
{
	goes_query_time_range(query, 30, 10);
	expect_found("");
	goes_query_time_range(query, MAX, MIN);
	expect_found("");
	goes_query_time_range(query, 20, 20);
	expect_found("2");
}

static void
test_aggregate_names_are_alternatives(void **state)
{
	goes_query_aggregate_name(query, "invoice");
	expect_found("4 5");
	goes_query_aggregate_name(query, ODD_NAME);
	expect_found("4 5 8");
	goes_query_aggregate_name(query, "NULL");
	expect_found("4 5 8 9");
}

static void
test_no_aggregate_name_matches_no_filter(void **state)
{
	goes_query_aggregate_name(query, "");
	expect_found("");
}

static void
test_aggregate_ids_are_alternatives(void **state)
{
	goes_query_aggregate_id(query, &order_one);
	expect_found("0 1 4 7 9");
	goes_query_aggregate_id(query, &order_two);
	expect_found("0 1 2 3 4 5 7 9");
}

static void
test_no_aggregate_id_matches_no_filter(void **state)
{
	goes_query_aggregate_id(query, &(goes_uuid){0});
	expect_found("");
}

static void
test_an_aggregates_history_is_its_name_and_id(void **state)
{
	goes_query_aggregate(query, "order", &order_one);
	expect_found("0 1");
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_DESC);
	expect_in_order("1 0");
	goes_query_version_min(query, 2);
	expect_found("1");
}

static void
test_aggregates_are_alternatives(void **state)
{
	goes_query_aggregate(query, "order", &order_one);
	goes_query_aggregate(query, "invoice", &order_two);
	expect_found("0 1 5");
	goes_query_aggregate(query, "order", NULL);
	expect_found("0 1 2 3 5");
	goes_query_aggregate(query, ODD_NAME, &(goes_uuid){0});
	expect_found("0 1 2 3 5 8");
	goes_query_aggregate(query, ODD_NAME, &order_one);
	goes_query_aggregate(query, "", &order_one);
	goes_query_aggregate(query, "", NULL);
	expect_found("0 1 2 3 5 8");
}

static void
test_versions_are_alternatives(void **state)
{
	goes_query_version(query, 3);
	expect_found("3");
	goes_query_version(query, INT32_MAX);
	goes_query_version(query, INT32_MIN);
	expect_found("3 5 8");
	goes_query_version(query, 0);
	expect_found("3 5 7 8 9");
}

static void
test_reaching_one_of_the_version_bounds_is_enough(void **state)
{
	goes_query_version_min(query, 3);
	expect_found("3 5");
	goes_query_version_min(query, 2);
	goes_query_version_min(query, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_max(query, 1);
	expect_found("");
	goes_query_version_max(query, 3);
	expect_found("1 3");
	goes_query_version_max(query, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_min(query, INT32_MIN);
	expect_found("0 1 2 3 4 5 7 8 9");
}

static void
test_version_ranges_have_both_ends(void **state)
{
	goes_query_version_range(query, 2, 3);
	expect_found("1 3");
	goes_query_version_range(query, INT32_MAX, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_range(query, INT32_MIN, INT32_MIN);
	expect_found("1 3 5 8");
	goes_query_version_range(query, 0, -1);
	expect_found("1 3 5 8");
	goes_query_version_range(query, INT32_MIN, INT32_MAX);
	expect_found("0 1 2 3 4 5 7 8 9");
}

static void
test_a_reversed_version_range_is_empty_and_still_a_filter(void **state)
{
	goes_query_version_range(query, 3, 1);
	expect_found("");
	goes_query_version_range(query, INT32_MAX, INT32_MIN);
	expect_found("");
}

static void
test_kinds_add_up(void **state)
{
	goes_query_name(query, "odd");
	goes_query_aggregate_name(query, "order");
	expect_found("1 3");
	goes_query_aggregate_name(query, "invoice");
	expect_found("1 3 5");
	goes_query_aggregate(query, "invoice", NULL);
	goes_query_aggregate(query, "order", &order_two);
	expect_found("3 5");
	goes_query_aggregate_id(query, &order_two);
	goes_query_version_min(query, 1);
	goes_query_version_max(query, INT32_MAX);
	goes_query_version(query, 3);
	goes_query_version(query, 1);
	goes_query_version_range(query, 2, 5);
	goes_query_time(query, 30);
	goes_query_time(query, 50);
	goes_query_time_min(query, 30);
	goes_query_time_max(query, 50);
	goes_query_time_range(query, 0, 49);
	expect_found("3");
	goes_query_id(query, &events[3].id);
	expect_found("3");
	goes_query_id(query, &events[5].id);
	goes_query_time_before(query, 30);
	expect_found("");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		query_test(test_an_empty_query_finds_everything),
		query_test(test_names_are_alternatives),
		query_test(test_ids_are_alternatives),
		query_test(test_times_are_alternatives),
		query_test(test_the_last_time_bound_wins_and_counts_itself),
		query_test(test_after_the_last_time_comes_nothing),
		query_test(test_before_the_first_time_comes_nothing),
		query_test(test_time_ranges_have_both_ends),
		query_test(test_a_reversed_time_range_is_empty_and_still_a_filter),
		query_test(test_aggregate_names_are_alternatives),
		query_test(test_no_aggregate_name_matches_no_filter),
		query_test(test_aggregate_ids_are_alternatives),
		query_test(test_no_aggregate_id_matches_no_filter),
		query_test(test_an_aggregates_history_is_its_name_and_id),
		query_test(test_aggregates_are_alternatives),
		query_test(test_versions_are_alternatives),
		query_test(test_reaching_one_of_the_version_bounds_is_enough),
		query_test(test_version_ranges_have_both_ends),
		query_test(test_a_reversed_version_range_is_empty_and_still_a_filter),
		query_test(test_kinds_add_up),
	};

	return RUN_QUERY_TESTS(tests);
}
