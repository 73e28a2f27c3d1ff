/*
 * server_insert_taken.c
 *    Inserts that the unique indexes refuse: a taken version is a conflict, a taken id a duplicate.
 */
#include "events.h"

#define MANY 20

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
	assert_int_equal(goes_error_event_index(error), 1);
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
	expect_insert_refused(store, twice, 2, GOES_ERR_CONFLICT, -1, "");
	twice[1] = twice[0];
	twice[1].aggregate_version = 2;
	expect_insert_refused(store, twice, 2, GOES_ERR_DUPLICATE, 1, "");
	assert_int_equal(count_events(store), 1);
	goes_store_close(store);
}

/*
 * The server does not name the id to a role that may not read the table, but libgoes knows what it sent.
 */
static void
test_the_place_of_a_taken_id_is_found_out(void **state)
{
	goes_store_options options = options_of("placed");
	goes_store		  *store = open_with(&options);
	goes_error		  *error = NULL;
	goes_event		   events[MANY];
	char			   url[1024];
	goes_tx			  *tx;

	for (int i = 0; i < MANY; i++)
		events[i] = event_of("fine", NULL);
	store_events(store, &events[7], 1);
	expect_insert_refused(store, events, MANY, GOES_ERR_DUPLICATE, 7, "already exists");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_insert_refused(goes_tx_store(tx), events, MANY, GOES_ERR_DUPLICATE, 7, "already exists");
	goes_tx_rollback(tx);
	goes_store_close(store);

	admin_do(TEST_DATABASE, "CREATE ROLE writer LOGIN; GRANT INSERT ON placed TO writer");
	snprintf(url, sizeof url, "%s user=writer", server_url());
	options.url = url;
	options.no_create = true;
	store = open_with(&options);
	expect_insert_refused(store, events, MANY, GOES_ERR_DUPLICATE, -1, "");
	expect_insert_refused(store, &events[7], 1, GOES_ERR_DUPLICATE, 0, "");
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DROP OWNED BY writer; DROP ROLE writer");
}

/*
 * An event that a trigger stores is none of the batch.
 */
static void
test_an_id_that_a_trigger_takes_has_no_place(void **state)
{
	goes_store *store = open_store("echoed");
	goes_event	events[] = {event_of("echo", NULL), event_of("fine", NULL)};

	store_events(store, events, 1);
	admin_do(TEST_DATABASE,
			 "CREATE FUNCTION repeat_echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
			 "INSERT INTO echoed (id, name, \"time\") SELECT id, name, \"time\" FROM echoed "
			 "WHERE name = 'echo'; RETURN NULL; END $$; "
			 "CREATE TRIGGER echo AFTER INSERT ON echoed EXECUTE FUNCTION repeat_echo()");
	expect_insert_refused(store, &events[1], 1, GOES_ERR_DUPLICATE, -1, "CONTEXT");
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

/*
 * insert_twice inserts a version twice in a transaction, where nothing can be looked up after the error.
 */
static void
insert_twice(goes_store *store, int expected, const char *message)
{
	goes_error *error = NULL;
	goes_uuid	id;
	goes_event	events[2];
	goes_tx	   *tx;

	goes_uuid_v7(&id);
	events[0] = event_of_aggregate("order", &id, 1);
	events[1] = event_of_aggregate("order", &id, 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_insert_refused(goes_tx_store(tx), events, 2, expected, -1, message);
	goes_tx_rollback(tx);
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
	insert_twice(store, GOES_ERR_CONFLICT, "");
	/* the first transaction after that cannot know, the next one does */
	admin_do(TEST_DATABASE, "ALTER INDEX renamed_1 RENAME TO renamed_2");
	insert_twice(store, GOES_ERR_SERVER, "renamed_2");
	insert_twice(store, GOES_ERR_CONFLICT, "");
	goes_store_close(store);
}

/*
 * The second store's indexes have other names, since the plain ones are taken in the schema. Each
 * store knows its own, whichever connection it takes.
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
		insert_twice(first, GOES_ERR_CONFLICT, "");
		insert_twice(second, GOES_ERR_CONFLICT, "");
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
	assert_non_null(strstr(goes_error_message(error),
						   "duplicate key value violates unique constraint \"with_trigger_pkey\". "
						   "Key (name)=(happened) already exists.\nCONTEXT: "));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_taken_version_is_a_conflict_and_a_taken_id_a_duplicate),
		cmocka_unit_test(test_the_place_of_a_taken_id_is_found_out),
		cmocka_unit_test(test_an_id_that_a_trigger_takes_has_no_place),
		cmocka_unit_test(test_an_aggregate_that_lacks_a_part_has_no_conflicts),
		cmocka_unit_test(test_the_indexes_names_do_not_matter),
		cmocka_unit_test(test_two_stores_in_one_schema_with_one_pool),
		cmocka_unit_test(test_another_tables_unique_index_is_a_plain_error),
		cmocka_unit_test(test_the_servers_language_does_not_matter),
	};

	return RUN_TESTS(tests);
}
