/*
 * own_store.h
 *    A store for each test of a program, which OWN_STORE(test) opens and closes. OWN_TABLE, defined
 *    beforehand, is its table; a program that needs more than that has a begin of its own.
 */
#ifndef GOES_TEST_OWN_STORE_H
#define GOES_TEST_OWN_STORE_H

#include "events.h"

static goes_store *store;

#ifdef OWN_TABLE
static inline int
begin(void **state)
{
	store = open_with_one_connection(OWN_TABLE);
	return 0;
}
#endif

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
