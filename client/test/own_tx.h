/*
 * own_tx.h
 *    A transaction for each test of a program, which OWN_TX(test) begins.
 */
#ifndef GOES_TEST_OWN_TX_H
#define GOES_TEST_OWN_TX_H

#include "events.h"

static goes_store *store;
static goes_tx	  *tx; /* the test's own; a test that ends it sets it to NULL */

static inline int
begin(void **state)
{
	goes_error *error = NULL;

	store = open_with_one_connection("events");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "TRUNCATE events");
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; DROP TABLE IF EXISTS own; CREATE "
							"TABLE own (text text CHECK (text <> 'bad'))");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return 0;
}

static inline int
end(void **state)
{
	goes_tx_rollback(tx);
	tx = NULL;
	goes_store_close(store);
	return 0;
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
 * run runs a statement of the program's own in the transaction and tells whether it succeeded.
 */
static inline bool
run(const char *statement)
{
	PGresult *result = PQexec(goes_tx_conn(tx), statement);
	bool	  is_ok =
		PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return is_ok;
}

static inline int
count_from_outside(const char *table)
{
	char *text = admin(TEST_DATABASE, "SELECT count(*) FROM %s", table);
	int	  count = atoi(text);

	free(text);
	return count;
}

#define OWN_TX(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
