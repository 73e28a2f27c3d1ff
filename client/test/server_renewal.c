/*
 * server_renewal.c
 *    A store goes on when the extension was made anew in another schema, though its connections
 *    remember the old one. What a store says if the extension is gone, or too old.
 */
#include "calls.h"

#define MOVED_DATABASE "goes_moved"

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
	admin_do(MOVED_DATABASE, "DROP EXTENSION goes_store CASCADE");
	create_extension();
}

/*
 * open_moving opens a store in the database whose extension moves, with one connection and its event.
 */
static goes_store *
open_moving(const char *table, bool no_prepared_statements)
{
	goes_store_options options = options_of(table);
	goes_store		  *store;

	options.database = MOVED_DATABASE;
	options.max_connections = 1;
	options.no_prepared_statements = no_prepared_statements;
	store = open_with(&options);
	store_one(store);
	return store;
}

/*
 * expect_calls_go_on makes each call on a connection that knows the extension as it was.
 */
static void
expect_calls_go_on(bool no_prepared_statements)
{
	goes_error *error = NULL;
	goes_store *store =
		open_moving(no_prepared_statements ? "plain" : "prepared", no_prepared_statements);

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
 * A transaction fails for good, but the next one works.
 */
static void
test_a_transaction_fails_once_when_the_extension_moves(void **state)
{
	goes_error *error = NULL;
	goes_store *store = open_moving("in_transaction", false);

	assert_ok(call_transaction(store, &error));
	move_extension();
	assert_true(call_transaction(store, NULL) < 0);
	assert_ok(call_transaction(store, &error));
	goes_store_close(store);
}

static void
test_without_the_extension_the_error_says_what_to_do(void **state)
{
	goes_error *error = NULL;
	goes_store *store = open_moving("without", false);

	for (size_t i = 0; i < CALLS; i++)
	{
		assert_ok(calls[i](store, &error));
		admin_do(MOVED_DATABASE, "DROP EXTENSION goes_store CASCADE");
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
	goes_error				*error = NULL;
	goes_store				*store = open_with_one_connection("too_old");

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

static void
test_an_extension_that_lacks_the_pages_of_a_feed_is_too_old(void **state)
{
	goes_error *error = NULL;
	goes_feed  *feed;
	goes_store *store = open_with_one_connection("too_old");

	admin_do(TEST_DATABASE, "SELECT goes_alter_store('too_old', feed => true); "
							"ALTER FUNCTION goes_feed_page RENAME TO hidden");
	expect_error(goes_feed_open(store, NULL, &feed, &error), &error, GOES_ERR_EXTENSION,
				 "too old: run ALTER EXTENSION");
	admin_do(TEST_DATABASE, "ALTER FUNCTION hidden RENAME TO goes_feed_page");
	assert_ok(goes_feed_open(store, NULL, &feed, &error));
	goes_feed_close(feed);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_extension_may_move_under_prepared_statements),
		cmocka_unit_test(test_the_extension_may_move_without_prepared_statements),
		cmocka_unit_test(test_a_transaction_fails_once_when_the_extension_moves),
		cmocka_unit_test(test_without_the_extension_the_error_says_what_to_do),
		cmocka_unit_test(test_an_extension_that_lacks_a_function_is_too_old),
		cmocka_unit_test(test_an_extension_that_lacks_the_pages_of_a_feed_is_too_old),
	};

	return RUN_TESTS(tests);
}
