/*
 * own_tx.h
 *    A transaction for each test of a program, which OWN_TX(test) begins.
 */
#ifndef GOES_TEST_OWN_TX_H
#define GOES_TEST_OWN_TX_H

#define OWN_TABLE "events"

#include "own_store.h"

static goes_tx *tx; /* the test's own; a test that ends it sets it to NULL */

static inline int
begin_with_tx(void **state)
{
	goes_error *error = NULL;

	begin(state);
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "TRUNCATE events");
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; DROP TABLE IF EXISTS own; CREATE "
							"TABLE own (text text CHECK (text <> 'bad'))");
	tx = begin_tx();
	return 0;
}

static inline int
end_with_tx(void **state)
{
	goes_tx_rollback(tx);
	tx = NULL;
	return end(state);
}

static inline void
insert(goes_event *event)
{
	goes_error *error = NULL;

	assert_ok(goes_insert(goes_tx_store(tx), event, 1, NULL, &error));
}

static inline void
commit(void)
{
	goes_error *error = NULL;
	goes_tx	   *ended = tx;

	tx = NULL;
	assert_ok(goes_tx_commit(ended, NULL, &error));
}

/*
 * expect_commit_refused commits a transaction that has nothing to commit any more.
 */
static inline void
expect_commit_refused(void)
{
	goes_error *error = NULL;
	goes_tx	   *ended = tx;

	tx = NULL;
	expect_error(goes_tx_commit(ended, NULL, &error), &error, GOES_ERR_STATE, "");
}

/*
 * run_own runs a statement of the program's own in the transaction and tells whether it succeeded.
 */
static inline bool
run_own(const char *statement)
{
	PGresult *result = PQexec(goes_tx_conn(tx), statement);
	bool	  is_ok =
		PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return is_ok;
}

#define OWN_TX(test) cmocka_unit_test_setup_teardown(test, begin_with_tx, end_with_tx)

#endif
