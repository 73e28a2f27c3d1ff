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

/* ---- Each way to fail, after which the transaction only rolls back ---- */

static void
fail_by_a_call(goes_event *stored)
{
	goes_error *error = NULL;

	expect_error(goes_insert(goes_tx_store(tx), stored, 1, NULL, &error), &error,
				 GOES_ERR_DUPLICATE, "");
}

static void
fail_before_anything_is_sent(goes_event *stored)
{
	goes_event events[] = {event_of("happened", "{}"), event_of("", "{}")};

	expect_insert_refused(goes_tx_store(tx), events, 2, GOES_ERR_INVALID, 1, "no name");
}

/* Nobody can be asked which event it was. */
static void
fail_by_bad_json(goes_event *stored)
{
	goes_event events[] = {event_of("good", "{}"), event_of("bad", "{")};

	expect_insert_refused(goes_tx_store(tx), events, 2, GOES_ERR_INVALID, -1, "json");
}

static void
fail_by_an_invalid_query(goes_event *stored)
{
	goes_error	*error = NULL;
	goes_query	*query = goes_query_new();
	goes_cursor *cursor;

	goes_query_name(query, NULL);
	expect_error(goes_query_run(goes_tx_store(tx), query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "step");
	goes_query_free(query);
}

static void
fail_by_an_own_statement(goes_event *stored)
{
	assert_false(run_own("INSERT INTO own VALUES ('bad')"));
}

static void
leave_a_result_on_the_connection(goes_event *stored)
{
	assert_true(PQsendQuery(goes_tx_conn(tx), "SELECT 1"));
}

static void
leave_a_copy_open(goes_event *stored)
{
	PGresult *result = PQexec(goes_tx_conn(tx), "COPY own FROM STDIN");

	assert_int_equal(PQresultStatus(result), PGRES_COPY_IN);
	PQclear(result);
}

static void
end_it_without_libgoes(goes_event *stored)
{
	assert_true(run_own("ROLLBACK"));
}

static const struct Failure
{
	const char *test;
	void (*fail)(goes_event *stored);
} failures[] = {
	{"a_call_that_fails", fail_by_a_call},
	{"a_call_that_fails_before_it_is_sent", fail_before_anything_is_sent},
	{"bad_json", fail_by_bad_json},
	{"an_invalid_query", fail_by_an_invalid_query},
	{"an_own_statement_that_fails", fail_by_an_own_statement},
	{"a_result_left_on_the_connection", leave_a_result_on_the_connection},
	{"a_copy_left_open", leave_a_copy_open},
	{"a_transaction_that_the_program_ended", end_it_without_libgoes},
};

static void
try_failure(void **state)
{
	const struct Failure *failure = *state;
	goes_event			  event = event_of("happened", "{}");

	insert(&event);
	failure->fail(&event);
	expect_calls_refused();
	expect_commit_refused();
	assert_int_equal(count_events(store), 0);
}

/* ---- What else ends a transaction, or does not ---- */

static void
test_a_failure_within_a_savepoint_can_be_undone(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(run_own("SAVEPOINT before"));
	assert_false(run_own("INSERT INTO own VALUES ('bad')"));
	expect_calls_refused();
	assert_true(run_own("ROLLBACK TO before"));
	assert_true(is_there(goes_tx_store(tx), &event));
	commit();
	assert_int_equal(count_events(store), 1);
}

static void
test_a_transaction_that_the_program_committed_is_over(void **state)
{
	goes_event event = event_of("happened", "{}");

	insert(&event);
	assert_true(run_own("COMMIT"));
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

	assert_true(run_own("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child "
						"(id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"));
	insert(&event);
	assert_true(run_own("INSERT INTO child VALUES (1)"));
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
	assert_true(is_within(begun, 1100));
	PQfinish(other);
	assert_int_equal(count_events(store), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TX(test_a_failure_within_a_savepoint_can_be_undone),
		OWN_TX(test_a_transaction_that_the_program_committed_is_over),
		OWN_TX(test_a_commit_that_the_server_refuses_stores_nothing),
		OWN_TX(test_a_call_in_a_transaction_has_a_deadline),
	};

	return RUN_TESTS(tests) + RUN_ROWS(failures, try_failure, begin_with_tx, end_with_tx);
}
