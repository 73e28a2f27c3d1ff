/*
 * server_reset_failed.c
 *    A connection that cannot be made as new is closed, within the deadline of whoever waits for it.
 */
#include "lending.h"

/*
 * shown_anew asks a new session about a setting; the answer is to be freed.
 */
static char *
shown_anew(const char *setting)
{
	PGconn *connection = admin_connection("postgres");
	char	statement[64];
	char   *shown;

	snprintf(statement, sizeof statement, "SHOW %s", setting);
	shown = run_on(connection, statement);
	PQfinish(connection);
	return shown;
}

/*
 * change_server changes a default of the server, and waits until it has told its processes: that is
 * so when new sessions have it.
 */
static void
change_server(const char *change, const char *setting)
{
	int64_t begun = milliseconds();
	char   *before = shown_anew(setting);
	char   *after = strdup(before);

	admin_do("postgres", "ALTER SYSTEM %s", change);
	admin_do("postgres", "SELECT pg_reload_conf()");
	while (strcmp(after, before) == 0)
	{
		assert_true(is_within(begun, 10000));
		free(after);
		after = shown_anew(setting);
	}
	free(before);
	free(after);
}

static PGconn *blocking;

/*
 * A temporary table that somebody else has locked cannot be dropped.
 */
static void
leave_locked_table(PGconn *connection)
{
	char *schema;
	char  statement[256];

	do_on(connection, "CREATE TEMPORARY TABLE locked ()");
	schema = run_on(connection, "SELECT relnamespace::regnamespace FROM pg_class WHERE oid = "
								"'locked'::regclass");
	snprintf(statement, sizeof statement, "BEGIN; LOCK TABLE %s.locked", schema);
	free(schema);
	do_on(blocking, statement);
}

static void
test_a_reset_has_a_deadline(void **state)
{
	goes_store	*store = open_lending(NULL);
	goes_context context = {.size = sizeof context,
							.timeout_ms = 200}; /* less than a reset may take */
	goes_error	*error = NULL;
	goes_uuid	 id;
	goes_event	*found;
	int64_t		 begun;

	blocking = admin_connection(TEST_DATABASE);
	lend(store, 0, leave_locked_table);
	goes_uuid_v7(&id);
	begun = milliseconds();
	expect_error(goes_find(store, &id, &found, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_true(milliseconds() - begun >= context.timeout_ms);
	assert_true(is_within(begun, 1200));
	assert_ok(insert_one(store, "after", NULL, &error));

	/* without a timeout another connection is made as soon as it takes too long */
	lend(store, 0, leave_locked_table);
	assert_ok(insert_one(store, "after", NULL, &error));
	PQfinish(blocking);
	goes_store_close(store);
}

static void
test_a_reset_that_fails_closes_the_connection(void **state)
{
	goes_store *store = open_lending(NULL);
	goes_error *error = NULL;
	PGconn	   *connection = take(goes_store_pool(store));
	int			backend = PQbackendPID(connection);

	blocking = admin_connection(TEST_DATABASE);
	leave_locked_table(connection);
	change_server("SET lock_timeout = '50ms'", "lock_timeout");
	goes_pool_release(goes_store_pool(store), connection);
	assert_ok(insert_one(store, "after", NULL, &error));
	assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	change_server("RESET lock_timeout", "lock_timeout");
	PQfinish(blocking);

	backend = ask_number(goes_store_pool(store), BACKEND);
	admin_do(TEST_DATABASE, "SELECT pg_terminate_backend(%d, 10000)", backend);
	assert_ok(insert_one(store, "after", NULL, &error));
	assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	goes_store_close(store);
}

/*
 * A pooler's session may have other defaults than what the connection asked for. Here the server's own
 * are changed, in place of the pooler.
 */
static void
test_a_connection_that_comes_back_with_other_settings_is_closed(void **state)
{
	goes_store *store = open_lending(NULL);
	int			backend = ask_number(goes_store_pool(store), BACKEND);

	change_server("SET TimeZone = 'Asia/Tokyo'", "TimeZone");
	statement_left = "SELECT 1";
	lend(store, 0, leave_statement);
	assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	change_server("RESET TimeZone", "TimeZone");
	goes_store_close(store);
}

/*
 * Behind a pooler that gives every transaction another session, that would be somebody else's.
 */
static void
test_behind_a_pooler_of_transactions_it_is_closed(void **state)
{
	goes_store_options options = options_of("events");
	goes_store		  *store;
	goes_error		  *error = NULL;
	int				   backend;

	options.max_connections = 1;
	options.no_prepared_statements = true;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	for (size_t way = 0; way < LENDERS; way++)
	{
		if (lenders[way] == lend_by_hook)
			continue;
		backend = ask_number(goes_store_pool(store), BACKEND);
		assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
		lend(store, way, leave_tenant);
		assert_ok(insert_one(store, "after", NULL, &error));
		assert_int_equal(count_rows("tenant.events"), 0);
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reset_has_a_deadline),
		cmocka_unit_test(test_a_reset_that_fails_closes_the_connection),
		cmocka_unit_test(test_a_connection_that_comes_back_with_other_settings_is_closed),
		cmocka_unit_test(test_behind_a_pooler_of_transactions_it_is_closed),
	};

	return RUN_GROUP(tests, make_schemas, NULL);
}
