/*
 * server_hooks.c
 *    Hooks: when they run, what they may do, and what becomes of an insert that one refuses.
 */
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#include "events.h"

#define THREADS 8
#define INSERTS 25

/* What hooks are told to do, and what they saw. */
static struct
{
	char		calls[64]; /* a letter for each that ran */
	size_t		n;		   /* the events that the last one got */
	goes_uuid	first;
	bool		was_there; /* the first event, for the transaction */
	int			returned;
	goes_store *outer; /* for a hook that uses it */
} seen;

static goes_store *store;

/*
 * A hook notes its letter, which is its `user`, and what it was given.
 */
static int
note(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	strcat(seen.calls, user);
	seen.n = n;
	seen.first = events[0].id;
	seen.was_there = is_there(goes_tx_store(tx), &events[0]);
	return seen.returned;
}

static int
begin(void **state)
{
	goes_store *first = open_store("hooked");
	goes_error *error = NULL;

	memset(&seen, 0, sizeof seen);
	assert_ok(goes_store_connect(first, NULL, &error));
	goes_store_close(first);
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; TRUNCATE hooked; "
							"DROP TABLE IF EXISTS seen; CREATE TABLE seen (id uuid PRIMARY KEY)");
	store = open_with_one_connection("hooked");
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	return 0;
}

static void
add_hook(goes_hook_point point, goes_hook hook, const char *letter)
{
	assert_int_equal(goes_store_add_hook(store, point, hook, (void *) letter), GOES_OK);
}

static void
insert(goes_store *into)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	assert_ok(goes_insert(into, &event, 1, NULL, &error));
}

/*
 * expect_nothing_left inserts, expects the status, and that nothing is stored.
 */
static void
expect_nothing_left(int status, const char *part_of_message)
{
	goes_error *error = NULL;
	goes_event	events[] = {event_of("happened", "{}"), event_of("happened", "{}")};
	char	   *count;

	expect_error(goes_insert(store, events, 2, NULL, &error), &error, status, part_of_message);
	assert_int_equal(count_events(store), 0);
	count = admin(TEST_DATABASE, "SELECT count(*) FROM seen");
	assert_string_equal(count, "0");
	free(count);
}

static void
test_hooks_run_around_the_insert_in_the_order_they_were_added(void **state)
{
	goes_error *error = NULL;
	goes_event	events[] = {event_of("one", "{}"), event_of("two", "{}")};

	add_hook(GOES_POST_INSERT, note, "x");
	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_PRE_INSERT, note, "b");
	add_hook(GOES_POST_INSERT, note, "y");
	add_hook(GOES_PRE_INSERT, note, "c");
	assert_ok(goes_insert(store, events, 2, NULL, &error));
	assert_string_equal(seen.calls, "abcxy");
	assert_int_equal(seen.n, 2);
	assert_memory_equal(&seen.first, &events[0].id, sizeof seen.first);
	assert_int_equal(count_events(store), 2);
}

static void
test_the_events_are_there_after_the_insert_and_not_before(void **state)
{
	add_hook(GOES_PRE_INSERT, note, "a");
	insert(store);
	assert_false(seen.was_there);
	goes_store_close(store);
	store = open_with_one_connection("hooked");
	add_hook(GOES_POST_INSERT, note, "x");
	insert(store);
	assert_true(seen.was_there);
}

static void
test_only_inserts_of_events_have_hooks(void **state)
{
	goes_error *error = NULL;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, note, "x");
	assert_ok(goes_insert(store, NULL, 0, NULL, &error));
	assert_ok(goes_delete(store, &seen.first, 1, NULL, &error));
	assert_int_equal(run_to_end(store, NULL), 0);
	assert_string_equal(seen.calls, "");
}

static void
test_hooks_run_in_the_programs_transaction(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, note, "x");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	insert(goes_tx_store(tx));
	insert(goes_tx_store(tx));
	assert_string_equal(seen.calls, "axax");
	goes_tx_rollback(tx);
	assert_int_equal(count_events(store), 0);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	insert(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_string_equal(seen.calls, "axaxax");
	assert_int_equal(count_events(store), 1);
}

/*
 * A hook that writes into a table of the program's and inserts an event, in the same transaction.
 */
static int
write_more(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event	event = event_of("of.the.hook", "{}");
	const char *id = (const char *) events[0].id.bytes;
	int			length = sizeof events[0].id.bytes;
	int			format = 1;
	PGresult *result = PQexecParams(goes_tx_conn(tx), "INSERT INTO seen VALUES ($1::uuid)", 1, NULL,
									&id, &length, &format, 0);
	bool	  is_ok = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	strcat(seen.calls, user);
	if (!is_ok)
		return GOES_ERR_SERVER;
	return goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
}

static int
refuse(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	strcat(seen.calls, user);
	return seen.returned;
}

static void
test_what_a_hook_writes_is_committed_with_the_events(void **state)
{
	char *count;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, write_more, "w");
	insert(store);
	assert_string_equal(seen.calls, "aw"); /* none for the hook's own insert */
	assert_int_equal(count_events(store), 2);
	count = admin(TEST_DATABASE, "SELECT count(*) FROM seen JOIN hooked USING (id)");
	assert_string_equal(count, "1");
	free(count);
}

static void
test_a_hook_that_refuses_leaves_nothing_behind(void **state)
{
	add_hook(GOES_PRE_INSERT, write_more, "w");
	add_hook(GOES_PRE_INSERT, refuse, "r");
	add_hook(GOES_PRE_INSERT, note, "a");
	seen.returned = 1;
	expect_nothing_left(GOES_ERR_HOOK, "1");
	assert_string_equal(seen.calls, "wr"); /* and no hook runs after it */
	seen.returned = 0;
	insert(store);
	assert_string_equal(seen.calls, "wrwra");
}

static void
test_a_refusal_after_the_insert_undoes_it(void **state)
{
	add_hook(GOES_POST_INSERT, write_more, "w");
	add_hook(GOES_POST_INSERT, refuse, "r");
	seen.returned = GOES_ERR_CONFLICT;
	expect_nothing_left(GOES_ERR_CONFLICT, "hook");
}

static void
test_a_status_is_passed_on_and_any_other_value_is_a_refusal(void **state)
{
	static const int others[] = {1, 2, INT_MAX, INT_MIN, -17, -1000};

	add_hook(GOES_PRE_INSERT, refuse, "");
	for (seen.returned = GOES_ERR_NOMEM; seen.returned >= GOES_ERR_HOOK; seen.returned--)
		expect_nothing_left(seen.returned, "hook");
	seen.returned = GOES_ERR_EXTENSION;
	expect_nothing_left(GOES_ERR_EXTENSION, "hook");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
	{
		seen.returned = others[i];
		expect_nothing_left(GOES_ERR_HOOK, "hook");
	}
}

static void
test_a_refusal_ends_the_programs_transaction(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	goes_tx	   *tx;

	add_hook(GOES_PRE_INSERT, refuse, "r");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	insert(goes_tx_store(tx));
	seen.returned = 7;
	expect_error(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error), &error, GOES_ERR_HOOK,
				 "7");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	assert_int_equal(count_events(store), 0);
}

static void
test_an_insert_that_fails_has_no_hooks_after_it(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	add_hook(GOES_PRE_INSERT, refuse, "p");
	add_hook(GOES_POST_INSERT, refuse, "x");
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_int_equal(goes_insert(store, &event, 1, NULL, &error), GOES_ERR_DUPLICATE);
	assert_string_equal(goes_error_sqlstate(error), "23505");
	goes_error_free(error);
	assert_string_equal(seen.calls, "pxp");
	assert_int_equal(count_events(store), 1);
}

/*
 * Hooks that hide a failure: of a statement, and of a call.
 */
static int
hide_failed_statement(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	PQclear(PQexec(goes_tx_conn(tx), "SELECT 1 / 0"));
	return 0;
}

static int
hide_failed_insert(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event bad = event_of("", "{}");

	(void) goes_insert(goes_tx_store(tx), &bad, 1, NULL, NULL);
	return 0;
}

static int
hide_left_result(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	(void) PQsendQuery(goes_tx_conn(tx), "SELECT 1");
	return 0;
}

static int
hide_end(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	PQclear(PQexec(goes_tx_conn(tx), "ROLLBACK"));
	return 0;
}

static void
test_a_failure_that_a_hook_hides_shows_nevertheless(void **state)
{
	static const goes_hook hiding[] = {hide_failed_statement, hide_failed_insert, hide_left_result,
									   hide_end};

	for (size_t i = 0; i < sizeof hiding / sizeof *hiding; i++)
	{
		for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
		{
			goes_store_close(store);
			store = open_with_one_connection("hooked");
			add_hook((goes_hook_point) point, hiding[i], "");
			expect_nothing_left(GOES_ERR_STATE, "");
		}
	}
}

/*
 * A hook that tries what it must not do; each has to be refused, and does no harm.
 */
static int
do_what_is_refused(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_store	*outer = seen.outer;
	goes_event	 event = event_of("happened", "{}");
	goes_event	*found;
	goes_cursor *cursor;
	goes_tx		*other;
	int64_t		 count;

	goes_tx_rollback(tx);
	return goes_tx_commit(tx, NULL, NULL) == GOES_ERR_STATE &&
				   goes_insert(outer, &event, 1, NULL, NULL) == GOES_ERR_STATE &&
				   goes_find(outer, &event.id, &found, NULL, NULL) == GOES_ERR_STATE &&
				   goes_delete(outer, &event.id, 1, NULL, NULL) == GOES_ERR_STATE &&
				   goes_count(outer, NULL, &count, NULL, NULL) == GOES_ERR_STATE &&
				   goes_query_run(outer, NULL, &cursor, NULL, NULL) == GOES_ERR_STATE &&
				   goes_tx_begin(outer, &other, NULL, NULL) == GOES_ERR_STATE &&
				   goes_store_connect(outer, NULL, NULL) == GOES_ERR_STATE &&
				   goes_store_add_hook(outer, GOES_PRE_INSERT, note, "") == GOES_ERR_STATE &&
				   goes_tx_begin(goes_tx_store(tx), &other, NULL, NULL) == GOES_ERR_STATE &&
				   goes_store_add_hook(goes_tx_store(tx), GOES_PRE_INSERT, note, "") ==
					   GOES_ERR_STATE
			   ? 0
			   : 1;
}

static void
test_a_hook_ends_nothing_and_keeps_to_its_transaction(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	seen.outer = store;
	add_hook(GOES_PRE_INSERT, do_what_is_refused, "");
	add_hook(GOES_POST_INSERT, do_what_is_refused, "");
	insert(store);
	assert_int_equal(count_events(store), 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	insert(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(count_events(store), 2);
}

static int
use_other_store(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event event = event_of("in.the.other", "{}");

	return goes_insert(user, &event, 1, NULL, NULL);
}

static void
test_a_hook_may_use_another_store(void **state)
{
	goes_store *other = open_store("other");

	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, use_other_store, other), GOES_OK);
	insert(store);
	insert(store);
	assert_int_equal(count_events(other), 2);
	goes_store_close(other);
}

static void
test_hooks_are_added_before_the_first_call(void **state)
{
	assert_int_equal(goes_store_add_hook(NULL, GOES_PRE_INSERT, note, ""), GOES_ERR_INVALID);
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, NULL, ""), GOES_ERR_INVALID);
	assert_int_equal(goes_store_add_hook(store, (goes_hook_point) 2, note, ""), GOES_ERR_INVALID);
	assert_int_equal(goes_store_add_hook(store, (goes_hook_point) -1, note, ""), GOES_ERR_INVALID);
	add_hook(GOES_PRE_INSERT, note, "a");
	insert(store);
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, note, "b"), GOES_ERR_STATE);
	insert(store);
	assert_string_equal(seen.calls, "aa");
}

static void
test_a_late_insert_calls_no_hook(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = 100};
	goes_error	*error = NULL;
	goes_event	 event = event_of("happened", "{}");
	goes_tx		*tx;

	add_hook(GOES_PRE_INSERT, note, "a");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error)); /* has the only connection */
	expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_string_equal(seen.calls, "");
	goes_tx_rollback(tx);
}

/*
 * wait_a_little waits longer than the insert's timeout.
 */
static int
wait_a_little(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	usleep(100 * 1000);
	return 0;
}

static void
test_the_timeout_covers_hooks_and_commit(void **state)
{
	goes_error	*error = NULL;
	goes_context context = {.size = sizeof context, .timeout_ms = 50};
	goes_event	 event = event_of("happened", "{}");

	for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
	{
		goes_store_close(store);
		store = open_with_one_connection("hooked");
		add_hook((goes_hook_point) point, wait_a_little, "");
		assert_ok(goes_store_connect(store, NULL, &error));
		expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
		assert_int_equal(count_events(store), 0);
	}
}

/*
 * Hooks in threads count, each its own inserts: the thread's number is the aggregate's version.
 */
static int counted[THREADS];

static int
count_in_thread(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event *found = NULL;
	int			status = goes_find(goes_tx_store(tx), &events[0].id, &found, NULL, NULL);

	goes_event_free(found);
	counted[events[0].aggregate_version]++;
	return status;
}

static void *
insert_many(void *number)
{
	goes_uuid id;
	intptr_t  failed = 0;

	for (int i = 0; i < INSERTS; i++)
	{
		goes_event event;

		goes_uuid_v7(&id);
		event = event_of_aggregate("thread", &id, (int32_t) (intptr_t) number);
		failed += goes_insert(store, &event, 1, NULL, NULL) != GOES_OK;
	}
	return (void *) failed;
}

static void
test_hooks_of_many_threads_at_once(void **state)
{
	goes_store_options options = options_of("hooked");
	pthread_t		   threads[THREADS];

	goes_store_close(store);
	options.max_connections = 3;
	store = open_with(&options);
	add_hook(GOES_POST_INSERT, count_in_thread, "");
	for (intptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, insert_many, (void *) i), 0);
	for (int i = 0; i < THREADS; i++)
	{
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
		assert_int_equal(counted[i], INSERTS);
	}
	assert_int_equal(count_events(store), THREADS * INSERTS);
}

#define hook_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		hook_test(test_hooks_run_around_the_insert_in_the_order_they_were_added),
		hook_test(test_the_events_are_there_after_the_insert_and_not_before),
		hook_test(test_only_inserts_of_events_have_hooks),
		hook_test(test_hooks_run_in_the_programs_transaction),
		hook_test(test_what_a_hook_writes_is_committed_with_the_events),
		hook_test(test_a_hook_that_refuses_leaves_nothing_behind),
		hook_test(test_a_refusal_after_the_insert_undoes_it),
		hook_test(test_a_status_is_passed_on_and_any_other_value_is_a_refusal),
		hook_test(test_a_refusal_ends_the_programs_transaction),
		hook_test(test_an_insert_that_fails_has_no_hooks_after_it),
		hook_test(test_a_failure_that_a_hook_hides_shows_nevertheless),
		hook_test(test_a_hook_ends_nothing_and_keeps_to_its_transaction),
		hook_test(test_a_hook_may_use_another_store),
		hook_test(test_hooks_are_added_before_the_first_call),
		hook_test(test_a_late_insert_calls_no_hook),
		hook_test(test_the_timeout_covers_hooks_and_commit),
		hook_test(test_hooks_of_many_threads_at_once),
	};

	return RUN_TESTS(tests);
}
