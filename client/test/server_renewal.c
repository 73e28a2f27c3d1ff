/*
 * server_renewal.c
 *    A store goes on when what its connections remember of the server is true no more: prepared
 *    statements that are gone, and an extension that was made anew in another schema.
 */
#include "events.h"

#define MOVED_DATABASE "goes_moved"

static goes_event stored; /* what the calls look for */

static int
call_insert(goes_store *store, goes_error **err)
{
	goes_event event = event_of("happened", "{}");

	return goes_insert(store, &event, 1, NULL, err);
}

static int
call_insert_that_conflicts(goes_store *store, goes_error **err)
{
	goes_event	  event = stored;
	goes_error	 *error = NULL;
	goes_conflict conflict = {.size = sizeof conflict};
	int			  status;

	goes_uuid_v7(&event.id);
	status = goes_insert(store, &event, 1, NULL, &error);
	if (status == GOES_ERR_CONFLICT && goes_error_conflict(error, &conflict) &&
		conflict.current_version == stored.aggregate_version)
	{
		goes_error_free(error);
		return GOES_OK;
	}
	if (err != NULL)
		*err = error;
	else
		goes_error_free(error);
	return status == GOES_OK ? GOES_ERR_STATE : status;
}

static int
call_append(goes_store *store, goes_error **err)
{
	goes_event event = event_of("happened", "{}");

	return goes_append(store, "appended.to", &stored.aggregate_id, &event, 1, GOES_EXPECT_ANY, NULL,
					   err);
}

static int
call_find(goes_store *store, goes_error **err)
{
	goes_event *found = NULL;
	int			status = goes_find(store, &stored.id, &found, NULL, err);

	goes_event_free(found);
	return status;
}

static int
call_delete(goes_store *store, goes_error **err)
{
	goes_uuid id;

	goes_uuid_v7(&id);
	return goes_delete(store, &id, 1, NULL, err);
}

static int
call_count(goes_store *store, goes_error **err)
{
	goes_query *query = goes_query_new();
	int64_t		count = -1;
	int			status;

	goes_query_aggregate(query, stored.aggregate_name, NULL);
	status = goes_count(store, query, &count, NULL, err);
	goes_query_free(query);
	return status == GOES_OK && count != 1 ? GOES_ERR_NOT_FOUND : status;
}

/*
 * call_query expects the one event that is stored.
 */
static int
call_query(goes_store *store, const goes_uuid *id, goes_error **err)
{
	goes_query		 *query = goes_query_new();
	goes_cursor		 *cursor = NULL;
	const goes_event *event;
	int				  status;

	goes_query_aggregate(query, stored.aggregate_name, id);
	status = goes_query_run(store, query, &cursor, NULL, err);
	if (status == GOES_OK)
		status = goes_cursor_next(cursor, &event, err) == GOES_EVENT ? GOES_OK : GOES_ERR_NOT_FOUND;
	if (status == GOES_OK)
		status = goes_cursor_next(cursor, &event, err);
	goes_cursor_close(cursor);
	goes_query_free(query);
	return status;
}

static int
call_small_query(goes_store *store, goes_error **err)
{
	return call_query(store, &stored.aggregate_id, err);
}

static int
call_large_query(goes_store *store, goes_error **err)
{
	return call_query(store, NULL, err);
}

static int
call_transaction(goes_store *store, goes_error **err)
{
	goes_tx *tx;
	int		 status = goes_tx_begin(store, &tx, NULL, err);

	if (status != GOES_OK)
		return status;
	status = call_insert(goes_tx_store(tx), err);
	if (status == GOES_OK)
		return goes_tx_commit(tx, NULL, err);
	goes_tx_rollback(tx);
	return status;
}

static int (*const calls[])(goes_store *, goes_error **) = {
	call_insert, call_insert_that_conflicts, call_find,		   call_delete,
	call_count,	 call_small_query,			 call_large_query, call_append,
};

#define CALLS (sizeof calls / sizeof *calls)

static void
store_one(goes_store *store)
{
	goes_error *error = NULL;
	goes_uuid	id;

	goes_uuid_v7(&id);
	stored = event_of_aggregate("order", &id, 1);
	assert_ok(goes_insert(store, &stored, 1, NULL, &error));
}

/*
 * run_on_connection runs a statement on the store's only connection.
 */
static void
run_on_connection(goes_store *store, const char *statement)
{
	goes_error *error = NULL;
	PGconn	   *connection;

	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	PQclear(PQexec(connection, statement));
	goes_pool_release(goes_store_pool(store), connection);
}

/*
 * prepared_names returns the names of the prepared statements on the store's only connection,
 * separated by commas, to be freed.
 */
static char *
prepared_names(goes_store *store)
{
	goes_error *error = NULL;
	PGconn	   *connection;
	PGresult   *result;
	char	   *names;

	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	result = PQexec(connection, "SELECT string_agg(name, ',') FROM pg_prepared_statements");
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	names = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	goes_pool_release(goes_store_pool(store), connection);
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
	char	   *names;

	assert_ok(call(store, &error));
	run_on_connection(store, statement);
	assert_ok(call(store, &error));
	assert_ok(call(store, &error));
	names = prepared_names(store);
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

	store_one(store);
	run_on_connection(store, "DEALLOCATE ALL");
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
		store_one(stores[i]);
		names[i] = prepared_names(stores[i]);
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

/*
 * create_extension makes the extension, in the same schema or in a new one whose name has to be
 * quoted.
 */
static void
create_extension(void)
{
	static int number;

	number++;
	admin_do(
		MOVED_DATABASE,
		"CREATE SCHEMA IF NOT EXISTS \"Moved %d\"; CREATE EXTENSION goes_store SCHEMA \"Moved %d\"",
		number / 2, number / 2);
}

/*
 * move_extension makes the extension anew: its functions and types get new OIDs.
 */
static void
move_extension(void)
{
	admin_do(MOVED_DATABASE, "DROP EXTENSION goes_store");
	create_extension();
}

/*
 * expect_calls_go_on makes each call on a connection that knows the extension as it was.
 */
static void
expect_calls_go_on(bool no_prepared_statements)
{
	goes_store_options options = options_of(no_prepared_statements ? "plain" : "prepared");
	goes_error		  *error = NULL;
	goes_store		  *store;

	options.database = MOVED_DATABASE;
	options.max_connections = 1;
	options.no_prepared_statements = no_prepared_statements;
	store = open_with(&options);
	store_one(store);
	for (size_t i = 0; i < CALLS; i++)
	{
		for (size_t j = 0; j < CALLS; j++)
			assert_ok(calls[j](store, &error));
		move_extension();
		assert_ok(calls[i](store, &error));
		assert_ok(calls[i](store, &error));
	}
	assert_ok(call_transaction(store, &error));
	goes_store_close(store);
}

static void
test_the_extension_may_move_under_prepared_statements(void **state)
{
	expect_calls_go_on(false);
}

static void
test_the_extension_may_move_without_prepared_statements(void **state)
{
	expect_calls_go_on(true);
}

/*
 * In a transaction nothing can be made good, but the next one works.
 */
static void
test_a_transaction_fails_once_when_the_extension_moves(void **state)
{
	goes_store_options options = options_of("in_transaction");
	goes_error		  *error = NULL;
	goes_store		  *store;

	options.database = MOVED_DATABASE;
	options.max_connections = 1;
	store = open_with(&options);
	store_one(store);
	assert_ok(call_transaction(store, &error));
	move_extension();
	assert_true(call_transaction(store, NULL) < 0);
	assert_ok(call_transaction(store, &error));
	goes_store_close(store);
}

static void
test_without_the_extension_the_error_says_what_to_do(void **state)
{
	goes_store_options options = options_of("without");
	goes_error		  *error = NULL;
	goes_store		  *store;

	options.database = MOVED_DATABASE;
	options.max_connections = 1;
	store = open_with(&options);
	store_one(store);
	for (size_t i = 0; i < CALLS; i++)
	{
		assert_ok(calls[i](store, &error));
		admin_do(MOVED_DATABASE, "DROP EXTENSION goes_store");
		expect_error(calls[i](store, &error), &error, GOES_ERR_EXTENSION, "CREATE EXTENSION");
		expect_error(calls[i](store, &error), &error, GOES_ERR_EXTENSION, "CREATE EXTENSION");
		create_extension();
	}
	goes_store_close(store);
}

/*
 * An older extension lacks functions: here one that the store cannot do without.
 */
static void
test_an_extension_that_lacks_a_function_is_too_old(void **state)
{
	static const char *const functions[] = {"goes_insert_batch", "goes_query", "goes_query_cursor",
											"goes_append"};
	static const int		 users[] = {0, 5, 6, 7};
	goes_store_options		 options = options_of("too_old");
	goes_error				*error = NULL;
	goes_store				*store;

	options.max_connections = 1;
	store = open_with(&options);
	store_one(store);
	for (int i = 0; i < 4; i++)
	{
		admin_do(TEST_DATABASE, "ALTER FUNCTION %s RENAME TO hidden", functions[i]);
		expect_error(calls[users[i]](store, &error), &error, GOES_ERR_EXTENSION, "too old");
		admin_do(TEST_DATABASE, "ALTER FUNCTION hidden RENAME TO %s", functions[i]);
		assert_ok(calls[users[i]](store, &error));
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepared_statements_may_be_deallocated),
		cmocka_unit_test(test_a_transaction_without_its_prepared_statements_says_what_to_do),
		cmocka_unit_test(test_prepared_statements_of_two_connections_differ_in_their_names),
		cmocka_unit_test(test_the_extension_may_move_under_prepared_statements),
		cmocka_unit_test(test_the_extension_may_move_without_prepared_statements),
		cmocka_unit_test(test_a_transaction_fails_once_when_the_extension_moves),
		cmocka_unit_test(test_without_the_extension_the_error_says_what_to_do),
		cmocka_unit_test(test_an_extension_that_lacks_a_function_is_too_old),
	};

	return RUN_TESTS(tests);
}
