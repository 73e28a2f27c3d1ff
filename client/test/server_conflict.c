/*
 * server_conflict.c
 *    Inserts that conflict: what libgoes finds out when the unique index refused them, and what the
 *    guards of a store say.
 */
#include "appends.h"
#include "events.h"

static goes_store *store;

static int
begin(void **state)
{
	goes_error *error = NULL;

	store = open_with_one_connection("refusing");
	assert_ok(goes_store_connect(store, NULL, &error));
	return 0;
}

static int
end(void **state)
{
	admin_do(
		TEST_DATABASE,
		"SELECT goes_alter_store('refusing', validate_versions => 'off', append_only => false)");
	goes_store_close(store);
	return 0;
}

static void
set_guard(const char *arguments)
{
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('refusing', %s)", arguments);
}

/*
 * expect_refused inserts and expects a conflict with these details.
 */
static void
expect_refused(goes_store *into, const goes_event *events, size_t n, const Details *details)
{
	goes_error *error = NULL;

	expect_conflict(goes_insert(into, events, n, NULL, &error), &error, details);
}

/*
 * expect_unknown inserts and expects a conflict of which no details are known.
 */
static void
expect_unknown(goes_store *into, const goes_event *events, size_t n)
{
	goes_conflict conflict = {.size = sizeof conflict};
	goes_error	 *error = NULL;

	assert_int_equal(goes_insert(into, events, n, NULL, &error), GOES_ERR_CONFLICT);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	assert_int_equal(goes_error_event_index(error), -1);
	assert_false(goes_error_conflict(error, &conflict));
	goes_error_free(error);
}

/* ---- The unique index ---- */

static void
test_a_taken_version_is_found_out(void **state)
{
	goes_uuid  id = new_id();
	Details	   details = {"23505", "order", id, 5, 3, 0};
	goes_event event = event_of_aggregate("order", &id, 3);

	append_new(store, &id, 5);
	expect_refused(store, &event, 1, &details);
}

/*
 * The first one of a batch whose version is taken is named, whatever else is in it.
 */
static void
test_the_event_of_a_batch_is_found_out(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[6];
	Details	   details = {"23505", "order", id, 5, 5, 4};

	append_new(store, &id, 5);
	append_new(store, &other, 2);
	events[0] = event_of("without.aggregate", "{}");
	events[1] = event_of_aggregate("order", &id, 6);
	events[2] = event_of_aggregate("invoice", &id, 1);
	events[3] = event_of_aggregate("order", &other, 3);
	events[4] = event_of_aggregate("order", &id, 5);
	events[5] = event_of_aggregate("order", &other, 1);
	expect_refused(store, events, 6, &details);
	events[4] = event_of_aggregate(NULL, &id, 5);
	details = (Details){"23505", "order", other, 2, 1, 5};
	expect_refused(store, events, 6, &details);
	events[5] = event_of_aggregate("order", &(goes_uuid){0}, 1);
	assert_int_equal(goes_insert(store, events, 6, NULL, NULL), GOES_OK);
}

static void
test_odd_names_and_versions(void **state)
{
	static const char *const names[] = {"it's \"quoted\" \\", "größer 😀", "{a,b}", "\x01", "NULL"};
	static const int32_t	 versions[] = {INT32_MIN, -1, 0, INT32_MAX, 1};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
	{
		goes_error *error = NULL;
		goes_uuid	id = new_id();
		goes_event	first = event_of_aggregate(names[i], &id, versions[i]);
		goes_event	second = event_of_aggregate(names[i], &id, versions[i]);
		Details		details = {"23505", names[i], id, versions[i], versions[i], 0};

		assert_ok(goes_insert(store, &first, 1, NULL, &error));
		expect_refused(store, &second, 1, &details);
	}
}

/*
 * In a batch that takes a version twice, no other event has it; what all have in common is known.
 */
static void
test_a_conflict_within_a_batch(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[3];
	Details	   details = {"23505", "order", id, -1, -1, -1};
	int64_t	   before = count_events(store);

	for (int i = 0; i < 3; i++)
		events[i] = event_of_aggregate("order", &id, 1 + i % 2);
	expect_refused(store, events, 3, &details);
	events[1] = event_of_aggregate("order", &other, 1);
	expect_unknown(store, events, 3);
	events[1] = event_of("without.aggregate", "{}");
	expect_unknown(store, events, 3);
	assert_int_equal(count_events(store), before);
}

/*
 * expect_in_transaction inserts in a transaction, which is over then.
 */
static void
expect_in_transaction(const goes_event *events, size_t n, const Details *details)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	if (details != NULL)
		expect_refused(goes_tx_store(tx), events, n, details);
	else
		expect_unknown(goes_tx_store(tx), events, n);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
}

static void
test_in_a_transaction_only_what_is_common_is_known(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[2];
	Details	   details = {"23505", "order", id, -1, 2, 0};

	append_new(store, &id, 3);
	events[0] = event_of_aggregate("order", &id, 2);
	expect_in_transaction(events, 1, &details);
	events[1] = event_of_aggregate("order", &id, 4);
	details.version = -1;
	details.index = -1;
	expect_in_transaction(events, 2, &details);
	events[1] = event_of_aggregate("order", &other, 1);
	expect_in_transaction(events, 2, NULL);
	events[1] = event_of_aggregate("invoice", &id, 1);
	expect_in_transaction(events, 2, NULL);
	events[1] = event_of("without.aggregate", "{}");
	expect_in_transaction(events, 2, NULL);
}

static void
test_a_taken_id_has_no_details(void **state)
{
	goes_conflict conflict = {.size = sizeof conflict};
	goes_error	 *error = NULL;
	goes_uuid	  id = new_id();
	goes_event	  event = event_of_aggregate("order", &id, 1);

	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	event.aggregate_version = 2;
	assert_int_equal(goes_insert(store, &event, 1, NULL, &error), GOES_ERR_DUPLICATE);
	assert_false(goes_error_conflict(error, &conflict));
	goes_error_free(error);
}

static void
test_a_conflict_in_a_large_batch_is_found_out_in_time(void **state)
{
	enum
	{
		MANY = 20000
	};
	goes_context context = {.size = sizeof context, .timeout_ms = 10000};
	goes_error	*error = NULL;
	goes_uuid	 id = new_id();
	goes_event	*events = calloc(MANY, sizeof *events);
	Details		 details = {"23505", "order", id, MANY + 7, MANY + 7, MANY - 1};
	goes_event	 last = event_of_aggregate("order", &id, MANY + 7);
	int64_t		 start;

	assert_ok(goes_insert(store, &last, 1, NULL, &error));
	for (int i = 0; i < MANY; i++)
		events[i] = event_of_aggregate("order", &id, i + 8);
	start = milliseconds();
	expect_conflict(goes_insert(store, events, MANY, &context, &error), &error, &details);
	assert_true(milliseconds() - start < 10000);
	free(events);
}

/* ---- Guards ---- */

static void
test_a_sequential_store_refuses_gaps(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[4];
	Details	   details = {"VE001", "order", id, 3, 5, 2};

	append_new(store, &id, 3);
	set_guard("validate_versions => 'sequential'");
	events[0] = event_of("without.aggregate", "{}");
	events[1] = event_of_aggregate("order", &other, 1);
	events[2] = event_of_aggregate("order", &id, 5);
	events[3] = event_of_aggregate("order", &other, 2);
	expect_refused(store, events, 4, &details);
	events[2] = event_of_aggregate("order", &id, 4);
	assert_int_equal(goes_insert(store, events, 4, NULL, NULL), GOES_OK);
	events[0] = event_of_aggregate("order", &other, 9);
	details = (Details){"VE001", "order", other, 2, 9, 0};
	expect_refused(store, events, 1, &details);
	append_new(store, &id, 2); /* appends have no gaps */
}

static void
test_an_increasing_store_refuses_what_is_late(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[2];
	Details	   details = {"VE001", "order", id, 7, 6, 0};

	set_guard("validate_versions => 'increasing'");
	events[0] = event_of_aggregate("order", &id, 7);
	assert_int_equal(goes_insert(store, events, 1, NULL, NULL), GOES_OK);
	events[0] = event_of_aggregate("order", &id, 6);
	expect_refused(store, events, 1, &details);
	events[1] = event_of_aggregate("order", &id, 9);
	expect_refused(store, events, 2, &details);
	events[0] = event_of_aggregate("order", &id, 8);
	assert_int_equal(goes_insert(store, events, 2, NULL, NULL), GOES_OK);
}

/*
 * What the server found out, a transaction need not ask for.
 */
static void
test_a_guards_details_reach_a_transaction(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[2];
	Details	   details = {"VE001", "order", id, 2, 4, 1};

	append_new(store, &id, 2);
	set_guard("validate_versions => 'sequential'");
	events[0] = event_of("without.aggregate", "{}");
	events[1] = event_of_aggregate("order", &id, 4);
	expect_in_transaction(events, 2, &details);
}

static void
test_a_message_tells_people_what_to_do(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	event = event_of_aggregate("order", &id, 2);
	int			status;

	set_guard("validate_versions => 'sequential'");
	status = goes_insert(store, &event, 1, NULL, &error);
	assert_null(strstr(goes_error_message(error), "current_version")); /* that is for programs */
	assert_non_null(strstr(goes_error_message(error), "has no events"));
	expect_error(status, &error, GOES_ERR_CONFLICT, "again");
}

/*
 * trigger_writes has every event that is stored followed by three others, into a table.
 */
static void
trigger_writes(const char *table)
{
	admin_do(TEST_DATABASE,
			 "DROP TRIGGER IF EXISTS echo ON refusing; "
			 "CREATE OR REPLACE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
			 "IF new.name <> 'echo' THEN INSERT INTO %s SELECT gen_random_uuid(), 'echo', 0, "
			 "new.aggregate_id, 'echo', version, 'null' FROM unnest('{1,2,4}'::int[]) AS version; "
			 "END IF; RETURN NULL; END $$; "
			 "CREATE TRIGGER echo AFTER INSERT ON refusing FOR EACH ROW EXECUTE FUNCTION echo()",
			 table);
}

/*
 * expect_refused_elsewhere checks that a write failed for what another store refused, and for nothing
 * that the program could read as being about its own events.
 */
static void
expect_refused_elsewhere(int returned, goes_error **error)
{
	goes_conflict conflict = {.size = sizeof conflict};

	assert_string_equal(goes_error_sqlstate(*error), "VE001");
	assert_int_equal(goes_error_event_index(*error), -1);
	assert_false(goes_error_conflict(*error, &conflict));
	assert_false(goes_error_is_retryable(*error));
	assert_non_null(strstr(goes_error_message(*error), "version conflict"));
	expect_error(returned, error, GOES_ERR_SERVER, "\"elsewhere\"");
}

static void
test_what_another_store_refuses_is_no_conflict_of_this_one(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	event = event_of_aggregate("order", &id, 1);
	goes_event	next = event_of("happened", "{}");
	goes_tx	   *tx;

	admin_do(TEST_DATABASE, "SELECT goes_create_store('elsewhere'), "
							"goes_alter_store('elsewhere', validate_versions => 'sequential')");
	trigger_writes("elsewhere");
	expect_refused_elsewhere(goes_insert(store, &event, 1, NULL, &error), &error);
	expect_refused_elsewhere(goes_append(store, "order", &id, &next, 1, 0, NULL, &error), &error);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_refused_elsewhere(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error), &error);
	goes_tx_rollback(tx);
	admin_do(TEST_DATABASE, "DROP TABLE elsewhere; DROP TRIGGER echo ON refusing");
}

/*
 * In the store's own table it is a conflict, but about none of the program's events.
 */
static void
test_what_a_trigger_stores_is_no_event_of_the_batch(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	events[3] = {event_of_aggregate("order", &id, 1), event_of("happened", "{}"),
							 event_of("happened", "{}")};
	Details		details = {"VE001", "echo", id, 0, 4, -1};

	set_guard("validate_versions => 'sequential'");
	trigger_writes("refusing");
	expect_refused(store, events, 1, &details);
	expect_refused(store, events, 3, &details);
	expect_conflict(goes_append(store, "order", &id, &events[1], 1, 0, NULL, &error), &error,
					&details);
	admin_do(TEST_DATABASE, "DROP TRIGGER echo ON refusing");
}

static void
test_an_append_only_store_deletes_nothing(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	goes_uuid	id = new_id();
	goes_tx	   *tx;

	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	set_guard("append_only => true");
	for (int i = 0; i < 2; i++) /* known or not */
	{
		int status = goes_delete(store, i == 0 ? &event.id : &id, 1, NULL, &error);

		assert_string_equal(goes_error_sqlstate(error), "VE002");
		assert_false(goes_error_is_retryable(error));
		assert_non_null(strstr(goes_error_message(error), "append-only"));
		expect_error(status, &error, GOES_ERR_READ_ONLY, "adding another");
	}
	assert_ok(goes_delete(store, NULL, 0, NULL, &error));
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_error(goes_delete(goes_tx_store(tx), &event.id, 1, NULL, &error), &error,
				 GOES_ERR_READ_ONLY, "append-only");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	assert_true(is_there(store, &event));
	append_new(store, &id, 3); /* what is to be added is */
	set_guard("append_only => false");
	assert_ok(goes_delete(store, &event.id, 1, NULL, &error));
	assert_false(is_there(store, &event));
}

#define conflict_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		conflict_test(test_a_taken_version_is_found_out),
		conflict_test(test_the_event_of_a_batch_is_found_out),
		conflict_test(test_odd_names_and_versions),
		conflict_test(test_a_conflict_within_a_batch),
		conflict_test(test_in_a_transaction_only_what_is_common_is_known),
		conflict_test(test_a_taken_id_has_no_details),
		conflict_test(test_a_conflict_in_a_large_batch_is_found_out_in_time),
		conflict_test(test_a_sequential_store_refuses_gaps),
		conflict_test(test_an_increasing_store_refuses_what_is_late),
		conflict_test(test_a_guards_details_reach_a_transaction),
		conflict_test(test_a_message_tells_people_what_to_do),
		conflict_test(test_what_another_store_refuses_is_no_conflict_of_this_one),
		conflict_test(test_what_a_trigger_stores_is_no_event_of_the_batch),
		conflict_test(test_an_append_only_store_deletes_nothing),
	};

	return RUN_TESTS(tests);
}
