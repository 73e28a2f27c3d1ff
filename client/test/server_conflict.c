/*
 * server_conflict.c
 *    Inserts that conflict: what libgoes finds out when the unique index refused them, and what the
 *    guards of a store say.
 */
#include "appends.h"
#include "own_store.h"

/*
 * Another test may have left the store with guards.
 */
static int
begin(void **state)
{
	goes_error *error = NULL;

	store = open_with_one_connection("refusing");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(
		TEST_DATABASE,
		"SELECT goes_alter_store('refusing', validate_versions => 'off', append_only => false)");
	return 0;
}

static void
set_guard(const char *arguments)
{
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('refusing', %s)", arguments);
}

/*
 * expect_insert_conflict inserts and expects a conflict with these details.
 */
static void
expect_insert_conflict(const goes_event *events, size_t n, const Details *details)
{
	goes_error *error = NULL;

	expect_conflict(goes_insert(store, events, n, NULL, &error), &error, details);
}

/* ---- Batches, and what becomes of them ---- */

/*
 * Each row is a test. In its texts "a5" is version 5 of an order and "b5" that of another one; "i5" is
 * an invoice with the first one's id, "u5" has that id and no name, "n5" is an order without an id, and
 * "-" belongs to nothing.
 */
typedef struct Row
{
	const char *test;
	const char *guard; /* validate_versions */
	const char *stored;
	const char *batch;
	const char *outcome;
} Row;

static const Row rows[] = {
	{"a_taken_version", "off", "a3 a5", "a3", "23505: event 0 is a3, newest 5"},
	{"the_first_that_is_taken", "off", "a5 b1 b2", "- a6 i1 b3 a5 b1",
	 "23505: event 4 is a5, newest 5"},
	{"the_only_one_that_is_taken", "off", "a5 b1 b2", "- a6 i1 b3 u5 b1",
	 "23505: event 5 is b1, newest 2"},
	{"none_is_taken", "off", "a5 b1 b2", "- a6 i1 b3 u5 n1", "stored"},

	/* no stored event has the version; what all events of the batch have in common is known */
	{"twice_in_a_batch", "off", "", "a1 a2 a1", "23505: event -1 is a-1, newest -1"},
	{"twice_beside_another_aggregate", "off", "", "a1 b1 a1", "23505"},
	{"twice_beside_an_event_of_none", "off", "", "a1 - a1", "23505"},

	{"a_gap", "sequential", "a1 a2 a3", "- b1 a5 b2", "VE001: event 2 is a5, newest 3"},
	{"no_gap", "sequential", "a1 a2 a3", "- b1 a4 b2", "stored"},
	{"a_gap_after_another", "sequential", "a1 b1 a2 b2", "b9", "VE001: event 0 is b9, newest 2"},
	{"the_first_with_a_gap_before_it", "increasing", "", "a7", "stored"},
	{"a_late_one", "increasing", "a7", "a6", "VE001: event 0 is a6, newest 7"},
	{"a_late_one_and_the_next", "increasing", "a7", "a6 a9", "VE001: event 0 is a6, newest 7"},
	{"no_late_one", "increasing", "a7", "a8 a9", "stored"},
};

/*
 * In a transaction nobody can be asked after the failure; what a guard found out is known.
 */
static const Row rows_in_tx[] = {
	{"one_event_in_a_tx", "off", "a2 a3", "a2", "23505: event 0 is a2, newest -1"},
	{"two_versions_in_a_tx", "off", "a2 a3", "a2 a4", "23505: event -1 is a-1, newest -1"},
	{"two_ids_in_a_tx", "off", "a2 a3", "a2 b1", "23505"},
	{"two_names_in_a_tx", "off", "a2 a3", "a2 i1", "23505"},
	{"one_without_aggregate_in_a_tx", "off", "a2 a3", "a2 -", "23505"},
	{"a_gap_in_a_tx", "sequential", "a1 a2", "- a4", "VE001: event 1 is a4, newest 2"},
};

static goes_uuid id_a;
static goes_uuid id_b;

/*
 * read_event makes the event that a word stands for.
 */
static goes_event
read_event(const char *word)
{
	static const goes_uuid nil;
	int32_t				   version = atoi(word + 1);

	switch (word[0])
	{
		case 'a':
			return event_of_aggregate("order", &id_a, version);
		case 'b':
			return event_of_aggregate("order", &id_b, version);
		case 'i':
			return event_of_aggregate("invoice", &id_a, version);
		case 'u':
			return event_of_aggregate(NULL, &id_a, version);
		case 'n':
			return event_of_aggregate("order", &nil, version);
		default:
			return event_of("without.aggregate", "{}");
	}
}

/*
 * read_events makes the events of a text, at most `most`, and returns how many there are.
 */
static size_t
read_events(const char *text, goes_event *events, size_t most)
{
	size_t n = 0;

	while (*text != '\0')
	{
		assert_true(n < most);
		events[n++] = read_event(text);
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return n;
}

/*
 * expect_outcome compares what a failed insert says with a row's text, and frees the error.
 */
static void
expect_outcome(int status, goes_error **error, const char *outcome)
{
	goes_conflict conflict = {.size = sizeof conflict};
	char		  text[64];
	size_t		  length;

	if (status != GOES_ERR_CONFLICT)
		fail_msg("%s: %s", goes_status_text(status), goes_error_message(*error));
	assert_true(goes_error_is_retryable(*error));
	length = (size_t) snprintf(text, sizeof text, "%s", goes_error_sqlstate(*error));
	if (goes_error_conflict(*error, &conflict))
	{
		bool is_a = memcmp(&conflict.aggregate_id, &id_a, sizeof id_a) == 0;

		assert_string_equal(conflict.aggregate_name, "order");
		assert_memory_equal(&conflict.aggregate_id, is_a ? &id_a : &id_b, sizeof id_a);
		snprintf(text + length, sizeof text - length, ": event %lld is %c%d, newest %d",
				 (long long) goes_error_event_index(*error), is_a ? 'a' : 'b',
				 conflict.event_version, conflict.current_version);
	}
	else
		assert_int_equal(goes_error_event_index(*error), -1);
	assert_string_equal(text, outcome);
	goes_error_free(*error);
	*error = NULL;
}

/*
 * make_batch prepares the store for a row, and makes the events that are to be inserted.
 */
static size_t
make_batch(const Row *row, goes_event *events, size_t most)
{
	size_t n;

	id_a = new_id();
	id_b = new_id();
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('refusing', validate_versions => '%s')",
			 row->guard);
	n = read_events(row->stored, events, most);
	store_events(store, events, n);
	return read_events(row->batch, events, most);
}

static void
try_batch(void **state)
{
	const Row  *row = *state;
	goes_event	events[6];
	size_t		n = make_batch(row, events, 6);
	goes_error *error = NULL;
	int64_t		before = count_events(store);
	int			status = goes_insert(store, events, n, NULL, &error);

	if (strcmp(row->outcome, "stored") == 0)
		assert_ok(status);
	else
		expect_outcome(status, &error, row->outcome);
	assert_int_equal(count_events(store) - before, status == GOES_OK ? n : 0);
}

static void
try_batch_in_tx(void **state)
{
	const Row  *row = *state;
	goes_event	events[6];
	size_t		n = make_batch(row, events, 6);
	goes_error *error = NULL;
	int64_t		before = count_events(store);
	goes_tx	   *tx = begin_tx();

	expect_outcome(goes_insert(goes_tx_store(tx), events, n, NULL, &error), &error, row->outcome);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	assert_int_equal(count_events(store), before);
}

/* ---- The unique index ---- */

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
		expect_insert_conflict(&second, 1, &details);
	}
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
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(10000)};
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
	assert_true(is_within(start, 10000));
	free(events);
}

/* ---- Guards ---- */

static void
test_appends_have_no_gaps(void **state)
{
	goes_uuid id = new_id();

	set_guard("validate_versions => 'sequential'");
	append_new(store, &id, 3);
	append_new(store, &id, 2);
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
	expect_insert_conflict(events, 1, &details);
	expect_insert_conflict(events, 3, &details);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_odd_names_and_versions),
		OWN_STORE(test_a_taken_id_has_no_details),
		OWN_STORE(test_a_conflict_in_a_large_batch_is_found_out_in_time),
		OWN_STORE(test_appends_have_no_gaps),
		OWN_STORE(test_a_message_tells_people_what_to_do),
		OWN_STORE(test_what_another_store_refuses_is_no_conflict_of_this_one),
		OWN_STORE(test_what_a_trigger_stores_is_no_event_of_the_batch),
		OWN_STORE(test_an_append_only_store_deletes_nothing),
	};

	return RUN_TESTS(tests) + RUN_ROWS(rows, try_batch, begin, end) +
		   RUN_ROWS(rows_in_tx, try_batch_in_tx, begin, end);
}
