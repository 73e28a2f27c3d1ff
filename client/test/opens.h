/*
 * opens.h
 *    Stores that are opened to see whether they can be used.
 */
#ifndef GOES_TEST_OPENS_H
#define GOES_TEST_OPENS_H

#include "server_control.h"

/*
 * assert_usable connects a store, which then takes an event, and closes it.
 */
static inline void
assert_usable(goes_store *store)
{
	goes_error *error = NULL;
	int64_t		count = 0;

	assert_ok(insert_one(store, "opened", NULL, &error));
	assert_ok(goes_count(store, NULL, &count, NULL, &error));
	assert_true(count > 0);
	goes_store_close(store);
}

#endif
