/*
 * server_tx.c
 *    Transactions: what is stored together, and what is refused.
 */
#include "events.h"

static goes_store *store;
static goes_tx	  *tx; /* the test's own; a test that ends it sets it to NULL */

static int
begin(void **state)
{
	goes_error *error = NULL;

	store = open_with_one_connection("events");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "TRUNCATE events");
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; DROP TABLE IF EXISTS own; CREATE "
							"TABLE own (text text CHECK (text <> 'bad'))");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return 0;
}

static int
end(void **state)
{
	goes_tx_rollback(tx);
	tx = NULL;
	goes_store_close(store);
	return 0;
}

static void
insert(goes_event *event)
{
	goes_error *error = NULL;

	assert_ok(goes_insert(goes_tx_store(tx), event, 1, NULL, &error));
}

static void
commit(void)
{
	goes_error *error = NULL;
	goes_tx	   *ended = tx;

	tx = NULL;
	assert_ok(goes_tx_commit(ended, NULL, &error));
}

/*
 * expect_commit_refused commits a transaction that has nothing to commit any more.
 */
static void
expect_commit_refused(void)
{
	goes_error *error = NULL;
	goes_tx	   *ended = tx;

	tx = NULL;
	expect_error(goes_tx_commit(ended, NULL, &error), &error, GOES_ERR_STATE, "");
}

/*
 * expect_calls_refused makes each call on the transaction's store.
 */
static void
expect_calls_refused(void)
{
	goes_store	*inner = goes_tx_store(tx);
	goes_event	 event = event_of("happened", "{}");
	goes_error	*error = NULL;
	goes_event	*found;
	goes_cursor *cursor;
	int64_t		 count;

	expect_error(goes_insert(inner, &event, 1, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_error(goes_append(inner, "order", &event.id, &event, 1, 0, NULL, &error), &error,
				 GOES_ERR_STATE, "");
	expect_error(goes_find(inner, &event.id, &found, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_error(goes_delete(inner, &event.id, 1, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_error(goes_count(inner, NULL, &count, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_error(goes_query_run(inner, NULL, &cursor, NULL, &error), &error, GOES_ERR_STATE, "");
}

/*
 * run runs a statement of the program's own in the transaction and tells whether it succeeded.
 */
static bool
run(const char *statement)
{
	PGresult *result = PQexec(goes_tx_conn(tx), statement);
	bool	  is_ok =
		PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return is_ok;
}

static int
count_from_outside(const char *table)
{
	char *text = admin(TEST_DATABASE, "SELECT count(*) FROM %s", table);
	int	  count = atoi(text);

	free(text);
	return count;
}

static void
test_a_commit_stores_and_until_then_nobody_else_sees(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(is_there(goes_tx_store(tx), &event));
	assert_int_equal(count_from_outside("events"), 0);
	commit();
	assert_int_equal(count_from_outside("events"), 1);
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
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	assert_true(run("INSERT INTO own VALUES ('before')"));
	insert(&event);
	assert_true(run("INSERT INTO own SELECT name FROM events"));
	goes_tx_rollback(tx);
	assert_int_equal(count_from_outside("own"), 0);

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_true(run("INSERT INTO own VALUES ('before')"));
	insert(&event);
	assert_true(run("INSERT INTO own SELECT name FROM events"));
	commit();
	assert_int_equal(count_from_outside("own"), 2);
	assert_int_equal(count_from_outside("events"), 1);
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
		assert_true(run("INSERT INTO own VALUES ('own')"));
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
	assert_int_equal(count_from_outside("own"), 300);
}

static void
test_after_a_failed_call_the_transaction_only_rolls_back(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	insert(&event);
	expect_error(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error), &error,
				 GOES_ERR_DUPLICATE, "");
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_a_call_that_fails_before_it_is_sent_ends_the_transaction_too(void **state)
{
	goes_error *error = NULL;
	goes_event	events[] = {event_of("happened", "{}"), event_of("", "{}")};
	int			status;

	insert(&events[0]);
	status = goes_insert(goes_tx_store(tx), events, 2, NULL, &error);
	assert_int_equal(goes_error_event_index(error), 1);
	expect_error(status, &error, GOES_ERR_INVALID, "no name");
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_bad_json_fails_the_transaction_without_an_index(void **state)
{
	goes_error *error = NULL;
	goes_event	events[] = {event_of("good", "{}"), event_of("bad", "{")};
	int			status = goes_insert(goes_tx_store(tx), events, 2, NULL, &error);

	assert_int_equal(goes_error_event_index(error), -1);
	expect_error(status, &error, GOES_ERR_INVALID, "json");
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_an_invalid_query_fails_the_transaction(void **state)
{
	goes_error	*error = NULL;
	goes_query	*query = goes_query_new();
	goes_cursor *cursor;

	goes_query_name(query, NULL);
	expect_error(goes_query_run(goes_tx_store(tx), query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "step");
	expect_commit_refused();
	goes_query_free(query);
}

static void
test_an_own_statement_that_failed_leaves_only_rollback(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_false(run("INSERT INTO own VALUES ('bad')"));
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_a_failure_within_a_savepoint_can_be_undone(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(run("SAVEPOINT before"));
	assert_false(run("INSERT INTO own VALUES ('bad')"));
	expect_calls_refused();
	assert_true(run("ROLLBACK TO before"));
	assert_true(is_there(goes_tx_store(tx), &event));
	commit();
	assert_int_equal(count_events(store), 1);
}

static void
test_a_result_left_on_the_connection_is_refused(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(PQsendQuery(goes_tx_conn(tx), "SELECT 1"));
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_a_copy_left_open_is_refused(void **state)
{
	PGresult *result = PQexec(goes_tx_conn(tx), "COPY own FROM STDIN");

	assert_int_equal(PQresultStatus(result), PGRES_COPY_IN);
	PQclear(result);
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

static void
test_a_transaction_that_the_program_ended_itself_is_over(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	insert(&event);
	assert_true(run("ROLLBACK"));
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	insert(&event);
	assert_true(run("COMMIT"));
	expect_calls_refused();
	goes_tx_rollback(tx);
	tx = NULL;
	assert_int_equal(count_events(store), 1);
}

static void
test_a_commit_that_the_server_refuses_stores_nothing(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	goes_tx	   *ended = tx;

	assert_true(run("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child "
					"(id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"));
	insert(&event);
	assert_true(run("INSERT INTO child VALUES (1)"));
	tx = NULL;
	expect_error(goes_tx_commit(ended, NULL, &error), &error, GOES_ERR_SERVER, "child");
	assert_int_equal(count_events(store), 0);
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
test_misuse_is_refused(void **state)
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
	goes_context context = {.size = sizeof context, .timeout_ms = 100};
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
	assert_int_equal(count_from_outside("events"), 1);
	store = NULL;
}

static void
test_a_call_in_a_transaction_has_a_deadline(void **state)
{
	goes_error	*error = NULL;
	goes_context context = {.size = sizeof context, .timeout_ms = 100};
	PGconn		*other = admin_connection(TEST_DATABASE);
	int64_t		 begun = milliseconds();
	goes_event	 event = event_of("happened", "{}");

	PQclear(PQexec(other, "BEGIN; LOCK TABLE events"));
	expect_error(goes_insert(goes_tx_store(tx), &event, 1, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	expect_calls_refused();
	expect_commit_refused();
	assert_true(milliseconds() - begun < 1100);
	PQfinish(other);
	assert_int_equal(count_events(store), 0);
}

#define tx_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		tx_test(test_a_commit_stores_and_until_then_nobody_else_sees),
		tx_test(test_a_rollback_leaves_nothing),
		tx_test(test_own_statements_are_part_of_the_transaction),
		tx_test(test_every_call_sees_what_the_transaction_did),
		tx_test(test_cursors_and_other_calls_interleave),
		tx_test(test_after_a_failed_call_the_transaction_only_rolls_back),
		tx_test(test_a_call_that_fails_before_it_is_sent_ends_the_transaction_too),
		tx_test(test_bad_json_fails_the_transaction_without_an_index),
		tx_test(test_an_invalid_query_fails_the_transaction),
		tx_test(test_an_own_statement_that_failed_leaves_only_rollback),
		tx_test(test_a_failure_within_a_savepoint_can_be_undone),
		tx_test(test_a_result_left_on_the_connection_is_refused),
		tx_test(test_a_copy_left_open_is_refused),
		tx_test(test_a_transaction_that_the_program_ended_itself_is_over),
		tx_test(test_a_commit_that_the_server_refuses_stores_nothing),
		tx_test(test_transactions_do_not_nest),
		tx_test(test_misuse_is_refused),
		tx_test(test_a_transaction_has_its_connection_to_itself),
		tx_test(test_a_transaction_outlives_its_store),
		tx_test(test_a_call_in_a_transaction_has_a_deadline),
	};

	return RUN_TESTS(tests);
}
