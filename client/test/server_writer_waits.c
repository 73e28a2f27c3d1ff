/*
 * server_writer_waits.c
 *    What waits for a writer, and what a writer waits for: a full queue, limits of time, its end, event
 *    loops.
 */
#include <poll.h>

#include "own_writer.h"

static void
test_a_full_queue_waits_or_says_so(void **state)
{
	goes_writer_options options = {.size = sizeof options, .max_pending = 3, .no_wait = true};
	goes_context		soon = {.size = sizeof soon, .timeout_ms = 20};
	goes_error		   *error = NULL;
	goes_event			event = event_of("order.placed", NULL);
	goes_uuid			id = new_id();

	for (int waits = 0; waits < 2; waits++)
	{
		options.no_wait = waits == 0;
		open_writer(&options);
		lock_table();
		occupy(2, NULL);
		write_one(&id, "order.placed", GOES_EXPECT_ANY, NULL);
		expect_error(goes_writer_append(writer, "order", &id, &event, 1, GOES_EXPECT_ANY, NULL,
										&soon, &error),
					 &error, waits ? GOES_ERR_TIMEOUT : GOES_ERR_STATE, "");
		unlock_table();
		for (int i = 0; waits && i < 50; i++)
			write_one(&id, "order.placed", GOES_EXPECT_ANY, NULL);
		for (int i = 0; i < (waits ? 53 : 3); i++)
			assert_int_equal(next_outcome()->status, GOES_OK);
		close_writer();
		assert_false(is_there(store, &event));
	}
}

/*
 * What was sent is in doubt when its time is over; what could not be sent is not stored.
 */
static void
test_late_appends_are_told_apart(void **state)
{
	goes_writer_options options = {.size = sizeof options, .timeout_ms = paced_ms(100)};
	goes_uuid			id = new_id();
	goes_error		   *error = NULL;
	PGconn			   *taken;
	const goes_outcome *outcome;
	int					tag;

	open_anew("events"); /* with one connection */
	reach_table();
	open_writer(&options);
	lock_table();
	occupy(1, &tag);
	outcome = next_outcome();
	assert_int_equal(outcome->status, GOES_ERR_IN_DOUBT);
	assert_int_equal(goes_error_status(outcome->error), GOES_ERR_IN_DOUBT);
	assert_ptr_equal(outcome->tag, &tag);
	unlock_table();
	assert_ok(goes_pool_acquire(goes_store_pool(store), &taken, NULL, &error));
	write_one(&id, "order.late", 0, &tag);
	write_one(&id, "order.late", 1, &tag);
	for (int i = 0; i < 2; i++)
	{
		outcome = next_outcome();
		assert_int_equal(outcome->status, GOES_ERR_TIMEOUT);
		assert_int_equal(goes_error_status(outcome->error), GOES_ERR_TIMEOUT);
	}
	goes_pool_release(goes_store_pool(store), taken);
	close_writer();
	assert_int_equal(count_rows("events WHERE name = 'order.late'"), 0);
}

/* What a writer that is closed says of each append, by tag. */
static void
note_outcome(const goes_outcome *outcome, void *count)
{
	*(int *) outcome->tag = outcome->status;
	++*(int *) count;
}

static void
test_closing_answers_everything(void **state)
{
	int		  statuses[5] = {1, 1, 1, 1, 1};
	int		  count = 0;
	goes_uuid id = new_id();
	int64_t	  start;

	open_writer(NULL);
	write_one(&id, "order.placed", 0, &statuses[0]);
	assert_int_equal(goes_writer_flush(writer, NULL, NULL), GOES_OK);
	lock_table();
	occupy(2, &statuses[1]);
	write_one(&id, "order.dropped", 1, &statuses[2]);
	write_one(&id, "order.dropped", 2, &statuses[3]);
	start = milliseconds();
	goes_writer_close(writer, note_outcome, &count);
	writer = NULL;
	assert_true(is_within(start, 1500));
	unlock_table();
	assert_int_equal(count, 5);
	assert_int_equal(statuses[0], GOES_OK);
	assert_int_equal(statuses[1], GOES_ERR_IN_DOUBT);
	assert_int_equal(statuses[2], GOES_ERR_CANCELLED);
	assert_int_equal(statuses[3], GOES_ERR_CANCELLED);
	assert_int_equal(count_rows("events WHERE name = 'order.dropped'"), 0);
}

/* is_readable tells whether an event loop would be woken. */
static bool
is_readable(int ms)
{
	struct pollfd polled = {.fd = goes_writer_fd(writer),
							.events = (short) goes_writer_events(writer)};

	return poll(&polled, 1, ms) > 0;
}

static void
test_an_event_loop_is_woken_for_outcomes(void **state)
{
	const goes_outcome *outcome = NULL;
	int					taken = 0;

	open_writer(NULL);
	assert_false(is_readable(0));
	assert_int_equal(goes_writer_timeout_ms(writer), -1);
	assert_int_equal(goes_writer_process(writer, &outcome, NULL), GOES_END);
	for (int i = 0; i < 100; i++)
	{
		goes_uuid id = new_id();

		write_one(&id, "order.placed", 0, NULL);
	}
	while (taken < 100)
	{
		assert_true(is_readable(-1));
		assert_int_equal(goes_writer_timeout_ms(writer), 0);
		for (; goes_writer_process(writer, &outcome, NULL) == GOES_OUTCOME; taken++)
			assert_int_equal(outcome->status, GOES_OK);
		assert_int_equal(goes_writer_process(writer, &outcome, NULL), GOES_END);
	}
	assert_false(is_readable(0));
	assert_int_equal(goes_writer_timeout_ms(writer), -1);
	close_writer();
}

static void
test_waits_have_an_end(void **state)
{
	goes_context		soon = {.size = sizeof soon, .timeout_ms = 20};
	const goes_outcome *outcome = NULL;
	goes_error		   *error = NULL;

	open_writer(NULL);
	lock_table();
	occupy(2, NULL);
	expect_error(goes_writer_next(writer, &outcome, &soon, &error), &error, GOES_ERR_TIMEOUT, "");
	expect_error(goes_writer_flush(writer, &soon, &error), &error, GOES_ERR_TIMEOUT, "");
	soon.cancel = goes_cancel_new();
	goes_cancel_trigger(soon.cancel);
	expect_error(goes_writer_next(writer, &outcome, &soon, &error), &error, GOES_ERR_CANCELLED, "");
	expect_error(goes_writer_flush(writer, &soon, &error), &error, GOES_ERR_CANCELLED, "");
	goes_cancel_free(soon.cancel);
	unlock_table();
	assert_ok(goes_writer_flush(writer, NULL, &error));
	for (int i = 0; i < 2; i++)
		assert_int_equal(next_outcome()->status, GOES_OK);
	close_writer();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_WRITER(test_a_full_queue_waits_or_says_so),
		OWN_WRITER(test_late_appends_are_told_apart),
		OWN_WRITER(test_closing_answers_everything),
		OWN_WRITER(test_an_event_loop_is_woken_for_outcomes),
		OWN_WRITER(test_waits_have_an_end),
	};

	return RUN_TESTS(tests);
}
