/*
 * test_memory_query.c
 *    Every allocation fails in turn while queries are built and merged.
 */
#include "memory.h"

static const goes_uuid some_id = {{1, 2, 3}};

/*
 * add_every_step adds every step, each so often that its list grows.
 */
static int
add_every_step(goes_query *query)
{
	int status = GOES_OK;

	for (int i = 0; i < 10; i++)
	{
		status = worse(status, goes_query_name(query, "order.placed"));
		status = worse(status, goes_query_id(query, &some_id));
		status = worse(status, goes_query_time(query, i));
		status = worse(status, goes_query_time_min(query, i));
		status = worse(status, goes_query_time_max(query, i));
		status = worse(status, goes_query_time_after(query, i));
		status = worse(status, goes_query_time_before(query, i));
		status = worse(status, goes_query_time_range(query, i, i));
		status = worse(status, goes_query_aggregate_name(query, "order"));
		status = worse(status, goes_query_aggregate_id(query, &some_id));
		status = worse(status, goes_query_aggregate(query, "order", &some_id));
		status = worse(status, goes_query_version(query, i));
		status = worse(status, goes_query_version_min(query, i));
		status = worse(status, goes_query_version_max(query, i));
		status = worse(status, goes_query_version_range(query, i, i));
		status = worse(status, goes_query_sort(query, GOES_SORT_TIME, GOES_ASC));
		status = worse(status, goes_query_limit(query, i));
	}
	return status;
}

static int
build_a_query(void *unused)
{
	goes_query *query = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};
	int			status = add_every_step(query);

	if (status != GOES_OK)
		assert_false(goes_query_test(query, &event));
	goes_query_free(query);
	return status;
}

static void
a_query_that_cannot_be_built_says_so(void **state)
{
	assert_true(every_allocation_fails(build_a_query, NULL, GOES_OK, SAYS_NO_MEMORY) > 2 * 30);
}

static int
build_and_merge(void *from)
{
	goes_query *into = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};
	int			status = goes_query_merge(into, from);

	if (status != GOES_OK)
		assert_false(goes_query_test(into, &event));
	status = worse(status, goes_query_merge(into, from));
	goes_query_free(into);
	return status;
}

static void
a_query_that_cannot_be_merged_says_so(void **state)
{
	goes_query *from = goes_query_new();

	assert_int_equal(add_every_step(from), GOES_OK);
	assert_true(every_allocation_fails(build_and_merge, from, GOES_OK, SAYS_NO_MEMORY) > 2 * 30);
	goes_query_free(from);
}

/* Otherwise a filter would be missing, and the query would return too much. */
static void
a_query_stays_failed_when_memory_is_back(void **state)
{
	goes_query *query = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};

	fail_allocation(0, false);
	assert_int_equal(goes_query_name(query, "order.paid"), GOES_ERR_NOMEM);
	assert_true(stop_failing());
	assert_int_equal(goes_query_name(query, "order.placed"), GOES_OK);
	assert_false(goes_query_test(query, &event));
	goes_query_free(query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_that_cannot_be_built_says_so),
		cmocka_unit_test(a_query_that_cannot_be_merged_says_so),
		cmocka_unit_test(a_query_stays_failed_when_memory_is_back),
	};

	return RUN_TESTS(tests);
}
