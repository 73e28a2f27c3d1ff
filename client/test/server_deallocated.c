/*
 * server_deallocated.c
 *    A store goes on when the prepared statements of its connections are gone.
 */
#include "calls.h"

/*
 * only_connection returns the store's only connection, which the test keeps although it gave it back: as
 * a pooler does, it runs statements on the server's session that the pool knows nothing of.
 */
static PGconn *
only_connection(goes_store *store)
{
	goes_error *error = NULL;
	PGconn	   *connection;

	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	goes_pool_release(goes_store_pool(store), connection);
	return connection;
}

/*
 * prepared_names returns the names of the prepared statements on a connection, separated by commas, to
 * be freed.
 */
static char *
prepared_names(PGconn *connection)
{
	PGresult *result =
		PQexec(connection, "SELECT string_agg(name, ',') FROM pg_prepared_statements");
	char *names;

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	names = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return names;
}

/*
 * A connection whose statements were gone once sends texts from then on: behind a pooler they would be
 * gone again.
 */
static void
expect_call_goes_on_after(const char *statement, int (*call)(goes_store *, goes_error **))
{
	goes_store *store = open_with_one_connection("deallocated");
	goes_error *error = NULL;
	PGconn	   *connection;
	char	   *names;

	assert_ok(goes_store_connect(store, NULL, &error));
	connection = only_connection(store);
	assert_ok(call(store, &error));
	PQclear(PQexec(connection, statement));
	assert_ok(call(store, &error));
	assert_ok(call(store, &error));
	names = prepared_names(connection);
	assert_string_equal(names, "");
	free(names);
	goes_store_close(store);
}

static void
test_prepared_statements_may_be_deallocated(void **state)
{
	goes_store *store = open_with_one_connection("deallocated");

	store_one(store);
	goes_store_close(store);
	for (size_t i = 0; i < CALLS; i++)
	{
		expect_call_goes_on_after("DEALLOCATE ALL", calls[i]);
		expect_call_goes_on_after("DISCARD ALL", calls[i]);
	}
}

static void
test_a_transaction_without_its_prepared_statements_says_what_to_do(void **state)
{
	goes_store *store = open_with_one_connection("deallocated_in_transaction");
	goes_error *error = NULL;
	PGconn	   *connection;

	assert_ok(goes_store_connect(store, NULL, &error));
	connection = only_connection(store);
	store_one(store);
	PQclear(PQexec(connection, "DEALLOCATE ALL"));
	expect_error(call_transaction(store, &error), &error, GOES_ERR_SERVER,
				 "no_prepared_statements");
	assert_ok(call_transaction(store, &error));
	goes_store_close(store);
}

/*
 * Behind a pooler two connections may meet in one session of the server, and must not run each
 * other's statements.
 */
static void
test_prepared_statements_of_two_connections_differ_in_their_names(void **state)
{
	goes_store *stores[] = {open_with_one_connection("named"), open_with_one_connection("named")};
	char	   *names[2];

	for (int i = 0; i < 2; i++)
	{
		goes_error *error = NULL;
		PGconn	   *connection;

		assert_ok(goes_store_connect(stores[i], NULL, &error));
		connection = only_connection(stores[i]);
		store_one(stores[i]);
		names[i] = prepared_names(connection);
	}
	assert_true(strncmp(names[0], "goes_", strlen("goes_")) == 0);
	assert_null(strchr(names[0], ','));
	assert_string_not_equal(names[0], names[1]);
	for (int i = 0; i < 2; i++)
	{
		free(names[i]);
		goes_store_close(stores[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepared_statements_may_be_deallocated),
		cmocka_unit_test(test_a_transaction_without_its_prepared_statements_says_what_to_do),
		cmocka_unit_test(test_prepared_statements_of_two_connections_differ_in_their_names),
	};

	return RUN_TESTS(tests);
}
