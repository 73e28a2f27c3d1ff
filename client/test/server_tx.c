/*
 * server_tx.c
 *    Transactions: what is stored together, and what the calls in them see.
 */
#include "own_tx.h"

static void
test_a_commit_stores_and_until_then_nobody_else_sees(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(is_there(goes_tx_store(tx), &event));
	assert_int_equal(count_rows("events"), 0);
	commit();
	assert_int_equal(count_rows("events"), 1);
	assert_true(is_there(store, &event));
}

static void
test_a_rollback_leaves_nothing(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	goes_tx_rollback(tx);
	tx = NULL;
	assert_int_equal(count_events(store), 0);
}

static void
test_own_statements_are_part_of_the_transaction(void **state)
{
	goes_event event = event_of("happened", "{}");

	assert_true(run_own("INSERT INTO own VALUES ('before')"));
	insert(&event);
	assert_true(run_own("INSERT INTO own SELECT name FROM events"));
	goes_tx_rollback(tx);
	assert_int_equal(count_rows("own"), 0);

	tx = begin_tx();
	assert_true(run_own("INSERT INTO own VALUES ('before')"));
	insert(&event);
	assert_true(run_own("INSERT INTO own SELECT name FROM events"));
	commit();
	assert_int_equal(count_rows("own"), 2);
	assert_int_equal(count_rows("events"), 1);
}

static void
test_every_call_sees_what_the_transaction_did(void **state)
{
	goes_store *inner = goes_tx_store(tx);
	goes_error *error = NULL;
	goes_event	events[100];
	goes_event *found;

	for (int i = 0; i < 100; i++)
	{
		events[i] = event_of("happened", "{}");
		insert(&events[i]);
	}
	assert_int_equal(count_events(inner), 100);
	assert_int_equal(run_to_end(inner, NULL), 100);
	assert_ok(goes_delete(inner, &events[0].id, 1, NULL, &error));
	assert_int_equal(run_to_end(inner, NULL), 99);
	expect_error(goes_find(inner, &events[0].id, &found, NULL, &error), &error, GOES_ERR_NOT_FOUND,
				 "");
	assert_true(is_there(inner, &events[1]));
	commit();
	assert_int_equal(count_events(store), 99);
}

static void
test_cursors_and_other_calls_interleave(void **state)
{
	goes_store		 *inner = goes_tx_store(tx);
	goes_error		 *error = NULL;
	goes_cursor		 *first;
	goes_cursor		 *second;
	goes_query		 *sorted = goes_query_new();
	const goes_event *event;

	goes_query_sort(sorted, GOES_SORT_TIME, GOES_ASC);
	fill_store(store, "events", 300, 10);
	assert_ok(goes_query_run(inner, sorted, &first, NULL, &error));
	assert_ok(goes_query_run(inner, sorted, &second, NULL, &error));
	for (int i = 1; i <= 300; i++)
	{
		goes_event added = event_of("added", "{}");

		assert_ok(goes_cursor_next(first, &event, &error));
		assert_int_equal(event->time, i);
		insert(&added);
		assert_ok(goes_cursor_next(second, &event, &error));
		assert_int_equal(event->time, i);
		assert_true(run_own("INSERT INTO own VALUES ('own')"));
		if (i == 100) /* leaves the other one alone */
		{
			goes_cursor_close(second);
			assert_ok(goes_query_run(inner, sorted, &second, NULL, &error));
			for (int j = 1; j <= 100; j++)
				assert_ok(goes_cursor_next(second, &event, &error));
		}
	}
	assert_int_equal(goes_cursor_next(first, &event, &error), GOES_END); /* as of its start */
	assert_int_equal(read_to_end(second), 100); /* those that were added before it was opened */
	goes_cursor_close(first);
	goes_cursor_close(second);
	goes_query_free(sorted);
	commit();
	assert_int_equal(count_events(store), 600);
	assert_int_equal(count_rows("own"), 300);
}

static void
test_transactions_do_not_nest(void **state)
{
	goes_error *error = NULL;
	goes_store *inner = goes_tx_store(tx);
	goes_tx	   *nested = NULL;

	expect_error(goes_tx_begin(inner, &nested, NULL, &error), &error, GOES_ERR_STATE, "inside");
	assert_null(nested);
	assert_int_equal(goes_store_add_hook(inner, GOES_PRE_INSERT, (goes_hook) abort, NULL),
					 GOES_ERR_STATE);
	assert_ok(goes_store_connect(inner, NULL, &error));
	goes_store_close(inner); /* it is not the program's to close */
	assert_int_equal(count_events(inner), 0);
	commit();
}

static void
test_misuse_of_a_transaction_is_refused(void **state)
{
	goes_error *error = NULL;

	expect_error(goes_tx_begin(NULL, &tx, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_tx_begin(store, NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_tx_commit(NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	goes_tx_rollback(NULL);
	assert_null(goes_tx_store(NULL));
	assert_null(goes_tx_conn(NULL));
}

static void
test_a_transaction_has_its_connection_to_itself(void **state)
{
	goes_error	*error = NULL;
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(200)};
	goes_tx		*other = NULL;
	int64_t		 count;

	expect_error(goes_count(store, NULL, &count, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	expect_error(goes_tx_begin(store, &other, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_null(other);
	commit();
	assert_ok(goes_count(store, NULL, &count, &context, &error));
}

static void
test_a_transaction_outlives_its_store(void **state)
{
	goes_event event = event_of("happened", "{}");

	goes_store_close(store);
	insert(&event);
	commit();
	assert_int_equal(count_rows("events"), 1);
	store = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TX(test_a_commit_stores_and_until_then_nobody_else_sees),
		OWN_TX(test_a_rollback_leaves_nothing),
		OWN_TX(test_own_statements_are_part_of_the_transaction),
		OWN_TX(test_every_call_sees_what_the_transaction_did),
		OWN_TX(test_cursors_and_other_calls_interleave),
		OWN_TX(test_transactions_do_not_nest),
		OWN_TX(test_misuse_of_a_transaction_is_refused),
		OWN_TX(test_a_transaction_has_its_connection_to_itself),
		OWN_TX(test_a_transaction_outlives_its_store),
	};

	return RUN_TESTS(tests);
}
