/*
 * server_lost_feed.c
 *    A feed whose connection breaks, anywhere: no event is missed, none comes twice. Hosts that do
 *    not answer; a server that is gone for a while.
 */
#include "lost.h"
#include "follows.h"

#define TABLE "followed"
#define EVENTS 23

static goes_store *
open_followed(int64_t patience_ms)
{
	goes_store *store = open_by_proxy(TABLE, patience_ms, 2);

	leave_in_peace();
	with_feed(store, TABLE);
	if (count_rows(TABLE) == 0)
		store_numbered(store, 0, EVENTS);
	return store;
}

static goes_feed_options
small_pages(void)
{
	goes_feed_options options = feed_options(-1);

	options.page = 5;
	return options;
}

/*
 * The connection is cut once, at every message from the opening on.
 */
static void
test_every_event_comes_once_wherever_it_breaks(void **state)
{
	goes_store		 *store = open_followed(PATIENCE_MS);
	goes_feed_options options = small_pages();
	Plan			  plan = PLACES_FROM_THE_FIRST;
	int				  places = 0;

	do
	{
		goes_feed *feed;

		proxy_plan(proxy, &plan, 1);
		feed = open_feed(store, &options);
		expect_numbers(feed, 0, EVENTS);
		expect_end(feed);
		assert_int_equal(goes_feed_position(feed, NULL), EVENTS);
		goes_feed_close(feed);
		places++;
	} while (next_place(&plan));
	assert_true(places > 50);
	goes_store_close(store);
}

/*
 * It is cut again and again.
 */
static void
test_a_feed_gets_on_through_many_breaks(void **state)
{
	goes_store		 *store = open_followed(PATIENCE_MS);
	goes_feed_options options = small_pages();
	goes_feed		 *feed = open_feed(store, &options);

	for (int i = 0; i < EVENTS; i++)
	{
		if (i % 3 == 0)
			proxy_cut(proxy);
		expect_number(feed, i);
	}
	proxy_cut(proxy);
	expect_end(feed);
	goes_feed_close(feed);
	goes_store_close(store);
}

static void *
cut_and_store(void *unused)
{
	usleep(200 * 1000);
	proxy_cut(proxy);
	usleep(100 * 1000);
	admin_do(TEST_DATABASE, "INSERT INTO " TABLE
							" (id, name, \"time\", data) VALUES (goes_uuid_v7(), 'late', 1, '23')");
	return NULL;
}

static void
test_a_feed_that_waits_is_connected_again(void **state)
{
	goes_store		 *store = open_followed(PATIENCE_MS);
	goes_feed_options options = feed_options(20000);
	goes_feed		 *feed = open_feed(store, &options);
	pthread_t		  thread;
	int64_t			  begun;

	expect_numbers(feed, 0, EVENTS);
	begun = milliseconds();
	assert_int_equal(pthread_create(&thread, NULL, cut_and_store, NULL), 0);
	expect_number(feed, EVENTS);
	assert_true(is_within(begun, 2000));
	pthread_join(thread, NULL);
	goes_feed_close(feed);
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DELETE FROM " TABLE " WHERE name = 'late'");
}

/*
 * As long as nobody answers, each call says so after connect_timeout_ms, and no sooner; afterwards
 * the feed goes on.
 */
static void
test_a_server_that_is_gone_for_a_while(void **state)
{
	goes_store		 *store = open_followed(300);
	goes_feed_options options = small_pages();
	Plan		refusal = {.direction = TO_SERVER, .number = 1, .fate = DROPPED, .refuses = true};
	goes_feed  *feed = open_feed(store, &options);
	goes_error *error = NULL;
	const goes_event *event;

	expect_numbers(feed, 0, 5);
	proxy_cut(proxy);
	proxy_plan(proxy, &refusal, 1);
	for (int i = 5; i < 10; i++) /* what has come already */
	{
		int status = goes_feed_next(feed, &event, NULL, &error);

		if (status == GOES_EVENT)
			assert_int_equal(atoi(event->data), i);
		else
			expect_error(status, &error, GOES_ERR_CONNECT, "");
		if (status != GOES_EVENT)
			break;
	}
	for (int i = 0; i < 2; i++)
	{
		int64_t begun = milliseconds();

		expect_error(goes_feed_next(feed, &event, NULL, &error), &error, GOES_ERR_CONNECT, "");
		assert_true(milliseconds() - begun >= 200);
		assert_true(is_within(begun, 1500));
	}
	leave_in_peace();
	proxy_plan(proxy, NULL, 0);
	goes_feed_close(feed);
	goes_store_close(store);
}

/*
 * A server that says nothing any more does not keep a call beyond its deadline, nor closing.
 */
static void
test_a_silent_server_keeps_nobody(void **state)
{
	goes_store		 *store = open_followed(PATIENCE_MS);
	goes_feed_options options = small_pages();
	Plan silence = {.direction = TO_CLIENT, .number = 1, .fate = DELAYED, .delay_ms = 60000};
	goes_context	  context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_feed		 *feed = open_feed(store, &options);
	goes_error		 *error = NULL;
	const goes_event *event;
	int64_t			  begun = milliseconds();
	int				  status;

	proxy_plan(proxy, &silence, 1);
	while ((status = goes_feed_next(feed, &event, &context, &error)) == GOES_EVENT)
		;
	expect_error(status, &error, GOES_ERR_TIMEOUT, "");
	assert_true(is_within(begun, 100 + WITHIN_MS));
	begun = milliseconds();
	goes_feed_close(feed);
	assert_true(is_within(begun, WITHIN_MS));
	proxy_cut(proxy);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_comes_once_wherever_it_breaks),
		cmocka_unit_test(test_a_feed_gets_on_through_many_breaks),
		cmocka_unit_test(test_a_feed_that_waits_is_connected_again),
		cmocka_unit_test(test_a_silent_server_keeps_nobody),
		cmocka_unit_test(test_a_server_that_is_gone_for_a_while),
	};

	return RUN_LOST_TESTS(tests);
}
