/*
 * server_feed_long.c
 *    Following a long store: no memory that grows, and not much slower than reading it by a query.
 */
#include "follows.h"
#include "resident.h"

/* Sanitizers are slow, and keep what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define EVENTS 50000
#define GROWTH_COUNTS false
#else
#define EVENTS 200000
#define GROWTH_COUNTS true
#endif
#define MOST_GROWTH_KB (8 * 1024)
#define LEAST_RATE 0.1 /* bench/bounds_follow.c has the bound, for a quiet machine */
#define TURNS 3

static goes_store *store;

static int
fill(void **state)
{
	store = open_store("long");
	with_feed(store, "long");
	admin_do(TEST_DATABASE,
			 "INSERT INTO long (id, name, \"time\", data) SELECT goes_uuid_v7(), 'many', i, "
			 "'{\"some\": \"data\"}' FROM generate_series(1, %d) AS i",
			 EVENTS);
	admin_do(TEST_DATABASE, "VACUUM ANALYZE long");
	return 0;
}

static int
empty(void **state)
{
	goes_store_close(store);
	return 0;
}

/* follow_all follows the whole store, and returns by how much the memory has grown since a tenth of it. */
static long
follow_all(void)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed = open_feed(store, &options);
	const goes_event *event;
	goes_error		 *error = NULL;
	long			  before = 0;
	long			  after;
	int				  count = 0;
	int				  status;

	while ((status = goes_feed_next(feed, &event, NULL, &error)) == GOES_EVENT)
	{
		if (++count == EVENTS / 10)
			before = memory_kb("VmRSS");
	}
	assert_ok(status);
	assert_int_equal(count, EVENTS);
	after = memory_kb("VmRSS");
	goes_feed_close(feed);
	return after - before;
}

static void
query_all(void)
{
	goes_cursor		 *cursor;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  count = 0;
	int				  status;

	assert_ok(goes_query_run(store, NULL, &cursor, NULL, &error));
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
		count++;
	assert_ok(status);
	assert_int_equal(count, EVENTS);
	goes_cursor_close(cursor);
}

static void
test_a_long_store_takes_no_more_memory(void **state)
{
	long growth = follow_all();

	if (GROWTH_COUNTS && growth >= MOST_GROWTH_KB)
		fail_msg("it grew by %ld kB", growth);
}

/*
 * The fastest of some turns counts: others use the machine, too, and following takes two processors
 * where a query takes one.
 */
static void
test_following_is_about_as_fast_as_reading(void **state)
{
	int64_t feed = INT64_MAX;
	int64_t query = INT64_MAX;

	for (int i = 0; i < TURNS; i++)
	{
		int64_t begun = pace_now();
		int64_t between;
		int64_t end;

		(void) follow_all();
		between = pace_now();
		query_all();
		end = pace_now();
		feed = between - begun < feed ? between - begun : feed;
		query = end - between < query ? end - between : query;
	}
	printf("# following takes %.2f x the time of a query\n", (double) feed / (double) query);
	if (GROWTH_COUNTS && (double) query / (double) feed < LEAST_RATE)
		fail_msg("a query took %lld ms, following %lld ms", (long long) query / 1000000,
				 (long long) feed / 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_long_store_takes_no_more_memory),
		cmocka_unit_test(test_following_is_about_as_fast_as_reading),
	};

	return RUN_GROUP(tests, fill, empty);
}
