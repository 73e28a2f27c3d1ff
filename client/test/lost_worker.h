/*
 * lost_worker.h
 *    A worker of a store whose connections break.
 */
#ifndef GOES_TEST_LOST_WORKER_H
#define GOES_TEST_LOST_WORKER_H

#include "lost.h"
#include "subscribes.h"

#define TABLE "shared"
#define EVENTS 8

static inline goes_store *
open_shared(void)
{
	goes_store *store = open_by_proxy(TABLE, PATIENCE_MS, 3);

	leave_in_peace();
	with_feed(store, TABLE);
	if (count_rows(TABLE) == 0)
		store_numbered(store, 0, EVENTS);
	admin_do(TEST_DATABASE, "CREATE TABLE IF NOT EXISTS effects (position bigint)");
	return store;
}

static inline goes_subscription_options
quick_options(void)
{
	goes_subscription_options options = worker_options(10);

	options.partitions = 2;
	options.batch = 3;
	/* what a claim has given whose answer was lost comes again so soon */
	options.lease_ms = (int) paced_ms(60);
	return options;
}

static inline void
open_anew(void)
{
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe(name) FROM subscriptions");
	admin_do(TEST_DATABASE, "TRUNCATE effects");
}

#endif
