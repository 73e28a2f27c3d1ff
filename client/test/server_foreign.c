/*
 * server_foreign.c
 *    Errors that are not about the request: an error in a trigger is GOES_ERR_SERVER with all that
 *    the server said, whatever its SQLSTATE means elsewhere. Errors about our functions, our tables
 *    or the caller's events keep their status beside such a trigger, whatever the server is told to
 *    log.
 */
#include "appends.h"
#include "own_store.h"

/* What a trigger does, and what is to be found in the message. */
typedef struct Fault
{
	const char *action; /* in PL/pgSQL */
	const char *sqlstate;
	const char *text;
} Fault;

#define RAISE(sqlstate)                                                                   \
	{                                                                                     \
		"RAISE 'not like this' USING ERRCODE = '" sqlstate "'", sqlstate, "not like this" \
	}

static const Fault faults[] = {
	{"PERFORM missing_function()", "42883", "function missing_function() does not exist"},
	{"PERFORM FROM missing_table", "42P01", "relation \"missing_table\" does not exist"},
	{"PERFORM missing_schema.missing()", "3F000", "missing_schema"},
	{"PERFORM NULL::missing_type", "42704", "type \"missing_type\" does not exist"},
	{"EXECUTE 'EXECUTE missing_statement'", "26000", "missing_statement"},
	{"PERFORM 'seven'::integer", "22P02", "seven"},
	{"PERFORM '{'::jsonb", "22P02", "json"},
	{"PERFORM 1 / 0", "22012", "division by zero"},
	{"INSERT INTO short VALUES ('longer')", "22001", "character varying(3)"},
	{"INSERT INTO short VALUES ('one'), ('one')", "23505", "short"},
	{"PERFORM goes_append('', NULL, '{}')", "22023", "aggregate_name"},
	{"PERFORM goes_count(store => 'missing_store')", "42P01", "missing_store"},
	{"PERFORM goes_insert_batch('{}', store => 'short')", "VE004", "short"},
	RAISE("22023"),
	RAISE("54000"),
	RAISE("42602"),
	RAISE("42622"),
	RAISE("08006"),
	RAISE("28000"),
	RAISE("53300"),
	RAISE("57P01"),
	RAISE("25P03"),
	RAISE("VE001"),
	RAISE("VE002"),
	RAISE("VE003"),
	RAISE("VE004"),
	RAISE("XX000"),
};

#define FAULTS (sizeof faults / sizeof *faults)

static int
begin(void **state)
{
	goes_error *error = NULL;

	store = open_with_one_connection("audited");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE,
			 "SET client_min_messages = warning; TRUNCATE audited; "
			 "DROP TABLE IF EXISTS short; CREATE TABLE short (text varchar(3) PRIMARY KEY); "
			 "CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS "
			 "'BEGIN RETURN coalesce(new, old); END'; "
			 "CREATE OR REPLACE TRIGGER audit BEFORE INSERT OR DELETE ON audited "
			 "FOR EACH ROW EXECUTE FUNCTION audit()");
	return 0;
}

/*
 * trigger_does has every event that is stored or deleted followed by something.
 */
static void
trigger_does(const char *action)
{
	admin_do(TEST_DATABASE,
			 "CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS "
			 "$audit$ BEGIN %s; RETURN coalesce(new, old); END $audit$",
			 action);
}

/*
 * expect_foreign checks that a call failed for what a trigger ran into, and tells all of it.
 */
static void
expect_foreign(const Fault *fault, int returned, goes_error **error)
{
	if (returned != GOES_ERR_SERVER)
		fail_msg("%s: %s: %s", fault->action, goes_status_text(returned),
				 goes_error_message(*error));
	assert_string_equal(goes_error_sqlstate(*error), fault->sqlstate);
	assert_int_equal(goes_error_event_index(*error), -1);
	assert_false(goes_error_is_retryable(*error));
	assert_non_null(strstr(goes_error_message(*error), "\nCONTEXT: "));
	assert_non_null(strstr(goes_error_message(*error), "PL/pgSQL function audit() line 1"));
	expect_error(returned, error, GOES_ERR_SERVER, fault->text);
}

/*
 * expect_writes_fail writes in every way.
 */
static void
expect_writes_fail(const Fault *fault)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	events[] = {event_of("happened", "{}"), event_of("happened", "{}")};
	goes_tx	   *tx;

	expect_foreign(fault, goes_insert(store, events, 2, NULL, &error), &error);
	expect_foreign(fault, goes_append(store, "order", &id, events, 1, 0, NULL, &error), &error);
	expect_foreign(fault, goes_append(store, "order", &id, events, 2, 0, NULL, &error), &error);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_foreign(fault, goes_insert(goes_tx_store(tx), events, 2, NULL, &error), &error);
	goes_tx_rollback(tx);
}

static void
test_what_a_trigger_runs_into_is_its_own(void **state)
{
	for (size_t i = 0; i < FAULTS; i++)
	{
		goes_error *error = NULL;
		goes_event	event = event_of("happened", "{}");

		trigger_does("NULL");
		store_events(store, &event, 1);
		trigger_does(faults[i].action);
		expect_writes_fail(&faults[i]);
		expect_foreign(&faults[i], goes_delete(store, &event.id, 1, NULL, &error), &error);
		assert_int_equal(count_events(store), i + 1);
	}
}

static void
test_triggers_on_snapshots_and_models(void **state)
{
	goes_uuid	  id = new_id();
	goes_snapshot snapshot = {
		.aggregate_id = id, .aggregate_name = "order", .aggregate_version = 1};

	admin_do(TEST_DATABASE, "SELECT goes_create_snapshot_store(), goes_create_model_store(); "
							"CREATE OR REPLACE TRIGGER audit BEFORE INSERT ON snapshots "
							"FOR EACH ROW EXECUTE FUNCTION audit(); "
							"CREATE OR REPLACE TRIGGER audit BEFORE INSERT ON models "
							"FOR EACH ROW EXECUTE FUNCTION audit()");
	for (size_t i = 0; i < FAULTS; i++)
	{
		goes_error *error = NULL;

		trigger_does(faults[i].action);
		expect_foreign(&faults[i], goes_snapshot_save(store, NULL, &snapshot, NULL, &error),
					   &error);
		expect_foreign(&faults[i], goes_model_save(store, NULL, "shop", "{}", NULL, &error),
					   &error);
	}
	admin_do(TEST_DATABASE, "DROP TABLE snapshots, models");
}

/*
 * If a trigger lacks a privilege, that is a missing privilege, too, and the context says where.
 */
static void
test_a_privilege_that_a_trigger_lacks(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	trigger_does("SET LOCAL ROLE pg_monitor; INSERT INTO short VALUES ('one')");
	expect_error(goes_insert(store, &event, 1, NULL, &error), &error, GOES_ERR_PERMISSION,
				 "PL/pgSQL function audit()");
}

/*
 * If the server of a foreign table cannot be reached, that is no lost connection of ours, and
 * libgoes does not try again.
 */
static void
test_a_trigger_runs_once(void **state)
{
	static const Fault lost = {"PERFORM nextval('runs'); RAISE 'gone' USING ERRCODE = '08006'",
							   "08006", "gone"};
	static const Fault missing = {"PERFORM nextval('runs'), missing_function()", "42883",
								  "missing_function"};
	char			  *runs;

	admin_do(TEST_DATABASE, "CREATE SEQUENCE runs");
	trigger_does(lost.action);
	expect_writes_fail(&lost);
	trigger_does(missing.action);
	expect_writes_fail(&missing);
	runs = admin(TEST_DATABASE, "SELECT last_value FROM runs");
	assert_string_equal(runs, "4"); /* the server misses the other function before anything runs */
	free(runs);
	admin_do(TEST_DATABASE, "DROP SEQUENCE runs");
}

/*
 * expect_own_errors checks errors that are about our functions, our tables and the caller's events.
 */
static void
expect_own_errors(void)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	events[] = {event_of("good", "{}"), event_of("bad", "{\"half\": $1 = '")};
	goes_tx	   *tx;

	expect_insert_refused(store, events, 2, GOES_ERR_INVALID, 1, "is not JSON");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_insert_refused(goes_tx_store(tx), events, 2, GOES_ERR_INVALID, -1, "json");
	goes_tx_rollback(tx);
	expect_error(goes_model_save(store, NULL, "shop", "{\"half\": ", NULL, &error), &error,
				 GOES_ERR_INVALID, "json");
	expect_error(goes_append(store, "order", &id, events, 1, 7, NULL, &error), &error,
				 GOES_ERR_CONFLICT, "has no events");
	store_events(store, events, 1);
	expect_insert_refused(store, events, 1, GOES_ERR_DUPLICATE, 0, "already exists");
	admin_do(TEST_DATABASE, "ALTER TABLE audited RENAME TO hidden");
	expect_insert_refused(store, events, 1, GOES_ERR_SCHEMA, -1, "\"audited\" does not exist");
	admin_do(TEST_DATABASE, "ALTER TABLE hidden RENAME TO audited; "
							"ALTER FUNCTION goes_append RENAME TO gone");
	expect_error(goes_append(store, "order", &id, events, 1, 0, NULL, &error), &error,
				 GOES_ERR_EXTENSION, "ALTER EXTENSION goes_store UPDATE");
	admin_do(TEST_DATABASE, "ALTER FUNCTION gone RENAME TO goes_append");
	admin_do(TEST_DATABASE, "UPDATE pg_proc SET prosrc = 'newer' WHERE proname = 'goes_append'");
	expect_error(goes_append(store, "order", &id, events, 1, 0, NULL, &error), &error,
				 GOES_ERR_EXTENSION, "install the new package on the server");
	admin_do(TEST_DATABASE, "UPDATE pg_proc SET prosrc = proname WHERE proname = 'goes_append'");
}

/*
 * With log_parameter_max_length_on_error every error has a context, and the parameters in it.
 */
static void
test_what_is_our_own_stays_so(void **state)
{
	static const char *const settings[] = {"", "-c log_parameter_max_length_on_error=-1",
										   "-c log_parameter_max_length_on_error=20"};
	goes_store_options		 options = options_of("audited");
	char					 url[1024];

	options.max_connections = 1;
	options.url = url;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
	{
		snprintf(url, sizeof url, "%s options='%s'", server_url(), settings[i]);
		goes_store_close(store);
		store = open_with(&options);
		trigger_does("NULL");
		expect_own_errors();
		trigger_does(faults[0].action);
		expect_writes_fail(&faults[0]);
	}
}

/*
 * What ends the session while a trigger runs is about the connection.
 */
static void
test_a_session_that_ends_in_a_trigger_is_a_lost_connection(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	trigger_does("PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10)");
	assert_int_equal(
		goes_insert(store, &event, 1,
					&(goes_context){.size = sizeof(goes_context), .timeout_ms = paced_ms(1000)},
					&error),
		GOES_ERR_IN_DOUBT);
	goes_error_free(error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_what_a_trigger_runs_into_is_its_own),
		OWN_STORE(test_triggers_on_snapshots_and_models),
		OWN_STORE(test_a_privilege_that_a_trigger_lacks),
		OWN_STORE(test_a_trigger_runs_once),
		OWN_STORE(test_what_is_our_own_stays_so),
		OWN_STORE(test_a_session_that_ends_in_a_trigger_is_a_lost_connection),
	};

	return RUN_TESTS(tests);
}
