/*
 * one_store.h
 *    A store for all the tests of a program. CONNECTIONS, defined beforehand, says how many it may
 *    have; without it all calls use the same one.
 */
#ifndef GOES_TEST_ONE_STORE_H
#define GOES_TEST_ONE_STORE_H

#include "server.h"

#ifndef CONNECTIONS
#define CONNECTIONS 1
#endif

static goes_store *store;

static inline int
start_store(void **state)
{
	goes_store_options options = options_of("events");
	goes_error		  *error = NULL;

	options.max_connections = CONNECTIONS;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	return 0;
}

static inline int
stop_store(void **state)
{
	goes_store_close(store);
	return 0;
}

#endif
