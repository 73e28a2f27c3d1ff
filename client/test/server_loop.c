/*
 * server_loop.c
 *    A feed and a subscription in an event loop: process never waits, whatever the server does; the
 *    descriptor stays; nothing is asked for in vain.
 */
#include <poll.h>

#include "lost.h"
#include "subscribes.h"

#define TABLE "followed"
#define EVENTS 2500
#define MOST_TICK_MS 50 /* of process, which waits for nothing */

static goes_store *
open_looped(void)
{
	goes_store *store = open_by_proxy(TABLE, PATIENCE_MS, 2);

	leave_in_peace();
	with_feed(store, TABLE);
	if (count_rows(TABLE) == 0)
		store_numbered(store, 0, EVENTS);
	return store;
}

/* What is driven: a feed, or a worker. */
typedef struct Driven
{
	goes_feed		  *feed;
	goes_subscription *worker;
	int				   seen;
	int				   turns;
	int64_t			   longest; /* call of process, in ms */
} Driven;

static int
descriptor_of(const Driven *driven)
{
	return driven->feed != NULL ? goes_feed_fd(driven->feed) : goes_subscription_fd(driven->worker);
}

/*
 * process_once calls process and counts what comes.
 */
static int
process_once(Driven *driven)
{
	const goes_event	*event = NULL;
	const goes_delivery *delivery = NULL;
	goes_error			*error = NULL;
	int64_t				 begun = milliseconds();
	int					 status = driven->feed != NULL
									  ? goes_feed_process(driven->feed, &event, &error)
									  : goes_subscription_process(driven->worker, &delivery, &error);
	int64_t				 taken = milliseconds() - begun;

	driven->longest = taken > driven->longest ? taken : driven->longest;
	if (status < 0 && status != GOES_ERR_CONNECT)
		fail_msg("%s", goes_error_message(error));
	goes_error_free(error);
	if (status != GOES_EVENT)
		return status;
	driven->seen++;
	if (driven->worker != NULL)
		say_done(driven->worker, delivery);
	return status;
}

/*
 * run_loop runs a loop until so many are seen, or a time is over.
 */
static void
run_loop(Driven *driven, int wanted, int64_t most_ms)
{
	int64_t begun = milliseconds();
	int		descriptor = descriptor_of(driven);

	while (driven->seen < wanted && milliseconds() - begun < most_ms)
	{
		struct pollfd polled = {.fd = descriptor};
		int64_t		  timeout;
		int64_t		  left = most_ms - (milliseconds() - begun);

		while (process_once(driven) == GOES_EVENT)
			;
		assert_int_equal(descriptor_of(driven), descriptor);
		polled.events = (short) (driven->feed != NULL ? goes_feed_events(driven->feed)
													  : goes_subscription_events(driven->worker));
		timeout = driven->feed != NULL ? goes_feed_timeout_ms(driven->feed)
									   : goes_subscription_timeout_ms(driven->worker);
		if (timeout < 0 || timeout > left)
			timeout = left;
		if (driven->seen < wanted)
			(void) poll(&polled, 1, (int) timeout);
		driven->turns++;
	}
}

static Driven
drive(goes_store *store, bool is_feed)
{
	goes_subscription_options options = worker_options(0);
	char					  name[37];
	goes_uuid				  id;

	if (is_feed)
		return (Driven){.feed = open_feed(store, NULL)};
	goes_uuid_v7(&id);
	goes_uuid_format(&id, name);
	return (Driven){.worker = open_worker(store, name, &options)};
}

static void
stop_driving(Driven *driven)
{
	goes_feed_close(driven->feed);
	goes_subscription_close(driven->worker);
}

static void
test_everything_comes(void **state)
{
	goes_store *store = open_looped();

	for (int i = 0; i < 2; i++)
	{
		Driven driven = drive(store, i == 0);

		run_loop(&driven, EVENTS, 20000);
		assert_int_equal(driven.seen, EVENTS);
		assert_true(is_short(driven.longest, MOST_TICK_MS));
		stop_driving(&driven);
	}
	goes_store_close(store);
}

/*
 * A loop without news sleeps.
 */
static void
test_a_loop_without_news_sleeps(void **state)
{
	goes_store *store = open_looped();

	for (int i = 0; i < 2; i++)
	{
		Driven driven = drive(store, i == 0);

		run_loop(&driven, EVENTS, 20000);
		run_loop(&driven, EVENTS + 1, 200); /* the last answers are sent */
		driven.turns = 0;
		run_loop(&driven, EVENTS + 1, 1000);
		assert_int_equal(driven.seen, EVENTS);
		if (driven.turns > 3)
			fail_msg("%d turns in a second without news", driven.turns);
		stop_driving(&driven);
	}
	goes_store_close(store);
}

/*
 * Neither a lost connection nor a server that refuses, or says nothing, keeps the loop.
 */
static void
test_process_does_not_wait_for_a_server(void **state)
{
	goes_store *store = open_looped();
	Plan		silence = {.direction = TO_CLIENT, .number = 3, .fate = DELAYED, .delay_ms = 60000};
	Plan		refusal = {.direction = TO_SERVER, .number = 1, .fate = DROPPED, .refuses = true};

	for (int i = 0; i < 2; i++)
	{
		Driven driven = drive(store, i == 0);

		run_loop(&driven, 100, 20000);
		proxy_plan(proxy, &silence, 1);
		run_loop(&driven, EVENTS, 500);
		proxy_plan(proxy, &refusal, 1);
		proxy_cut(proxy);
		run_loop(&driven, EVENTS, 3000);
		if (driven.turns > 500)
			fail_msg("%d turns while nobody answered", driven.turns);
		leave_in_peace();
		run_loop(&driven, EVENTS, 60000);
		if (i == 0)
			assert_int_equal(driven.seen, EVENTS);
		else
			assert_true(driven.seen >= EVENTS);
		assert_true(is_short(driven.longest, MOST_TICK_MS));
		stop_driving(&driven);
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_comes),
		cmocka_unit_test(test_a_loop_without_news_sleeps),
		cmocka_unit_test(test_process_does_not_wait_for_a_server),
	};

	return RUN_LOST_TESTS(tests);
}
