/*
 * server_open.c
 *    The many ways to say where a store is, and what is made there.
 */
#include "opens.h"

/*
 * assert_url_opens opens a store by its URL alone.
 */
static void
assert_url_opens(const char *url)
{
	goes_store_options options = make_options(url);

	assert_usable(open_with(&options));
}

static void
test_opening_needs_no_server(void **state)
{
	goes_store_options options = make_options("host=127.0.0.1 port=1");
	goes_store		  *store = open_with(&options);

	assert_null(goes_store_pool(store));
	goes_store_close(store);
}

/*
 * The server is down at first, then up, then down for good: each call says how it is.
 */
static void
test_a_store_connects_once_the_server_is_up(void **state)
{
	goes_store *store = open_store("events");
	goes_error *error = NULL;

	stop_server();
	expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_CONNECT, "No such file");
	expect_error(insert_one(store, "early", NULL, &error), &error, GOES_ERR_CONNECT, "server");
	assert_null(goes_store_pool(store));
	start_server();
	assert_ok(goes_store_connect(store, NULL, &error));
	assert_ok(goes_store_connect(store, NULL, &error));
	assert_non_null(goes_store_pool(store));
	assert_usable(store);
}

static void
test_keywords(void **state)
{
	char url[1024];

	snprintf(url, sizeof url, "%s  dbname = 'postgres' application_name='a shop\\'s'",
			 server_url());
	assert_url_opens(url);
}

static void
test_uri(void **state)
{
	char *uri = uri_of("postgres", "/postgres?application_name=a%20shop&sslmode=disable");
	char  url[1024];

	assert_url_opens(uri);
	snprintf(url, sizeof url, "postgresql%s", uri + strlen("postgres"));
	assert_url_opens(url);
	free(uri);
	uri = uri_of("postgres:a?b%40c%2Fd", "/postgres?pool_max_conns=2");
	assert_url_opens(uri);
	free(uri);
}

/*
 * Over TCP, without a path, as in the README of goes. No database has the user's name, so another
 * one has to serve for creating ours.
 */
static void
test_uri_without_a_path(void **state)
{
	char *port = url_part("port");
	char *uri = uri_of("shopkeeper", "?sslmode=disable");
	char  url[1024];

	admin_do("postgres", "CREATE ROLE shopkeeper LOGIN CREATEDB");
	admin_do("postgres", "ALTER SYSTEM SET listen_addresses = '127.0.0.1'");
	restart_server();
	admin_do("postgres", "DROP DATABASE IF EXISTS " TEST_DATABASE);
	snprintf(url, sizeof url, "postgres://shopkeeper:" SECRET "@127.0.0.1:%s?sslmode=disable",
			 port);
	assert_url_opens(url);
	assert_url_opens(uri);
	free(uri);
	free(port);
}

static void
test_service_file(void **state)
{
	char *host = url_part("host");
	char *port = url_part("port");
	char  path[1024];
	FILE *file;

	snprintf(path, sizeof path, "%s/services", environment("GOES_TEST_DATA"));
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "[shop]\nhost=%s\nport=%s\nuser=postgres\ndbname=postgres\n", host, port);
	fclose(file);
	setenv("PGSERVICEFILE", path, 1);
	assert_url_opens("service=shop");
	assert_url_opens("postgres://?service=shop");
	unsetenv("PGSERVICEFILE");
	free(host);
	free(port);
}

/*
 * Without a URL the environment says where; without either, opening fails.
 */
static void
test_environment(void **state)
{
	goes_error *error = NULL;

	unsetenv("POSTGRES_EVENTSTORE");
	expect_error(try_url(NULL, &error), &error, GOES_ERR_INVALID, "POSTGRES_EVENTSTORE");
	setenv("POSTGRES_EVENTSTORE", server_url(), 1);
	assert_url_opens(NULL);
	setenv("POSTGRES_EVENTSTORE", "", 1);
	expect_error(try_url(NULL, &error), &error, GOES_ERR_INVALID, "POSTGRES_EVENTSTORE");
	unsetenv("POSTGRES_EVENTSTORE");
}

/*
 * assert_pool_of checks how many connections a store has.
 */
static void
assert_pool_of(goes_store *store, int most)
{
	goes_context	context = {.size = sizeof context, .timeout_ms = paced_ms(20)};
	goes_error	   *error = NULL;
	struct pg_conn *taken[16];
	struct pg_conn *one_more = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	for (int i = 0; i < most; i++)
		assert_ok(goes_pool_acquire(goes_store_pool(store), &taken[i], NULL, &error));
	expect_error(goes_pool_acquire(goes_store_pool(store), &one_more, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "in use");
	assert_null(one_more);
	for (int i = 0; i < most; i++)
		goes_pool_release(goes_store_pool(store), taken[i]);
	goes_store_close(store);
}

/*
 * A URL that a Go program uses too: pool_max_conns counts, unless the options say otherwise.
 */
static void
test_parameters_of_pgx(void **state)
{
	char *uri = uri_of("postgres", "/postgres?pool_max_conns=3&pool_min_conns=1&sslmode=disable"
								   "&pool_max_conn_lifetime=1h&pool_max_conn_idle_time=30m");
	char  url[1024];
	goes_store_options options = make_options(uri);
	goes_error		  *error = NULL;

	assert_pool_of(open_with(&options), 3);
	options.max_connections = 2;
	assert_pool_of(open_with(&options), 2);
	options.max_connections = 0;
	options.url = url;
	snprintf(url, sizeof url, "pool_max_conns = 1 pool_health_check_period='1 m' %s", server_url());
	assert_pool_of(open_with(&options), 1);
	snprintf(url, sizeof url, "%s pool_max_conns=none", server_url());
	expect_error(try_url(url, &error), &error, GOES_ERR_INVALID, "pool_max_conns");
	free(uri);
}

/*
 * search_path becomes a setting, whatever its spelling; so the table lands in that schema.
 */
static void
test_search_path_decides_where_the_table_is(void **state)
{
	char *uri =
		uri_of("postgres", "/postgres?search_path=%22The%20Shop%22,%20public&sslmode=disable");
	char			   url[1024];
	char			  *count;
	goes_store_options options = make_options(uri);

	assert_url_opens(server_url());
	admin_do(TEST_DATABASE, "CREATE SCHEMA \"The Shop\"; CREATE SCHEMA back_room");
	options.table = "placed_by_path";
	assert_usable(open_with(&options));
	free(admin(TEST_DATABASE, "SELECT id FROM \"The Shop\".placed_by_path"));
	snprintf(url, sizeof url, "%s search_path='back_room, public' options='-c work_mem=5MB'",
			 server_url());
	options.url = url;
	assert_usable(open_with(&options));
	count = admin(TEST_DATABASE, "SELECT count(*) FROM back_room.placed_by_path");
	assert_string_equal(count, "1");
	free(count);
	free(uri);
}

static void
test_an_unknown_parameter_is_named(void **state)
{
	goes_error *error = NULL;

	expect_error(try_url("postgres://shop@127.0.0.1/?statement_cache_capacity=3", &error), &error,
				 GOES_ERR_INVALID, "\"statement_cache_capacity\"");
	expect_error(try_url("host=127.0.0.1 statement_cache_capacity=3", &error), &error,
				 GOES_ERR_INVALID, "\"statement_cache_capacity\"");
}

/*
 * The first host refuses, the second says nothing, the third is the server.
 */
static void
test_dead_hosts_before_the_living_one(void **state)
{
	char			  *host = url_part("host");
	char			  *port = url_part("port");
	int				   silent_port;
	int				   silent = listen_silently(&silent_port);
	char			   url[1024] = "";
	goes_store_options options = make_options(url);

	snprintf(url, sizeof url, "host=127.0.0.1,127.0.0.1,%s port=%d,%d,%s user=postgres", host,
			 dead_port(), silent_port, port);
	options.connect_timeout_ms = paced_ms(1500);
	assert_usable(open_with(&options));
	close(silent);
	free(host);
	free(port);
}

/*
 * Creating the extension takes longer than finding the server may. Only a limit that the program set
 * itself ends it.
 */
static void
test_creating_may_take_longer_than_connecting(void **state)
{
	PGconn			  *connection;
	goes_store_options options = make_options(server_url());
	goes_error		  *error = NULL;

	admin_do("postgres", "CREATE DATABASE slow_to_create");
	connection = admin_connection("slow_to_create");
	PQclear(PQexec(connection, "BEGIN; LOCK pg_catalog.pg_extension IN SHARE MODE"));
	options.database = "slow_to_create";
	options.connect_timeout_ms = paced_ms(200);
	expect_error(try_options(&options, &error), &error, GOES_ERR_TIMEOUT, "timeout");
	assert_int_equal(PQsendQuery(connection, "SELECT pg_catalog.pg_sleep(3.5); COMMIT"), 1);
	options.connect_timeout_ms = 0;
	assert_usable(open_with(&options));
	PQfinish(connection);
	admin_do("postgres", "DROP DATABASE slow_to_create WITH (FORCE)");
}

/*
 * A pool of the program's own says where; stores on it make their tables, but no database.
 */
static void
test_a_pool_of_the_programs_own(void **state)
{
	char			   url[1024];
	goes_pool_options  pool_options = {.size = sizeof pool_options, .url = url};
	goes_store_options options = make_options(NULL);
	goes_store		  *first;
	goes_store		  *second;
	goes_error		  *error = NULL;

	snprintf(url, sizeof url, "%s dbname=no_such_database", server_url());
	assert_ok(goes_pool_new(&options.pool, &pool_options, &error));
	expect_error(try_options(&options, &error), &error, GOES_ERR_CONNECT, "no_such_database");
	goes_pool_free(options.pool);

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	assert_ok(goes_pool_new(&options.pool, &pool_options, &error));
	first = open_with(&options);
	options.table = "orders";
	second = open_with(&options);
	assert_ok(insert_one(second, "ordered", NULL, &error));
	assert_ptr_equal(goes_store_pool(second), options.pool);
	assert_usable(first);
	assert_usable(second);
	goes_pool_free(options.pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening_needs_no_server),
		cmocka_unit_test(test_a_store_connects_once_the_server_is_up),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_uri_without_a_path),
		cmocka_unit_test(test_service_file),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_parameters_of_pgx),
		cmocka_unit_test(test_search_path_decides_where_the_table_is),
		cmocka_unit_test(test_an_unknown_parameter_is_named),
		cmocka_unit_test(test_dead_hosts_before_the_living_one),
		cmocka_unit_test(test_creating_may_take_longer_than_connecting),
		cmocka_unit_test(test_a_pool_of_the_programs_own),
	};

	return RUN_TESTS(tests);
}
