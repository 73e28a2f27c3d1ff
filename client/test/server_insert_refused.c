/*
 * server_insert_refused.c
 *    Inserts that are refused: by libgoes, by the indexes, by the server.
 */
#include <sys/mman.h>

#include "events.h"

#define MANY 1000

/*
 * expect_refused inserts and expects the status and the event it is about.
 */
static void
expect_refused(goes_store *store, const goes_event *events, size_t n, int status, int64_t index,
			   const char *part_of_message)
{
	goes_error *error = NULL;
	int			returned = goes_insert(store, events, n, NULL, &error);

	assert_int_equal(goes_error_event_index(error), index);
	expect_error(returned, &error, status, part_of_message);
}

static void
test_an_event_that_no_store_can_have_is_named_before_sending(void **state)
{
	goes_store *store = open_store("refused");
	char	   *too_long = unicode_name(256);
	goes_event	events[4];

	for (int i = 0; i < 4; i++)
		events[i] = event_of("fine", NULL);
	events[3].name = too_long;
	expect_refused(store, events, 4, GOES_ERR_INVALID, 3, "255 characters");
	events[2].aggregate_name = too_long;
	expect_refused(store, events, 4, GOES_ERR_INVALID, 2, "255 characters");
	events[1].name = "";
	expect_refused(store, events, 4, GOES_ERR_INVALID, 1, "no name");
	events[1].name = NULL;
	expect_refused(store, events, 4, GOES_ERR_INVALID, 1, "no name");
	events[0].id = (goes_uuid){0};
	expect_refused(store, events, 4, GOES_ERR_INVALID, 0, "nil id");
	expect_refused(store, NULL, 1, GOES_ERR_INVALID, -1, "NULL");
	assert_int_equal(count_events(store), 0);
	free(too_long);
	goes_store_close(store);
}

/*
 * A gigabyte is more than a message to the server can have. The data cannot even be read here, so
 * that whoever copies it before counting crashes.
 */
static void
test_a_batch_of_a_gigabyte_is_refused_before_it_is_copied(void **state)
{
	goes_store *store = open_store("too_large");
	size_t		most = (size_t) 1 << 30;
	char *data = mmap(NULL, most, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char  text[1024];
	goes_event events[] = {event_of("small", "{}"), event_of("large", "{}")};

	assert_ptr_not_equal(data, MAP_FAILED);
	events[1].data = data;
	events[1].data_len = most;
	expect_refused(store, events, 2, GOES_ERR_INVALID, 1, "bytes");
	events[1].data_len = most - 2 * 1024;
	memset(text, 'x', sizeof text);
	text[0] = text[sizeof text - 1] = '"';
	events[0].data = text;
	events[0].data_len = sizeof text;
	expect_refused(store, events, 2, GOES_ERR_INVALID, 1, "smaller batches");
	munmap(data, most);
	assert_int_equal(count_events(store), 0);
	goes_store_close(store);
}

static void
test_bad_json_is_named_wherever_it_stands(void **state)
{
	static const size_t		 places[] = {0, 1, MANY / 2, MANY - 2, MANY - 1};
	static const char *const bad[] = {"{",	  "no",			 "{} {}",	 "{\"a\": }",
									  "'{}'", "\"\\u0000\"", "\"\xff\"", ""};
	goes_store				*store = open_store("bad_json");
	goes_event				*events = calloc(MANY, sizeof *events);

	for (size_t i = 0; i < MANY; i++)
		events[i] = event_of("fine", "{}");
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
	{
		goes_event kept = events[places[i]];

		events[places[i]].data = "{\"half\": ";
		events[places[i]].data_len = 9;
		expect_refused(store, events, MANY, GOES_ERR_INVALID, (int64_t) places[i], "is no JSON");
		events[places[i]] = kept;
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		goes_event few[] = {event_of("fine", "1"), event_of("bad", bad[i]),
							event_of("bad", bad[i])};

		expect_refused(store, few, 3, GOES_ERR_INVALID, 1, "is no JSON");
		expect_refused(store, few + 1, 1, GOES_ERR_INVALID, 0, "is no JSON");
	}
	assert_int_equal(count_events(store), 0);
	store_events(store, events, MANY);
	assert_int_equal(count_events(store), MANY);
	free(events);
	goes_store_close(store);
}

/*
 * The data ends where its length says, zero byte or not, and a zero byte within is bad.
 */
static void
test_data_is_as_long_as_its_length_says(void **state)
{
	goes_store *store = open_store("data_length");
	goes_event	event = event_of("longer", "[1] and what follows does not count");

	event.data_len = 3;
	store_events(store, &event, 1);
	event.data = "[1]";
	expect_stored_event(store, &event);
	event = event_of("zero.byte", "[1]");
	event.data_len = 4;
	expect_refused(store, &event, 1, GOES_ERR_INVALID, 0, "is no JSON");
	goes_store_close(store);
}

static void
test_a_name_that_is_no_utf8_is_invalid(void **state)
{
	goes_store *store = open_store("no_utf8");
	goes_event	event = event_of("caf\xe9", "{}");

	expect_refused(store, &event, 1, GOES_ERR_INVALID, -1, "encoding");
	goes_store_close(store);
}

/*
 * expect_conflict_and_duplicate inserts what is taken, by version and by id.
 */
static void
expect_conflict_and_duplicate(goes_store *store)
{
	goes_error *error = NULL;
	goes_uuid	id;
	goes_event	event;
	goes_event	others[2];

	goes_uuid_v7(&id);
	event = event_of_aggregate("order", &id, 1);
	store_events(store, &event, 1);
	others[0] = event_of("innocent", NULL);
	others[1] = event_of_aggregate("order", &id, 1);
	assert_int_equal(goes_insert(store, others, 2, NULL, &error), GOES_ERR_CONFLICT);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	assert_false(is_there(store, &others[0]));

	others[1] = event_of_aggregate("order", &id, 2);
	others[1].id = event.id;
	assert_int_equal(goes_insert(store, others, 2, NULL, &error), GOES_ERR_DUPLICATE);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	assert_false(goes_error_is_retryable(error));
	goes_error_free(error);
	assert_false(is_there(store, &others[0]));
}

static void
test_a_taken_version_is_a_conflict_and_a_taken_id_a_duplicate(void **state)
{
	goes_store *store = open_store("taken");
	goes_uuid	id;
	goes_event	twice[2];

	expect_conflict_and_duplicate(store);
	goes_uuid_v7(&id);
	twice[0] = event_of_aggregate("order", &id, 1);
	twice[1] = event_of_aggregate("order", &id, 1);
	expect_refused(store, twice, 2, GOES_ERR_CONFLICT, -1, "");
	twice[1] = twice[0];
	twice[1].aggregate_version = 2;
	expect_refused(store, twice, 2, GOES_ERR_DUPLICATE, -1, "");
	assert_int_equal(count_events(store), 1);
	goes_store_close(store);
}

static void
test_an_aggregate_that_lacks_a_part_has_no_conflicts(void **state)
{
	goes_store *store = open_store("partial");
	goes_uuid	id;
	goes_event	events[4];

	goes_uuid_v7(&id);
	events[0] = event_of_aggregate(NULL, &id, 1);
	events[1] = event_of_aggregate(NULL, &id, 1);
	events[2] = event_of_aggregate("order", &(goes_uuid){0}, 1);
	events[3] = event_of_aggregate("order", &(goes_uuid){0}, 1);
	store_events(store, events, 4);
	assert_int_equal(count_events(store), 4);
	goes_store_close(store);
}

static void
test_the_indexes_names_do_not_matter(void **state)
{
	goes_error *error = NULL;
	goes_store *store = open_store("other_names");

	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "DROP TABLE other_names");
	admin_do(
		TEST_DATABASE,
		"CREATE TABLE other_names (id uuid NOT NULL, name varchar(255) NOT NULL, \"time\" bigint "
		"NOT NULL, aggregate_id uuid, aggregate_name varchar(255), aggregate_version integer, "
		"data jsonb); "
		"CREATE UNIQUE INDEX \"Goes Aggregate\" ON other_names (id); "
		"CREATE UNIQUE INDEX other_names_pkey ON other_names "
		"(aggregate_version, aggregate_id, aggregate_name)");
	expect_conflict_and_duplicate(store);
	admin_do(TEST_DATABASE, "ALTER INDEX other_names_pkey RENAME TO renamed_1; "
							"ALTER INDEX \"Goes Aggregate\" RENAME TO other_names_pkey");
	expect_conflict_and_duplicate(store);
	goes_store_close(store);
}

/*
 * expect_conflict_in_transaction does the same where nothing can be looked up after the error.
 */
static void
expect_conflict_in_transaction(goes_store *store)
{
	goes_error *error = NULL;
	goes_uuid	id;
	goes_event	events[2];
	goes_tx	   *tx;

	goes_uuid_v7(&id);
	events[0] = event_of_aggregate("order", &id, 1);
	events[1] = event_of_aggregate("order", &id, 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_refused(goes_tx_store(tx), events, 2, GOES_ERR_CONFLICT, -1, "");
	goes_tx_rollback(tx);
}

/*
 * The second store's indexes have other names, since the plain ones are taken in the schema. The
 * connections that the two share know only one table at a time.
 */
static void
test_two_stores_in_one_schema_with_one_pool(void **state)
{
	goes_store		  *first = open_with_one_connection("twin_one");
	goes_store_options options = options_of("twin_two");
	goes_error		  *error = NULL;
	goes_store		  *second;

	assert_ok(goes_store_connect(first, NULL, &error));
	options.pool = goes_store_pool(first);
	second = open_with(&options);
	for (int i = 0; i < 3; i++)
	{
		expect_conflict_and_duplicate(first);
		expect_conflict_and_duplicate(second);
		expect_conflict_in_transaction(first);
		expect_conflict_in_transaction(second);
	}
	assert_int_equal(count_events(first), 3);
	assert_int_equal(count_events(second), 3);
	goes_store_close(second);
	goes_store_close(first);
}

/*
 * The other table and its index even have the names of ours, in another schema.
 */
static void
test_another_tables_unique_index_is_a_plain_error(void **state)
{
	goes_store *store = open_store("with_trigger");
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	goes_event	next = event_of("happened", "{}");

	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(
		TEST_DATABASE,
		"CREATE SCHEMA other; CREATE TABLE other.with_trigger (name text PRIMARY KEY); "
		"CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS "
		"'BEGIN INSERT INTO other.with_trigger VALUES (NEW.name); RETURN NEW; END'; "
		"CREATE TRIGGER see BEFORE INSERT ON with_trigger FOR EACH ROW EXECUTE FUNCTION see()");
	store_events(store, &event, 1);
	assert_int_equal(goes_insert(store, &next, 1, NULL, &error), GOES_ERR_SERVER);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	assert_string_equal(goes_error_message(error),
						"duplicate key value violates unique constraint \"with_trigger_pkey\". "
						"Key (name)=(happened) already exists.");
	assert_false(goes_error_is_retryable(error));
	goes_error_free(error);

	next = event_of_aggregate("order", &event.id, 1);
	next.id = event.id;
	next.name = "something.else"; /* so that it is our own index which refuses it */
	assert_int_equal(goes_insert(store, &next, 1, NULL, &error), GOES_ERR_DUPLICATE);
	goes_error_free(error);
	goes_store_close(store);
}

/*
 * german returns a locale in which the server can speak German, or NULL.
 */
static const char *
german(void)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "de_AT.utf8"};
	PGconn					*connection = admin_connection("postgres");
	const char				*found = NULL;

	for (size_t i = 0; found == NULL && i < sizeof names / sizeof *names; i++)
	{
		char	  text[64];
		PGresult *result;

		snprintf(text, sizeof text, "SET lc_messages = '%s'", names[i]);
		result = PQexec(connection, text);
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			found = names[i];
		PQclear(result);
	}
	PQfinish(connection);
	return found;
}

static void
test_the_servers_language_does_not_matter(void **state)
{
	const char		  *locale = german();
	char			   url[1024];
	goes_store_options options = options_of("taken_in_german");
	goes_store		  *store;

	if (locale == NULL)
	{
		print_message("# the server has no German locale to test with\n");
		skip();
	}
	snprintf(url, sizeof url, "%s options='-c lc_messages=%s'", server_url(), locale);
	options.url = url;
	store = open_with(&options);
	expect_conflict_and_duplicate(store);
	goes_store_close(store);
}

static void
test_a_lock_that_does_not_come_may_be_waited_for_again(void **state)
{
	goes_store_options options = options_of("locked");
	PGconn			  *holder = admin_connection(TEST_DATABASE);
	goes_error		  *error = NULL;
	goes_event		   event = event_of("happened", "{}");
	goes_store		  *store;
	char			   url[1024];

	snprintf(url, sizeof url, "%s options='-c lock_timeout=100ms'", server_url());
	options.url = url;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	PQclear(PQexec(holder, "BEGIN; LOCK TABLE locked"));
	assert_int_equal(goes_insert(store, &event, 1, NULL, &error), GOES_ERR_SERVER);
	assert_string_equal(goes_error_sqlstate(error), "55P03");
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	PQfinish(holder);
	store_events(store, &event, 1);
	goes_store_close(store);
}

static void
test_a_dropped_table_is_a_schema_error(void **state)
{
	goes_store *store = open_store("dropped");
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	store_events(store, &event, 1);
	admin_do(TEST_DATABASE, "DROP TABLE dropped");
	expect_refused(store, &event, 1, GOES_ERR_SCHEMA, -1, "dropped");
	expect_error(goes_delete(store, &event.id, 1, NULL, &error), &error, GOES_ERR_SCHEMA,
				 "dropped");
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_event_that_no_store_can_have_is_named_before_sending),
		cmocka_unit_test(test_a_batch_of_a_gigabyte_is_refused_before_it_is_copied),
		cmocka_unit_test(test_bad_json_is_named_wherever_it_stands),
		cmocka_unit_test(test_data_is_as_long_as_its_length_says),
		cmocka_unit_test(test_a_name_that_is_no_utf8_is_invalid),
		cmocka_unit_test(test_a_taken_version_is_a_conflict_and_a_taken_id_a_duplicate),
		cmocka_unit_test(test_an_aggregate_that_lacks_a_part_has_no_conflicts),
		cmocka_unit_test(test_the_indexes_names_do_not_matter),
		cmocka_unit_test(test_two_stores_in_one_schema_with_one_pool),
		cmocka_unit_test(test_another_tables_unique_index_is_a_plain_error),
		cmocka_unit_test(test_the_servers_language_does_not_matter),
		cmocka_unit_test(test_a_lock_that_does_not_come_may_be_waited_for_again),
		cmocka_unit_test(test_a_dropped_table_is_a_schema_error),
	};

	return RUN_TESTS(tests);
}
