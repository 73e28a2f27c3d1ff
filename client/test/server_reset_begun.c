/*
 * server_reset_begun.c
 *    A connection that was lent has again what it began with: its settings, and what on_connect did.
 */
#include "lending.h"

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
 * In a transaction that on_connect left open nothing would be stored, and nobody would be told.
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_settings_of_the_connection_string_stay),
		cmocka_unit_test(test_on_connect_runs_again),
		cmocka_unit_test(test_on_connect_has_to_leave_it_fit_for_calls),
	};

	return RUN_GROUP(tests, make_schemas, NULL);
}
