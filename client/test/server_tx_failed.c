/*
 * server_tx_failed.c
 *    Transactions that can only be rolled back, or are over: since something failed in them.
 */
#include "own_tx.h"

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
test_a_call_in_a_transaction_has_a_deadline(void **state)
{
	goes_error	*error = NULL;
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	PGconn		*other = admin_connection(TEST_DATABASE);
	int64_t		 begun = milliseconds();
	goes_event	 event = event_of("happened", "{}");

	PQclear(PQexec(other, "BEGIN; LOCK TABLE events"));
	expect_error(goes_insert(goes_tx_store(tx), &event, 1, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	expect_calls_refused();
	expect_commit_refused();
	assert_true(milliseconds() - begun < paced_ms(1100));
	PQfinish(other);
	assert_int_equal(count_events(store), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TX(test_after_a_failed_call_the_transaction_only_rolls_back),
		OWN_TX(test_a_call_that_fails_before_it_is_sent_ends_the_transaction_too),
		OWN_TX(test_bad_json_fails_the_transaction_without_an_index),
		OWN_TX(test_an_invalid_query_fails_the_transaction),
		OWN_TX(test_an_own_statement_that_failed_leaves_only_rollback),
		OWN_TX(test_a_failure_within_a_savepoint_can_be_undone),
		OWN_TX(test_a_result_left_on_the_connection_is_refused),
		OWN_TX(test_a_copy_left_open_is_refused),
		OWN_TX(test_a_transaction_that_the_program_ended_itself_is_over),
		OWN_TX(test_a_commit_that_the_server_refuses_stores_nothing),
		OWN_TX(test_a_call_in_a_transaction_has_a_deadline),
	};

	return RUN_TESTS(tests);
}
