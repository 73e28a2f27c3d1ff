/*
 * server_lost_insert_late.c
 *    Inserts whose messages are late: they end at their timeout, and their connection is closed.
 */
#include "lost_insert.h"

/*
 * Whichever message is late, an insert ends at its timeout, its connection is not used again, and
 * the next insert works.
 */
static void
test_a_delay_at_any_message_meets_the_timeout(void **state)
{
	goes_store	*store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	Plan		 plan = {.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = 60000};

	warm_up(store);
	settle();
	while (plan.direction < DIRECTIONS)
	{
		int64_t start = milliseconds();
		int		status;
		bool	is_struck;

		status = write_at(store, &plan, 1, 1, &context);
		is_struck = proxy_struck(proxy) > 0;
		if (status != (is_struck ? GOES_ERR_TIMEOUT : GOES_OK) ||
			!is_within(start, 100 + WITHIN_MS))
			fail_msg(PLACE ": %s, after %lld ms", PLACE_OF(&plan), goes_status_text(status),
					 (long long) (milliseconds() - start));
		plan.number += 6; /* some of the places will do */
		if (!is_struck)
		{
			plan.number = 2;
			plan.direction++;
		}
	}
	goes_store_close(store);
}

/*
 * The same for a call that is cancelled from a signal handler.
 */
static void
test_a_delayed_insert_can_be_cancelled(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 1);
	Plan		plan = {.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = 60000};

	warm_up(store);
	settle();
	for (; plan.direction < DIRECTIONS; plan.direction++)
	{
		for (plan.number = 1; plan.number < 30; plan.number += 7)
		{
			goes_context context = {.size = sizeof context, .timeout_ms = -1};
			int64_t		 start = milliseconds();

			context.cancel = goes_cancel_new();
			cancel_in(context.cancel, paced_ms(60));
			if (write_at(store, &plan, 1, 1, &context) != GOES_ERR_CANCELLED &&
				proxy_struck(proxy) > 0)
				fail_msg(PLACE ": not cancelled", PLACE_OF(&plan));
			assert_true(is_within(start, 60 + WITHIN_MS));
			cancel_in(NULL, 0);
			goes_cancel_free(context.cancel);
		}
	}
	goes_store_close(store);
}

/*
 * The connection of a call that was late is closed, and its place in the pool is free.
 */
static void
test_a_late_connection_is_not_used_again(void **state)
{
	goes_store	*store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(50)};
	Plan		 plan = {.direction = TO_CLIENT, .number = 3, .fate = DELAYED, .delay_ms = 60000};
	goes_event	 event;
	goes_error	*error = NULL;

	warm_up(store);
	proxy_plan(proxy, &plan, 1);
	goes_event_init(&event, "order.placed", NULL);
	expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	leave_in_peace();
	goes_event_init(&event, "order.placed", NULL);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_true(proxy_connections(proxy) >= 1);
	assert_int_equal(count_stored("events", &event, 1), 1);
	settle();
	goes_store_close(store);
}

/*
 * release_lock ends the rival's transaction when nobody waits for it any more: a cancel takes time to
 * arrive.
 */
static void
release_lock(PGconn *rival)
{
	int64_t start = milliseconds();

	while (number_of("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1") == 1 &&
		   is_within(start, PATIENCE_MS))
		usleep(500);
	PQclear(PQexec(rival, "ROLLBACK"));
}

/*
 * Once the connection is gone a pooler cannot pass on a request to cancel, and the server would go
 * on. libgoes waits only a moment for that, which may be too little on a busy machine: so one timely
 * request in a few calls will do.
 */
static void
test_the_server_is_told_before_a_late_connection_ends(void **state)
{
	goes_store	*store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	PGconn		*rival = admin_connection(TEST_DATABASE);
	goes_event	 event;
	goes_error	*error = NULL;
	int			 late_cancels = 1;

	for (int calls = 0; calls < 5 && late_cancels > 0; calls++)
	{
		warm_up(store);
		PQclear(PQexec(rival, "BEGIN; LOCK TABLE events IN EXCLUSIVE MODE"));
		goes_event_init(&event, "order.placed", NULL);
		expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
		release_lock(rival);
		settle();
		assert_int_equal(count_stored("events", &event, 1), 0);
		late_cancels = proxy_late_cancels(proxy);
	}
	assert_int_equal(late_cancels, 0);
	PQfinish(rival);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_delay_at_any_message_meets_the_timeout),
		cmocka_unit_test(test_a_delayed_insert_can_be_cancelled),
		cmocka_unit_test(test_a_late_connection_is_not_used_again),
		cmocka_unit_test(test_the_server_is_told_before_a_late_connection_ends),
	};

	return RUN_LOST_TESTS(tests);
}
