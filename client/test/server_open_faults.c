/*
 * server_open_faults.c
 *    What goes gets wrong about opening a store and using it: eight faults that libgoes does not have.
 */
#include <sys/wait.h>

#include "leave.h"
#include "server_control.h"

#define PROCESSES 50

/*
 * open_in_child opens a store as soon as the pipe's other end is closed, stores an event, and says
 * in its exit status how that went.
 */
static void
open_in_child(const char *database, const int barrier[2])
{
	goes_store_options options = make_options(server_url());
	goes_store		  *store = NULL;
	goes_error		  *error = NULL;
	char			   byte;
	int				   status;

	options.database = database;
	options.connect_timeout_ms = 30000;
	close(barrier[1]);
	(void) !read(barrier[0], &byte, 1);
	status = goes_store_open(&store, &options, &error);
	if (status == GOES_OK)
		status = insert_one(store, "opened", NULL, &error);
	if (status != GOES_OK)
		fprintf(stderr, "# %s %s: %s\n", goes_status_text(status), goes_error_sqlstate(error),
				goes_error_message(error));
	goes_store_close(store);
	leave(status != GOES_OK);
}

/*
 * open_in_many_processes opens a store in many processes at once, and returns how many failed.
 */
static int
open_in_many_processes(const char *database)
{
	int barrier[2];
	int failures = 0;
	int status;

	assert_int_equal(pipe(barrier), 0);
	for (int i = 0; i < PROCESSES; i++)
	{
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			open_in_child(database, barrier);
	}
	close(barrier[0]);
	close(barrier[1]);
	for (int i = 0; i < PROCESSES; i++)
	{
		assert_true(wait(&status) > 0);
		failures += status != 0;
	}
	return failures;
}

/*
 * Fault 4: clients that open a new store at once trip over each other. Comes first, before this
 * process uses libgoes itself.
 */
static void
test_fault_4_many_processes_make_the_same_store(void **state)
{
	const char *databases[] = {"crowded", "crowded_again"};

	for (int i = 0; i < 2; i++)
	{
		char *count;

		assert_int_equal(open_in_many_processes(databases[i]), 0);
		count = admin(databases[i], "SELECT count(*) FROM events");
		assert_int_equal(atoi(count), PROCESSES);
		free(count);
	}
}

/*
 * Fault 1: a query or a delete crashes if it is the first call, since there is no pool yet.
 */
static void
test_fault_1_every_call_may_be_the_first(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id;
	int64_t		count;
	goes_event *event = NULL;

	for (int call = 0; call < 5; call++)
	{
		goes_store		 *store = open_store("first_calls");
		goes_cursor		 *cursor;
		const goes_event *read;
		goes_tx			 *tx;

		goes_uuid_v7(&id);
		switch (call)
		{
			case 0:
				assert_ok(goes_query_run(store, NULL, &cursor, NULL, &error));
				assert_int_equal(goes_cursor_next(cursor, &read, &error), GOES_END);
				goes_cursor_close(cursor);
				break;
			case 1:
				assert_ok(goes_delete(store, &id, 1, NULL, &error));
				break;
			case 2:
				assert_ok(goes_count(store, NULL, &count, NULL, &error));
				break;
			case 3:
				expect_error(goes_find(store, &id, &event, NULL, &error), &error,
							 GOES_ERR_NOT_FOUND, "no event");
				break;
			case 4:
				assert_ok(goes_tx_begin(store, &tx, NULL, &error));
				goes_tx_rollback(tx);
				break;
		}
		assert_non_null(goes_store_pool(store));
		goes_store_close(store);
		admin_do(TEST_DATABASE, "DROP TABLE first_calls");
	}
}

/*
 * Fault 2: a first connect that failed is remembered as done, and events go to the URL's own database.
 */
static void
test_fault_2_a_failed_connect_is_not_remembered_as_done(void **state)
{
	char			  *url = uri_of("builder", "/site");
	goes_store_options options = make_options(url);
	goes_store		  *store;
	goes_error		  *error = NULL;
	char			  *value;

	admin_do("postgres", "CREATE ROLE builder LOGIN");
	admin_do("postgres", "CREATE DATABASE site OWNER builder");
	options.database = "tower";
	store = open_with(&options);
	for (int i = 0; i < 2; i++)
	{
		expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_PERMISSION, "tower");
		expect_error(insert_one(store, "built", NULL, &error), &error, GOES_ERR_PERMISSION,
					 "tower");
		assert_null(goes_store_pool(store));
	}
	assert_null(admin("site", "SELECT to_regclass('events')"));
	admin_do("postgres", "ALTER ROLE builder CREATEDB");
	assert_ok(insert_one(store, "built", NULL, &error));
	assert_null(admin("site", "SELECT to_regclass('events')"));
	value = admin("tower", "SELECT name FROM events");
	assert_string_equal(value, "built");
	free(value);
	goes_store_close(store);
	free(url);
}

/*
 * insert_version stores an event of an aggregate.
 */
static int
insert_version(goes_store *store, const goes_uuid *aggregate, int version, goes_error **error)
{
	goes_event event;

	goes_event_init(&event, "counted", "{}");
	event.aggregate_name = "counter";
	event.aggregate_id = *aggregate;
	event.aggregate_version = version;
	return goes_insert(store, &event, 1, NULL, error);
}

/*
 * Fault 3: index names are fixed, so that a second table of a schema has no unique index.
 */
static void
test_fault_3_every_table_of_a_schema_has_its_indexes(void **state)
{
	const char *tables[] = {"first_events", "second_events"};
	goes_error *error = NULL;
	goes_uuid	aggregate;

	goes_uuid_v7(&aggregate);
	for (int i = 0; i < 2; i++)
	{
		goes_store *store = open_store(tables[i]);

		assert_ok(insert_version(store, &aggregate, 1, &error));
		expect_error(insert_version(store, &aggregate, 1, &error), &error, GOES_ERR_CONFLICT,
					 "unique");
		goes_store_close(store);
	}
}

/*
 * Fault 5: a URL that cannot be read is printed, password and all. libpq reads some of these, and
 * would tell of them when it connects.
 */
static void
test_fault_5_no_part_of_a_password_is_told(void **state)
{
	const char *const urls[] = {
		"postgres://shop:" SECRET "@127.0.0.1:port/shop",
		"postgres://shop:" SECRET "@[::1/shop",
		"postgres://shop:%zz" SECRET "@127.0.0.1/shop",
		"postgres://shop:" SECRET "@127.0.0.1/shop?sslmode",
		"postgres://shop:" SECRET "@127.0.0.1/shop?" SECRET "@x=1",
		"postgres://shop:x?" SECRET "@127.0.0.1/shop?x=y",
		"postgres://shop:x@" SECRET "@127.0.0.1/shop",
		"postgres://shop:x@y?" SECRET "@127.0.0.1/shop",
		"postgres://shop:x@y?" SECRET "=z@127.0.0.1/shop",
		"postgres://shop:x@y?a=b&" SECRET "@127.0.0.1/shop",
		"postgres://shop:x/" SECRET "@127.0.0.1/shop",
		"postgres://shop:" SECRET "/x@127.0.0.1/shop",
		"postgres://shop:1/" SECRET "@127.0.0.1/shop?x=y",
		"postgres//shop:" SECRET "@127.0.0.1/shop",
		"mysql://shop:" SECRET "@127.0.0.1/shop?x=y",
		"shop:" SECRET "@127.0.0.1",
		SECRET,
		"host=127.0.0.1 password=" SECRET " dbname",
		"host=127.0.0.1 password=x " SECRET,
		"host=127.0.0.1 password='" SECRET,
		"host=127.0.0.1 password='" SECRET "' port=x",
		"password=x;" SECRET "=y;host=127.0.0.1;x=y z=1",
	};
	goes_error *error = NULL;

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
	{
		int status = try_url(urls[i], &error);

		if (strstr(goes_error_message(error), SECRET) != NULL || status != GOES_ERR_INVALID)
			fail_msg("%s gives %s: %s", urls[i], goes_status_text(status),
					 goes_error_message(error));
		goes_error_free(error);
		error = NULL;
	}
}

/*
 * Fault 6: a taken version is not reported as a conflict, so that nobody retries. Nor may it matter
 * whether the table was there when the connection was made, or whether a transaction asks.
 */
static void
test_fault_6_a_taken_version_is_a_conflict(void **state)
{
	goes_store *store = open_store("conflicts");
	goes_error *error = NULL;
	goes_tx	   *tx;
	goes_uuid	aggregate;

	goes_uuid_v7(&aggregate);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_ok(insert_version(goes_tx_store(tx), &aggregate, 1, &error));
	assert_int_equal(insert_version(goes_tx_store(tx), &aggregate, 1, &error), GOES_ERR_CONFLICT);
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	goes_tx_rollback(tx);
	assert_ok(insert_version(store, &aggregate, 1, &error));
	assert_int_equal(insert_version(store, &aggregate, 1, &error), GOES_ERR_CONFLICT);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	goes_store_close(store);
}

/*
 * Fault 7: the database is replaced in keywords as if they were a URI.
 */
static void
test_fault_7_keywords_with_a_database(void **state)
{
	char			   url[1024] = "";
	goes_store_options options = make_options(url);
	goes_error		  *error = NULL;

	snprintf(url, sizeof url, "dbname=postgres %s", server_url());
	options.database = "from_keywords";
	assert_ok(try_options(&options, &error));
	free(admin("from_keywords", "SELECT id FROM events"));
	snprintf(url, sizeof url, "%s dbname='no such database'", server_url());
	options.database = "from_keywords_too";
	assert_ok(try_options(&options, &error));
	assert_null(admin("postgres", "SELECT to_regclass('events')"));
}

/*
 * Fault 8: "Shop" becomes shop, and is not found.
 */
static void
test_fault_8_the_case_of_a_database_is_kept(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_error		  *error = NULL;
	char			  *value;

	options.database = "Shop";
	assert_ok(try_options(&options, &error));
	assert_ok(try_options(&options, &error));
	value = admin("postgres", "SELECT datname FROM pg_database WHERE datname ILIKE 'shop'");
	assert_string_equal(value, "Shop");
	free(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault_4_many_processes_make_the_same_store),
		cmocka_unit_test(test_fault_1_every_call_may_be_the_first),
		cmocka_unit_test(test_fault_2_a_failed_connect_is_not_remembered_as_done),
		cmocka_unit_test(test_fault_3_every_table_of_a_schema_has_its_indexes),
		cmocka_unit_test(test_fault_5_no_part_of_a_password_is_told),
		cmocka_unit_test(test_fault_6_a_taken_version_is_a_conflict),
		cmocka_unit_test(test_fault_7_keywords_with_a_database),
		cmocka_unit_test(test_fault_8_the_case_of_a_database_is_kept),
	};

	return RUN_TESTS(tests);
}
