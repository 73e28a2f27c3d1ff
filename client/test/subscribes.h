/*
 * subscribes.h
 *    Workers of subscriptions, and what they get.
 */
#ifndef GOES_TEST_SUBSCRIBES_H
#define GOES_TEST_SUBSCRIBES_H

#include "follows.h"

static inline goes_subscription_options
worker_options(int64_t wait_ms)
{
	goes_subscription_options options;

	goes_subscription_options_init(&options, sizeof options);
	options.wait_ms = wait_ms;
	options.partitions = 1;
	options.backoff_ms = 100;
	return options;
}

static inline goes_subscription *
open_worker(goes_store *store, const char *name, const goes_subscription_options *options)
{
	goes_subscription *worker = NULL;
	goes_error		  *error = NULL;

	assert_ok(goes_subscription_open(store, NULL, name, options, &worker, &error));
	return worker;
}

/* close_subscribed closes a store, and drops its table and the subscriptions. */
static inline void
close_subscribed(goes_store *store, const char *table)
{
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DROP TABLE IF EXISTS subscriptions, subscriptions_partitions, "
							"subscriptions_retries CASCADE");
	admin_do(TEST_DATABASE, "DROP TABLE %s", table);
}

/* expect_delivery expects the event of that number, and returns it. */
static inline const goes_delivery *
expect_delivery(goes_subscription *worker, int number)
{
	const goes_delivery *delivery = NULL;
	goes_error			*error = NULL;
	int					 status = goes_subscription_next(worker, &delivery, NULL, &error);

	assert_ok(status);
	if (status != GOES_EVENT || atoi(delivery->event.data) != number)
		fail_msg("delivery %s, but expected %d",
				 status == GOES_EVENT ? delivery->event.data : "none", number);
	return delivery;
}

static inline void
say_done(goes_subscription *worker, const goes_delivery *delivery)
{
	goes_error *error = NULL;

	assert_ok(goes_delivery_done(worker, delivery, &error));
}

static inline void
say_failed(goes_subscription *worker, const goes_delivery *delivery)
{
	goes_error *error = NULL;

	assert_ok(goes_delivery_failed(worker, delivery, "no paper", &error));
}

static inline void
expect_and_do(goes_subscription *worker, int first, int count)
{
	for (int i = 0; i < count; i++)
		say_done(worker, expect_delivery(worker, first + i));
}

static inline void
expect_nothing(goes_subscription *worker)
{
	const goes_delivery *delivery;
	goes_error			*error = NULL;
	int					 status = goes_subscription_next(worker, &delivery, NULL, &error);

	assert_ok(status);
	assert_int_equal(status, GOES_END);
}

/* append_numbered appends events to one aggregate. */
static inline void
append_numbered(goes_store *store, const goes_uuid *id, int first, int count)
{
	for (int i = 0; i < count; i++)
	{
		goes_event	event;
		goes_error *error = NULL;
		char		text[16];

		snprintf(text, sizeof text, "%d", first + i);
		goes_event_init(&event, "counted", text);
		assert_ok(goes_append(store, "counter", id, &event, 1, GOES_EXPECT_ANY, NULL, &error));
	}
}

#endif
