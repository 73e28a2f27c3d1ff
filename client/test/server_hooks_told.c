/*
 * server_hooks_told.c
 *    When a hook fails, or the function of goes_model_use, the error says what had failed in it.
 */
#include "hooks.h"

static int (*failing)(goes_tx *tx); /* what the hook, or the function, does */

static int
begin(void **state)
{
	open_for_hooks("told");
	admin_do(TEST_DATABASE, "SELECT goes_create_model_store('models')");
	admin_do(TEST_DATABASE, "DROP TABLE IF EXISTS own");
	admin_do(TEST_DATABASE, "CREATE TABLE own (text text CHECK (text <> 'bad'))");
	return 0;
}

static int
fail_in_it(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	return failing(tx);
}

static int
fail_on_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return failing(tx);
}

/* ---- Ways to fail */

static int
fail_to_insert(goes_tx *tx)
{
	goes_event event = event_of("", "{}");

	return goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
}

static int
fail_to_append(goes_tx *tx)
{
	goes_event event = event_of("appended", "{}");

	return goes_append(goes_tx_store(tx), "order", &event.id, &event, 1, 7, NULL, NULL);
}

static int
fail_to_fetch(goes_tx *tx)
{
	char *json;

	return goes_model_fetch(goes_tx_store(tx), NULL, "no such", &json, NULL, NULL);
}

static int
fail_to_read(goes_tx *tx)
{
	goes_query	*query = goes_query_new();
	goes_cursor *cursor;
	int			 status;

	goes_query_name(query, NULL);
	status = goes_query_run(goes_tx_store(tx), query, &cursor, NULL, NULL);
	goes_query_free(query);
	return status;
}

static int
use_the_wrong_store(goes_tx *tx)
{
	int64_t count;

	return goes_count(store, NULL, &count, NULL, NULL);
}

static int
refuse_inner(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return fail_to_append(tx);
}

static int
fail_in_inner_function(goes_tx *tx)
{
	return goes_model_use(goes_tx_store(tx), NULL, "inner", "0", refuse_inner, NULL, NULL, NULL);
}

static int
fail_own_statement(goes_tx *tx)
{
	PQclear(PQexec(goes_tx_conn(tx), "INSERT INTO own VALUES ('bad')"));
	return GOES_ERR_SERVER;
}

static int
refuse_after_own_statement(goes_tx *tx)
{
	(void) fail_own_statement(tx);
	return 1;
}

static int
say_nothing_of_own_statement(goes_tx *tx)
{
	(void) fail_own_statement(tx);
	return 0;
}

static int
say_nothing_of_append(goes_tx *tx)
{
	(void) fail_to_append(tx);
	return 0;
}

/*
 * A failure that was undone, or that has another status, is not the reason.
 */
static int
fail_for_another_reason(goes_tx *tx)
{
	(void) fail_to_fetch(tx);
	return GOES_ERR_PERMISSION;
}

static int
fail_after_undoing(goes_tx *tx)
{
	PQclear(PQexec(goes_tx_conn(tx), "SAVEPOINT here"));
	(void) fail_to_append(tx);
	PQclear(PQexec(goes_tx_conn(tx), "ROLLBACK TO here"));
	return fail_own_statement(tx);
}

static const struct
{
	int (*failing)(goes_tx *tx);
	int			status;
	const char *part_of_message;
	const char *sqlstate;
} cases[] = {
	{fail_to_insert, GOES_ERR_INVALID, "no name", ""},
	{fail_to_append, GOES_ERR_CONFLICT, "version 7", "VE001"},
	{fail_to_fetch, GOES_ERR_NOT_FOUND, "model", ""},
	{fail_to_read, GOES_ERR_INVALID, "step", ""},
	{use_the_wrong_store, GOES_ERR_STATE, "goes_tx_store", ""},
	{fail_in_inner_function, GOES_ERR_CONFLICT, "version 7", "VE001"},
	{fail_own_statement, GOES_ERR_SERVER, "own_text_check", ""},
	{refuse_after_own_statement, GOES_ERR_HOOK, "own_text_check", ""},
	{say_nothing_of_own_statement, GOES_ERR_STATE, "own_text_check", ""},
	{say_nothing_of_append, GOES_ERR_STATE, "version 7", ""},
	{fail_for_another_reason, GOES_ERR_PERMISSION, "permission denied", ""},
	{fail_after_undoing, GOES_ERR_SERVER, "own_text_check", ""},
};

#define CASES (sizeof cases / sizeof *cases)

/*
 * expect_told checks the error of a case, which has no index: that would be of another batch.
 */
static void
expect_told(size_t i, int status, goes_error **error)
{
	goes_conflict conflict = {.size = sizeof conflict};

	assert_int_equal(goes_error_event_index(*error), -1);
	assert_string_equal(goes_error_sqlstate(*error), cases[i].sqlstate);
	assert_int_equal(goes_error_conflict(*error, &conflict), cases[i].status == GOES_ERR_CONFLICT);
	expect_error(status, error, cases[i].status, cases[i].part_of_message);
}

static void
test_the_error_of_an_insert_says_what_failed_in_its_hook(void **state)
{
	for (size_t i = 0; i < CASES; i++)
	{
		for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
		{
			goes_event	event = event_of("happened", "{}");
			goes_error *error = NULL;
			goes_tx	   *tx;
			int			status;

			failing = cases[i].failing;
			open_anew("told");
			add_hook((goes_hook_point) point, fail_in_it, "");
			status = goes_insert(store, &event, 1, NULL, &error);
			expect_told(i, status, &error);
			tx = begin_tx();
			status = goes_insert(goes_tx_store(tx), &event, 1, NULL, &error);
			expect_told(i, status, &error);
			goes_tx_rollback(tx);
			assert_int_equal(count_events(store), 0);
		}
	}
}

static void
test_goes_model_use_says_what_failed_in_its_function(void **state)
{
	for (size_t i = 0; i < CASES; i++)
	{
		goes_error *error = NULL;
		goes_tx	   *tx;
		int			status;

		failing = cases[i].failing;
		status = goes_model_use(store, NULL, "model", "0", fail_on_model, NULL, NULL, &error);
		expect_told(i, status, &error);
		if (cases[i].failing == use_the_wrong_store)
			continue; /* the outer store has no other connection */
		tx = begin_tx();
		status = goes_model_use(goes_tx_store(tx), NULL, "model", "0", fail_on_model, NULL, NULL,
								&error);
		expect_told(i, status, &error);
		goes_tx_rollback(tx);
	}
}

/*
 * So does the error of a call that is refused afterwards in the same transaction.
 */
static void
test_later_calls_and_the_commit_say_what_had_failed(void **state)
{
	goes_tx	   *tx = begin_tx();
	goes_error *error = NULL;
	int64_t		count;

	assert_int_equal(fail_to_append(tx), GOES_ERR_CONFLICT);
	for (int i = 0; i < 2; i++)
		expect_error(goes_count(goes_tx_store(tx), NULL, &count, NULL, &error), &error,
					 GOES_ERR_STATE, "version 7");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "version 7");
	tx = begin_tx();
	assert_int_equal(fail_own_statement(tx), GOES_ERR_SERVER);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "own_text_check");
}

/*
 * If the failed call may be repeated, so may the call around it.
 */
static int
fail_for_now(goes_tx *tx)
{
	int64_t		 count;
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(5000)};

	PQclear(PQexec(goes_tx_conn(tx), "SET LOCAL lock_timeout = '10ms'"));
	return goes_count(goes_tx_store(tx), NULL, &count, &context, NULL);
}

static void
test_a_retryable_failure_stays_retryable(void **state)
{
	PGconn	   *other = admin_connection(TEST_DATABASE);
	goes_error *error = NULL;

	failing = fail_for_now;
	assert_ok(goes_store_connect(store, NULL, &error));
	PQclear(PQexec(other, "BEGIN; LOCK TABLE told"));
	assert_int_equal(goes_model_use(store, NULL, "model", "0", fail_on_model, NULL, NULL, &error),
					 GOES_ERR_SERVER);
	assert_string_equal(goes_error_sqlstate(error), "55P03");
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	PQfinish(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_the_error_of_an_insert_says_what_failed_in_its_hook),
		OWN_STORE(test_goes_model_use_says_what_failed_in_its_function),
		OWN_STORE(test_later_calls_and_the_commit_say_what_had_failed),
		OWN_STORE(test_a_retryable_failure_stays_retryable),
	};

	return RUN_TESTS(tests);
}
