/*
 * server_standby.c
 *    A primary and a hot standby: what a standby says, which of the two a store finds, and that what
 *    was acknowledged is there when the standby takes over.
 */
#include "events.h"
#include "standby.h"
#include "writers.h"

static int
make_standby(void **state)
{
	make_standby_for("remote_apply");
	return 0;
}

/*
 * open_by opens a store by these keywords; patience_ms is its connect_timeout_ms.
 */
static goes_store *
open_by(const char *url, const char *attributes, int64_t patience_ms)
{
	goes_store_options options = options_of(NULL);
	char			   text[2100];

	snprintf(text, sizeof text, "%s target_session_attrs=%s", url, attributes);
	options.url = text;
	options.connect_timeout_ms = patience_ms;
	return open_with(&options);
}

static void
test_a_standby_can_be_read_and_says_where_to_write(void **state)
{
	goes_store *primary = open_store(NULL);
	goes_store *standby = open_by(standby_url, "any", 0);
	goes_error *error = NULL;
	goes_event	event = event_of("stored", "{}");
	goes_event	refused = event_of("refused", "{}");

	assert_ok(goes_insert(primary, &event, 1, NULL, &error));
	assert_true(is_there(standby, &event));
	expect_error(goes_insert(standby, &refused, 1, NULL, &error), &error, GOES_ERR_SERVER,
				 "target_session_attrs=read-write");
	expect_error(goes_append(standby, "order", &event.id, &refused, 1, 0, NULL, &error), &error,
				 GOES_ERR_SERVER, "target_session_attrs=read-write");
	goes_store_close(primary);
	goes_store_close(standby);
}

/*
 * expect_server expects a store to be connected to the standby or to the primary.
 */
static void
expect_server(const char *url, const char *attributes, bool is_standby)
{
	goes_store *store = open_by(url, attributes, 0);
	goes_error *error = NULL;
	PGconn	   *connection;
	PGresult   *result;

	assert_ok(goes_store_connect(store, NULL, &error));
	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	result = PQexec(connection, "SELECT pg_is_in_recovery()");
	assert_string_equal(PQgetvalue(result, 0, 0), is_standby ? "t" : "f");
	PQclear(result);
	goes_pool_release(goes_store_pool(store), connection);
	goes_store_close(store);
}

static void
test_attributes_choose_among_the_hosts(void **state)
{
	expect_server(standby_first, "any", true);
	expect_server(standby_first, "read-write", false);
	expect_server(standby_first, "primary", false);
	expect_server(primary_first, "standby", true);
	expect_server(primary_first, "prefer-standby", true);
	expect_server(standby_first, "prefer-standby", true);
	expect_server(server_url(), "prefer-standby", false);
}

/*
 * end_waiting ends the server's process that waits for the standby: it has committed, and says
 * nothing. Then it runs a command, if there is one.
 */
static void *
end_waiting(void *command)
{
	bool is_ended = false;

	while (!is_ended)
	{
		char *ended = admin("postgres", "SELECT count(pg_terminate_backend(pid)) FROM "
										"pg_stat_activity WHERE wait_event = 'SyncRep'");

		is_ended = *ended != '0';
		free(ended);
		usleep(1000);
	}
	if (command != NULL)
		run_command("%s", (const char *) command);
	return NULL;
}

/*
 * The primary has the event, and says so; but if the standby took over now, the event would be
 * gone.
 */
static void
test_what_the_standby_lacks_is_in_doubt(void **state)
{
	goes_store *store = open_by(standby_first, "read-write", paced_ms(400));
	goes_error *error = NULL;
	pthread_t	thread;

	assert_ok(goes_store_connect(store, NULL, &error));
	run_command(STOP_STANDBY);
	for (int way = 0; way < WAYS_TO_WRITE; way++)
	{
		goes_event event = event_of("in.doubt", "{}");

		assert_int_equal(pthread_create(&thread, NULL, end_waiting, NULL), 0);
		expect_error(write_event(store, way, &event, &error), &error, GOES_ERR_IN_DOUBT, "");
		pthread_join(thread, NULL);
		assert_true(is_there(store, &event));
	}
	run_command(START_STANDBY);
	wait_for_standby();
	goes_store_close(store);
}

/*
 * An append that is stored already stores nothing, but has to wait for the standby.
 */
static void
test_an_append_that_is_repeated_waits_for_the_standby(void **state)
{
	goes_store	*store = open_by(standby_first, "read-write", paced_ms(400));
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(300)};
	goes_error	*error = NULL;
	goes_event	 event = event_of("repeated", "{}");
	goes_uuid	 id = event.id;
	pthread_t	 thread;

	assert_ok(goes_store_connect(store, NULL, &error));
	run_command(STOP_STANDBY);
	assert_int_equal(pthread_create(&thread, NULL, end_waiting, NULL), 0);
	expect_error(goes_append(store, "order", &id, &event, 1, 0, NULL, &error), &error,
				 GOES_ERR_IN_DOUBT, "");
	pthread_join(thread, NULL);
	assert_true(is_there(store, &event));
	expect_error(goes_append(store, "order", &id, &event, 1, 0, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	run_command(START_STANDBY);
	wait_for_standby();
	assert_ok(goes_append(store, "order", &id, &event, 1, 0, NULL, &error));
	assert_int_equal(event.aggregate_version, 1);
	goes_store_close(store);
}

static void
test_a_standby_that_comes_back_makes_success(void **state)
{
	goes_store *store = open_by(standby_first, "read-write", 20000);
	goes_error *error = NULL;
	pthread_t	thread;

	assert_ok(goes_store_connect(store, NULL, &error));
	for (int way = 0; way < WAYS_TO_WRITE; way++)
	{
		goes_event event = event_of("made.good", "{}");

		run_command(STOP_STANDBY);
		assert_int_equal(pthread_create(&thread, NULL, end_waiting, START_STANDBY), 0);
		assert_ok(write_event(store, way, &event, &error));
		pthread_join(thread, NULL);
		wait_for_standby();
	}
	goes_store_close(store);
}

/*
 * The last test: the primary does not come back.
 */
static void
test_the_standby_takes_over_under_load(void **state)
{
	goes_store *store = open_by(primary_first, "read-write", paced_ms(500));

	start_writers(store);
	wait_for_successes(200);
	stop_server();
	usleep((useconds_t) paced_ms(700) * 1000);
	run_command(PROMOTE_STANDBY);
	wait_for_successes(200);
	stop_writers();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_standby_can_be_read_and_says_where_to_write),
		cmocka_unit_test(test_attributes_choose_among_the_hosts),
		cmocka_unit_test(test_what_the_standby_lacks_is_in_doubt),
		cmocka_unit_test(test_an_append_that_is_repeated_waits_for_the_standby),
		cmocka_unit_test(test_a_standby_that_comes_back_makes_success),
		cmocka_unit_test(test_the_standby_takes_over_under_load),
	};

	return RUN_GROUP(tests, make_standby, remove_standby);
}
