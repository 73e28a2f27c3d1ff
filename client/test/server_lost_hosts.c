/*
 * server_lost_hosts.c
 *    A feed that is connected again: to the host that the environment names, beside hosts that
 *    nobody knows, and where the server accepts connections and says nothing.
 */
#include "lost.h"
#include "subscribes.h"

#define TABLE "hosted"
#define EVENTS 5

/* What a connection by the proxy has besides. */
#define OTHERS "sslmode=disable gssencmode=disable application_name=" PROXY_NAME

static goes_store_options
options_by_proxy(const char *url, int64_t patience_ms)
{
	goes_store_options options = options_of(TABLE);

	options.url = url;
	options.connect_timeout_ms = paced_ms(patience_ms);
	return options;
}

static void
fill(goes_store *store)
{
	leave_in_peace();
	with_feed(store, TABLE);
	if (count_rows(TABLE) == 0)
		store_numbered(store, 0, EVENTS);
}

/*
 * value_of returns the value of a keyword of the proxy's connection string, to be freed.
 */
static char *
value_of(const char *keyword)
{
	PQconninfoOption *options = PQconninfoParse(proxy_url(proxy), NULL);
	char			 *value = NULL;

	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
		if (strcmp(option->keyword, keyword) == 0 && option->val != NULL)
			value = strdup(option->val);
	PQconninfoFree(options);
	return value;
}

/*
 * follow_through_a_cut reads all events with a connection that is lost in between.
 */
static void
follow_through_a_cut(const char *url)
{
	goes_store_options options = options_by_proxy(url, PATIENCE_MS);
	goes_store		  *store = open_with(&options);
	goes_feed_options  few = feed_options(-1);
	goes_feed		  *feed;

	fill(store);
	few.page = 2;
	feed = open_feed(store, &few);
	expect_numbers(feed, 0, 2);
	proxy_cut(proxy);
	expect_numbers(feed, 2, EVENTS - 2);
	expect_end(feed);
	goes_feed_close(feed);
	goes_store_close(store);
}

static void
test_the_environment_names_the_host(void **state)
{
	char *user = value_of("user");
	char *port = value_of("port");
	char  url[256];

	snprintf(url, sizeof url, "user=%s " OTHERS, user);
	setenv("PGHOST", "127.0.0.1", 1);
	setenv("PGPORT", port, 1);
	follow_through_a_cut(url);
	unsetenv("PGHOST");
	unsetenv("PGPORT");
	free(user);
	free(port);
}

static void
test_the_environment_names_a_socket(void **state)
{
	PQconninfoOption *options = PQconninfoParse(server_url(), NULL);
	char			  url[256] = "";

	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
	{
		if (option->val != NULL && strcmp(option->keyword, "host") == 0)
			setenv("PGHOST", option->val, 1);
		else if (option->val != NULL && strcmp(option->keyword, "port") == 0)
			setenv("PGPORT", option->val, 1);
		else if (option->val != NULL && strcmp(option->keyword, "user") == 0)
			snprintf(url, sizeof url, "user=%s", option->val);
	}
	PQconninfoFree(options);
	follow_through_a_cut(url);
	unsetenv("PGHOST");
	unsetenv("PGPORT");
}

static void
test_a_host_that_nobody_knows(void **state)
{
	char *user = value_of("user");
	char *port = value_of("port");
	char  url[256];

	snprintf(url, sizeof url, "user=%s host=127.0.0.1,no..name port=%s " OTHERS, user, port);
	follow_through_a_cut(url);
	free(user);
	free(port);
}

/* From now on connections are accepted, and hear nothing for a minute. */
static void
be_silent(void)
{
	const Plan silence = {.direction = TO_CLIENT, .number = 1, .fate = DELAYED, .delay_ms = 60000};

	proxy_plan(proxy, &silence, 1);
}

/*
 * A server that does not say a word is one that is not there: each call says so after
 * connect_timeout_ms.
 */
static void
test_a_silent_server_is_no_connection(void **state)
{
	goes_store_options options = options_by_proxy(proxy_url(proxy), 300);
	goes_store		  *store = open_with(&options);
	goes_feed_options  few = feed_options(-1);
	const goes_event  *event;
	goes_feed		  *feed;
	goes_error		  *error = NULL;
	int64_t			   begun;
	int				   status;

	fill(store);
	few.page = 2;
	feed = open_feed(store, &few);
	expect_numbers(feed, 0, 2);
	proxy_cut(proxy);
	be_silent();
	begun = milliseconds();
	while ((status = goes_feed_next(feed, &event, NULL, &error)) == GOES_EVENT)
		;
	expect_error(status, &error, GOES_ERR_CONNECT, "");
	assert_true(is_within(begun, 3000));
	proxy_cut(proxy);
	leave_in_peace();
	goes_feed_close(feed);
	goes_store_close(store);
}

static void
test_a_worker_of_a_silent_server(void **state)
{
	goes_store_options		  options = options_by_proxy(proxy_url(proxy), 300);
	goes_store				 *store = open_with(&options);
	goes_subscription_options careful = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *delivery;
	goes_error				 *error = NULL;
	int64_t					  begun;

	fill(store);
	worker = open_worker(store, "hosted", &careful);
	expect_and_do(worker, 0, EVENTS);
	proxy_cut(proxy);
	be_silent();
	begun = milliseconds();
	expect_error(goes_subscription_next(worker, &delivery, NULL, &error), &error, GOES_ERR_CONNECT,
				 "");
	assert_true(is_within(begun, 3000));
	proxy_cut(proxy);
	leave_in_peace();
	expect_nothing(worker);
	goes_subscription_close(worker);
	goes_store_close(store);
}

/*
 * Opening a feed takes no longer than a call may.
 */
static void
test_opening_a_feed_is_late(void **state)
{
	goes_store_options options = options_by_proxy(proxy_url(proxy), PATIENCE_MS);
	goes_store		  *store;
	goes_feed		  *feed = NULL;
	goes_error		  *error = NULL;
	int64_t			   begun;

	options.operation_timeout_ms = paced_ms(300);
	store = open_with(&options);
	fill(store);
	be_silent();
	begun = milliseconds();
	expect_error(goes_feed_open(store, NULL, &feed, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_true(is_within(begun, 300 + WITHIN_MS));
	assert_null(feed);
	proxy_cut(proxy);
	leave_in_peace();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_environment_names_the_host),
		cmocka_unit_test(test_the_environment_names_a_socket),
		cmocka_unit_test(test_a_host_that_nobody_knows),
		cmocka_unit_test(test_a_silent_server_is_no_connection),
		cmocka_unit_test(test_a_worker_of_a_silent_server),
		cmocka_unit_test(test_opening_a_feed_is_late),
	};

	return RUN_LOST_TESTS(tests);
}
