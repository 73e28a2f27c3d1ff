/*
 * subscribe.h
 *    Making a subscription on the server.
 */
#ifndef GOES_SUBSCRIBE_H
#define GOES_SUBSCRIBE_H

#include "follow/follow.h"

#define DEFAULT_BATCH 100
#define MOST_BATCH 1000
#define DEFAULT_LEASE_MS 30000

/* Fails for options that cannot be used. */
int subscribe_check(const char *table, const goes_subscription_options *options, goes_error **err);

/* Makes the subscription unless it is there, and its tables. */
int subscribe(goes_store *store, const char *table, const char *name,
			  const goes_subscription_options *options, goes_error **err);

#endif
