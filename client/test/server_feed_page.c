/*
 * server_feed_page.c
 *    The pages of a feed: how large they are, and what the server does while the program has one.
 */
#include "follows.h"
#include "resident.h"

#define WIDE 200000 /* bytes of an event's data; they are compressed in the table */
#define LARGEST_PAGE (1024 * 1024)
#define WIDEST (255 * 1024 * 1024) /* what jsonb can nearly have no more of */
#define MOST_GROWTH_KB (16 * 1024)

static goes_store *store;

static int
begin(void **state)
{
	store = open_store("paged");
	with_feed(store, "paged");
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DROP TABLE paged");
	return 0;
}

static void
store_wide(int first, int count, int bytes)
{
	admin_do(TEST_DATABASE,
			 "INSERT INTO paged (id, name, \"time\", data) SELECT goes_uuid_v7(), 'wide', i, "
			 "to_jsonb(repeat('x', %d)) FROM generate_series(%d, %d) AS i",
			 bytes, first, first + count - 1);
}

/* expect_wide expects the event of that time next. */
static void
expect_wide(goes_feed *feed, int time, size_t bytes)
{
	const goes_event *event = NULL;
	goes_error		 *error = NULL;

	assert_int_equal(goes_feed_next(feed, &event, NULL, &error), GOES_EVENT);
	assert_int_equal(event->time, time);
	assert_int_equal(event->data_len, bytes + 2);
}

/* Sanitizers keep what was freed, and are slow. */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH_COUNTS false
#define WIDE_EVENTS 400
#else
#define GROWTH_COUNTS true
#define WIDE_EVENTS 1000
#endif

/*
 * A page of narrow events has thousands of them. So many wide ones would take 200 MB.
 */
static void
test_wide_events_come_in_smaller_pages(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;
	long			  before;
	long			  growth;

	store_numbered(store, 0, 5000);
	store_wide(1, WIDE_EVENTS, WIDE);
	feed = open_feed(store, &options);
	before = memory_kb("VmRSS");
	forget_most_memory();
	expect_numbers(feed, 0, 5000);
	for (int i = 1; i <= WIDE_EVENTS; i++)
		expect_wide(feed, i, WIDE);
	expect_end(feed);
	growth = memory_kb("VmHWM") - before;
	if (GROWTH_COUNTS && growth >= MOST_GROWTH_KB)
		fail_msg("it grew by %ld kB", growth);
	goes_feed_close(feed);
}

/*
 * The widest event is there, and so are those before and behind it.
 */
static void
test_the_widest_event_comes(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;

	store_wide(1, 2, 100);
	store_wide(3, 1, WIDEST);
	store_wide(4, 2, 100);
	feed = open_feed(store, &options);
	for (int i = 1; i <= 5; i++)
		expect_wide(feed, i, i == 3 ? WIDEST : 100);
	expect_end(feed);
	goes_feed_close(feed);
}

/*
 * The next page is under way while the program has events of the first.
 */
static void
test_the_next_page_is_asked_for_ahead(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;

	store_numbered(store, 0, 10);
	options.page = 5;
	feed = open_feed(store, &options);
	expect_number(feed, 0);
	admin_do(TEST_DATABASE, "SELECT pg_sleep(0.3)");
	admin_do(TEST_DATABASE, "DELETE FROM paged WHERE data = '7'");
	expect_numbers(feed, 1, 9);
	goes_feed_close(feed);
}

/* readers returns how many sessions have a lock on the table for reading. */
static int64_t
readers(void)
{
	return number_of("SELECT count(*) FROM pg_locks WHERE relation = 'paged'::regclass AND "
					 "mode = 'AccessShareLock' AND pid <> pg_backend_pid()");
}

/*
 * The server sends the next page while the program takes its time with the first: until then the
 * statement has a snapshot, and a lock on the table.
 */
static void
test_the_server_does_not_wait_for_a_slow_program(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;
	int				  width = 1000;
	int				  page = LARGEST_PAGE / (width + 8);
	int				  seen = 0;
	bool			  was_sent;

	store_wide(1, 4 * page, width);
	feed = open_feed(store, &options);
	expect_wide(feed, ++seen, (size_t) width);
	while (readers() > 0 && seen < page - 1)
	{
		expect_wide(feed, ++seen, (size_t) width);
		usleep((useconds_t) paced_ms(5) * 1000);
	}
	was_sent = seen < page - 1;
	while (seen < 4 * page)
		expect_wide(feed, ++seen, (size_t) width);
	expect_end(feed);
	goes_feed_close(feed);
	assert_true(was_sent);
}

#define PAGE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PAGE_TEST(test_wide_events_come_in_smaller_pages),
		PAGE_TEST(test_the_widest_event_comes),
		PAGE_TEST(test_the_next_page_is_asked_for_ahead),
		PAGE_TEST(test_the_server_does_not_wait_for_a_slow_program),
	};

	return RUN_TESTS(tests);
}
