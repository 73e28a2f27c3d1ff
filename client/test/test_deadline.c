/*
 * test_deadline.c
 *    Waiting, being late, and being cancelled.
 *
 * Lower bounds of times are exact, upper ones generous: the machine may be busy.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "internal.h"
#include "unit.h"

#define SHORT_MS 50
#define LATE_MS 1000 /* goes.h: a call that is late or cancelled returns within a second */
#define WAITERS 8

/* A pair of connected sockets: the tests wait on `ours`. */
typedef struct Pair
{
	int ours;
	int theirs;
} Pair;

static int
new_pair(void **state)
{
	static Pair pair;
	int			ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return -1;
	pair = (Pair){ends[0], ends[1]};
	*state = &pair;
	return 0;
}

static int
close_pair(void **state)
{
	Pair *pair = *state;

	close(pair->ours);
	close(pair->theirs);
	return 0;
}

static int64_t
milliseconds_since(int64_t start)
{
	return (monotonic_now() - start) / NANOSECONDS_PER_MILLISECOND;
}

/*
 * wait_for_input waits for something to read, and checks that it ends in time.
 */
static int
wait_for_input(const Pair *pair, int64_t timeout_ms, goes_cancel *cancel, goes_error **err)
{
	int64_t	 start = monotonic_now();
	Deadline deadline = deadline_in(timeout_ms, cancel);
	int		 status = wait_socket(pair->ours, true, false, &deadline, err);

	assert_in_range(milliseconds_since(start), 0, (timeout_ms > 0 ? timeout_ms : 0) + LATE_MS);
	return status;
}

static void *
write_later(void *pair)
{
	usleep(SHORT_MS * 1000);
	(void) !write(((Pair *) pair)->theirs, "x", 1);
	return NULL;
}

static void *
trigger_later(void *cancel)
{
	usleep(SHORT_MS * 1000);
	goes_cancel_trigger(cancel);
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
	start = monotonic_now();
	assert_int_equal(wait_socket(pair->ours, true, false, &deadline, NULL), GOES_ERR_TIMEOUT);
	assert_in_range(milliseconds_since(start), 0, SHORT_MS - 1);
	assert_int_equal(write(pair->theirs, "x", 1), 1);
	assert_int_equal(wait_socket(pair->ours, true, false, &deadline, NULL), GOES_ERR_TIMEOUT);
}

static void
another_thread_cancels_a_wait_without_deadline(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	goes_error	*error = NULL;
	pthread_t	 thread;

	assert_int_equal(pthread_create(&thread, NULL, trigger_later, cancel), 0);
	expect_error(wait_for_input(*state, 0, cancel, &error), &error, GOES_ERR_CANCELLED,
				 "cancelled");
	pthread_join(thread, NULL);
	goes_cancel_free(cancel);
}

typedef struct Waiter
{
	pthread_t	 thread;
	const Pair	*pair;
	goes_cancel *cancel;
	int			 status;
} Waiter;

static void *
wait_in_thread(void *waiter)
{
	Waiter	*self = waiter;
	Deadline deadline = deadline_in(10 * LATE_MS, self->cancel);

	self->status = wait_socket(self->pair->ours, true, false, &deadline, NULL);
	return NULL;
}

static void
one_cancel_wakes_every_thread_that_waits_with_it(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	Waiter		 waiters[WAITERS];
	int64_t		 start;

	for (int i = 0; i < WAITERS; i++)
	{
		waiters[i] = (Waiter){.pair = *state, .cancel = cancel};
		assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]), 0);
	}
	usleep(SHORT_MS * 1000);
	start = monotonic_now();
	goes_cancel_trigger(cancel);
	for (int i = 0; i < WAITERS; i++)
	{
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].status, GOES_ERR_CANCELLED);
	}
	assert_in_range(milliseconds_since(start), 0, LATE_MS);
	goes_cancel_free(cancel);
}

/* Many threads may trigger the same one, and the calls in flight are cancelled once and for all. */
static void
many_threads_may_trigger_at_once(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	pthread_t	 threads[WAITERS];

	for (int i = 0; i < WAITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, trigger_later, cancel), 0);
	assert_int_equal(wait_for_input(*state, 0, cancel, NULL), GOES_ERR_CANCELLED);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	assert_true(is_cancelled(cancel));
	goes_cancel_free(cancel);
}

static goes_cancel			*cancel_of_handler;
static volatile sig_atomic_t signals;

static void
handle_alarm(int number)
{
	signals++;
	goes_cancel_trigger(cancel_of_handler);
}

/*
 * ring sends SIGALRM every `interval_ms`, 0 to stop.
 */
static void
ring(int interval_ms)
{
	struct sigaction action = {.sa_handler = handle_alarm};
	struct itimerval timer = {{0, interval_ms * 1000}, {0, interval_ms * 1000}};

	signals = 0;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void
a_signal_handler_cancels_a_wait(void **state)
{
	goes_error *error = NULL;

	cancel_of_handler = goes_cancel_new();
	ring(SHORT_MS);
	expect_error(wait_for_input(*state, 0, cancel_of_handler, &error), &error, GOES_ERR_CANCELLED,
				 "cancelled");
	ring(0);
	goes_cancel_free(cancel_of_handler);
	cancel_of_handler = NULL;
}

static void
other_signals_neither_end_a_wait_nor_make_it_longer(void **state)
{
	int64_t start = monotonic_now();

	ring(5);
	assert_int_equal(wait_for_input(*state, 2 * SHORT_MS, NULL, NULL), GOES_ERR_TIMEOUT);
	assert_true(signals > 0);
	ring(0);
	assert_in_range(milliseconds_since(start), 2 * SHORT_MS, 2 * SHORT_MS + LATE_MS);
}

static void
a_cancelled_call_fails_even_if_there_is_input(void **state)
{
	Pair		*pair = *state;
	goes_cancel *cancel = goes_cancel_new();

	assert_int_equal(write(pair->theirs, "x", 1), 1);
	assert_int_equal(wait_for_input(pair, 0, cancel, NULL), GOES_OK);
	goes_cancel_trigger(cancel);
	goes_cancel_trigger(cancel);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wait_for_input(pair, 0, cancel, NULL), GOES_ERR_CANCELLED);
	goes_cancel_free(cancel);
}

static void
cancelled_and_late_is_cancelled(void **state)
{
	goes_cancel *cancel = goes_cancel_new();
	Deadline	 deadline = {monotonic_now() - 1, cancel};
	goes_error	*error = NULL;

	expect_error(deadline_check(&deadline, &error), &error, GOES_ERR_TIMEOUT, "timeout");
	goes_cancel_trigger(cancel);
	expect_error(deadline_check(&deadline, &error), &error, GOES_ERR_CANCELLED, "cancelled");
	goes_cancel_free(cancel);
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

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, new_pair, close_pair)

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
		WITH_PAIR(another_thread_cancels_a_wait_without_deadline),
		WITH_PAIR(one_cancel_wakes_every_thread_that_waits_with_it),
		WITH_PAIR(many_threads_may_trigger_at_once),
		WITH_PAIR(a_signal_handler_cancels_a_wait),
		WITH_PAIR(other_signals_neither_end_a_wait_nor_make_it_longer),
		WITH_PAIR(a_cancelled_call_fails_even_if_there_is_input),
		cmocka_unit_test(cancelled_and_late_is_cancelled),
		cmocka_unit_test(no_timeout_is_no_deadline),
		cmocka_unit_test(what_is_left_is_rounded_up_so_that_a_poll_is_not_early),
		cmocka_unit_test(a_deadline_passes),
	};

	return RUN_TESTS(tests);
}
