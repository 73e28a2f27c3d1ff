/*
 * server_read_elsewhere.c
 *    A store that reads elsewhere, from the server itself in place of a standby: what fails only
 *    there, and how such a store is opened.
 */
#include "events.h"
#include "statistics.h"

#define TABLE "elsewhere"

static goes_store_options
options_with(const char *read_url)
{
	goes_store_options options = options_of(TABLE);

	options.read_url = read_url;
	return options;
}

/*
 * The table is not there, in that schema. So the primary answers: a query as well as a call with
 * one answer.
 */
static void
test_a_read_that_fails_only_there(void **state)
{
	char			   url[1024] = "";
	goes_store_options options = options_with(url);
	goes_event		   event = event_of("happened", "{}");
	goes_store		  *store;

	snprintf(url, sizeof url, "%s search_path=nowhere", server_url());
	store = open_with(&options);
	store_events(store, &event, 1);
	assert_true(run_to_end(store, NULL) > 0);
	assert_int_equal(counted(store).standby_failures, 1);
	assert_true(is_there(store, &event));
	assert_int_equal(counted(store).standby_failures, 2);
	assert_int_equal(counted(store).standby_reads, 0);
	goes_store_close(store);
}

/*
 * Nothing is read as long as nobody knows which system the primary belongs to.
 */
static void
test_a_primary_that_is_not_there(void **state)
{
	goes_store_options options = options_with(server_url());
	goes_store		  *store;
	goes_error		  *error = NULL;
	int64_t			   count = -1;

	options.url = "host=/nowhere";
	options.connect_timeout_ms = paced_ms(300);
	store = open_with(&options);
	expect_error(goes_count(store, NULL, &count, NULL, &error), &error, GOES_ERR_CONNECT, "");
	assert_int_equal(count, -1);
	goes_store_close(store);
}

/*
 * The connection of a pool that stores share is known to one that does not read elsewhere, and did
 * not ask it what the other has to know.
 */
static void
test_a_pool_that_two_stores_share(void **state)
{
	char			  url[1024] = "";
	goes_pool_options pool_options = {
		.size = sizeof pool_options, .url = url, .max_connections = 1};
	goes_store_options plain = options_of(TABLE);
	goes_store_options options = options_with(url);
	goes_event		   event = event_of("happened", "{}");
	goes_pool		  *pool = NULL;
	goes_store		  *first;
	goes_store		  *second;
	goes_error		  *error = NULL;

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	assert_ok(goes_pool_new(&pool, &pool_options, &error));
	plain.pool = options.pool = pool;
	first = open_with(&plain);
	second = open_with(&options);
	assert_ok(goes_store_connect(second, NULL, &error));
	store_events(first, &event, 1);
	assert_int_equal(count_events(first), count_events(second));
	assert_true(is_there(second, &event));
	assert_true(counted(second).standby_reads > 0);
	goes_store_close(second);
	second = open_with(&options);
	assert_true(is_there(second, &event));
	assert_int_equal(counted(second).standby_reads, 1);
	goes_store_close(first);
	goes_store_close(second);
	goes_pool_free(pool);
}

/*
 * The same when the standby comes up later: by then the connection has been used by the other store.
 */
static void
test_a_shared_pool_and_a_standby_that_comes_later(void **state)
{
	char			  url[1024];
	char			  place[] = "/tmp/goes_elsewhere_XXXXXX";
	char			  link[64];
	char			  read_url[256] = "";
	goes_pool_options pool_options = {
		.size = sizeof pool_options, .url = url, .max_connections = 1};
	goes_store_options plain = options_of(TABLE);
	goes_store_options options = options_with(read_url);
	goes_event		   event = event_of("happened", "{}");
	char			  *socket = admin("postgres", "SHOW unix_socket_directories");
	char			  *port = admin("postgres", "SHOW port");
	char			  *user = admin("postgres", "SELECT current_user");
	goes_pool		  *pool = NULL;
	goes_store		  *first;
	goes_store		  *second;
	goes_error		  *error = NULL;
	int64_t			   begun;

	assert_non_null(mkdtemp(place));
	snprintf(link, sizeof link, "%s/socket", place);
	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	snprintf(read_url, sizeof read_url, "host=%s port=%s user=%s dbname=" TEST_DATABASE, link, port,
			 user);
	assert_ok(goes_pool_new(&pool, &pool_options, &error));
	plain.pool = options.pool = pool;
	first = open_with(&plain);
	second = open_with(&options);
	assert_ok(goes_store_connect(second, NULL, &error));
	store_events(first, &event, 1);
	assert_int_equal(symlink(socket, link), 0);
	begun = milliseconds();
	while (counted(second).standby_reads == 0 && is_within(begun, 10000))
	{
		assert_true(is_there(second, &event));
		usleep(20 * 1000);
	}
	assert_true(counted(second).standby_reads > 0);
	goes_store_close(first);
	goes_store_close(second);
	goes_pool_free(pool);
	unlink(link);
	rmdir(place);
	free(socket);
	free(port);
	free(user);
}

static void
test_without_prepared_statements(void **state)
{
	goes_store_options options = options_with(server_url());
	goes_event		   event = event_of("happened", "{}");
	goes_store		  *store;

	options.no_prepared_statements = true;
	store = open_with(&options);
	store_events(store, &event, 1);
	assert_true(is_there(store, &event));
	assert_int_equal(counted(store).standby_reads, 1);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_read_that_fails_only_there),
		cmocka_unit_test(test_a_primary_that_is_not_there),
		cmocka_unit_test(test_a_pool_that_two_stores_share),
		cmocka_unit_test(test_a_shared_pool_and_a_standby_that_comes_later),
		cmocka_unit_test(test_without_prepared_statements),
	};

	return RUN_TESTS(tests);
}
