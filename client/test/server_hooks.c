/*
 * server_hooks.c
 *    Hooks: when they run, and what they may do.
 */
#include <pthread.h>

#include "hooks.h"

#define THREADS 8
#define INSERTS 25

static int
begin(void **state)
{
	open_for_hooks("hooked");
	return 0;
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
	insert_into(store);
	assert_false(seen.was_there);
	open_anew("hooked");
	add_hook(GOES_POST_INSERT, note, "x");
	insert_into(store);
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
	tx = begin_tx();
	insert_into(goes_tx_store(tx));
	insert_into(goes_tx_store(tx));
	assert_string_equal(seen.calls, "axax");
	goes_tx_rollback(tx);
	assert_int_equal(count_events(store), 0);
	tx = begin_tx();
	insert_into(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_string_equal(seen.calls, "axaxax");
	assert_int_equal(count_events(store), 1);
}

/*
 * A hook that tries what it must not do; each has to be refused, and does no harm.
 */
static int
do_what_is_refused(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_store	*outer = store;
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

	add_hook(GOES_PRE_INSERT, do_what_is_refused, "");
	add_hook(GOES_POST_INSERT, do_what_is_refused, "");
	insert_into(store);
	assert_int_equal(count_events(store), 1);
	tx = begin_tx();
	insert_into(goes_tx_store(tx));
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
	insert_into(store);
	insert_into(store);
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
	insert_into(store);
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, note, "b"), GOES_ERR_STATE);
	insert_into(store);
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
	tx = begin_tx(); /* has the only connection */
	expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_string_equal(seen.calls, "");
	goes_tx_rollback(tx);
}

/*
 * Hooks in threads count the inserts of each thread: the thread's number is the aggregate's
 * version.
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
insert_in_thread(void *number)
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
		assert_int_equal(pthread_create(&threads[i], NULL, insert_in_thread, (void *) i), 0);
	for (int i = 0; i < THREADS; i++)
	{
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
		assert_int_equal(counted[i], INSERTS);
	}
	assert_int_equal(count_events(store), THREADS * INSERTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_hooks_run_around_the_insert_in_the_order_they_were_added),
		OWN_STORE(test_the_events_are_there_after_the_insert_and_not_before),
		OWN_STORE(test_only_inserts_of_events_have_hooks),
		OWN_STORE(test_hooks_run_in_the_programs_transaction),
		OWN_STORE(test_a_hook_ends_nothing_and_keeps_to_its_transaction),
		OWN_STORE(test_a_hook_may_use_another_store),
		OWN_STORE(test_hooks_are_added_before_the_first_call),
		OWN_STORE(test_a_late_insert_calls_no_hook),
		OWN_STORE(test_hooks_of_many_threads_at_once),
	};

	return RUN_TESTS(tests);
}
