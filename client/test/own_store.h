/*
 * own_store.h
 *    A store for each test of a program: OWN_STORE(test) has the program's begin open it, and end
 *    closes it.
 */
#ifndef GOES_TEST_OWN_STORE_H
#define GOES_TEST_OWN_STORE_H

#include "events.h"

static goes_store *store;

static inline int
end(void **state)
{
	goes_store_close(store);
	return 0;
}

/* open_anew has a new store take the place of the test's. */
static inline void
open_anew(const char *table)
{
	goes_store_close(store);
	store = open_with_one_connection(table);
}

/* begin_tx begins a transaction on it. */
static inline goes_tx *
begin_tx(void)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return tx;
}

#define OWN_STORE(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
