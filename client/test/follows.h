/*
 * follows.h
 *    Stores with a feed, and following them.
 */
#ifndef GOES_TEST_FOLLOWS_H
#define GOES_TEST_FOLLOWS_H

#include "events.h"

/* with_feed makes the table of a store and switches its feed on. */
static inline void
with_feed(goes_store *store, const char *table)
{
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('%s', feed => true)", table);
}

/* open_unfollowed opens a store whose table has no feed, also where every table that is made gets one. */
static inline goes_store *
open_unfollowed(void)
{
	goes_store *store = open_store("unfollowed");
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('unfollowed', feed => false)");
	return store;
}

/* store_numbered stores events whose data are the numbers from `first` on. */
static inline void
store_numbered(goes_store *store, int first, int count)
{
	goes_event *events = calloc((size_t) count, sizeof *events);
	char(*texts)[16] = calloc((size_t) count, sizeof *texts);
	goes_error *error = NULL;

	for (int i = 0; i < count; i++)
	{
		snprintf(texts[i], sizeof texts[i], "%d", first + i);
		goes_event_init(&events[i], i % 2 == 0 ? "even" : "odd", texts[i]);
	}
	assert_ok(goes_insert(store, events, (size_t) count, NULL, &error));
	free(events);
	free(texts);
}

/* What a thread stores in a while. */
typedef struct Later
{
	goes_store *store;
	int			number;
} Later;

static inline void *
store_later(void *argument)
{
	const Later *later = argument;

	usleep(200 * 1000);
	store_numbered(later->store, later->number, 1);
	return NULL;
}

static inline goes_feed_options
feed_options(int64_t wait_ms)
{
	goes_feed_options options;

	goes_feed_options_init(&options, sizeof options);
	options.wait_ms = wait_ms;
	return options;
}

static inline goes_feed *
open_feed(goes_store *store, const goes_feed_options *options)
{
	goes_feed  *feed = NULL;
	goes_error *error = NULL;

	assert_ok(goes_feed_open(store, options, &feed, &error));
	return feed;
}

/* expect_number expects the event of that number next. */
static inline void
expect_number(goes_feed *feed, int number)
{
	const goes_event *event = NULL;
	goes_error		 *error = NULL;
	int				  status = goes_feed_next(feed, &event, NULL, &error);

	assert_ok(status);
	if (status != GOES_EVENT || atoi(event->data) != number)
		fail_msg("event %s, but expected %d", status == GOES_EVENT ? event->data : "none", number);
}

static inline void
expect_numbers(goes_feed *feed, int first, int count)
{
	for (int i = 0; i < count; i++)
		expect_number(feed, first + i);
}

/* expect_end expects no news. */
static inline void
expect_end(goes_feed *feed)
{
	const goes_event *event = NULL;
	goes_error		 *error = NULL;
	int				  status = goes_feed_next(feed, &event, NULL, &error);

	assert_ok(status);
	assert_int_equal(status, GOES_END);
}

#endif
