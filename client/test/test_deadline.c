/*
 * test_deadline.c
 *    Waiting, and being late.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "waits.h"

static void *
write_later(void *pair)
{
	usleep(SHORT_MS * 1000);
	(void) !write(((Pair *) pair)->theirs, "x", 1);
	return NULL;
}

static void
input_that_is_there_ends_the_wait_at_once(void **state)
{
	Pair *pair = *state;

	assert_int_equal(write(pair->theirs, "x", 1), 1);
	assert_int_equal(wait_for_input(pair, 0, NULL, NULL), GOES_OK);
	assert_int_equal(wait_for_input(pair, SHORT_MS, NULL, NULL), GOES_OK);
}

static void
input_that_comes_later_ends_the_wait(void **state)
{
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, write_later, *state), 0);
	assert_int_equal(wait_for_input(*state, 0, NULL, NULL), GOES_OK);
	pthread_join(writer, NULL);
}

static void
input_ends_the_wait_of_a_call_that_could_be_cancelled(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	pthread_t	 writer;

	assert_int_equal(pthread_create(&writer, NULL, write_later, *state), 0);
	assert_int_equal(wait_for_input(*state, 10 * LATE_MS, cancel, NULL), GOES_OK);
	pthread_join(writer, NULL);
	goes_cancel_free(cancel);
}

static void
room_to_write_ends_the_wait_for_it(void **state)
{
	Pair	*pair = *state;
	Deadline deadline = deadline_in(SHORT_MS, NULL);

	assert_int_equal(wait_socket(pair->ours, false, true, &deadline, NULL), GOES_OK);
	assert_int_equal(wait_socket(pair->ours, true, true, &deadline, NULL), GOES_OK);
}

static void
a_full_socket_is_late_for_writing_and_fine_for_reading(void **state)
{
	static char bytes[4096];
	Pair	   *pair = *state;
	Deadline	deadline = deadline_in(SHORT_MS, NULL);
	goes_error *error = NULL;

	assert_int_equal(fcntl(pair->ours, F_SETFL, O_NONBLOCK), 0);
	while (write(pair->ours, bytes, sizeof bytes) > 0)
		;
	expect_error(wait_socket(pair->ours, false, true, &deadline, &error), &error, GOES_ERR_TIMEOUT,
				 "timeout");
	assert_int_equal(write(pair->theirs, "x", 1), 1);
	deadline = deadline_in(SHORT_MS, NULL);
	assert_int_equal(wait_socket(pair->ours, true, true, &deadline, NULL), GOES_OK);
}

/* So that libpq is asked to read, and finds out. */
static void
a_lost_connection_ends_the_wait(void **state)
{
	Pair *pair = *state;

	shutdown(pair->theirs, SHUT_RDWR);
	assert_int_equal(wait_for_input(pair, 0, NULL, NULL), GOES_OK);
}

static void
a_closed_descriptor_ends_the_wait(void **state)
{
	Pair closed = {dup(((Pair *) *state)->ours), -1};

	close(closed.ours);
	assert_int_equal(wait_for_input(&closed, 0, NULL, NULL), GOES_OK);
}

static void
silence_lasts_until_the_deadline_and_not_much_longer(void **state)
{
	int64_t		start = monotonic_now();
	goes_error *error = NULL;

	expect_error(wait_for_input(*state, SHORT_MS, NULL, &error), &error, GOES_ERR_TIMEOUT,
				 "timeout");
	assert_true(monotonic_now() - start >= SHORT_MS * NANOSECONDS_PER_MILLISECOND);
}

/* One deadline bounds a whole call, however many waits it has. */
static void
a_second_wait_has_only_what_the_first_one_left(void **state)
{
	Pair	*pair = *state;
	Deadline deadline = deadline_in(SHORT_MS, NULL);
	int64_t	 start;

	assert_int_equal(wait_socket(pair->ours, true, false, &deadline, NULL), GOES_ERR_TIMEOUT);
	start = milliseconds();
	assert_int_equal(wait_socket(pair->ours, true, false, &deadline, NULL), GOES_ERR_TIMEOUT);
	assert_true(is_within(start, SHORT_MS - 1));
	assert_int_equal(write(pair->theirs, "x", 1), 1);
	assert_int_equal(wait_socket(pair->ours, true, false, &deadline, NULL), GOES_ERR_TIMEOUT);
}

static void
no_timeout_is_no_deadline(void **state)
{
	static const int64_t none[] = {0, -1, INT64_MIN, INT64_MAX, INT64_MAX / 1000000};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
	{
		Deadline deadline = deadline_in(none[i], NULL);

		assert_int_equal(deadline_left_ms(&deadline), -1);
		assert_false(deadline_passed(&deadline));
		assert_int_equal(deadline_check(&deadline, NULL), GOES_OK);
	}
}

static void
what_is_left_is_rounded_up_so_that_a_poll_is_not_early(void **state)
{
	Deadline deadline = {monotonic_now() + 100 * NANOSECONDS_PER_MILLISECOND, NULL};

	assert_in_range(deadline_left_ms(&deadline), 1, 100);
	assert_false(deadline_passed(&deadline));
	while (!deadline_passed(&deadline))
	{
		bool was_early = deadline_left_ms(&deadline) == 0;

		assert_true(!was_early || deadline_passed(&deadline));
	}
	assert_int_equal(deadline_left_ms(&deadline), 0);
}

static void
a_deadline_passes(void **state)
{
	Deadline deadline = deadline_in(1, NULL);

	usleep(2000);
	assert_true(deadline_passed(&deadline));
	assert_int_equal(deadline_left_ms(&deadline), 0);
	assert_int_equal(deadline_check(&deadline, NULL), GOES_ERR_TIMEOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(input_that_is_there_ends_the_wait_at_once),
		WITH_PAIR(input_that_comes_later_ends_the_wait),
		WITH_PAIR(input_ends_the_wait_of_a_call_that_could_be_cancelled),
		WITH_PAIR(room_to_write_ends_the_wait_for_it),
		WITH_PAIR(a_full_socket_is_late_for_writing_and_fine_for_reading),
		WITH_PAIR(a_lost_connection_ends_the_wait),
		WITH_PAIR(a_closed_descriptor_ends_the_wait),
		WITH_PAIR(silence_lasts_until_the_deadline_and_not_much_longer),
		WITH_PAIR(a_second_wait_has_only_what_the_first_one_left),
		cmocka_unit_test(no_timeout_is_no_deadline),
		cmocka_unit_test(what_is_left_is_rounded_up_so_that_a_poll_is_not_early),
		cmocka_unit_test(a_deadline_passes),
	};

	return RUN_TESTS(tests);
}
