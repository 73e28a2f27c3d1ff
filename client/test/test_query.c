/*
 * test_query.c
 *    Building queries: steps, sorting, merging, and what they own.
 */
#include "queries.h"

/* ---- Nothing asked, nothing given ---- */

static void
an_empty_query_returns_every_event(void **state)
{
	goes_event event = placed();
	goes_event bare = {.id = uuid_of(FIRST), .name = "x"};

	assert_true(goes_query_test(*state, &event));
	assert_true(goes_query_test(*state, &bare));
	assert_true(finds_time(*state, INT64_MIN));
	assert_true(finds_time(*state, INT64_MAX));
	assert_true(finds_version(*state, INT32_MIN));
	assert_true(finds_version(*state, INT32_MAX));
}

static void
no_event_and_no_query_match_nothing(void **state)
{
	goes_event event = placed();

	assert_false(goes_query_test(*state, NULL));
	assert_false(goes_query_test(NULL, &event));
	assert_false(goes_query_test(NULL, NULL));
	goes_query_free(NULL);
}

/* goes.h: goes_query_new returns NULL when out of memory; the steps then return GOES_ERR_NOMEM. */
static void
every_step_of_no_query_is_out_of_memory(void **state)
{
	goes_uuid id = uuid_of(FIRST);

	assert_int_equal(goes_query_name(NULL, "x"), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_id(NULL, &id), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time_min(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time_max(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time_after(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time_before(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_time_range(NULL, 1, 2), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_aggregate_name(NULL, "x"), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_aggregate_id(NULL, &id), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_aggregate(NULL, "x", &id), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_version(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_version_min(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_version_max(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_version_range(NULL, 1, 2), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_sort(NULL, GOES_SORT_TIME, GOES_ASC), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_limit(NULL, 1), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_merge(NULL, *state), GOES_ERR_NOMEM);
	assert_int_equal(goes_query_merge(NULL, NULL), GOES_ERR_NOMEM);
}

/* ---- Sorting and the limit ---- */

static void
sorting_and_the_limit_do_not_matter_to_a_test(void **state)
{
	goes_event event = placed();

	assert_int_equal(goes_query_sort(*state, GOES_SORT_TIME, GOES_DESC), GOES_OK);
	assert_int_equal(goes_query_limit(*state, 0), GOES_OK);
	assert_true(goes_query_test(*state, &event));
}

static void
sort_keys_are_kept_in_the_order_of_the_calls(void **state)
{
	const goes_query *query = *state;
	const SortKey	 *keys;

	for (int sort = GOES_SORT_TIME; sort <= GOES_SORT_AGGREGATE_VERSION; sort++)
		assert_int_equal(goes_query_sort(*state, (goes_sort) (GOES_SORT_AGGREGATE_VERSION - sort),
										 sort % 2 ? GOES_DESC : GOES_ASC),
						 GOES_OK);
	keys = query->sorts.values;
	assert_int_equal(query->sorts.count, 4);
	assert_int_equal(keys[0].sort, GOES_SORT_AGGREGATE_VERSION);
	assert_int_equal(keys[0].direction, GOES_ASC);
	assert_int_equal(keys[1].sort, GOES_SORT_AGGREGATE_ID);
	assert_int_equal(keys[1].direction, GOES_DESC);
	assert_int_equal(keys[3].sort, GOES_SORT_TIME);
}

static void
the_last_limit_wins(void **state)
{
	const goes_query *query = *state;

	assert_false(query->limit.is_set);
	goes_query_limit(*state, 5);
	goes_query_limit(*state, INT64_MAX);
	assert_true(query->limit.is_set);
	assert_int_equal(query->limit.value, INT64_MAX);
	goes_query_limit(*state, 0);
	assert_int_equal(query->limit.value, 0);
}

/* ---- Steps that fail ---- */

static int
name_nothing(goes_query *query)
{
	return goes_query_name(query, NULL);
}

static int
look_for_no_id(goes_query *query)
{
	return goes_query_id(query, NULL);
}

static int
name_no_aggregate(goes_query *query)
{
	return goes_query_aggregate_name(query, NULL);
}

static int
look_for_no_aggregate_id(goes_query *query)
{
	return goes_query_aggregate_id(query, NULL);
}

static int
refer_to_a_nameless_aggregate(goes_query *query)
{
	return add_aggregate(query, NULL, SHOP);
}

static int
sort_by_something_unknown(goes_query *query)
{
	return goes_query_sort(query, (goes_sort) 4, GOES_ASC);
}

static int
sort_by_something_negative(goes_query *query)
{
	return goes_query_sort(query, (goes_sort) -1, GOES_ASC);
}

static int
sort_sideways(goes_query *query)
{
	return goes_query_sort(query, GOES_SORT_TIME, (goes_direction) 2);
}

static int
limit_to_less_than_nothing(goes_query *query)
{
	return goes_query_limit(query, -1);
}

static void
a_step_that_fails_spoils_the_query(void **state)
{
	static int (*const steps[])(goes_query *) = {name_nothing,
												 look_for_no_id,
												 name_no_aggregate,
												 look_for_no_aggregate_id,
												 refer_to_a_nameless_aggregate,
												 sort_by_something_unknown,
												 sort_by_something_negative,
												 sort_sideways,
												 limit_to_less_than_nothing};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
	{
		goes_query *query = goes_query_new();
		goes_event	event = placed();

		assert_int_equal(steps[i](query), GOES_ERR_INVALID);
		assert_int_equal(query->failed, GOES_ERR_INVALID);
		assert_false(goes_query_test(query, &event));
		goes_query_free(query);
	}
}

static void
a_later_good_step_does_not_mend_it(void **state)
{
	const goes_query *query = *state;

	assert_int_equal(goes_query_limit(*state, -1), GOES_ERR_INVALID);
	assert_int_equal(goes_query_limit(*state, 1), GOES_OK);
	assert_int_equal(goes_query_name(*state, "order.placed"), GOES_OK);
	assert_int_equal(query->failed, GOES_ERR_INVALID);
	assert_false(finds_name(*state, "order.placed"));
}

/* ---- Merging ---- */

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

/* ---- Ownership ---- */

static void
steps_copy_what_they_are_given(void **state)
{
	char	  name[] = "order.placed";
	char	  aggregate_name[] = "order";
	goes_uuid id = uuid_of(FIRST);
	goes_uuid aggregate_id = uuid_of(SHOP);

	goes_query_name(*state, name);
	goes_query_id(*state, &id);
	goes_query_aggregate_name(*state, aggregate_name);
	goes_query_aggregate_id(*state, &aggregate_id);
	goes_query_aggregate(*state, aggregate_name, &aggregate_id);
	memset(name, 'x', sizeof name - 1);
	memset(aggregate_name, 'x', sizeof aggregate_name - 1);
	memset(&id, 0xff, sizeof id);
	memset(&aggregate_id, 0xff, sizeof aggregate_id);
	assert_true(finds_version(*state, 3));
}

static void
thousands_of_values_are_all_looked_for(void **state)
{
	for (int i = 0; i < 5000; i++)
	{
		assert_int_equal(goes_query_time(*state, 2 * i), GOES_OK);
		assert_int_equal(goes_query_version(*state, i), GOES_OK);
	}
	for (int i = 0; i < 5000; i++)
	{
		assert_true(finds_time(*state, 2 * i));
		assert_false(finds_time(*state, 2 * i + 1));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUERY(an_empty_query_returns_every_event),
		WITH_QUERY(no_event_and_no_query_match_nothing),
		WITH_QUERY(every_step_of_no_query_is_out_of_memory),
		WITH_QUERY(sorting_and_the_limit_do_not_matter_to_a_test),
		WITH_QUERY(sort_keys_are_kept_in_the_order_of_the_calls),
		WITH_QUERY(the_last_limit_wins),
		cmocka_unit_test(a_step_that_fails_spoils_the_query),
		WITH_QUERY(a_later_good_step_does_not_mend_it),
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
		WITH_QUERY(steps_copy_what_they_are_given),
		WITH_QUERY(thousands_of_values_are_all_looked_for),
	};

	return RUN_TESTS(tests);
}
