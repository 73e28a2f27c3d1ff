/*
 * server_service.c
 *    What services need: the log, counters of a store and of a pool, taking a connection without
 *    waiting, and running a function again.
 */
#include "lost.h"

/* ---- The log and the counters */

static int	logged;
static char last_line[1024];

static void
keep_line(goes_log_level level, const char *text, void *user)
{
	assert_true(level == GOES_LOG_INFO || level == GOES_LOG_WARNING);
	assert_ptr_equal(user, &logged);
	assert_null(strchr(text, '\n'));
	logged++;
	snprintf(last_line, sizeof last_line, "%s", text);
}

static goes_store *
open_logged(void)
{
	goes_store_options options = options_of("served");

	options.url = proxy_url(proxy);
	options.max_connections = 1;
	options.connect_timeout_ms = paced_ms(PATIENCE_MS);
	options.log = keep_line;
	options.log_user = &logged;
	logged = 0;
	return open_with(&options);
}

static goes_store_statistics
stats_of(goes_store *store)
{
	goes_store_statistics stats = {.size = sizeof stats};

	assert_int_equal(goes_store_stats(store, &stats), GOES_OK);
	assert_int_equal(stats.size, sizeof stats);
	return stats;
}

static void
test_calls_and_errors_are_counted(void **state)
{
	goes_store *store = open_logged();
	goes_event	event;
	goes_event *found = NULL;
	goes_uuid	nobody = {{1}};
	goes_tx	   *tx;
	int64_t		count;
	goes_error *error = NULL;

	leave_in_peace();
	assert_int_equal(stats_of(store).calls, 0);
	goes_event_init(&event, "counted", NULL);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_ok(goes_count(store, NULL, &count, NULL, &error));
	assert_int_equal(stats_of(store).calls, 2);
	assert_int_equal(goes_find(store, &nobody, &found, NULL, NULL), GOES_ERR_NOT_FOUND);
	assert_int_equal(stats_of(store).errors, 0);
	assert_int_equal(goes_insert(store, &event, 1, NULL, NULL), GOES_ERR_DUPLICATE);
	assert_int_equal(stats_of(store).calls, 4);
	assert_int_equal(stats_of(store).errors, 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_int_equal(goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL), GOES_ERR_DUPLICATE);
	assert_int_equal(stats_of(goes_tx_store(tx)).errors, 2);
	goes_tx_rollback(tx);
	assert_int_equal(stats_of(store).calls, 6);
	assert_int_equal(stats_of(store).reconnects + stats_of(store).retries, 0);
	assert_int_equal(logged, 0);
	goes_store_close(store);
}

static void
test_what_no_status_shows_is_told(void **state)
{
	goes_store *store = open_logged();
	Plan		cut = {.direction = TO_CLIENT, .number = 1, .fate = TORN};
	goes_error *error = NULL;
	int64_t		count;

	reach_server(store);
	assert_int_equal(logged, 0);
	proxy_plan(proxy, &cut, 1);
	assert_ok(goes_count(store, NULL, &count, NULL, &error));
	assert_int_equal(stats_of(store).reconnects, 1);
	assert_int_equal(logged, 1);
	assert_non_null(strstr(last_line, "connecting again after: "));
	leave_in_peace();
	goes_store_close(store);
}

static void
test_statistics_of_other_sizes(void **state)
{
	goes_store			 *store = open_logged();
	goes_store_statistics small = {.size = offsetof(goes_store_statistics, errors), .errors = 7};
	goes_store_statistics large[2] = {{.size = sizeof large}};
	goes_store_statistics none = {.size = 0};

	assert_int_equal(goes_store_stats(store, &small), GOES_OK);
	assert_int_equal(small.errors, 7);
	assert_int_equal(goes_store_stats(store, large), GOES_OK);
	assert_int_equal(goes_store_stats(store, &none), GOES_ERR_INVALID);
	assert_int_equal(goes_store_stats(store, NULL), GOES_ERR_INVALID);
	assert_int_equal(goes_store_stats(NULL, &small), GOES_ERR_INVALID);
	assert_int_equal(goes_pool_stats(NULL, NULL), GOES_ERR_INVALID);
	goes_store_close(store);
}

/* ---- The pool */

static goes_pool_statistics
pool_stats_of(goes_pool *pool)
{
	goes_pool_statistics stats = {.size = sizeof stats};

	assert_int_equal(goes_pool_stats(pool, &stats), GOES_OK);
	return stats;
}

static void
test_a_pool_tells_how_it_is_used(void **state)
{
	goes_pool_options options = {.size = sizeof options, .url = server_url(), .max_connections = 2};
	goes_context	  brief = {.size = sizeof brief, .timeout_ms = 50};
	goes_pool		 *pool;
	struct pg_conn	 *taken[3];
	goes_error		 *error = NULL;

	assert_ok(goes_pool_new(&pool, &options, &error));
	assert_int_equal(pool_stats_of(pool).max_connections, 2);
	assert_int_equal(pool_stats_of(pool).made, 0);
	assert_ok(goes_pool_try_acquire(pool, &taken[0], NULL, &error));
	assert_ok(goes_pool_try_acquire(pool, &taken[1], NULL, &error));
	expect_error(goes_pool_try_acquire(pool, &taken[2], NULL, &error), &error, GOES_ERR_TIMEOUT,
				 "all 2 connections");
	assert_int_equal(pool_stats_of(pool).in_use, 2);
	assert_int_equal(pool_stats_of(pool).made, 2);
	assert_int_equal(pool_stats_of(pool).waits, 0);
	expect_error(goes_pool_acquire(pool, &taken[2], &brief, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_int_equal(pool_stats_of(pool).waits, 1);
	goes_pool_release(pool, taken[0]);
	assert_int_equal(pool_stats_of(pool).idle, 1);
	assert_int_equal(pool_stats_of(pool).in_use, 1);
	assert_ok(goes_pool_try_acquire(pool, &taken[0], NULL, &error));
	assert_int_equal(pool_stats_of(pool).made, 2);
	goes_pool_release(pool, taken[0]);
	goes_pool_release(pool, taken[1]);
	expect_error(goes_pool_try_acquire(NULL, &taken[0], NULL, &error), &error, GOES_ERR_INVALID,
				 "");
	expect_error(goes_pool_try_acquire(pool, NULL, NULL, &error), &error, GOES_ERR_INVALID, "");
	goes_pool_free(pool);
}

/* ---- Running a function again */

typedef struct Tries
{
	int count;
	int fails; /* so often */
	int status;
} Tries;

/*
 * try_to_append appends to an aggregate at a version that is wrong at first.
 */
static int
try_to_append(goes_store *store, const goes_context *context, void *user, goes_error **err)
{
	Tries	  *tries = user;
	goes_event event;
	goes_uuid  id;

	goes_uuid_v7(&id);
	goes_event_init(&event, "tried", NULL);
	assert_true(context->timeout_ms != 0);
	return goes_append(store, "trial", &id, &event, 1, tries->count++ < tries->fails ? 5 : 0,
					   context, err);
}

static void
test_a_conflict_is_tried_again(void **state)
{
	goes_store *store = open_logged();
	Tries		tries = {.fails = 4};
	goes_error *error = NULL;

	leave_in_peace();
	assert_ok(goes_retry(store, try_to_append, &tries, NULL, &error));
	assert_int_equal(tries.count, 5);
	assert_int_equal(stats_of(store).retries, 4);
	assert_int_equal(logged, 4);
	goes_store_close(store);
}

static int
fail_with_status(goes_store *store, const goes_context *context, void *user, goes_error **err)
{
	Tries *tries = user;

	tries->count++;
	return tries->count > tries->fails ? GOES_OK : tries->status;
}

/*
 * Each pause is up to twice as long as the one before, but no longer than a second: twelve of them
 * take up to 5.3 s, and would take more than 10 otherwise.
 */
static void
test_pauses_grow_up_to_a_second(void **state)
{
	goes_store *store = open_logged();
	Tries		tries = {.fails = 12, .status = GOES_ERR_CONFLICT};
	int64_t		begun = milliseconds();

	assert_int_equal(goes_retry(store, fail_with_status, &tries, NULL, NULL), GOES_OK);
	assert_true(milliseconds() - begun < 9000);
	assert_int_equal(tries.count, 13);
	goes_store_close(store);
}

static void
test_what_does_not_pass_is_not_tried_again(void **state)
{
	static const struct
	{
		int	 status;
		bool may_pass;
	} cases[] = {{GOES_ERR_CONFLICT, true},	   {GOES_ERR_CONNECT, true},
				 {GOES_ERR_IN_DOUBT, false},   {GOES_ERR_INVALID, false},
				 {GOES_ERR_DUPLICATE, false},  {GOES_ERR_NOT_FOUND, false},
				 {GOES_ERR_PERMISSION, false}, {GOES_ERR_HOOK, false}};
	goes_store *store = open_logged();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		Tries tries = {.fails = 1, .status = cases[i].status};
		int	  status = goes_retry(store, fail_with_status, &tries, NULL, NULL);

		assert_int_equal(status, cases[i].may_pass ? GOES_OK : cases[i].status);
		assert_int_equal(tries.count, cases[i].may_pass ? 2 : 1);
	}
	goes_store_close(store);
}

static void
test_it_gives_up_when_its_time_is_over(void **state)
{
	goes_store	*store = open_logged();
	Tries		 tries = {.fails = 1000000, .status = GOES_ERR_CONFLICT};
	goes_context context = {.size = sizeof context, .timeout_ms = 300};
	int64_t		 begun = milliseconds();
	goes_error	*error = NULL;

	assert_int_equal(goes_retry(store, fail_with_status, &tries, &context, NULL),
					 GOES_ERR_CONFLICT);
	assert_true(is_within(begun, 400));
	assert_true(tries.count >= 3 && tries.count < 30);
	context.cancel = goes_cancel_new();
	context.timeout_ms = -1;
	cancel_in(context.cancel, 200);
	begun = milliseconds();
	assert_int_equal(goes_retry(store, fail_with_status, &tries, &context, NULL),
					 GOES_ERR_CONFLICT);
	assert_true(is_within(begun, 1200));
	expect_error(goes_retry(store, fail_with_status, &tries, &context, &error), &error,
				 GOES_ERR_CANCELLED, "");
	cancel_in(NULL, 0);
	goes_cancel_free(context.cancel);
	goes_store_close(store);
}

static void
test_what_cannot_be_tried(void **state)
{
	goes_store *store = open_logged();
	Tries		tries = {0};
	goes_error *error = NULL;
	goes_tx	   *tx;

	leave_in_peace();
	expect_error(goes_retry(NULL, fail_with_status, NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "");
	expect_error(goes_retry(store, NULL, NULL, NULL, &error), &error, GOES_ERR_INVALID, "");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_error(goes_retry(goes_tx_store(tx), fail_with_status, &tries, NULL, &error), &error,
				 GOES_ERR_STATE, "transaction");
	goes_tx_rollback(tx);
	assert_int_equal(tries.count, 0);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_and_errors_are_counted),
		cmocka_unit_test(test_what_no_status_shows_is_told),
		cmocka_unit_test(test_statistics_of_other_sizes),
		cmocka_unit_test(test_a_pool_tells_how_it_is_used),
		cmocka_unit_test(test_a_conflict_is_tried_again),
		cmocka_unit_test(test_pauses_grow_up_to_a_second),
		cmocka_unit_test(test_what_does_not_pass_is_not_tried_again),
		cmocka_unit_test(test_it_gives_up_when_its_time_is_over),
		cmocka_unit_test(test_what_cannot_be_tried),
	};

	return RUN_LOST_TESTS(tests);
}
