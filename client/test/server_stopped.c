/*
 * server_stopped.c
 *    A server process that takes nothing in: what is being sent to it is over in time, or goes on
 *    when the process does.
 */
#include <signal.h>

#include "follows.h"

#define TABLE "stopped"
#define MEGABYTES(n) ((size_t) (n) *1024 * 1024)

/*
 * large_event makes an event that no socket takes in at once; its data is to be freed.
 */
static goes_event
large_event(void)
{
	size_t	   length = MEGABYTES(16);
	char	  *data = malloc(length + 1);
	goes_event event;

	memset(data, ' ', length);
	data[length - 1] = '1';
	data[length] = '\0';
	goes_event_init(&event, "large", data);
	return event;
}

static goes_store *
open_stopped(int *process)
{
	goes_store *store = open_with_one_connection(TABLE);
	goes_event	event = event_of("before", "{}");
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	*process = process_of(store);
	/* the pool resets the connection, and the server knows the statement */
	store_events(store, &event, 1);
	assert_int_equal(kill(*process, SIGSTOP), 0);
	return store;
}

static void
test_a_call_is_late_while_it_sends(void **state)
{
	int			 process;
	goes_store	*store = open_stopped(&process);
	goes_event	 event = large_event();
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(300)};
	goes_error	*error = NULL;
	int64_t		 begun = milliseconds();
	int			 status = goes_insert(store, &event, 1, &context, &error);

	assert_int_equal(kill(process, SIGCONT), 0);
	expect_error(status, &error, GOES_ERR_TIMEOUT, "");
	assert_true(is_within(begun, 300 + 1000));
	assert_false(is_there(store, &event));
	free((void *) event.data);
	goes_store_close(store);
}

/* What a thread does to the process in a while. */
static void *
let_it_go_on(void *process)
{
	usleep(200 * 1000);
	kill(*(int *) process, SIGCONT);
	return NULL;
}

static void *
end_it(void *process)
{
	usleep(200 * 1000);
	kill(*(int *) process, SIGTERM);
	kill(*(int *) process, SIGCONT);
	return NULL;
}

static void
expect_stored_although(void *(*what)(void *) )
{
	int			 process;
	goes_store	*store = open_stopped(&process);
	goes_event	 event = large_event();
	goes_context context = {.size = sizeof context, .timeout_ms = 60000};
	goes_error	*error = NULL;
	pthread_t	 thread;

	assert_int_equal(pthread_create(&thread, NULL, what, &process), 0);
	assert_ok(goes_insert(store, &event, 1, &context, &error));
	pthread_join(thread, NULL);
	assert_true(is_there(store, &event));
	free((void *) event.data);
	goes_store_close(store);
}

static void
test_a_call_goes_on_with_the_process(void **state)
{
	expect_stored_although(let_it_go_on);
}

static void
test_a_process_ends_while_it_is_sent_something(void **state)
{
	expect_stored_although(end_it);
}

/*
 * A feed waits until its filter is sent, which takes more than the socket has room for.
 */
static void
test_a_feed_with_a_large_filter(void **state)
{
	goes_store		 *store = open_store(TABLE);
	goes_feed_options options = feed_options(-1);
	goes_query		 *query = goes_query_new();
	goes_event		  event = event_of("wanted", "{}");
	goes_feed		 *feed;
	const goes_event *found = NULL;
	goes_error		 *error = NULL;

	with_feed(store, TABLE);
	store_events(store, &event, 1);
	for (int i = 0; i < 200000; i++)
	{
		goes_uuid id;

		goes_uuid_v7(&id);
		assert_int_equal(goes_query_id(query, &id), GOES_OK);
	}
	assert_int_equal(goes_query_id(query, &event.id), GOES_OK);
	options.filter = query;
	feed = open_feed(store, &options);
	assert_int_equal(goes_feed_next(feed, &found, NULL, &error), GOES_EVENT);
	assert_memory_equal(&found->id, &event.id, sizeof event.id);
	goes_feed_close(feed);
	goes_query_free(query);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_is_late_while_it_sends),
		cmocka_unit_test(test_a_call_goes_on_with_the_process),
		cmocka_unit_test(test_a_process_ends_while_it_is_sent_something),
		cmocka_unit_test(test_a_feed_with_a_large_filter),
	};

	return RUN_TESTS(tests);
}
