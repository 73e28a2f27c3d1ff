/*
 * server_cursor_end.c
 *    Cursors that do not come to their end: errors on the way, deadlines, cancellation, in every way of
 *    reading.
 *
 * A server that hangs is made by stopping its process for a while.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "cursors.h"

#define MOST 5000
#define WIDE 20000 /* rows of a kilobyte: more than all buffers on the way take */
#define LATE_MS 200
#define WITHIN_MS 1000

/*
 * read_until_error reads on until there is an error, gives it out and returns its status.
 */
static int
read_until_error(Reader *reader, goes_error **err)
{
	const goes_event *event;
	int				  status;

	while ((status = goes_cursor_next(reader->cursor, &event, err)) == GOES_EVENT)
		;
	return status;
}

/*
 * open_victim opens a store whose only connection tells its name, with a setting of the server.
 */
static goes_store *
open_victim(const char *table, const char *setting)
{
	goes_store_options options = options_of(table);
	char			   url[1024];

	snprintf(url, sizeof url, "%s application_name=victim options='%s'", server_url(), setting);
	options.url = url;
	options.max_connections = 1;
	return open_with(&options);
}

/*
 * make_wide makes a result that does not fit into the buffers between server and program, once.
 */
static void
make_wide(void)
{
	goes_store *store = open_store("wide");

	if (count_events(store) == 0)
		make_history(store, "wide", WIDE, 1000);
	goes_store_close(store);
}

static pid_t
victims_process(void)
{
	char *text = admin(TEST_DATABASE,
					   "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
	pid_t process = text == NULL ? 0 : atoi(text);

	assert_true(process > 0);
	free(text);
	return process;
}

/*
 * expect_same_error expects a cursor that failed to say so again and again.
 */
static void
expect_same_error(Reader *reader, goes_error *first)
{
	const goes_event *event;
	goes_error		 *error = NULL;

	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(goes_cursor_next(reader->cursor, &event, &error),
						 goes_error_status(first));
		assert_string_equal(goes_error_message(error), goes_error_message(first));
		assert_string_equal(goes_error_sqlstate(error), goes_error_sqlstate(first));
		goes_error_free(error);
	}
	goes_error_free(first);
}

static void
test_a_server_process_that_dies_on_the_way(void **state)
{
	goes_store *store = open_victim("wide", "");
	goes_error *error = NULL;

	make_wide();
	for (int way = 0; way < WAYS; way++)
	{
		Reader reader;

		assert_ok(start_reading(&reader, store, way, WIDE, NULL, &error));
		expect_next(&reader, 1);
		admin_do(TEST_DATABASE, "SELECT pg_terminate_backend(%d)", (int) victims_process());
		assert_int_equal(read_until_error(&reader, &error), GOES_ERR_CONNECT);
		expect_same_error(&reader, error);
		end_reading(&reader);
		error = NULL;
		assert_int_equal(count_events(store), WIDE);
	}
	goes_store_close(store);
}

/*
 * begins_in_time starts reading, and reads the first events. False: the machine is so busy that the
 * timeout passed before that.
 */
static bool
begins_in_time(Reader *reader, goes_store *store, int way, const goes_context *context, int events)
{
	const goes_event *event;
	int				  status = start_reading(reader, store, way, WIDE, context, NULL);

	for (int time = 1; status >= 0 && time <= events; time++)
	{
		status = goes_cursor_next(reader->cursor, &event, NULL);
		assert_true(status < 0 || event->time == time);
	}
	if (status < 0)
		end_reading(reader);
	return status >= 0;
}

/*
 * expect_statement_timeout has the server cancel a statement that is being read. False: it was too
 * early.
 */
static bool
expect_statement_timeout(int way, int64_t timeout_ms)
{
	/* the first batch of a stream is small, and the next ones are asked for after it */
	int			events = way == STREAM ? 20 : 1;
	goes_error *error = NULL;
	char		setting[64];
	goes_store *store;
	Reader		reader;
	bool		has_begun;

	snprintf(setting, sizeof setting, "-c statement_timeout=%d", (int) timeout_ms);
	store = open_victim("wide", setting);
	has_begun = begins_in_time(&reader, store, way, NULL, events);
	if (has_begun)
	{
		usleep((useconds_t) (5 * timeout_ms) * 1000);
		assert_int_equal(read_until_error(&reader, &error), GOES_ERR_SERVER);
		assert_string_equal(goes_error_sqlstate(error), "57014");
		expect_same_error(&reader, error);
		end_reading(&reader);
		assert_int_equal(count_events(store), WIDE);
	}
	goes_store_close(store);
	return has_begun;
}

static void
test_an_error_of_the_server_on_the_way(void **state)
{
	make_wide();
	for (int way = 0; way < PORTAL; way++)
	{
		int64_t timeout_ms = paced_ms(150);

		while (!expect_statement_timeout(way, timeout_ms))
			assert_true((timeout_ms *= 4) < 60000);
	}
}

/*
 * reads_slowly pauses on the way for longer than the timeout in all, but not at once.
 */
static bool
reads_slowly(goes_store *store, int way, int64_t timeout_ms)
{
	goes_context	  context = {.size = sizeof context, .timeout_ms = timeout_ms};
	const goes_event *event;
	Reader			  reader;
	int				  status = GOES_EVENT;

	if (!begins_in_time(&reader, store, way, &context, 1))
		return false;
	for (int time = 2; status == GOES_EVENT && time <= 4000; time++)
	{
		if (time % 1000 == 0)
			usleep((useconds_t) timeout_ms * 1000 / 3);
		status = goes_cursor_next(reader.cursor, &event, NULL);
		assert_true(status != GOES_EVENT || event->time == time);
	}
	end_reading(&reader);
	return status == GOES_EVENT;
}

static void
test_each_wait_for_events_has_the_whole_timeout(void **state)
{
	goes_store *store = open_victim("wide", "");
	goes_error *error = NULL;

	make_wide();
	assert_ok(goes_store_connect(store, NULL, &error));
	for (int way = 0; way < WAYS; way++)
	{
		int64_t timeout_ms = paced_ms(LATE_MS);

		while (!reads_slowly(store, way, timeout_ms)) /* a busy machine gets more */
			assert_true((timeout_ms *= 4) < 60000);
	}
	goes_store_close(store);
}

/*
 * cancel_when_late triggers a goes_cancel while the server hangs.
 */
static void *
cancel_when_late(void *cancel)
{
	usleep((useconds_t) paced_ms(LATE_MS) * 1000);
	goes_cancel_trigger(cancel);
	return NULL;
}

/*
 * read_cancelled reads until the error, while a thread triggers a cancel, if there is one.
 */
static int
read_cancelled(Reader *reader, goes_cancel *cancel, goes_error **err)
{
	pthread_t thread;
	int		  status;

	if (cancel == NULL)
		return read_until_error(reader, err);
	assert_int_equal(pthread_create(&thread, NULL, cancel_when_late, cancel), 0);
	status = read_until_error(reader, err);
	pthread_join(thread, NULL);
	return status;
}

/*
 * expect_end_of_hanging reads from a server that hangs, until the deadline or the cancellation. What
 * comes before it hangs does not count.
 */
static void
expect_end_of_hanging(int way, const goes_context *context, int status)
{
	goes_store	*store = open_victim("wide", "");
	goes_context given = *context;
	goes_error	*error = NULL;
	int64_t		 begun;
	int64_t		 taken;
	pid_t		 process;
	Reader		 reader;

	assert_ok(goes_store_connect(store, NULL, &error));
	while (!begins_in_time(&reader, store, way, &given, 1))
		assert_true((given.timeout_ms *= 4) < 60000);
	process = victims_process();
	assert_int_equal(kill(process, SIGSTOP), 0);
	begun = milliseconds();
	assert_int_equal(read_cancelled(&reader, given.cancel, &error), status);
	expect_same_error(&reader, error);
	end_reading(&reader);
	taken = milliseconds() - begun;
	assert_true(is_short(taken - (given.cancel ? paced_ms(LATE_MS) : given.timeout_ms), WITHIN_MS));
	assert_int_equal(kill(process, SIGCONT), 0);
	assert_int_equal(count_events(store), WIDE);
	goes_store_close(store);
}

static void
test_a_hanging_server_is_left_at_the_deadline(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(LATE_MS)};

	make_wide();
	for (int way = 0; way < WAYS; way++)
		expect_end_of_hanging(way, &context, GOES_ERR_TIMEOUT);
}

static void
test_another_thread_cancels_a_wait(void **state)
{
	make_wide();
	for (int way = 0; way < WAYS; way++)
	{
		goes_context context = {.size = sizeof context, .cancel = goes_cancel_new()};

		expect_end_of_hanging(way, &context, GOES_ERR_CANCELLED);
		goes_cancel_free(context.cancel);
	}
}

/*
 * The first rows wait for a lock. The server is told to give up, too.
 */
static void
test_a_query_that_waits_for_a_lock_gives_up_on_both_sides(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(LATE_MS)};
	goes_error	*error = NULL;
	PGconn		*other = admin_connection(TEST_DATABASE);

	make_wide();
	for (int way = 0; way < WAYS; way++)
	{
		goes_store *store = open_victim("wide", "");
		int64_t		begun;
		char	   *waiting = NULL;
		Reader		reader;

		assert_ok(goes_store_connect(store, NULL, &error));
		PQclear(PQexec(other, "BEGIN; LOCK TABLE wide"));
		begun = milliseconds();
		assert_int_equal(start_reading(&reader, store, way, WIDE, &context, &error),
						 GOES_ERR_TIMEOUT);
		assert_true(is_within(begun, LATE_MS + WITHIN_MS));
		goes_error_free(error);
		error = NULL;
		end_reading(&reader);
		while (is_within(begun, LATE_MS + 30 * WITHIN_MS))
		{
			free(waiting);
			waiting = admin(TEST_DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE "
										   "application_name = 'victim'");
			if (*waiting == '0')
				break;
			usleep(10000);
		}
		assert_string_equal(waiting, "0");
		free(waiting);
		PQclear(PQexec(other, "COMMIT"));
		goes_store_close(store);
	}
	PQfinish(other);
}

static void
test_what_is_cancelled_already_does_nothing(void **state)
{
	goes_store		 *store = open_with_one_connection("cancelled");
	goes_error		 *error = NULL;
	goes_context	  context = {.size = sizeof context, .cancel = goes_cancel_new()};
	goes_event		  event = event_of("happened", "{}");
	const goes_event *read;
	int				  process;

	make_history(store, "cancelled", 100, 10);
	for (int way = 0; way < WAYS; way++)
	{
		goes_context own = {.size = sizeof own, .cancel = goes_cancel_new()};
		Reader		 reader;

		assert_ok(start_reading(&reader, store, way, 100, &own, &error));
		expect_next(&reader, 1);
		goes_cancel_trigger(own.cancel);
		expect_error(goes_cursor_next(reader.cursor, &read, &error), &error, GOES_ERR_CANCELLED,
					 "cancelled");
		end_reading(&reader);
		goes_cancel_free(own.cancel);
	}
	goes_cancel_trigger(context.cancel);
	process = process_of(store);
	for (int way = 0; way < PORTAL; way++)
	{
		Reader reader;

		assert_int_equal(start_reading(&reader, store, way, 100, &context, NULL),
						 GOES_ERR_CANCELLED);
		end_reading(&reader);
	}
	expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_CANCELLED, "");
	assert_int_equal(process_of(store), process); /* not even sent: nothing had to be abandoned */
	assert_int_equal(count_events(store), 100);
	goes_cancel_free(context.cancel);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_server_process_that_dies_on_the_way),
		cmocka_unit_test(test_an_error_of_the_server_on_the_way),
		cmocka_unit_test(test_each_wait_for_events_has_the_whole_timeout),
		cmocka_unit_test(test_a_hanging_server_is_left_at_the_deadline),
		cmocka_unit_test(test_another_thread_cancels_a_wait),
		cmocka_unit_test(test_a_query_that_waits_for_a_lock_gives_up_on_both_sides),
		cmocka_unit_test(test_what_is_cancelled_already_does_nothing),
	};

	return RUN_TESTS(tests);
}
