/*
 * drawn.h
 *    For tests of generated queries: values and filters, drawn.
 *
 * Values are drawn from a few, so that what is stored and queries meet often, and from the ends of
 * their types. The order is pseudo-random and always the same; GOES_TEST_SEED sets another.
 */
#ifndef GOES_TEST_DRAWN_H
#define GOES_TEST_DRAWN_H

#include "server.h"

#define DEFAULT_SEED 20260726

static uint64_t random_state;

/*
 * draw returns a number below `below` (xorshift64*).
 */
static inline unsigned
draw(unsigned below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned) ((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static inline bool
one_in(unsigned n)
{
	return draw(n) == 0;
}

static inline void
start_drawing(void)
{
	const char *seed = getenv("GOES_TEST_SEED");

	random_state = seed == NULL ? DEFAULT_SEED : strtoull(seed, NULL, 10);
	print_message("# GOES_TEST_SEED=%llu\n", (unsigned long long) random_state);
}

static const char *const aggregate_names[] = {"order", "invoice", "Order", "", "a\\\"b", "NULL"};
static const int64_t	 times[] = {
		INT64_MIN, INT64_MIN + 1, -5,		-1, 0, 1, 2, 3, 10, 11, 12, 100, 101,
		102,	   INT64_MAX - 1, INT64_MAX};
static const int32_t versions[] = {INT32_MIN, INT32_MIN + 1, -1,	   0, 1, 2, 3, 4, 5,
								   6,		  INT32_MAX - 1, INT32_MAX};

#define DRAW(array) ((array)[draw(sizeof(array) / sizeof *(array))])

/*
 * draw_aggregate_id returns one of a few; every seventh is nil.
 */
static inline goes_uuid
draw_aggregate_id(void)
{
	goes_uuid id = {0};
	unsigned  number = draw(7);

	if (number > 0)
	{
		memset(id.bytes, (int) number, sizeof id.bytes);
		id.bytes[15] = 0x80;
	}
	return id;
}

#define FILTERS 13

/*
 * add_filter adds a filter on time, aggregate or version to a query.
 */
static inline void
add_filter(goes_query *query, unsigned kind)
{
	goes_uuid id = draw_aggregate_id();

	switch (kind)
	{
		case 0:
			goes_query_time(query, DRAW(times));
			break;
		case 1:
			goes_query_time_min(query, DRAW(times));
			break;
		case 2:
			goes_query_time_max(query, DRAW(times));
			break;
		case 3:
			goes_query_time_after(query, DRAW(times));
			break;
		case 4:
			goes_query_time_before(query, DRAW(times));
			break;
		case 5:
			goes_query_time_range(query, DRAW(times), DRAW(times));
			break;
		case 6:
			goes_query_aggregate_name(query, DRAW(aggregate_names));
			break;
		case 7:
			goes_query_aggregate_id(query, &id);
			break;
		case 8:
			goes_query_aggregate(query, DRAW(aggregate_names), one_in(4) ? NULL : &id);
			break;
		case 9:
			goes_query_version(query, DRAW(versions));
			break;
		case 10:
			goes_query_version_min(query, DRAW(versions));
			break;
		case 11:
			goes_query_version_max(query, DRAW(versions));
			break;
		default:
			goes_query_version_range(query, DRAW(versions), DRAW(versions));
	}
}

#endif
