/*
 * test_name.c
 *    Names that the server would cut are refused when a store or a pool is opened.
 */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* 62 bytes, to which a test adds what matters */
#define NAME_62 "a234567890b234567890c234567890d234567890e234567890f23456789012"

/*
 * open_and_close opens and closes a store with a URL and a database.
 */
static int
open_and_close(const char *url, const char *database, goes_error **error)
{
	goes_store_options options;
	goes_store		  *store;
	int				   status;

	goes_store_options_init(&options, sizeof options);
	options.url = url;
	options.database = database;
	status = goes_store_open(&store, &options, error);
	if (status == GOES_OK)
		goes_store_close(store);
	return status;
}

/*
 * open_pool opens and closes a pool.
 */
static int
open_pool(const char *url, goes_error **error)
{
	goes_pool_options options = {.size = sizeof options, .url = url};
	goes_pool		 *pool;
	int				  status = goes_pool_new(&pool, &options, error);

	if (status == GOES_OK)
		goes_pool_free(pool);
	return status;
}

/*
 * expect_taken checks that a URL serves for a store and for a pool.
 */
static void
expect_taken(const char *url)
{
	goes_error *error = NULL;

	if (open_and_close(url, NULL, &error) != GOES_OK || open_pool(url, &error) != GOES_OK)
		fail_msg("%s: %s", url, goes_error_message(error));
}

/*
 * expect_name_refused checks that it does for neither, and that the error does not repeat it.
 */
static void
expect_name_refused(const char *url, const char *what)
{
	goes_error *error = NULL;
	char		part[64];

	snprintf(part, sizeof part, "the name of the %s is too long", what);
	assert_int_equal(open_and_close(url, NULL, &error), GOES_ERR_INVALID);
	assert_null(strstr(goes_error_message(error), NAME_62));
	expect_error(GOES_ERR_INVALID, &error, GOES_ERR_INVALID, part);
	expect_error(open_pool(url, &error), &error, GOES_ERR_INVALID, part);
}

static void
test_database(void **state)
{
	const char *url = "host=nowhere";
	goes_error *error = NULL;

	assert_int_equal(open_and_close(url, NAME_62 "b", &error), GOES_OK);
	assert_int_equal(open_and_close(url, NAME_62 "b c", &error), GOES_ERR_INVALID);
	expect_error(GOES_ERR_INVALID, &error, GOES_ERR_INVALID, "name of the database is too long");
	/* bytes count, not characters */
	expect_error(open_and_close(url, NAME_62 "ä", &error), &error, GOES_ERR_INVALID, "database");
}

static void
test_names_in_connection_strings(void **state)
{
	expect_taken("postgres://" NAME_62 "3:secret@host/" NAME_62 "3?application_name=" NAME_62 "3");
	expect_taken("user=" NAME_62 "3 dbname='" NAME_62 "3' host=host");
	expect_name_refused("postgres://" NAME_62 "34@host", "user");
	expect_name_refused("postgres://host/" NAME_62 "34", "database");
	expect_name_refused("postgres://host?dbname=" NAME_62 "34", "database");
	expect_name_refused("postgres://host?application_name=" NAME_62 "%C3%A4", "application");
	expect_name_refused("postgres://host?fallback_application_name=" NAME_62 "34", "application");
	expect_name_refused("host=host user = '" NAME_62 "34'", "user");
	/* what counts is what is kept */
	expect_taken("postgres://host/" NAME_62 "%34");
	/* other parameters may be long */
	expect_taken("host=" NAME_62 "34." NAME_62 " password=" NAME_62 NAME_62);
}

static void
test_schemas_in_search_path(void **state)
{
	expect_taken("host=host search_path=" NAME_62 "3," NAME_62 "4");
	expect_taken("host=host search_path='  \"" NAME_62 "3\" , \"$user\", public  '");
	expect_taken("host=host search_path='\"" NAME_62 "\"\"\",\"\",\"a,b\"'");
	expect_taken("host=host search_path='\"" NAME_62 "\" \"" NAME_62 "\"'");
	expect_name_refused("host=host search_path=" NAME_62 "34", "schema");
	expect_name_refused("host=host search_path='public,\t" NAME_62 "34 '", "schema");
	expect_name_refused("host=host search_path='\"" NAME_62 "\"\"b\"'", "schema");
	expect_name_refused("host=host search_path='\"" NAME_62 ",b\"'", "schema");
	expect_name_refused("host=host search_path='\"" NAME_62 " b'", "schema");
	expect_name_refused("postgres://host?search_path=public%2C" NAME_62 "%C3%A4", "schema");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_database),
		cmocka_unit_test(test_names_in_connection_strings),
		cmocka_unit_test(test_schemas_in_search_path),
	};

	return RUN_TESTS(tests);
}
