/*
 * lending.h
 *    The ways in which a program is given a store's connection, and leaves something behind on it.
 */
#ifndef GOES_TEST_LENDING_H
#define GOES_TEST_LENDING_H

#include "events.h"
#include "server_pool.h"

typedef void (*Use)(PGconn *connection);

static Use use_of_lent; /* what the program does with the connection */

/*
 * run_on runs a statement and returns the first value of its result, to be freed; NULL: it has none.
 */
static inline char *
run_on(PGconn *connection, const char *statement)
{
	PGresult *result = PQexec(connection, statement);
	char	 *value = NULL;

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", statement, PQerrorMessage(connection));
	if (PQntuples(result) > 0)
		value = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

#define do_on(connection, statement) free(run_on(connection, statement))

static inline void
lend_by_acquire(goes_store *store)
{
	PGconn *connection = take(goes_store_pool(store));

	use_of_lent(connection);
	goes_pool_release(goes_store_pool(store), connection);
}

static inline void
lend_by_commit(goes_store *store)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	use_of_lent(goes_tx_conn(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
}

static inline void
lend_by_rollback(goes_store *store)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	use_of_lent(goes_tx_conn(tx));
	goes_tx_rollback(tx);
}

static inline int
use_in_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	use_of_lent(goes_tx_conn(tx));
	return GOES_OK;
}

static inline void
lend_by_model(goes_store *store)
{
	goes_error *error = NULL;

	assert_ok(goes_model_use(store, "public.models", "id", "0", use_in_model, NULL, NULL, &error));
}

static inline int
use_in_hook(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	if (use_of_lent != NULL)
		use_of_lent(goes_tx_conn(tx));
	return GOES_OK;
}

/*
 * lend_by_hook needs a store with use_in_hook.
 */
static inline void
lend_by_hook(goes_store *store)
{
	goes_error *error = NULL;

	assert_ok(insert_one(store, "hooked", NULL, &error));
}

static void (*const lenders[])(goes_store *) = {lend_by_acquire, lend_by_commit, lend_by_rollback,
												lend_by_model, lend_by_hook};

#define LENDERS (sizeof lenders / sizeof *lenders)

/*
 * lend has the program use the connection, in one of the ways.
 */
static inline void
lend(goes_store *store, size_t way, Use use)
{
	use_of_lent = use;
	lenders[way](store);
	use_of_lent = NULL;
}

/*
 * ask_pool asks something on a connection of a pool; the answer is to be freed.
 */
static inline char *
ask_pool(goes_pool *pool, const char *statement)
{
	PGconn *connection = take(pool);
	char   *value = run_on(connection, statement);

	goes_pool_release(pool, connection);
	return value;
}

static inline int
ask_number(goes_pool *pool, const char *statement)
{
	char *value = ask_pool(pool, statement);
	int	  number = atoi(value);

	free(value);
	return number;
}

#define BACKEND "SELECT pg_backend_pid()"

/* ---- A store that lends its connection, and what it is lent for */

#define OTHER_ROLE "reset_other"

static inline int
make_schemas(void **state)
{
	make_database(state);
	admin_do(TEST_DATABASE, "CREATE SCHEMA tenant; CREATE TABLE tenant.events (LIKE public.events "
							"INCLUDING ALL); CREATE ROLE " OTHER_ROLE);
	admin_do(TEST_DATABASE, "SELECT goes_create_model_store('public.models')");
	return 0;
}

/*
 * open_lending opens a store with one connection and a hook that the program's use of it goes by.
 */
static inline goes_store *
open_lending(goes_pool *pool)
{
	goes_store_options options = options_of("events");
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.max_connections = 1;
	options.connect_timeout_ms = 5000; /* a reset may take as long */
	options.pool = pool;
	store = open_with(&options);
	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, use_in_hook, NULL), GOES_OK);
	assert_ok(goes_store_connect(store, NULL, &error));
	return store;
}

static const char *statement_left; /* what leave_statement runs */

static inline void
leave_statement(PGconn *connection)
{
	do_on(connection, statement_left);
}

static inline void
leave_tenant(PGconn *connection)
{
	do_on(connection, "SET search_path = tenant");
}

#endif
