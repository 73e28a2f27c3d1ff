/*
 * test_query_filters.c
 *    goes_query_test: would a query return this event? One kind of filter at a time, and several.
 */
#include "queries.h"

/* ---- One kind of filter at a time ---- */

static void
names_are_alternatives(void **state)
{
	assert_int_equal(goes_query_name(*state, "order.placed"), GOES_OK);
	assert_true(finds_name(*state, "order.placed"));
	assert_false(finds_name(*state, "order.paid"));
	assert_int_equal(goes_query_name(*state, "order.paid"), GOES_OK);
	assert_true(finds_name(*state, "order.placed"));
	assert_true(finds_name(*state, "order.paid"));
	assert_false(finds_name(*state, "order.place"));
	assert_false(finds_name(*state, "Order.placed"));
}

static void
ids_are_alternatives(void **state)
{
	assert_int_equal(add_id(*state, FIRST), GOES_OK);
	assert_false(finds_id(*state, OTHER));
	assert_int_equal(add_id(*state, OTHER), GOES_OK);
	assert_true(finds_id(*state, FIRST));
	assert_true(finds_id(*state, OTHER));
	assert_false(finds_id(*state, SHOP));
}

static void
times_are_alternatives(void **state)
{
	assert_int_equal(goes_query_time(*state, 1000), GOES_OK);
	assert_int_equal(goes_query_time(*state, -5), GOES_OK);
	assert_true(finds_time(*state, 1000));
	assert_true(finds_time(*state, -5));
	assert_false(finds_time(*state, 999));
	assert_false(finds_time(*state, 0));
}

static void
time_bounds_are_inclusive(void **state)
{
	assert_int_equal(goes_query_time_min(*state, 10), GOES_OK);
	assert_int_equal(goes_query_time_max(*state, 20), GOES_OK);
	assert_false(finds_time(*state, 9));
	assert_true(finds_time(*state, 10));
	assert_true(finds_time(*state, 20));
	assert_false(finds_time(*state, 21));
}

static void
after_and_before_are_exclusive(void **state)
{
	assert_int_equal(goes_query_time_after(*state, 10), GOES_OK);
	assert_int_equal(goes_query_time_before(*state, 20), GOES_OK);
	assert_false(finds_time(*state, 10));
	assert_true(finds_time(*state, 11));
	assert_true(finds_time(*state, 19));
	assert_false(finds_time(*state, 20));
}

static void
the_last_time_bound_wins(void **state)
{
	goes_query_time_min(*state, 100);
	goes_query_time_min(*state, 10);
	assert_true(finds_time(*state, 10));
	goes_query_time_after(*state, 50);
	assert_false(finds_time(*state, 50));
	goes_query_time_min(*state, 50);
	assert_true(finds_time(*state, 50));
	goes_query_time_max(*state, 60);
	goes_query_time_max(*state, 70);
	assert_true(finds_time(*state, 70));
	goes_query_time_before(*state, 60);
	assert_false(finds_time(*state, 60));
	assert_true(finds_time(*state, 59));
}

static void
bounds_that_cross_leave_nothing(void **state)
{
	goes_query_time_min(*state, 20);
	goes_query_time_max(*state, 10);
	assert_false(finds_time(*state, 10));
	assert_false(finds_time(*state, 15));
	assert_false(finds_time(*state, 20));
}

static void
after_the_greatest_time_there_is_nothing(void **state)
{
	assert_int_equal(goes_query_time_after(*state, INT64_MAX), GOES_OK);
	assert_false(finds_time(*state, INT64_MAX));
	assert_false(finds_time(*state, INT64_MIN));
	goes_query_time_min(*state, INT64_MAX);
	assert_true(finds_time(*state, INT64_MAX));
}

static void
before_the_least_time_there_is_nothing(void **state)
{
	assert_int_equal(goes_query_time_before(*state, INT64_MIN), GOES_OK);
	assert_false(finds_time(*state, INT64_MIN));
	assert_false(finds_time(*state, INT64_MAX));
	goes_query_time_max(*state, INT64_MIN);
	assert_true(finds_time(*state, INT64_MIN));
}

static void
just_inside_the_limits_of_time_there_is_one_event(void **state)
{
	goes_query_time_after(*state, INT64_MAX - 1);
	assert_true(finds_time(*state, INT64_MAX));
	assert_false(finds_time(*state, INT64_MAX - 1));
	goes_query_time_min(*state, INT64_MIN);
	goes_query_time_before(*state, INT64_MIN + 1);
	assert_true(finds_time(*state, INT64_MIN));
	assert_false(finds_time(*state, INT64_MIN + 1));
}

static void
time_ranges_are_closed_and_alternatives(void **state)
{
	assert_int_equal(goes_query_time_range(*state, 10, 20), GOES_OK);
	assert_int_equal(goes_query_time_range(*state, 40, 40), GOES_OK);
	assert_false(finds_time(*state, 9));
	assert_true(finds_time(*state, 10));
	assert_true(finds_time(*state, 20));
	assert_false(finds_time(*state, 21));
	assert_true(finds_time(*state, 40));
	assert_false(finds_time(*state, 41));
}

static void
a_range_may_end_at_the_greatest_time(void **state)
{
	goes_query_time_range(*state, INT64_MAX - 1, INT64_MAX);
	assert_true(finds_time(*state, INT64_MAX));
	assert_true(finds_time(*state, INT64_MAX - 1));
	assert_false(finds_time(*state, INT64_MAX - 2));
}

/* client-api.md: a reversed one is empty and still filters. */
static void
a_reversed_range_is_empty_and_still_filters(void **state)
{
	assert_int_equal(goes_query_time_range(*state, 20, 10), GOES_OK);
	assert_false(finds_time(*state, 9));
	assert_false(finds_time(*state, 10));
	assert_false(finds_time(*state, 15));
	assert_false(finds_time(*state, 20));
	goes_query_time_range(*state, 15, 15);
	assert_true(finds_time(*state, 15));
}

static void
a_reversed_version_range_is_empty_and_still_filters(void **state)
{
	assert_int_equal(goes_query_version_range(*state, 5, 1), GOES_OK);
	assert_false(finds_version(*state, 0));
	assert_false(finds_version(*state, 3));
	assert_false(finds_version(*state, 5));
}

static void
aggregate_names_are_alternatives(void **state)
{
	assert_int_equal(goes_query_aggregate_name(*state, "order"), GOES_OK);
	assert_int_equal(goes_query_aggregate_name(*state, "account"), GOES_OK);
	assert_true(finds_aggregate(*state, "order", SHOP));
	assert_true(finds_aggregate(*state, "account", BANK));
	assert_false(finds_aggregate(*state, "Order", SHOP));
	assert_false(finds_aggregate(*state, "", SHOP));
	assert_false(finds_aggregate(*state, NULL, SHOP));
}

static void
aggregate_ids_are_alternatives(void **state)
{
	assert_int_equal(add_aggregate_id(*state, SHOP), GOES_OK);
	assert_true(finds_aggregate(*state, "order", SHOP));
	assert_false(finds_aggregate(*state, "order", BANK));
	assert_int_equal(add_aggregate_id(*state, BANK), GOES_OK);
	assert_true(finds_aggregate(*state, "order", BANK));
	assert_false(finds_aggregate(*state, "order", NIL));
}

static void
versions_are_alternatives(void **state)
{
	assert_int_equal(goes_query_version(*state, 3), GOES_OK);
	assert_int_equal(goes_query_version(*state, -1), GOES_OK);
	assert_true(finds_version(*state, 3));
	assert_true(finds_version(*state, -1));
	assert_false(finds_version(*state, 1));
}

/* goes-semantics.md: several minimums, and one of them must be reached. */
static void
reaching_one_of_the_minimums_is_enough(void **state)
{
	assert_int_equal(goes_query_version_min(*state, 10), GOES_OK);
	assert_false(finds_version(*state, 9));
	assert_int_equal(goes_query_version_min(*state, 5), GOES_OK);
	assert_int_equal(goes_query_version_min(*state, 20), GOES_OK);
	assert_false(finds_version(*state, 4));
	assert_true(finds_version(*state, 5));
	assert_true(finds_version(*state, 30));
}

static void
staying_below_one_of_the_maximums_is_enough(void **state)
{
	assert_int_equal(goes_query_version_max(*state, 10), GOES_OK);
	assert_false(finds_version(*state, 11));
	assert_int_equal(goes_query_version_max(*state, 20), GOES_OK);
	assert_int_equal(goes_query_version_max(*state, 5), GOES_OK);
	assert_true(finds_version(*state, 20));
	assert_false(finds_version(*state, 21));
}

static void
version_ranges_are_closed_and_alternatives(void **state)
{
	assert_int_equal(goes_query_version_range(*state, 1, 3), GOES_OK);
	assert_int_equal(goes_query_version_range(*state, INT32_MAX, INT32_MAX), GOES_OK);
	assert_false(finds_version(*state, 0));
	assert_true(finds_version(*state, 1));
	assert_true(finds_version(*state, 3));
	assert_false(finds_version(*state, 4));
	assert_true(finds_version(*state, INT32_MAX));
}

static void
the_four_parts_of_version_add_up(void **state)
{
	goes_query_version(*state, 1);
	goes_query_version(*state, 3);
	goes_query_version(*state, 5);
	goes_query_version(*state, 7);
	goes_query_version_min(*state, 2);
	goes_query_version_max(*state, 6);
	goes_query_version_range(*state, 4, 9);
	assert_false(finds_version(*state, 1));
	assert_false(finds_version(*state, 3));
	assert_false(finds_version(*state, 4));
	assert_true(finds_version(*state, 5));
	assert_false(finds_version(*state, 7));
}

static void
the_parts_of_time_add_up(void **state)
{
	goes_query_time(*state, 1);
	goes_query_time(*state, 3);
	goes_query_time(*state, 5);
	goes_query_time(*state, 7);
	goes_query_time_min(*state, 2);
	goes_query_time_max(*state, 6);
	goes_query_time_range(*state, 4, 9);
	assert_false(finds_time(*state, 1));
	assert_false(finds_time(*state, 3));
	assert_false(finds_time(*state, 4));
	assert_true(finds_time(*state, 5));
	assert_false(finds_time(*state, 7));
}

static void
an_aggregate_is_its_name_and_its_id(void **state)
{
	assert_int_equal(add_aggregate(*state, "order", SHOP), GOES_OK);
	assert_true(finds_aggregate(*state, "order", SHOP));
	assert_false(finds_aggregate(*state, "order", BANK));
	assert_false(finds_aggregate(*state, "account", SHOP));
	assert_false(finds_aggregate(*state, "order", NIL));
	assert_false(finds_aggregate(*state, NULL, SHOP));
}

/* Two references are not two names with two ids. */
static void
aggregates_do_not_mix(void **state)
{
	add_aggregate(*state, "order", SHOP);
	add_aggregate(*state, "account", BANK);
	assert_true(finds_aggregate(*state, "order", SHOP));
	assert_true(finds_aggregate(*state, "account", BANK));
	assert_false(finds_aggregate(*state, "order", BANK));
	assert_false(finds_aggregate(*state, "account", SHOP));
}

static void
an_aggregate_without_id_is_every_one_of_its_name(void **state)
{
	assert_int_equal(goes_query_aggregate(*state, "order", NULL), GOES_OK);
	assert_true(finds_aggregate(*state, "order", SHOP));
	assert_true(finds_aggregate(*state, "order", BANK));
	assert_true(finds_aggregate(*state, "order", NIL));
	assert_false(finds_aggregate(*state, "account", SHOP));
	assert_false(finds_aggregate(*state, "", SHOP));
}

static void
a_nil_id_in_an_aggregate_is_no_id(void **state)
{
	assert_int_equal(add_aggregate(*state, "order", NIL), GOES_OK);
	assert_true(finds_aggregate(*state, "order", BANK));
	assert_false(finds_aggregate(*state, "account", BANK));
}

/* ---- Several kinds ---- */

static void
kinds_add_up(void **state)
{
	goes_query_name(*state, "order.placed");
	add_id(*state, FIRST);
	goes_query_time_max(*state, 1000);
	goes_query_aggregate_name(*state, "order");
	add_aggregate_id(*state, SHOP);
	goes_query_version_min(*state, 3);
	add_aggregate(*state, "order", SHOP);
	assert_true(finds_version(*state, 3));
	assert_false(finds_name(*state, "order.paid"));
	assert_false(finds_id(*state, OTHER));
	assert_false(finds_time(*state, 1001));
	assert_false(finds_version(*state, 2));
	assert_false(finds_aggregate(*state, "account", SHOP));
	assert_false(finds_aggregate(*state, "order", BANK));
}

static void
names_ids_and_aggregates_filter_each_for_itself(void **state)
{
	goes_query_aggregate_name(*state, "order");
	add_aggregate(*state, "account", BANK);
	assert_false(finds_aggregate(*state, "order", SHOP));
	assert_false(finds_aggregate(*state, "account", BANK));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUERY(names_are_alternatives),
		WITH_QUERY(ids_are_alternatives),
		WITH_QUERY(times_are_alternatives),
		WITH_QUERY(time_bounds_are_inclusive),
		WITH_QUERY(after_and_before_are_exclusive),
		WITH_QUERY(the_last_time_bound_wins),
		WITH_QUERY(bounds_that_cross_leave_nothing),
		WITH_QUERY(after_the_greatest_time_there_is_nothing),
		WITH_QUERY(before_the_least_time_there_is_nothing),
		WITH_QUERY(just_inside_the_limits_of_time_there_is_one_event),
		WITH_QUERY(time_ranges_are_closed_and_alternatives),
		WITH_QUERY(a_range_may_end_at_the_greatest_time),
		WITH_QUERY(a_reversed_range_is_empty_and_still_filters),
		WITH_QUERY(a_reversed_version_range_is_empty_and_still_filters),
		WITH_QUERY(aggregate_names_are_alternatives),
		WITH_QUERY(aggregate_ids_are_alternatives),
		WITH_QUERY(versions_are_alternatives),
		WITH_QUERY(reaching_one_of_the_minimums_is_enough),
		WITH_QUERY(staying_below_one_of_the_maximums_is_enough),
		WITH_QUERY(version_ranges_are_closed_and_alternatives),
		WITH_QUERY(the_four_parts_of_version_add_up),
		WITH_QUERY(the_parts_of_time_add_up),
		WITH_QUERY(an_aggregate_is_its_name_and_its_id),
		WITH_QUERY(aggregates_do_not_mix),
		WITH_QUERY(an_aggregate_without_id_is_every_one_of_its_name),
		WITH_QUERY(a_nil_id_in_an_aggregate_is_no_id),
		WITH_QUERY(kinds_add_up),
		WITH_QUERY(names_ids_and_aggregates_filter_each_for_itself),
	};

	return RUN_TESTS(tests);
}
