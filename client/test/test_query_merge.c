/*
 * test_query_merge.c
 *    Merging queries.
 */
#include "queries.h"

static void
a_merge_adds_all_steps(void **state)
{
	goes_query *from = goes_query_new();

	goes_query_name(from, "order.placed");
	add_id(from, FIRST);
	goes_query_time(from, 1000);
	goes_query_time_min(from, 500);
	goes_query_time_max(from, 1500);
	goes_query_time_range(from, 900, 1100);
	goes_query_aggregate_name(from, "order");
	add_aggregate_id(from, SHOP);
	add_aggregate(from, "order", SHOP);
	goes_query_version(from, 3);
	goes_query_version_min(from, 2);
	goes_query_version_max(from, 4);
	goes_query_version_range(from, 3, 3);
	goes_query_sort(from, GOES_SORT_TIME, GOES_DESC);
	goes_query_limit(from, 9);
	assert_int_equal(goes_query_merge(*state, from), GOES_OK);
	goes_query_free(from);

	assert_true(finds_version(*state, 3));
	assert_false(finds_version(*state, 4));
	assert_false(finds_name(*state, "order.paid"));
	assert_false(finds_id(*state, OTHER));
	assert_false(finds_time(*state, 999));
	assert_false(finds_aggregate(*state, "account", SHOP));
	assert_false(finds_aggregate(*state, "order", BANK));
}

/* Each filter alone, or the others would hide that one of them is lost. */
static void
a_merge_loses_no_kind_of_step(void **state)
{
	static int (*const steps[])(goes_query *, int64_t) = {
		goes_query_time,	   goes_query_time_min,	   goes_query_time_max,
		goes_query_time_after, goes_query_time_before, goes_query_limit};
	static int (*const version_steps[])(goes_query *, int32_t) = {
		goes_query_version, goes_query_version_min, goes_query_version_max};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
	{
		goes_query *from = goes_query_new();
		goes_query *into = goes_query_new();

		assert_int_equal(steps[i](from, 1000), GOES_OK);
		assert_int_equal(goes_query_merge(into, from), GOES_OK);
		for (int64_t time = 999; time <= 1001; time++)
			assert_int_equal(finds_time(into, time), finds_time(from, time));
		assert_int_equal(into->limit.is_set, from->limit.is_set);
		assert_int_equal(into->limit.value, from->limit.value);
		goes_query_free(from);
		goes_query_free(into);
	}
	for (size_t i = 0; i < sizeof version_steps / sizeof *version_steps; i++)
	{
		goes_query *from = goes_query_new();
		goes_query *into = goes_query_new();

		assert_int_equal(version_steps[i](from, 3), GOES_OK);
		assert_int_equal(goes_query_merge(into, from), GOES_OK);
		for (int32_t version = 2; version <= 4; version++)
			assert_int_equal(finds_version(into, version), finds_version(from, version));
		goes_query_free(from);
		goes_query_free(into);
	}
}

static void
a_merge_keeps_impossible_bounds_impossible(void **state)
{
	goes_query *from = goes_query_new();

	goes_query_time_after(from, INT64_MAX);
	assert_int_equal(goes_query_merge(*state, from), GOES_OK);
	assert_false(finds_time(*state, INT64_MAX));
	goes_query_free(from);
}

static void
merged_values_are_more_alternatives(void **state)
{
	goes_query *from = goes_query_new();

	goes_query_name(*state, "order.placed");
	goes_query_version_min(*state, 10);
	goes_query_version_max(*state, 20);
	goes_query_name(from, "order.paid");
	goes_query_version_min(from, 3);
	goes_query_version_max(from, 30);
	assert_int_equal(goes_query_merge(*state, from), GOES_OK);
	assert_true(finds_name(*state, "order.placed"));
	assert_true(finds_name(*state, "order.paid"));
	assert_true(finds_version(*state, 3));
	assert_true(finds_version(*state, 30));
	assert_false(finds_version(*state, 2));
	assert_false(finds_version(*state, 31));
	goes_query_free(from);
}

static void
merged_time_bounds_and_limit_win(void **state)
{
	const goes_query *query = *state;
	goes_query		 *from = goes_query_new();

	goes_query_time_min(*state, 100);
	goes_query_time_max(*state, 200);
	goes_query_limit(*state, 5);
	goes_query_time_min(from, 50);
	goes_query_limit(from, 7);
	assert_int_equal(goes_query_merge(*state, from), GOES_OK);
	assert_true(finds_time(*state, 50));
	assert_true(finds_time(*state, 200));
	assert_false(finds_time(*state, 201));
	assert_int_equal(query->limit.value, 7);
	goes_query_free(from);
}

static void
merging_an_empty_query_changes_nothing(void **state)
{
	const goes_query *query = *state;
	goes_query		 *from = goes_query_new();

	goes_query_name(*state, "order.placed");
	goes_query_time_min(*state, 1000);
	goes_query_limit(*state, 5);
	assert_int_equal(goes_query_merge(*state, from), GOES_OK);
	assert_true(finds_time(*state, 1000));
	assert_false(finds_time(*state, 999));
	assert_false(finds_name(*state, "order.paid"));
	assert_int_equal(query->limit.value, 5);
	goes_query_free(from);
}

static void
a_merge_leaves_the_other_query_as_it_was(void **state)
{
	goes_query *from = goes_query_new();

	goes_query_name(from, "order.placed");
	goes_query_name(*state, "order.paid");
	goes_query_merge(*state, from);
	assert_false(finds_name(from, "order.paid"));
	goes_query_free(*state);
	*state = NULL;
	assert_true(finds_name(from, "order.placed"));
	goes_query_free(from);
}

static void
a_query_merged_into_itself_is_the_same(void **state)
{
	const goes_query *query = *state;

	goes_query_name(*state, "order.placed");
	goes_query_sort(*state, GOES_SORT_TIME, GOES_ASC);
	assert_int_equal(goes_query_merge(*state, *state), GOES_OK);
	assert_int_equal(query->names.count, 1);
	assert_int_equal(query->sorts.count, 1);
}

static void
merging_a_failed_query_spoils_the_other(void **state)
{
	goes_query *from = goes_query_new();

	goes_query_limit(from, -1);
	assert_int_equal(goes_query_merge(*state, from), GOES_ERR_INVALID);
	assert_false(finds_time(*state, 1000));
	goes_query_free(from);
}

/* It was to have filters, and would return every event without them. */
static void
merging_a_query_that_there_was_no_memory_for_spoils_the_other(void **state)
{
	assert_int_equal(goes_query_merge(*state, NULL), GOES_ERR_NOMEM);
	assert_false(finds_time(*state, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUERY(a_merge_adds_all_steps),
		WITH_QUERY(a_merge_loses_no_kind_of_step),
		WITH_QUERY(a_merge_keeps_impossible_bounds_impossible),
		WITH_QUERY(merged_values_are_more_alternatives),
		WITH_QUERY(merged_time_bounds_and_limit_win),
		WITH_QUERY(merging_an_empty_query_changes_nothing),
		WITH_QUERY(a_merge_leaves_the_other_query_as_it_was),
		WITH_QUERY(a_query_merged_into_itself_is_the_same),
		WITH_QUERY(merging_a_failed_query_spoils_the_other),
		WITH_QUERY(merging_a_query_that_there_was_no_memory_for_spoils_the_other),
	};

	return RUN_TESTS(tests);
}
