/*
 * server_open_names.c
 *    What databases and tables may be called, and roles that find them there.
 */
#include "opens.h"

/* One byte more than PostgreSQL keeps; as many as it keeps, of which two are to be one in SQL. */
#define LONG_NAME "tenant78901234567890123456789012345678901234567890123456789-0004"
#define LONG_NAME_OF_TABLE "tenant\"\"901234567890123456789012345678901234567890123456789-0004"

/*
 * assert_database_is_made opens a store in a database with this name, and finds it there.
 */
static void
assert_database_is_made(const char *database, const char *table)
{
	goes_store_options options = make_options(server_url());
	const char		  *values[] = {database};
	PGconn			  *connection = admin_connection("postgres");
	PGresult		  *result;

	options.database = database;
	options.table = table;
	assert_usable(open_with(&options));
	PQsetClientEncoding(connection, "UTF8");
	result = PQexecParams(connection, "SELECT FROM pg_database WHERE datname = $1", 1, NULL, values,
						  NULL, NULL, 0);
	assert_int_equal(PQntuples(result), 1);
	PQclear(result);
	PQfinish(connection);
}

/*
 * The database's name is taken literally; the table's is written as in SQL.
 */
static void
test_names_that_need_quotes(void **state)
{
	assert_database_is_made("Shop", "events");
	assert_database_is_made("my \"little\" shop's \\ %s", "\"Odd Name\"");
	assert_database_is_made("Bücher und 本", "public.\"Ereignisse 本\"");
	assert_database_is_made("host=nowhere port=1", "Events");
}

static void
test_empty_names_are_refused(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_error		  *error = NULL;

	options.database = "";
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, "database");
	options.database = NULL;
	options.table = "";
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, "table");
}

/*
 * What is no name of a table is refused with a word on what one looks like: by libgoes, or, since
 * PostgreSQL 17 looks most such names up without an error, by the extension.
 */
static void
test_what_is_no_name_is_refused(void **state)
{
	static const char *const tables[] = {"Odd Name", "a.b.c", "events;drop table", "\"events"};
	goes_store_options		 options = make_options(server_url());
	goes_error				*error = NULL;

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
	{
		options.table = tables[i];
		expect_error(
			try_options(&options, &error), &error, GOES_ERR_INVALID,
			"rite it as in SQL: events, shop.events, or \"Odd Name\" with its quotation marks");
	}
}

/*
 * expect_long_name opens a store with a URL, which fails for a name that libpq has from its environment.
 */
static void
expect_long_name(const char *url, const char *variable, const char *part_of_message)
{
	goes_pool_options  pool_options = {.size = sizeof pool_options, .url = url};
	goes_store_options options = make_options(NULL);
	goes_error		  *error = NULL;

	assert_ok(goes_pool_new(&options.pool, &pool_options, &error));
	setenv(variable, LONG_NAME, 1);
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, part_of_message);
	unsetenv(variable);
	goes_pool_free(options.pool);
}

static void
test_long_names_of_the_environment(void **state)
{
	char *host = url_part("host");
	char *port = url_part("port");
	char  url[1024];

	snprintf(url, sizeof url, "host=%s port=%s dbname=postgres", host, port);
	expect_long_name(url, "PGUSER", "user is too long");
	expect_long_name(server_url(), "PGDATABASE", "database is too long");
	expect_long_name(server_url(), "PGAPPNAME", "application is too long");
	free(host);
	free(port);
}

/*
 * Two databases or tables whose names begin alike would be one for PostgreSQL.
 */
static void
test_long_names_are_not_cut(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_error		  *error = NULL;
	char			  *count;

	options.database = LONG_NAME;
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, "database is too long");
	count = admin("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'tenant%%'");
	assert_string_equal(count, "0");
	free(count);
	assert_database_is_made(LONG_NAME + 1, "\"" LONG_NAME_OF_TABLE "\"");

	options = make_options(server_url());
	options.table = "\"" LONG_NAME_OF_TABLE "\"\"\"";
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, "too long");
	options.no_create = true;
	expect_error(try_options(&options, &error), &error, GOES_ERR_INVALID, "too long");
}

/*
 * assert_opens_with_faults opens a store whose guard and feed are for its owner to mend.
 */
static void
assert_opens_with_faults(const goes_store_options *options)
{
	char *faults;

	admin_do(TEST_DATABASE, "SELECT goes_alter_store('ledger', append_only => true, feed => true)");
	admin_do(TEST_DATABASE, "ALTER TABLE ledger DISABLE TRIGGER USER");
	faults = admin(TEST_DATABASE, "SELECT count(*) FROM goes_check_store('ledger')");
	assert_string_equal(faults, "3"); /* two triggers, and a grant on the column of positions */
	free(faults);
	assert_usable(open_with(options));
}

/*
 * Somebody else has made everything; the role may connect and, in the second case, only use the
 * table.
 */
static void
test_roles_that_may_create_nothing(void **state)
{
	char			  *url = uri_of("clerk", "/postgres");
	goes_store_options options = make_options(url);
	goes_store		  *store;
	goes_error		  *error = NULL;
	goes_uuid		   id;

	assert_database_is_made(TEST_DATABASE, "ledger");
	admin_do("postgres", "CREATE ROLE clerk LOGIN");
	admin_do(TEST_DATABASE, "REVOKE CREATE ON SCHEMA public FROM public");
	admin_do(TEST_DATABASE, "GRANT SELECT, INSERT, DELETE ON ledger TO clerk");
	options.table = "ledger";
	store = open_with(&options);
	assert_ok(insert_one(store, "sold", &id, &error));
	assert_ok(goes_delete(store, &id, 1, NULL, &error));
	assert_usable(store);
	options.no_create = true;
	assert_usable(open_with(&options));
	assert_opens_with_faults(&options);
	admin_do(TEST_DATABASE, "ALTER TABLE ledger OWNER TO clerk");
	assert_usable(open_with(&options));
	free(url);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_need_quotes),
		cmocka_unit_test(test_empty_names_are_refused),
		cmocka_unit_test(test_what_is_no_name_is_refused),
		cmocka_unit_test(test_long_names_of_the_environment),
		cmocka_unit_test(test_long_names_are_not_cut),
		cmocka_unit_test(test_roles_that_may_create_nothing),
	};

	return RUN_TESTS(tests);
}
