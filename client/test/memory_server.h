/*
 * memory_server.h
 *    Lives of stores whose allocations fail, for the tests of memory with a server.
 *
 * Each scenario is a whole life, from opening a store to closing it, so that nothing that is kept for
 * later is taken for a leak.
 */
#ifndef GOES_TEST_MEMORY_SERVER_H
#define GOES_TEST_MEMORY_SERVER_H

#include "memory.h"
#include "server.h"

/*
 * try_open opens a store; unlike open_store it may fail.
 */
static inline int
try_open(goes_store **store)
{
	goes_store_options options = options_of(NULL);

	return goes_store_open(store, &options, NULL);
}

/*
 * make_event makes an event of an aggregate of its own.
 */
static inline goes_event
make_event(void)
{
	goes_event event;

	goes_event_init(&event, "order.placed", "{\"total\": 30}");
	goes_uuid_v7(&event.aggregate_id);
	event.aggregate_name = "order";
	event.aggregate_version = 1;
	return event;
}

/*
 * The database is made here, so that every scenario takes the same way.
 */
static inline int
make_first_database(void **state)
{
	goes_store *store;
	int			status = try_open(&store);

	if (status == GOES_OK)
		status = goes_store_connect(store, NULL, NULL);
	goes_store_close(store);
	return status;
}

#endif
