/*
 * server_pool_sharing.c
 *    What threads, cursors and transactions share of a store: its first attempt to connect, and its
 *    end.
 */
#include <fcntl.h>
#include <pthread.h>

#include "server_pool.h"

#define THREADS 8
#define LIMIT_MS 300

/* A thread that uses a store for the first time. */
typedef struct First
{
	pthread_t	 thread;
	goes_store	*store;
	goes_context context;
	int			 status;
	char		 message[256];
} First;

static void *
connect_first(void *argument)
{
	First	   *first = argument;
	goes_error *error = NULL;

	first->status = goes_store_connect(first->store, &first->context, &error);
	snprintf(first->message, sizeof first->message, "%s", goes_error_message(error));
	goes_error_free(error);
	return NULL;
}

static void
start_first(First *first, goes_store *store, int64_t timeout_ms, goes_cancel *cancel)
{
	*first = (First){
		.store = store,
		.context = {.size = sizeof first->context, .timeout_ms = timeout_ms, .cancel = cancel}};
	assert_int_equal(pthread_create(&first->thread, NULL, connect_first, first), 0);
}

/*
 * silent_store opens a store on a host that never answers.
 */
static goes_store *
silent_store(int *listener)
{
	char			   url[128] = "";
	goes_store_options options = make_options(url);
	int				   port;

	*listener = listen_silently(&port);
	assert_int_equal(fcntl(*listener, F_SETFL, O_NONBLOCK), 0);
	snprintf(url, sizeof url, "host=127.0.0.1 port=%d sslmode=disable gssencmode=disable", port);
	options.connect_timeout_ms = paced_ms(LIMIT_MS);
	return open_with(&options);
}

/*
 * attempts counts the connections that a silent host has got, and closes it.
 */
static int
attempts(int listener)
{
	int count = 0;
	int accepted;

	while ((accepted = accept(listener, NULL, NULL)) >= 0)
	{
		close(accepted);
		count++;
	}
	close(listener);
	return count;
}

/*
 * The first callers wait for one attempt, and all of them hear how it failed.
 */
static void
test_first_callers_share_one_attempt(void **state)
{
	First		firsts[THREADS];
	int			listener;
	goes_store *store = silent_store(&listener);
	int64_t		start = milliseconds();

	for (int i = 0; i < THREADS; i++)
		start_first(&firsts[i], store, 0, NULL);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(firsts[i].thread, NULL);
		assert_int_equal(firsts[i].status, GOES_ERR_TIMEOUT);
		assert_non_null(strstr(firsts[i].message, "127.0.0.1"));
	}
	assert_true(milliseconds() - start >= LIMIT_MS);
	assert_true(is_within(start, 2 * LIMIT_MS));
	assert_int_equal(attempts(listener), 1);
	goes_store_close(store);
}

/*
 * An attempt that ends because its own caller had no more time, or was cancelled, is no answer for
 * the others: they go on.
 */
static void
test_one_callers_hurry_is_not_the_others(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	First		 cancelled;
	First		 hasty;
	First		 patient;
	int			 listener;
	goes_store	*store = silent_store(&listener);

	start_first(&cancelled, store, 0, cancel);
	usleep((useconds_t) paced_ms(20) * 1000);
	start_first(&hasty, store, paced_ms(LIMIT_MS / 3), NULL);
	start_first(&patient, store, 0, NULL);
	usleep((useconds_t) paced_ms(20) * 1000);
	goes_cancel_trigger(cancel);
	pthread_join(cancelled.thread, NULL);
	assert_int_equal(cancelled.status, GOES_ERR_CANCELLED);
	pthread_join(hasty.thread, NULL);
	assert_int_equal(hasty.status, GOES_ERR_TIMEOUT);
	pthread_join(patient.thread, NULL);
	assert_int_equal(patient.status, GOES_ERR_TIMEOUT);
	assert_in_range(attempts(listener), 2, 3);
	goes_store_close(store);
	goes_cancel_free(cancel);
}

/*
 * With a server there the first callers all succeed.
 */
static void
test_first_callers_all_succeed(void **state)
{
	First		firsts[THREADS];
	goes_store *store = open_store("first_callers");

	for (int i = 0; i < THREADS; i++)
		start_first(&firsts[i], store, 0, NULL);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(firsts[i].thread, NULL);
		assert_string_equal(firsts[i].message, "");
		assert_int_equal(firsts[i].status, GOES_OK);
	}
	goes_store_close(store);
}

/*
 * A store that is closed goes on for its cursors and transactions; the last of them closes the
 * connections.
 */
static void
test_closing_before_cursors_and_transactions_end(void **state)
{
	goes_store		 *store = open_store("closing");
	goes_query		 *query = goes_query_new();
	const goes_event *event;
	goes_error		 *error = NULL;
	goes_cursor		 *small;
	goes_cursor		 *large;
	goes_tx			 *committed;
	goes_tx			 *undone;
	char			 *count;

	assert_ok(insert_one(store, "stored", NULL, &error));
	goes_query_limit(query, 5);
	assert_ok(goes_query_run(store, query, &small, NULL, &error));
	assert_ok(goes_query_run(store, NULL, &large, NULL, &error));
	assert_ok(goes_tx_begin(store, &committed, NULL, &error));
	assert_ok(goes_tx_begin(store, &undone, NULL, &error));
	goes_query_free(query);
	goes_store_close(store);

	assert_int_equal(goes_cursor_next(small, &event, &error), GOES_EVENT);
	assert_string_equal(event->name, "stored");
	assert_int_equal(goes_cursor_next(small, &event, &error), GOES_END);
	goes_cursor_close(small);
	assert_ok(insert_one(goes_tx_store(undone), "undone", NULL, &error));
	goes_tx_rollback(undone);
	assert_ok(insert_one(goes_tx_store(committed), "committed", NULL, &error));
	assert_ok(goes_tx_commit(committed, NULL, &error));
	assert_int_equal(goes_cursor_next(large, &event, &error), GOES_EVENT);
	goes_cursor_close(large);
	assert_int_equal(backends("libgoes", 0), 0);
	count = admin(TEST_DATABASE, "SELECT string_agg(name, ' ' ORDER BY id) FROM closing");
	assert_string_equal(count, "stored committed");
	free(count);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_callers_share_one_attempt),
		cmocka_unit_test(test_one_callers_hurry_is_not_the_others),
		cmocka_unit_test(test_first_callers_all_succeed),
		cmocka_unit_test(test_closing_before_cursors_and_transactions_end),
	};

	return RUN_TESTS(tests);
}
