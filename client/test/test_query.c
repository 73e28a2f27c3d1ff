/*
 * test_query.c
 *    Building queries, and goes_query_test: would one return this event, once it is stored?
 */
#include <stdlib.h>

#include "query.h"
#include "unit.h"

#define NIL "00000000-0000-0000-0000-000000000000"
#define FIRST "00000000-0000-7000-8000-000000000001"
#define OTHER "00000000-0000-7000-8000-000000000002"
#define SHOP "00000000-0000-7000-8000-00000000000a"
#define BANK "00000000-0000-7000-8000-00000000000b"

static int
new_query(void **state)
{
	*state = goes_query_new();
	return *state == NULL;
}

static int
free_query(void **state)
{
	goes_query_free(*state);
	return 0;
}

/*
 * placed makes the event that most tests ask for: order.placed at 1000, version 3 of an order.
 */
static goes_event
placed(void)
{
	return (goes_event){.id = uuid_of(FIRST),
						.name = "order.placed",
						.time = 1000,
						.aggregate_id = uuid_of(SHOP),
						.aggregate_name = "order",
						.aggregate_version = 3};
}

/*
 * finds_time tells whether a query returns the event, had it another time.
 */
static bool
finds_time(const goes_query *query, int64_t time)
{
	goes_event event = placed();

	event.time = time;
	return goes_query_test(query, &event);
}

static bool
finds_version(const goes_query *query, int32_t version)
{
	goes_event event = placed();

	event.aggregate_version = version;
	return goes_query_test(query, &event);
}

static bool
finds_aggregate(const goes_query *query, const char *name, const char *id)
{
	goes_event event = placed();

	event.aggregate_name = name;
	event.aggregate_id = uuid_of(id);
	return goes_query_test(query, &event);
}

static bool
finds_name(const goes_query *query, const char *name)
{
	goes_event event = placed();

	event.name = name;
	return goes_query_test(query, &event);
}

static bool
finds_id(const goes_query *query, const char *id)
{
	goes_event event = placed();

	event.id = uuid_of(id);
	return goes_query_test(query, &event);
}

/*
 * add_id and the next two give the steps a UUID from its text.
 */
static int
add_id(goes_query *query, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_id(query, &uuid);
}

static int
add_aggregate_id(goes_query *query, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_aggregate_id(query, &uuid);
}

static int
add_aggregate(goes_query *query, const char *name, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_aggregate(query, name, &uuid);
}

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

/* ---- What is stored as null, and matches no filter ---- */

static void
a_nil_aggregate_id_matches_no_filter(void **state)
{
	add_aggregate_id(*state, NIL);
	assert_false(finds_aggregate(*state, "order", NIL));
	assert_false(finds_aggregate(*state, "order", SHOP));
}

static void
an_empty_aggregate_name_matches_no_filter(void **state)
{
	goes_query_aggregate_name(*state, "");
	assert_false(finds_aggregate(*state, "", SHOP));
	assert_false(finds_aggregate(*state, NULL, SHOP));
	assert_false(finds_aggregate(*state, "order", SHOP));
}

static void
an_aggregate_without_name_matches_no_filter(void **state)
{
	assert_int_equal(add_aggregate(*state, "", SHOP), GOES_OK);
	assert_int_equal(add_aggregate(*state, "", NIL), GOES_OK);
	assert_false(finds_aggregate(*state, "", SHOP));
	assert_false(finds_aggregate(*state, NULL, SHOP));
	assert_false(finds_aggregate(*state, NULL, NIL));
}

/*
 * finds_bare_version tells whether a query returns an event with nothing but a version.
 */
static bool
finds_bare_version(const goes_query *query, int32_t version)
{
	goes_event event = {.id = uuid_of(FIRST), .name = "x", .aggregate_version = version};

	return goes_query_test(query, &event);
}

static void
version_0_of_no_aggregate_matches_no_exact_version(void **state)
{
	goes_query_version(*state, 0);
	assert_false(finds_bare_version(*state, 0));
	assert_true(finds_version(*state, 0));
}

static void
version_0_of_no_aggregate_reaches_no_minimum(void **state)
{
	goes_query_version_min(*state, INT32_MIN);
	assert_false(finds_bare_version(*state, 0));
	assert_true(finds_version(*state, 0));
}

static void
version_0_of_no_aggregate_stays_below_no_maximum(void **state)
{
	goes_query_version_max(*state, INT32_MAX);
	assert_false(finds_bare_version(*state, 0));
	assert_true(finds_version(*state, 0));
}

static void
version_0_of_no_aggregate_is_in_no_range(void **state)
{
	goes_query_version_range(*state, INT32_MIN, INT32_MAX);
	assert_false(finds_bare_version(*state, 0));
	assert_true(finds_version(*state, 0));
}

/* It becomes null only when id, name and version are all zero. */
static void
any_part_of_an_aggregate_makes_its_version_count(void **state)
{
	goes_event event = {.id = uuid_of(FIRST), .name = "x", .aggregate_name = "order"};

	goes_query_version(*state, 0);
	goes_query_version(*state, 4);
	assert_true(goes_query_test(*state, &event));
	event.aggregate_name = "";
	assert_false(goes_query_test(*state, &event));
	event.aggregate_id = uuid_of(SHOP);
	assert_true(goes_query_test(*state, &event));
	assert_true(finds_bare_version(*state, 4));
}

static void
an_event_without_aggregate_is_found_by_the_rest(void **state)
{
	goes_query_name(*state, "x");
	goes_query_time_range(*state, 0, 0);
	assert_true(finds_bare_version(*state, 0));
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

#define WITH_QUERY(test) cmocka_unit_test_setup_teardown(test, new_query, free_query)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUERY(an_empty_query_returns_every_event),
		WITH_QUERY(no_event_and_no_query_match_nothing),
		WITH_QUERY(every_step_of_no_query_is_out_of_memory),
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
		WITH_QUERY(a_nil_aggregate_id_matches_no_filter),
		WITH_QUERY(an_empty_aggregate_name_matches_no_filter),
		WITH_QUERY(an_aggregate_without_name_matches_no_filter),
		WITH_QUERY(version_0_of_no_aggregate_matches_no_exact_version),
		WITH_QUERY(version_0_of_no_aggregate_reaches_no_minimum),
		WITH_QUERY(version_0_of_no_aggregate_stays_below_no_maximum),
		WITH_QUERY(version_0_of_no_aggregate_is_in_no_range),
		WITH_QUERY(any_part_of_an_aggregate_makes_its_version_count),
		WITH_QUERY(an_event_without_aggregate_is_found_by_the_rest),
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
