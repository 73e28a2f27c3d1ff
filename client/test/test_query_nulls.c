/*
 * test_query_nulls.c
 *    goes_query_test: what is stored as null matches no filter.
 */
#include "queries.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUERY(a_nil_aggregate_id_matches_no_filter),
		WITH_QUERY(an_empty_aggregate_name_matches_no_filter),
		WITH_QUERY(an_aggregate_without_name_matches_no_filter),
		WITH_QUERY(version_0_of_no_aggregate_matches_no_exact_version),
		WITH_QUERY(version_0_of_no_aggregate_reaches_no_minimum),
		WITH_QUERY(version_0_of_no_aggregate_stays_below_no_maximum),
		WITH_QUERY(version_0_of_no_aggregate_is_in_no_range),
		WITH_QUERY(any_part_of_an_aggregate_makes_its_version_count),
		WITH_QUERY(an_event_without_aggregate_is_found_by_the_rest),
	};

	return RUN_TESTS(tests);
}
