/*
 * server_search_path.c
 *    No statement of libgoes runs what stands before pg_catalog in search_path: neither operators
 *    nor functions, types or relations.
 */
#include "calls.h"
#include "lost.h"
#include "tables.h"

#define DATABASE "goes_search_path"
#define EVENTS "public.events"

/* Traps named like everything that PostgreSQL and the extension have. One that is run leaves its trace. */
static const char traps[] =
	"CREATE SCHEMA hostile;"
	"CREATE SEQUENCE hostile.evidence;"
	"CREATE FUNCTION hostile.caught(what text) RETURNS boolean LANGUAGE plpgsql AS "
	"'BEGIN PERFORM pg_catalog.nextval(''hostile.evidence''::pg_catalog.regclass);"
	" RAISE EXCEPTION ''hijacked: %'', what; END';"
	"CREATE FUNCTION public.attempt(command text) RETURNS void LANGUAGE plpgsql AS "
	"'BEGIN EXECUTE command; EXCEPTION WHEN OTHERS THEN NULL; END';"
	"CREATE FUNCTION public.trap(name text, arguments text, result text) RETURNS void LANGUAGE sql "
	"RETURN public.attempt(format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS "
	"%L',"
	" name, arguments, result, format('BEGIN PERFORM hostile.caught(%L); END', name)));"
	"SELECT public.trap('operator_' || oid, concat_ws(', ', nullif(oprleft, 0)::regtype,"
	" oprright::regtype), oprresult::regtype::text) "
	"FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace;"
	"SELECT public.attempt(format('CREATE OPERATOR hostile.%s (%s RIGHTARG = %s, "
	"FUNCTION = hostile.operator_%s)', oprname, 'LEFTARG = ' || nullif(oprleft, 0)::regtype || ',',"
	" oprright::regtype, oid)) "
	"FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace;"
	"SELECT public.trap(proname, oidvectortypes(proargtypes),"
	" CASE WHEN proretset THEN 'SETOF ' ELSE '' END || prorettype::regtype) "
	"FROM pg_proc WHERE pronamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace);"
	"SELECT public.attempt(format('CREATE VIEW hostile.%I AS SELECT hostile.caught(%L)',"
	" relname, relname)) "
	"FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v');"
	"SELECT public.attempt(format('CREATE DOMAIN hostile.%I AS pg_catalog.%I "
	"CHECK (hostile.caught(%L))', typname, typname, typname)) "
	"FROM pg_type "
	"WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typelem = "
	"0;";

#define HOSTILE "%s options='-csearch_path=hostile,pg_catalog,public'"

static void
expect_result(PGconn *connection, const char *text, ExecStatusType expected)
{
	PGresult *result = PQexec(connection, text);

	if (PQresultStatus(result) != expected)
		fail_msg("%s: %s", text, PQresultErrorMessage(result));
	PQclear(result);
}

/*
 * expect_hijacked makes sure that a statement that names no schema would be caught.
 */
static void
expect_hijacked(PGconn *connection, const char *text)
{
	PGresult *result = PQexec(connection, text);

	assert_non_null(strstr(PQresultErrorMessage(result), "hijacked"));
	PQclear(result);
}

static goes_store *
open_hostile_at(const char *url, bool no_create)
{
	goes_store_options options = options_of(EVENTS);
	char			   hostile_url[2048];

	snprintf(hostile_url, sizeof hostile_url, HOSTILE, url);
	options.url = hostile_url;
	options.database = DATABASE;
	options.no_create = no_create;
	return open_with(&options);
}

static goes_store *
open_hostile(bool no_create)
{
	return open_hostile_at(server_url(), no_create);
}

/*
 * set_traps makes a database with the extension, and the traps in it.
 */
static int
set_traps(void **state)
{
	goes_store_options options = options_of(EVENTS);
	goes_error		  *error = NULL;
	PGconn			  *connection;

	options.database = DATABASE;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	goes_store_close(store);
	connection = admin_connection(DATABASE);
	expect_result(connection, "SET client_min_messages = warning", PGRES_COMMAND_OK);
	expect_result(connection, traps, PGRES_TUPLES_OK);
	expect_result(connection, "SET search_path = hostile, pg_catalog, public", PGRES_COMMAND_OK);
	expect_hijacked(connection, "SELECT 1 = 1");
	expect_hijacked(connection, "SELECT pg_catalog.now() + '1 s'");
	expect_hijacked(connection, "SELECT 'a'::text");
	expect_hijacked(connection, "SELECT upper('a')");
	expect_hijacked(connection, "SELECT FROM pg_class");
	expect_hijacked(connection, "SELECT goes_now()");
	expect_result(connection, "SELECT pg_catalog.setval('hostile.evidence', 1, false)",
				  PGRES_TUPLES_OK);
	PQfinish(connection);
	return new_order(state);
}

static int
remove_traps(void **state)
{
	admin_do("postgres", "DROP DATABASE " DATABASE " WITH (FORCE)");
	return 0;
}

static void
expect_no_evidence(void)
{
	char *is_called = admin(DATABASE, "SELECT is_called FROM hostile.evidence");

	assert_string_equal(is_called, "f");
	free(is_called);
}

/*
 * make_every_call makes each call on a store, its own or a transaction's.
 */
static void
make_every_call(goes_store *used)
{
	goes_error	  *error = NULL;
	goes_snapshot *snapshot = NULL;
	goes_cursor	  *cursor = NULL;

	for (size_t i = 0; i < USES; i++)
	{
		const char *table =
			strcmp(uses[i].table, "models") == 0 ? "public.models" : "public.snapshots";
		int status = uses[i].use(used, table, &error);

		if (status != GOES_ERR_NOT_FOUND)
			assert_ok(status);
		goes_error_free(error);
		error = NULL;
	}
	assert_ok(goes_snapshot_version(used, "public.snapshots", "order", &order, 1, &snapshot, NULL,
									&error));
	goes_snapshot_free(snapshot);
	assert_ok(
		goes_snapshot_limit(used, "public.snapshots", "order", &order, 5, &snapshot, NULL, &error));
	goes_snapshot_free(snapshot);
	assert_ok(
		goes_load(used, "public.snapshots", "order", &order, &snapshot, &cursor, NULL, &error));
	assert_int_equal(read_to_end(cursor), 0);
	goes_cursor_close(cursor);
	goes_snapshot_free(snapshot);
}

static void
test_no_statement_is_hijacked(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	store = open_hostile(false);
	store_one(store);
	for (size_t i = 0; i < CALLS; i++)
		assert_ok(calls[i](store, &error));
	make_every_call(store);
	assert_ok(call_transaction(store, &error));
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	for (size_t i = 0; i < CALLS; i++)
	{
		if (calls[i] != call_insert_that_conflicts)
			assert_ok(calls[i](goes_tx_store(tx), &error));
	}
	make_every_call(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_store_close(store);
	expect_no_evidence();
}

/*
 * The server's answer about its indexes tells a taken id from a taken version; nothing is created
 * where that is forbidden.
 */
static void
test_refusals_are_found_out_about(void **state)
{
	goes_error *error = NULL;
	goes_event	event;

	store = open_hostile(true);
	store_one(store);
	event = stored;
	event.aggregate_version = 2;
	expect_error(goes_insert(store, &event, 1, NULL, &error), &error, GOES_ERR_DUPLICATE, "");
	assert_ok(call_insert_that_conflicts(store, &error));
	event = event_of("happened", "{}");
	expect_error(goes_append(store, "order", &stored.aggregate_id, &event, 1, 0, NULL, &error),
				 &error, GOES_ERR_CONFLICT, "");
	goes_store_close(store);
	expect_no_evidence();
}

/*
 * Missing and mended: the database has no table yet, then one without its indexes.
 */
static void
test_setting_up_is_not_hijacked(void **state)
{
	goes_error *error = NULL;

	admin_do(DATABASE, "DROP TABLE public.events");
	store = open_hostile(true);
	expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_SCHEMA, "events");
	goes_store_close(store);
	store = open_hostile(false);
	assert_ok(goes_store_connect(store, NULL, &error));
	goes_store_close(store);
	admin_do(DATABASE, "DROP INDEX public.goes_name");
	store = open_hostile(false);
	assert_ok(goes_store_connect(store, NULL, &error));
	goes_store_close(store);
	expect_no_evidence();
}

static int
call_insert_of_several(goes_store *used, goes_error **err)
{
	goes_event events[2] = {event_of("first", "{}"), event_of("second", "{}")};

	return goes_insert(used, events, 2, NULL, err);
}

/*
 * The statements that find out what became of an insert, an append or a commit are run as well: the
 * connection breaks at every place.
 */
static void
test_lost_connections_are_followed_up(void **state)
{
	int (*const writes[])(goes_store *, goes_error **) = {call_insert_of_several, call_append,
														  call_transaction};

	(void) start_proxy(state);
	store = open_hostile_at(proxy_url(proxy), false);
	store_one(store);
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
	{
		Plan plan = PLACES_FROM_THE_FIRST;

		for (bool is_more = true; is_more; is_more = next_place(&plan))
		{
			goes_error *error = NULL;
			int			status;

			leave_in_peace();
			assert_ok(call_find(store, &error));
			proxy_plan(proxy, &plan, 1);
			status = writes[i](store, &error);
			if (status != GOES_OK && strstr(goes_error_message(error), "hijacked") != NULL)
				fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_error_message(error));
			goes_error_free(error);
		}
	}
	leave_in_peace();
	goes_store_close(store);
	expect_no_evidence();
	(void) stop_proxy(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_statement_is_hijacked),
		cmocka_unit_test(test_refusals_are_found_out_about),
		cmocka_unit_test(test_lost_connections_are_followed_up),
		cmocka_unit_test(test_setting_up_is_not_hijacked),
	};

	return RUN_GROUP(tests, set_traps, remove_traps);
}
