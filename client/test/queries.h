/*
 * queries.h
 *    For the tests of queries: an event to ask for, and whether a query returns it. WITH_QUERY gives a
 *    test an empty query as its state.
 */
#ifndef GOES_TEST_QUERIES_H
#define GOES_TEST_QUERIES_H

#include "data/query.h"
#include "unit.h"

#define NIL "00000000-0000-0000-0000-000000000000"
#define FIRST "00000000-0000-7000-8000-000000000001"
#define OTHER "00000000-0000-7000-8000-000000000002"
#define SHOP "00000000-0000-7000-8000-00000000000a"
#define BANK "00000000-0000-7000-8000-00000000000b"

static inline int
new_query(void **state)
{
	*state = goes_query_new();
	return *state == NULL;
}

static inline int
free_query(void **state)
{
	goes_query_free(*state);
	return 0;
}

/*
 * placed makes the event that most tests ask for: order.placed at 1000, version 3 of an order.
 */
static inline goes_event
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
 * finds_time tells whether a query would return the event if it had this time.
 */
static inline bool
finds_time(const goes_query *query, int64_t time)
{
	goes_event event = placed();

	event.time = time;
	return goes_query_test(query, &event);
}

static inline bool
finds_version(const goes_query *query, int32_t version)
{
	goes_event event = placed();

	event.aggregate_version = version;
	return goes_query_test(query, &event);
}

static inline bool
finds_aggregate(const goes_query *query, const char *name, const char *id)
{
	goes_event event = placed();

	event.aggregate_name = name;
	event.aggregate_id = uuid_of(id);
	return goes_query_test(query, &event);
}

static inline bool
finds_name(const goes_query *query, const char *name)
{
	goes_event event = placed();

	event.name = name;
	return goes_query_test(query, &event);
}

static inline bool
finds_id(const goes_query *query, const char *id)
{
	goes_event event = placed();

	event.id = uuid_of(id);
	return goes_query_test(query, &event);
}

/*
 * add_id and the next two give the steps a UUID from its text.
 */
static inline int
add_id(goes_query *query, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_id(query, &uuid);
}

static inline int
add_aggregate_id(goes_query *query, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_aggregate_id(query, &uuid);
}

static inline int
add_aggregate(goes_query *query, const char *name, const char *id)
{
	goes_uuid uuid = uuid_of(id);

	return goes_query_aggregate(query, name, &uuid);
}

#define WITH_QUERY(test) cmocka_unit_test_setup_teardown(test, new_query, free_query)

#endif
