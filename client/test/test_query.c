/*
 * test_query.c
 *    Building queries: steps, sorting, and what they own.
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
		WITH_QUERY(steps_copy_what_they_are_given),
		WITH_QUERY(thousands_of_values_are_all_looked_for),
	};

	return RUN_TESTS(tests);
}
