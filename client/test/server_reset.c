/*
 * server_reset.c
 *    What a program leaves behind in the session of a connection that it was given is gone when the
 *    connection serves again.
 */
#include "lending.h"

/* What a statement leaves behind, and what shows it. */
static const struct
{
	const char *statement;
	const char *shown_by;
} leftovers[] = {
	{"SET search_path = tenant", "SHOW search_path"},
	{"SELECT set_config('reset.own', 'left', false)",
	 "SELECT coalesce(current_setting('reset.own', true), '')"},
	{"SET ROLE " OTHER_ROLE, "SELECT current_user"},
	{"SET SESSION AUTHORIZATION " OTHER_ROLE, "SELECT session_user"},
	{"SET default_transaction_read_only = on", "SHOW default_transaction_read_only"},
	{"SET default_transaction_isolation = serializable", "SHOW default_transaction_isolation"},
	{"SET statement_timeout = '10s'", "SHOW statement_timeout"},
	{"SET row_security = off", "SHOW row_security"},
	{"SET TimeZone = 'Asia/Tokyo'", "SHOW TimeZone"},
	{"SET DateStyle = 'German'", "SHOW DateStyle"},
	{"SET bytea_output = escape", "SHOW bytea_output"},
	{"SET extra_float_digits = 0", "SHOW extra_float_digits"},
	{"SET application_name = 'left'", "SHOW application_name"},
	{"CREATE TEMPORARY TABLE left_behind ()", "SELECT to_regclass('left_behind') IS NOT NULL"},
	{"CREATE TEMPORARY TABLE events ()", "SELECT 'events'::regclass = 'public.events'::regclass"},
	{"LISTEN left_behind", "SELECT count(*) FROM pg_listening_channels()"},
	{"SELECT pg_advisory_lock(4711)",
	 "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"},
	{"DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors"},
	{"PREPARE left_behind AS SELECT 1",
	 "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'"},
};

static void
test_nothing_stays_in_the_session(void **state)
{
	for (size_t way = 0; way < LENDERS; way++)
	{
		goes_store *store = open_lending(NULL);
		goes_pool  *pool = goes_store_pool(store);
		int			backend = ask_number(pool, BACKEND);

		for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
		{
			char *before = ask_pool(pool, leftovers[i].shown_by);
			char *after;

			statement_left = leftovers[i].statement;
			lend(store, way, leave_statement);
			after = ask_pool(pool, leftovers[i].shown_by);
			if (strcmp(before, after) != 0)
				fail_msg("way %zu, %s: %s, and then %s", way, leftovers[i].statement, before,
						 after);
			free(before);
			free(after);
		}
		assert_int_equal(ask_number(pool, BACKEND), backend); /* it was the same all the time */
		goes_store_close(store);
	}
}

/*
 * Stores may share a pool: what one of them leaves behind is none of the other's.
 */
static void
test_events_are_stored_where_the_store_has_them(void **state)
{
	goes_error *error = NULL;
	goes_pool  *shared = pool_of(1, 0, 0);
	goes_store *lending = open_lending(shared);
	goes_store *own = open_lending(NULL);
	goes_store *other = open_lending(shared);

	admin_do(TEST_DATABASE, "TRUNCATE public.events");
	for (size_t way = 0; way < LENDERS; way++)
	{
		lend(lending, way, leave_tenant);
		assert_ok(insert_one(other, "other", NULL, &error));
		lend(own, way, leave_tenant);
		assert_ok(insert_one(own, "own", NULL, &error));
		assert_int_equal(count_rows("tenant.events"), 0);
		assert_int_equal(count_rows("events WHERE name IN ('own', 'other')"), 2 * ((int) way + 1));
	}
	goes_store_close(lending);
	goes_store_close(own);
	goes_store_close(other);
	goes_pool_free(shared);
}

/*
 * Others need not wait until somebody takes the connection.
 */
static void
test_a_lock_is_gone_when_the_connection_is_given_back(void **state)
{
	goes_store *store = open_lending(NULL);

	for (size_t way = 0; way < LENDERS; way++)
	{
		PGconn *other = admin_connection(TEST_DATABASE);

		statement_left = "SELECT pg_advisory_lock(4712)";
		lend(store, way, leave_statement);
		do_on(other, "SET lock_timeout = '10s'");
		do_on(other, "SELECT pg_advisory_lock(4712)");
		PQfinish(other);
	}
	goes_store_close(store);
}

/* ---- At no cost for what was not lent */

static void
expect_last_statement(int backend, const char *part)
{
	int64_t begun = milliseconds();
	char   *text = NULL;

	while (text == NULL || strstr(text, part) == NULL)
	{
		if (!is_within(begun, 1000))
			fail_msg("%s, not %s", text, part);
		free(text);
		text = admin("postgres", "SELECT query FROM pg_stat_activity WHERE pid = %d", backend);
	}
	free(text);
}

static void
test_what_was_not_lent_is_not_reset(void **state)
{
	goes_store *store = open_lending(NULL);
	int			backend = ask_number(goes_store_pool(store), BACKEND);
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(insert_one(store, "hooked", NULL, &error));
	expect_last_statement(backend, "COMMIT");
	assert_ok(goes_model_use(store, "public.models", "id", "0", keep_model, NULL, NULL, &error));
	expect_last_statement(backend, "COMMIT");
	assert_int_equal(count_events(store) > 0, 1);
	expect_last_statement(backend, "goes_count");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_ok(insert_one(goes_tx_store(tx), "own", NULL, &error));
	goes_tx_rollback(tx);
	expect_last_statement(backend, "ROLLBACK");

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_non_null(goes_tx_conn(tx));
	goes_tx_rollback(tx);
	expect_last_statement(backend, "RESET ROLE");
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_stays_in_the_session),
		cmocka_unit_test(test_events_are_stored_where_the_store_has_them),
		cmocka_unit_test(test_a_lock_is_gone_when_the_connection_is_given_back),
		cmocka_unit_test(test_what_was_not_lent_is_not_reset),
	};

	return RUN_GROUP(tests, make_schemas, NULL);
}
