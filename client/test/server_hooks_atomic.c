/*
 * server_hooks_atomic.c
 *    An insert and what its hooks did are one change: all of it is stored, or nothing.
 */
#include <limits.h>
#include <unistd.h>

#include "hooks.h"

static int
begin(void **state)
{
	open_for_hooks("hooked");
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; "
							"DROP TABLE IF EXISTS seen; CREATE TABLE seen (id uuid PRIMARY KEY)");
	return 0;
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
test_what_a_hook_writes_is_committed_with_the_events(void **state)
{
	char *count;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, write_more, "w");
	insert_into(store);
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
	insert_into(store);
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
	static const int others[] = {1, 2, INT_MAX, INT_MIN, -99, -1000};

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
	tx = begin_tx();
	insert_into(goes_tx_store(tx));
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
			open_anew("hooked");
			add_hook((goes_hook_point) point, hiding[i], "");
			expect_nothing_left(GOES_ERR_STATE, "");
		}
	}
}

/*
 * wait_a_little waits longer than the insert's timeout.
 */
static int
wait_a_little(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	usleep((useconds_t) paced_ms(100) * 1000);
	return 0;
}

static void
test_the_timeout_covers_hooks_and_commit(void **state)
{
	goes_error	*error = NULL;
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(50)};
	goes_event	 event = event_of("happened", "{}");

	for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
	{
		open_anew("hooked");
		add_hook((goes_hook_point) point, wait_a_little, "");
		assert_ok(goes_store_connect(store, NULL, &error));
		expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
		assert_int_equal(count_events(store), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_what_a_hook_writes_is_committed_with_the_events),
		OWN_STORE(test_a_hook_that_refuses_leaves_nothing_behind),
		OWN_STORE(test_a_refusal_after_the_insert_undoes_it),
		OWN_STORE(test_a_status_is_passed_on_and_any_other_value_is_a_refusal),
		OWN_STORE(test_a_refusal_ends_the_programs_transaction),
		OWN_STORE(test_an_insert_that_fails_has_no_hooks_after_it),
		OWN_STORE(test_a_failure_that_a_hook_hides_shows_nevertheless),
		OWN_STORE(test_the_timeout_covers_hooks_and_commit),
	};

	return RUN_TESTS(tests);
}
