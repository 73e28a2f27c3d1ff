/*
 * server_lost_commit.c
 *    Commits whose connection breaks: goes_tx_commit, and goes_insert with hooks, say "committed" and
 *    "rolled back" only when that is true, and what they cannot know they call in doubt.
 */
#include <pthread.h>
#include <unistd.h>

#include "lost.h"

/*
 * begin_with_insert begins a transaction in which an event was inserted.
 */
static goes_tx *
begin_with_insert(goes_store *store, goes_event *event)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	reach_server(store);
	fill_events(event, 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_ok(goes_insert(goes_tx_store(tx), event, 1, NULL, &error));
	return tx;
}

/*
 * check checks that a status is true about an event, when the server is done with it.
 */
static void
check(const Plan *plan, int status, const goes_event *event, goes_error *error)
{
	bool is_stored;

	if (status == GOES_OK)
		assert_int_equal(count_stored("events", event, 1), 1);
	settle();
	is_stored = count_stored("events", event, 1) == 1;
	if ((status == GOES_OK && !is_stored) || (status == GOES_ERR_CONNECT && is_stored) ||
		(status != GOES_OK && status != GOES_ERR_CONNECT && status != GOES_ERR_IN_DOUBT))
		fail_msg(PLACE ": %s, but: %s (%s)", PLACE_OF(plan),
				 is_stored ? "committed" : "rolled back", goes_status_text(status),
				 goes_error_message(error));
	goes_error_free(error);
}

/*
 * commit_at commits a transaction while a plan is carried out, and checks the result.
 */
static int
commit_at(goes_store *store, const Plan *plan, const goes_context *context)
{
	goes_event	event;
	goes_tx	   *tx = begin_with_insert(store, &event);
	goes_error *error = NULL;
	int64_t		start = milliseconds();
	int			status;

	proxy_plan(proxy, plan, 1);
	status = goes_tx_commit(tx, context, &error);
	expect_soon(plan, start, PATIENCE_MS + WITHIN_MS);
	check(plan, status, &event, error);
	return status;
}

/*
 * Both sides are cut, so that the old server process ends: the outcome is always found out, even by
 * the one connection that the pool may have.
 */
static void
test_the_outcome_of_a_lost_commit_is_found_out(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 1);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			seen[2] = {0};

	do
	{
		int status = commit_at(store, &plan, NULL);

		if (status == GOES_ERR_IN_DOUBT)
			fail_msg(PLACE ": in doubt", PLACE_OF(&plan));
		if (proxy_struck(proxy) == 0)
			assert_int_equal(status, GOES_OK);
		seen[status == GOES_OK]++;
	} while (next_place(&plan));
	assert_true(seen[true] > 2 && seen[false] > 2);
	goes_store_close(store);
}

/*
 * Only the client is cut off. As long as the server waits, the COMMIT may still arrive: the outcome
 * is in doubt.
 */
static void
test_a_commit_is_in_doubt_while_the_old_process_may_do_it(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			in_doubt = 0;

	plan.keeps_server = true;
	do
	{
		int status = commit_at(store, &plan, NULL);

		if (status == GOES_ERR_CONNECT)
			fail_msg(PLACE ": rolled back, while the server could still commit", PLACE_OF(&plan));
		in_doubt += status == GOES_ERR_IN_DOUBT;
	} while (next_message(&plan));
	assert_true(in_doubt > 0);
	goes_store_close(store);
}

/*
 * Every new connection is refused, so nobody can be asked.
 */
static void
test_a_commit_is_in_doubt_when_nobody_can_be_asked(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;

	plan.refuses = true;
	do
	{
		int64_t start = milliseconds();
		int		status = commit_at(store, &plan, NULL);

		if (status != (proxy_struck(proxy) > 0 ? GOES_ERR_IN_DOUBT : GOES_OK))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
		assert_true(is_within(start, LITTLE_PATIENCE_MS + WITHIN_MS));
		plan.number += plan.number % 3 == 1; /* two of three will do */
	} while (next_message(&plan));
	goes_store_close(store);
}

/*
 * The look-up of the outcome breaks, too, at every message: it is done again.
 */
static void
test_a_second_cut_does_not_mislead_the_look_up(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plans[] = {{.direction = TO_SERVER, .number = 5, .fate = TORN},
						   {.direction = TO_SERVER, .number = 5, .fate = TORN}};

	for (; plans[1].direction < DIRECTIONS; plans[1].number += 5)
	{
		goes_error *error = NULL;
		goes_event	event;
		goes_tx	   *tx = begin_with_insert(store, &event);
		int			status;
		int			struck;

		plans[0].number = plans[1].number % 2 == 0 ? 4 : 5; /* before the COMMIT, or behind it */
		proxy_plan(proxy, plans, 2);
		status = goes_tx_commit(tx, NULL, &error);
		struck = proxy_struck(proxy);
		check(&plans[1], status, &event, error);
		if (status == GOES_ERR_IN_DOUBT)
			fail_msg(PLACE ": in doubt", PLACE_OF(&plans[1]));
		if (struck == 1)
			plans[1] = (Plan){.direction = plans[1].direction + 1, .number = -4, .fate = TORN};
	}
	goes_store_close(store);
}

/*
 * The server works on the COMMIT for a while, since a trigger has to run at the end, and nothing tells
 * that it will come to its end.
 */
static void
test_a_commit_that_takes_its_time_is_waited_for(void **state)
{
	goes_store	*store = open_by_proxy("slow", PATIENCE_MS, 0);
	goes_store	*hasty = open_by_proxy("slow", LITTLE_PATIENCE_MS, 0);
	Plan		 plan = {.direction = TO_SERVER,
						 .number = 5, /* Sync */
						 .fate = DELIVERED,
						 .keeps_server = true};
	goes_error	*error = NULL;
	goes_event	 event;
	goes_tx		*tx;
	goes_cancel *cancel;

	reach_server(store);
	reach_server(hasty);
	linger_at_commit("slow", paced_ms(500));

	tx = begin_with_insert(store, &event);
	proxy_plan(proxy, &plan, 1);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(proxy_struck(proxy), 1);
	assert_int_equal(count_stored("slow", &event, 1), 1);

	tx = begin_with_insert(hasty, &event);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_IN_DOUBT, "could not find out");
	settle();
	assert_int_equal(count_stored("slow", &event, 1), 1);

	/* so it is when the commit itself runs out of time */
	tx = begin_with_insert(hasty, &event);
	expect_error(
		goes_tx_commit(
			tx, &(goes_context){.size = sizeof(goes_context), .timeout_ms = paced_ms(150)}, &error),
		&error, GOES_ERR_IN_DOUBT, "took longer than its timeout");
	settle();

	cancel = goes_cancel_new();
	tx = begin_with_insert(hasty, &event);
	cancel_in(cancel, paced_ms(150));
	expect_error(
		goes_tx_commit(tx, &(goes_context){.size = sizeof(goes_context), .cancel = cancel}, &error),
		&error, GOES_ERR_IN_DOUBT, "cancelled");
	cancel_in(NULL, 0);
	goes_cancel_free(cancel);
	settle();
	goes_store_close(store);
	goes_store_close(hasty);
}

/*
 * The administrator ends the process that commits. Its last word, 57P01, does not say whether it did.
 */
static void
test_a_terminated_commit_is_looked_up(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	goes_error *error = NULL;
	goes_event	event;
	goes_tx	   *tx = begin_with_insert(store, &event);
	int			status;

	admin_do(TEST_DATABASE,
			 "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = "
			 "'idle in transaction'");
	status = goes_tx_commit(tx, NULL, &error);
	assert_non_null(strstr(goes_error_message(error), "terminating connection"));
	expect_error(status, &error, GOES_ERR_CONNECT, "rolled back");
	assert_int_equal(count_stored("events", &event, 1), 0);
	goes_store_close(store);
}

/*
 * The transaction inserted no event, so there is nothing to recognise it by.
 */
static void
test_a_lost_commit_without_events_is_in_doubt(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	goes_error *error = NULL;
	int			status;

	do
	{
		goes_tx *tx = NULL;
		int64_t	 count;

		leave_in_peace();
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		assert_ok(goes_count(goes_tx_store(tx), NULL, &count, NULL, &error));
		proxy_plan(proxy, &plan, 1);
		status = goes_tx_commit(tx, NULL, &error);
		if (status != (proxy_struck(proxy) > 0 ? GOES_ERR_IN_DOUBT : GOES_OK))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
		goes_error_free(error);
		error = NULL;
		settle();
	} while (next_message(&plan));
	goes_store_close(store);
}

/*
 * The events of a committed transaction may be gone: undone by the program's own ROLLBACK TO, or
 * deleted before the commit. That does not make it one that was rolled back.
 */
static void
test_events_that_are_gone_do_not_make_a_commit_undone(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_CLIENT, .number = 1, .fate = DROPPED};
	goes_error *error = NULL;
	goes_event	event;
	goes_tx	   *tx = NULL;

	admin_do(TEST_DATABASE, "CREATE TABLE IF NOT EXISTS notes (note text)");
	leave_in_peace();
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	PQclear(PQexec(goes_tx_conn(tx), "INSERT INTO notes VALUES ('savepoint'); SAVEPOINT s"));
	fill_events(&event, 1);
	assert_ok(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error));
	PQclear(PQexec(goes_tx_conn(tx), "ROLLBACK TO s"));
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_IN_DOUBT, "");
	assert_int_equal(number_of("SELECT count(*) FROM notes"), 1);

	tx = begin_with_insert(store, &event);
	assert_ok(goes_delete(goes_tx_store(tx), &event.id, 1, NULL, &error));
	PQclear(PQexec(goes_tx_conn(tx), "INSERT INTO notes VALUES ('deleted')"));
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_IN_DOUBT, "");
	assert_int_equal(number_of("SELECT count(*) FROM notes"), 2);
	settle();
	goes_store_close(store);
}

/*
 * After a ROLLBACK TO of the program's own an event that was stored before it tells, or one that was
 * stored after it.
 */
static void
test_the_outcome_is_found_out_after_a_rollback_to_a_savepoint(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);

	for (int undone = 0; undone < 2; undone++)
	{
		Plan		plan = {.direction = TO_CLIENT, .number = 1, .fate = DROPPED};
		goes_error *error = NULL;
		goes_event	events[2];
		goes_tx	   *tx = NULL;

		leave_in_peace();
		fill_events(events, 2);
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		for (int i = 0; i < 2; i++)
		{
			PQclear(PQexec(goes_tx_conn(tx), "SAVEPOINT s"));
			assert_ok(goes_insert(goes_tx_store(tx), &events[i], 1, NULL, &error));
			if (i == undone)
			{
				assert_int_equal(goes_insert(goes_tx_store(tx), &events[i], 1, NULL, NULL),
								 GOES_ERR_DUPLICATE);
				PQclear(PQexec(goes_tx_conn(tx), "ROLLBACK TO s"));
			}
		}
		proxy_plan(proxy, &plan, 1);
		assert_ok(goes_tx_commit(tx, NULL, &error));
		assert_int_equal(proxy_struck(proxy), 1);
		assert_int_equal(count_stored("events", &events[undone], 1), 0);
		assert_int_equal(count_stored("events", &events[1 - undone], 1), 1);
		settle();
	}
	goes_store_close(store);
}

/*
 * After the rollback a rival stores an event with the same id: that is not our commit.
 */
static void
test_a_rivals_event_is_not_taken_for_a_commit(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	goes_error *error = NULL;
	goes_event	event;
	goes_tx	   *tx = begin_with_insert(store, &event);
	char		id[37];
	char		statement[256];
	Plan		plan = {.direction = TO_SERVER,
						.number = 4, /* Execute */
						.fate = DROPPED,
						.then = run_directly,
						.argument = statement};

	goes_uuid_format(&event.id, id);
	snprintf(statement, sizeof statement,
			 "INSERT INTO events VALUES ('%s', 'rival', 1, NULL, NULL, NULL, '{}')", id);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_CONNECT, "rolled back");
	assert_int_equal(count_stored("events", &event, 1), 1);
	settle();
	goes_store_close(store);
}

/*
 * An insert with hooks is a transaction of the library's own, and is not done again, since the hooks
 * run once.
 */
static void
test_an_insert_with_hooks_runs_them_once_whatever_breaks(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			runs;

	add_counting_hooks(store, &runs);
	do
	{
		goes_error *error = NULL;
		goes_event	event;
		int			status;

		warm_up(store);
		fill_events(&event, 1);
		runs = 0;
		proxy_plan(proxy, &plan, 1);
		status = goes_insert(store, &event, 1, NULL, &error);
		if (status == GOES_ERR_IN_DOUBT || runs > 2 || (status == GOES_OK && runs < 2))
			fail_msg(PLACE ": %s, %d hooks", PLACE_OF(&plan), goes_status_text(status), runs);
		check(&plan, status, &event, error);
	} while (next_message(&plan));
	goes_store_close(store);
}

/*
 * One timeout holds for all of an insert with hooks. Up to the COMMIT it tells that nothing was done.
 */
static void
test_a_delayed_insert_with_hooks_meets_its_timeout(void **state)
{
	goes_store	*store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(500)};
	Plan		 plans[] = {
				{.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = (int) paced_ms(400)},
				{.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = 60000}};
	int runs;

	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, count_runs, &runs), GOES_OK);
	for (plans[1].number = 2; plans[1].number < 20; plans[1].number += 6)
	{
		goes_error *error = NULL;
		goes_event	event;
		int64_t		start;
		int			status;

		warm_up(store);
		fill_events(&event, 1);
		proxy_plan(proxy, plans, 2);
		start = milliseconds();
		status = goes_insert(store, &event, 1, &context, &error);
		if (proxy_struck(proxy) == 1)
			plans[1].number = 20;
		else if ((status != GOES_ERR_TIMEOUT && status != GOES_ERR_IN_DOUBT) ||
				 !is_within(start, 850))
			fail_msg(PLACE ": %s, after %lld ms", PLACE_OF(&plans[1]), goes_status_text(status),
					 (long long) (milliseconds() - start));
		settle();
		if (status == GOES_ERR_TIMEOUT)
			assert_int_equal(count_stored("events", &event, 1), 0);
		goes_error_free(error);
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_outcome_of_a_lost_commit_is_found_out),
		cmocka_unit_test(test_a_commit_is_in_doubt_while_the_old_process_may_do_it),
		cmocka_unit_test(test_a_commit_is_in_doubt_when_nobody_can_be_asked),
		cmocka_unit_test(test_a_second_cut_does_not_mislead_the_look_up),
		cmocka_unit_test(test_a_commit_that_takes_its_time_is_waited_for),
		cmocka_unit_test(test_a_terminated_commit_is_looked_up),
		cmocka_unit_test(test_a_lost_commit_without_events_is_in_doubt),
		cmocka_unit_test(test_events_that_are_gone_do_not_make_a_commit_undone),
		cmocka_unit_test(test_the_outcome_is_found_out_after_a_rollback_to_a_savepoint),
		cmocka_unit_test(test_a_rivals_event_is_not_taken_for_a_commit),
		cmocka_unit_test(test_an_insert_with_hooks_runs_them_once_whatever_breaks),
		cmocka_unit_test(test_a_delayed_insert_with_hooks_meets_its_timeout),
	};

	return RUN_LOST_TESTS(tests);
}
