/*
 * test_cancel_wait.c
 *    Waits that are cancelled, by threads and signal handlers.
 */
#include <signal.h>
#include <sys/time.h>

#include "waits.h"

#define WAITERS 8

static void *
trigger_later(void *cancel)
{
	usleep(SHORT_MS * 1000);
	goes_cancel_trigger(cancel);
	return NULL;
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
	start = milliseconds();
	goes_cancel_trigger(cancel);
	for (int i = 0; i < WAITERS; i++)
	{
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].status, GOES_ERR_CANCELLED);
	}
	assert_true(is_within(start, LATE_MS));
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
	int64_t start = milliseconds();

	ring(5);
	assert_int_equal(wait_for_input(*state, 2 * SHORT_MS, NULL, NULL), GOES_ERR_TIMEOUT);
	assert_true(signals > 0);
	ring(0);
	assert_true(milliseconds() - start >= 2 * SHORT_MS);
	assert_true(is_within(start, 2 * SHORT_MS + LATE_MS));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(another_thread_cancels_a_wait_without_deadline),
		WITH_PAIR(one_cancel_wakes_every_thread_that_waits_with_it),
		WITH_PAIR(many_threads_may_trigger_at_once),
		WITH_PAIR(a_signal_handler_cancels_a_wait),
		WITH_PAIR(other_signals_neither_end_a_wait_nor_make_it_longer),
		WITH_PAIR(a_cancelled_call_fails_even_if_there_is_input),
		cmocka_unit_test(cancelled_and_late_is_cancelled),
	};

	return RUN_TESTS(tests);
}
