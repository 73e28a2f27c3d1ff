/*
 * server_reset.c
 *    What a program leaves behind on a connection that it was given is gone when it serves again.
 */
#include "lending.h"

#define OTHER_ROLE "reset_other"

static int
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
static goes_store *
open_lending(goes_pool *pool)
{
	goes_store_options options = options_of("events");
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.max_connections = 1;
	options.pool = pool;
	store = open_with(&options);
	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, use_in_hook, NULL), GOES_OK);
	assert_ok(goes_store_connect(store, NULL, &error));
	return store;
}

/* ---- On the server */

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

static const char *statement_left;

static void
leave_statement(PGconn *connection)
{
	do_on(connection, statement_left);
}

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

static void
leave_tenant(PGconn *connection)
{
	do_on(connection, "SET search_path = tenant");
}

static int
count_of(const char *table)
{
	char *text = admin(TEST_DATABASE, "SELECT count(*) FROM %s", table);
	int	  count = atoi(text);

	free(text);
	return count;
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
		assert_int_equal(count_of("tenant.events"), 0);
		assert_int_equal(count_of("events WHERE name IN ('own', 'other')"), 2 * ((int) way + 1));
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

/* ---- What a connection began with */

static void
test_the_settings_of_the_connection_string_stay(void **state)
{
	static const char *const changes[] = {"SET search_path = public", "RESET ROLE",
										  "SET TimeZone = 'Asia/Tokyo'",
										  "SET application_name = 'left'"};
	static const char *const shown_by[] = {"SHOW search_path", "SELECT current_user",
										   "SHOW TimeZone", "SHOW application_name"};
	static const char *const expected[] = {"tenant", OTHER_ROLE, "Europe/Vienna", "begun"};
	char					 url[1024];
	goes_pool_options		 options = {.size = sizeof options, .url = url, .max_connections = 1};
	goes_pool				*pool = NULL;
	goes_error				*error = NULL;
	int						 backend;

	snprintf(url, sizeof url,
			 "%s dbname=" TEST_DATABASE " application_name=begun search_path=tenant "
			 "options='-c role=" OTHER_ROLE " -c TimeZone=Europe/Vienna'",
			 server_url());
	assert_ok(goes_pool_new(&pool, &options, &error));
	backend = ask_number(pool, BACKEND);
	for (int i = 0; i < 4; i++)
	{
		char *now;

		free(ask_pool(pool, changes[i]));
		now = ask_pool(pool, shown_by[i]);
		assert_string_equal(now, expected[i]);
		free(now);
	}
	assert_int_equal(ask_number(pool, BACKEND), backend);
	goes_pool_free(pool);
}

static int
set_up_by_program(PGconn *connection, void *user)
{
	(*(int *) user)++;
	do_on(connection, "SET search_path = tenant");
	do_on(connection, "PREPARE own AS SELECT 'own'");
	return 0;
}

static void
test_on_connect_runs_again(void **state)
{
	char			  url[1024];
	int				  runs = 0;
	goes_pool_options options = {.size = sizeof options,
								 .url = url,
								 .max_connections = 1,
								 .on_connect = set_up_by_program,
								 .user = &runs};
	goes_pool		 *pool = NULL;
	goes_error		 *error = NULL;

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	assert_ok(goes_pool_new(&pool, &options, &error));
	free(ask_pool(pool, "SET search_path = public"));
	free(ask_pool(pool, "DEALLOCATE own"));
	free(ask_pool(pool, "EXECUTE own"));
	assert_int_equal(runs, 3);
	for (int i = 0; i < 2; i++)
	{
		char *path = ask_pool(pool, "SHOW search_path");

		assert_string_equal(path, "tenant");
		free(path);
	}
	goes_pool_free(pool);
}

static int
leave_as_told(PGconn *connection, void *user)
{
	const char *const *told = user;

	if (*told == NULL)
		return PQenterPipelineMode(connection) != 1;
	do_on(connection, *told);
	return 0;
}

/*
 * In a transaction that on_connect has left open, nothing would be stored, and nobody told.
 */
static void
test_on_connect_has_to_leave_it_fit_for_calls(void **state)
{
	const char		 *told = "BEGIN";
	char			  url[1024];
	goes_pool_options options = {.size = sizeof options,
								 .url = url,
								 .max_connections = 1,
								 .on_connect = leave_as_told,
								 .user = &told};
	goes_pool		 *pool = NULL;
	goes_error		 *error = NULL;
	PGconn			 *connection;

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	assert_ok(goes_pool_new(&pool, &options, &error));
	expect_error(goes_pool_acquire(pool, &connection, NULL, &error), &error, GOES_ERR_STATE,
				 "transaction");
	told = NULL;
	expect_error(goes_pool_acquire(pool, &connection, NULL, &error), &error, GOES_ERR_STATE,
				 "pipeline");
	told = "SET client_encoding = LATIN1";
	expect_error(goes_pool_acquire(pool, &connection, NULL, &error), &error, GOES_ERR_STATE,
				 "client_encoding");
	told = "SET search_path = tenant";
	goes_pool_release(pool, take(pool));
	told = "BEGIN"; /* it is heeded when the connection is made as new, too */
	expect_error(goes_pool_acquire(pool, &connection, NULL, &error), &error, GOES_ERR_STATE,
				 "transaction");
	goes_pool_free(pool);
}

/* ---- In libpq */

static FILE *trace;
static int	 notices;

static void
count_notice(void *argument, const char *message)
{
	notices++;
}

static void
count_received(void *argument, const PGresult *result)
{
	notices++;
}

static void
leave_in_libpq(PGconn *connection)
{
	PQtrace(connection, trace);
	(void) PQsetNoticeProcessor(connection, count_notice, NULL);
	(void) PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
	(void) PQsetErrorContextVisibility(connection, PQSHOW_CONTEXT_ALWAYS);
	assert_int_equal(PQsetnonblocking(connection, 1), 0);
}

static void
leave_receiver(PGconn *connection)
{
	(void) PQsetNoticeReceiver(connection, count_received, NULL);
}

static void
give_notice(PGconn *connection)
{
	do_on(connection, "DO $$BEGIN RAISE WARNING 'noticed'; END$$");
}

static void
listen_to_oneself(PGconn *connection)
{
	do_on(connection, "LISTEN left_behind");
	do_on(connection, "NOTIFY left_behind");
}

static void
expect_fresh(PGconn *connection)
{
	assert_null(PQnotifies(connection));
	assert_int_equal(PQisnonblocking(connection), 0);
	assert_int_equal(PQpipelineStatus(connection), PQ_PIPELINE_OFF);
	assert_int_equal(PQsetErrorVerbosity(connection, PQERRORS_DEFAULT), PQERRORS_DEFAULT);
	assert_int_equal(PQsetErrorContextVisibility(connection, PQSHOW_CONTEXT_ERRORS),
					 PQSHOW_CONTEXT_ERRORS);
	assert_string_equal(pg_encoding_to_char(PQclientEncoding(connection)), "UTF8");
	give_notice(connection);
}

static void
test_nothing_stays_in_libpq(void **state)
{
	static const Use leaving[] = {leave_in_libpq, leave_receiver, listen_to_oneself};

	trace = tmpfile();
	for (size_t way = 0; way < LENDERS; way++)
	{
		goes_store *store = open_lending(NULL);
		int			backend = ask_number(goes_store_pool(store), BACKEND);

		for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++)
		{
			goes_error *error = NULL;
			long		traced;

			lend(store, way, leaving[i]);
			traced = ftell(trace);
			notices = 0;
			lend(store, 0, expect_fresh);
			assert_ok(insert_one(store, "silent", NULL, &error));
			assert_int_equal(notices, 0);
			assert_int_equal(ftell(trace), traced);
		}
		assert_int_equal(ask_number(goes_store_pool(store), BACKEND), backend);
		goes_store_close(store);
	}
	fclose(trace);
}

/*
 * A processor of notices works while the connection is the program's.
 */
static void
take_notice(PGconn *connection)
{
	(void) PQsetNoticeProcessor(connection, count_notice, NULL);
	give_notice(connection);
}

static void
test_a_program_may_have_a_processor_of_notices(void **state)
{
	goes_store *store = open_lending(NULL);

	for (size_t way = 0; way < LENDERS; way++)
	{
		notices = 0;
		lend(store, way, leave_receiver);
		lend(store, way, take_notice);
		assert_int_equal(notices, 1);
	}
	goes_store_close(store);
}

static void
change_encoding(PGconn *connection)
{
	assert_int_equal(PQsetClientEncoding(connection, "LATIN1"), 0);
}

static void
test_libpq_has_its_encoding_back(void **state)
{
	goes_error *error = NULL;
	goes_store *store = open_lending(NULL);
	goes_event	event = event_of("gr\xc3\xbc\xc3\x9f", "{}");

	for (size_t way = 0; way < LENDERS; way++)
	{
		if (lenders[way] == lend_by_model || lenders[way] == lend_by_hook)
			continue; /* libgoes refuses to go on in the transaction */
		lend(store, way, change_encoding);
		goes_uuid_v7(&event.id);
		assert_ok(goes_insert(store, &event, 1, NULL, &error));
		assert_int_equal(count_of("events WHERE name = U&'gr\\00FC\\00DF'"), 1);
		admin_do(TEST_DATABASE, "TRUNCATE events");
		lend(store, 0, expect_fresh);
	}
	goes_store_close(store);
}

/* What makes a connection unfit: it is closed, and the next one is another. */
static void
leave_pipeline(PGconn *connection)
{
	assert_int_equal(PQenterPipelineMode(connection), 1);
}

static void
leave_single_rows(PGconn *connection)
{
	assert_int_equal(PQsendQuery(connection, "SELECT generate_series(1, 10)"), 1);
	assert_int_equal(PQsetSingleRowMode(connection), 1);
	PQclear(PQgetResult(connection));
}

static void
leave_transaction(PGconn *connection)
{
	do_on(connection, "BEGIN");
}

static void
leave_copy(PGconn *connection)
{
	PQclear(PQexec(connection, "COPY events FROM STDIN"));
}

static void
test_a_connection_in_the_midst_of_something_is_closed(void **state)
{
	static const Use leaving[] = {leave_pipeline, leave_single_rows, leave_transaction, leave_copy};
	goes_store		*store = open_lending(NULL);

	for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++)
	{
		int backend = ask_number(goes_store_pool(store), BACKEND);

		lend(store, 0, leaving[i]);
		lend(store, 0, expect_fresh);
		assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	}
	goes_store_close(store);
}

/* ---- When the reset does not succeed */

/*
 * change_server changes a default of the server, and waits a moment for its processes to hear of it.
 */
static void
change_server(const char *change)
{
	admin_do("postgres", "ALTER SYSTEM %s", change);
	admin_do("postgres", "SELECT pg_reload_conf()");
	usleep(200 * 1000);
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
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(200)};
	goes_error	*error = NULL;
	goes_uuid	 id;
	goes_event	*found;
	int64_t		 begun;

	blocking = admin_connection(TEST_DATABASE);
	lend(store, 0, leave_locked_table);
	goes_uuid_v7(&id);
	begun = milliseconds();
	expect_error(goes_find(store, &id, &found, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_in_range(milliseconds() - begun, context.timeout_ms, paced_ms(1200));
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
	change_server("SET lock_timeout = '50ms'");
	goes_pool_release(goes_store_pool(store), connection);
	assert_ok(insert_one(store, "after", NULL, &error));
	assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	change_server("RESET lock_timeout");
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

	change_server("SET TimeZone = 'Asia/Tokyo'");
	statement_left = "SELECT 1";
	lend(store, 0, leave_statement);
	assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	change_server("RESET TimeZone");
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
		assert_int_equal(count_of("tenant.events"), 0);
	}
	goes_store_close(store);
}

/* ---- At no cost for what was not lent */

static void
expect_last_statement(int backend, const char *part)
{
	char *text = admin("postgres", "SELECT query FROM pg_stat_activity WHERE pid = %d", backend);

	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("%s, not %s", text, part);
	free(text);
}

static int
keep_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return GOES_OK;
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
	usleep(100 * 1000);
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
		cmocka_unit_test(test_the_settings_of_the_connection_string_stay),
		cmocka_unit_test(test_on_connect_runs_again),
		cmocka_unit_test(test_on_connect_has_to_leave_it_fit_for_calls),
		cmocka_unit_test(test_nothing_stays_in_libpq),
		cmocka_unit_test(test_a_program_may_have_a_processor_of_notices),
		cmocka_unit_test(test_libpq_has_its_encoding_back),
		cmocka_unit_test(test_a_connection_in_the_midst_of_something_is_closed),
		cmocka_unit_test(test_a_reset_has_a_deadline),
		cmocka_unit_test(test_a_reset_that_fails_closes_the_connection),
		cmocka_unit_test(test_a_connection_that_comes_back_with_other_settings_is_closed),
		cmocka_unit_test(test_behind_a_pooler_of_transactions_it_is_closed),
		cmocka_unit_test(test_what_was_not_lent_is_not_reset),
	};

	return RUN_GROUP(tests, make_schemas, NULL);
}
