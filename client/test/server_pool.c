/*
 * server_pool.c
 *    Connections that are shared: how many there are, and who gets one.
 */
#include <pthread.h>

#include "server_pool.h"

#define THREADS 16
#define CALLS 125

static void
test_one_too_many_waits_until_its_deadline(void **state)
{
	goes_pool	   *pool = pool_of(2, 0, 0);
	struct pg_conn *taken[] = {take(pool), take(pool)};
	struct pg_conn *third = NULL;
	goes_context	context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_error	   *error = NULL;
	int64_t			start = milliseconds();

	expect_error(goes_pool_acquire(pool, &third, &context, &error), &error, GOES_ERR_TIMEOUT,
				 "all 2 connections");
	assert_true(milliseconds() - start >= context.timeout_ms);
	assert_true(is_within(start, 500));
	assert_null(third);
	goes_pool_release(pool, taken[1]);
	assert_ptr_equal(take(pool), taken[1]);
	goes_pool_release(pool, taken[0]);
	goes_pool_release(pool, taken[1]);
	assert_int_equal(atomic_load(&connections_made), 2);
	goes_pool_free(pool);
	assert_int_equal(backends("pool", 0), 0);
}

static void
test_cancelled_while_waiting(void **state)
{
	goes_pool	   *pool = pool_of(1, 0, 0);
	struct pg_conn *taken = take(pool);
	struct pg_conn *second = NULL;
	goes_context	context = {
		   .size = sizeof context, .timeout_ms = PATIENCE_MS, .cancel = goes_cancel_new()};
	goes_error *error = NULL;
	pthread_t	thread;
	int64_t		start = milliseconds();

	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, context.cancel), 0);
	expect_error(goes_pool_acquire(pool, &second, &context, &error), &error, GOES_ERR_CANCELLED,
				 "cancelled");
	assert_true(milliseconds() - start >= 90);
	assert_true(is_within(start, 900));
	pthread_join(thread, NULL);
	goes_pool_release(pool, taken);
	goes_pool_free(pool);
	goes_cancel_free(context.cancel);
}

/*
 * expect_count counts events within a moment: GOES_ERR_TIMEOUT if all connections are in use.
 */
static void
expect_count(goes_store *store, int expected_status)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(300)};
	goes_error	*error = NULL;
	int64_t		 count;

	if (expected_status == GOES_OK)
		assert_ok(goes_count(store, NULL, &count, &context, &error));
	else
		expect_error(goes_count(store, NULL, &count, &context, &error), &error, expected_status,
					 "in use, and none came back in time: end cursors and transactions");
}

static void
test_an_unfinished_cursor_occupies_a_connection(void **state)
{
	goes_store_options options = make_options(NULL);
	goes_store		  *store;
	goes_cursor		  *cursors[CONNECTIONS];
	const goes_event  *event;
	goes_error		  *error = NULL;
	goes_uuid		   id;

	options.pool = pool_of(CONNECTIONS, 0, 0);
	store = open_with(&options);
	assert_ok(insert_one(store, "found", &id, &error));
	for (int i = 0; i < CONNECTIONS; i++)
	{
		expect_count(store, GOES_OK);
		assert_ok(goes_query_run(store, NULL, &cursors[i], NULL, &error));
		assert_int_equal(goes_cursor_next(cursors[i], &event, &error), GOES_EVENT);
	}
	expect_count(store, GOES_ERR_TIMEOUT);
	goes_cursor_close(cursors[0]);
	expect_count(store, GOES_OK);
	assert_ok(goes_query_run(store, NULL, &cursors[0], NULL, &error));
	expect_count(store, GOES_ERR_TIMEOUT);
	while (goes_cursor_next(cursors[0], &event, &error) == GOES_EVENT)
		;
	expect_count(store, GOES_OK);
	for (int i = 0; i < CONNECTIONS; i++)
		goes_cursor_close(cursors[i]);
	goes_store_close(store);
	goes_pool_free(options.pool);
}

/*
 * acquire_in_vain takes a connection from a server that says nothing, and expects to give that up in
 * time.
 */
static void
acquire_in_vain(const char *parameters, int64_t timeout_ms, int64_t least_ms, int64_t most_ms)
{
	char			  url[256];
	int				  port;
	int				  listening = listen_silently(&port);
	goes_pool_options options = {.size = sizeof options, .url = url};
	goes_context	  context = {.size = sizeof context, .timeout_ms = timeout_ms};
	goes_pool		 *pool = NULL;
	struct pg_conn	 *connection;
	goes_error		 *error = NULL;
	int64_t			  start = milliseconds();

	snprintf(url, sizeof url, "host=127.0.0.1 port=%d %s", port, parameters);
	assert_ok(goes_pool_new(&pool, &options, &error));
	assert_int_equal(goes_pool_acquire(pool, &connection, &context, &error), GOES_ERR_TIMEOUT);
	goes_error_free(error);
	goes_pool_free(pool);
	close(listening);
	assert_true(milliseconds() - start >= least_ms);
	assert_true(is_within(start, most_ms));
}

/*
 * A pool that the program made has no limit of 3 seconds for connecting: its URL or the call sets
 * one.
 */
static void
test_how_long_a_pool_connects(void **state)
{
	acquire_in_vain("connect_timeout=1", 0, 1000, 2500);
	acquire_in_vain("connect_timeout=1", 200, 200, 900);
	acquire_in_vain("", 3500, 3500, 5000);
}

typedef struct Held
{
	goes_pool	   *pool;
	struct pg_conn *connection;
} Held;

static void *
release_soon(void *argument)
{
	Held *held = argument;

	usleep(50 * 1000);
	goes_pool_release(held->pool, held->connection);
	return NULL;
}

static void
test_who_waits_gets_what_comes_back(void **state)
{
	goes_pool	   *pool = pool_of(1, 0, 0);
	Held			held = {pool, take(pool)};
	pthread_t		thread;
	struct pg_conn *waited_for;

	assert_int_equal(pthread_create(&thread, NULL, release_soon, &held), 0);
	waited_for = take(pool);
	assert_ptr_equal(waited_for, held.connection);
	pthread_join(thread, NULL);
	goes_pool_release(pool, waited_for);
	goes_pool_free(pool);
}

/* A thread that calls a store; cmocka's checks are for the main thread only. */
typedef struct Caller
{
	pthread_t	thread;
	goes_store *store;
	int			failures;
} Caller;

static void *
call_often(void *argument)
{
	Caller *caller = argument;

	for (int i = 0; i < CALLS; i++)
	{
		goes_error *error = NULL;
		goes_uuid	id;
		goes_event *found = NULL;
		int			status = i % 2 == 0 ? insert_one(caller->store, "called", &id, &error)
										: goes_find(caller->store, &id, &found, NULL, &error);

		if (status != GOES_OK)
			fprintf(stderr, "# call %d: %s\n", i, goes_error_message(error));
		caller->failures += status != GOES_OK;
		goes_event_free(found);
		goes_error_free(error);
	}
	return NULL;
}

/*
 * Sixteen threads, four connections and 2,000 calls: no call fails, and no fifth connection is made.
 */
static void
test_many_threads_share_few_connections(void **state)
{
	goes_store_options options = make_options(NULL);
	Caller			   callers[THREADS] = {0};
	goes_store		  *store;

	options.pool = pool_of(CONNECTIONS, 0, 0);
	store = open_with(&options);
	for (int i = 0; i < THREADS; i++)
	{
		callers[i].store = store;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failures, 0);
	}
	assert_in_range(atomic_load(&connections_made), 1, CONNECTIONS);
	goes_store_close(store);
	goes_pool_free(options.pool);
}

static int
refuse_at_first(struct pg_conn *connection, void *user)
{
	int *refusals = user;

	return (*refusals)-- > 0;
}

/*
 * on_connect has the last word; a refused connection's place is free again.
 */
static void
test_on_connect_may_refuse(void **state)
{
	int				  refusals = 2;
	goes_pool_options options = {.size = sizeof options,
								 .url = server_url(),
								 .max_connections = 1,
								 .on_connect = refuse_at_first,
								 .user = &refusals};
	goes_pool		 *pool = NULL;
	goes_context	  context = {.size = sizeof context, .timeout_ms = PATIENCE_MS};
	struct pg_conn	 *connection;
	goes_error		 *error = NULL;

	assert_ok(goes_pool_new(&pool, &options, &error));
	for (int i = 0; i < 2; i++)
		expect_error(goes_pool_acquire(pool, &connection, &context, &error), &error,
					 GOES_ERR_CONNECT, "on_connect");
	goes_pool_release(pool, take(pool));
	goes_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_too_many_waits_until_its_deadline),
		cmocka_unit_test(test_cancelled_while_waiting),
		cmocka_unit_test(test_who_waits_gets_what_comes_back),
		cmocka_unit_test(test_many_threads_share_few_connections),
		cmocka_unit_test(test_on_connect_may_refuse),
		cmocka_unit_test(test_an_unfinished_cursor_occupies_a_connection),
		cmocka_unit_test(test_how_long_a_pool_connects),
	};

	return RUN_GROUP(tests, make_database, NULL);
}
