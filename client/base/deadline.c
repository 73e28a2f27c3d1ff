/*
 * deadline.c
 *    When a call must be over, and waiting for a socket until then.
 *
 * A goes_cancel is a pipe that becomes readable and stays so: writing to it is allowed in a signal
 * handler, and every thread that polls it wakes up.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

struct goes_cancel
{
	atomic_bool triggered;
	int			ends[2]; /* of the pipe: to read, to write */
};

goes_cancel *
goes_cancel_new(void)
{
	goes_cancel *cancel = malloc(sizeof *cancel);

	if (cancel == NULL)
		return NULL;
	atomic_init(&cancel->triggered, false);
	if (pipe2(cancel->ends, O_CLOEXEC | O_NONBLOCK) != 0)
	{
		free(cancel);
		return NULL;
	}
	return cancel;
}

void
goes_cancel_trigger(goes_cancel *cancel)
{
	int saved = errno;

	if (cancel != NULL && !atomic_exchange(&cancel->triggered, true))
		(void) !write(cancel->ends[1], "", 1);
	errno = saved;
}

void
goes_cancel_free(goes_cancel *cancel)
{
	if (cancel == NULL)
		return;
	close(cancel->ends[0]);
	close(cancel->ends[1]);
	free(cancel);
}

bool
is_cancelled(const goes_cancel *cancel)
{
	return cancel != NULL && atomic_load(&cancel->triggered);
}

int64_t
monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/*
 * deadline_in makes a deadline; a time of 0 or less means none.
 */
Deadline
deadline_in(int64_t timeout_ms, goes_cancel *cancel)
{
	Deadline deadline = {INT64_MAX, cancel};
	int64_t	 now;

	if (timeout_ms <= 0)
		return deadline;
	now = monotonic_now();
	if (timeout_ms < (INT64_MAX - now) / NANOSECONDS_PER_MILLISECOND)
		deadline.at = now + timeout_ms * NANOSECONDS_PER_MILLISECOND;
	return deadline;
}

bool
deadline_passed(const Deadline *deadline)
{
	return deadline->at != INT64_MAX && monotonic_now() >= deadline->at;
}

/*
 * deadline_left_ms returns the time that is left, rounded up; -1 without a deadline.
 */
int64_t
deadline_left_ms(const Deadline *deadline)
{
	int64_t left;

	if (deadline->at == INT64_MAX)
		return -1;
	left = deadline->at - monotonic_now();
	return left <= 0 ? 0 : (left + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
}

/*
 * deadline_check fails when the call has been cancelled or is late.
 */
int
deadline_check(const Deadline *deadline, goes_error **err)
{
	if (is_cancelled(deadline->cancel))
		return fail(err, GOES_ERR_CANCELLED, "the call was cancelled");
	if (deadline_passed(deadline))
		return fail(err, GOES_ERR_TIMEOUT, "the call took longer than its timeout");
	return GOES_OK;
}

/*
 * cancel_socket returns what becomes readable when a cancel is triggered; -1 for none.
 */
int
cancel_socket(const goes_cancel *cancel)
{
	return cancel == NULL ? -1 : cancel->ends[0];
}

/*
 * socket_is_ready tells whether a socket can be read or written now, or has failed.
 */
bool
socket_is_ready(int socket, bool for_reading, bool for_writing)
{
	struct pollfd polled = {
		.fd = socket, .events = (short) ((for_reading ? POLLIN : 0) | (for_writing ? POLLOUT : 0))};

	/* libpq has closed it: it will say so */
	return socket < 0 || poll(&polled, 1, 0) > 0;
}

/*
 * wait_socket waits until a socket can be read or written. GOES_OK, GOES_ERR_TIMEOUT,
 * GOES_ERR_CANCELLED, or GOES_ERR_CONNECT if polling itself fails.
 */
int
wait_socket(int socket, bool for_reading, bool for_writing, const Deadline *deadline,
			goes_error **err)
{
	struct pollfd polled[2] = {
		{.fd = socket,
		 .events = (short) ((for_reading ? POLLIN : 0) | (for_writing ? POLLOUT : 0))},
		{.fd = cancel_socket(deadline->cancel), .events = POLLIN}};

	/* libpq has closed it; poll would ignore it and wait for ever */
	if (socket < 0)
		return fail(err, GOES_ERR_CONNECT, "the connection to the server was lost");
	for (;;)
	{
		int64_t left = deadline_left_ms(deadline);
		int		status = deadline_check(deadline, err);
		int		ready;

		if (status != GOES_OK)
			return status;
		ready = poll(polled, 2, left > INT32_MAX ? INT32_MAX : (int) left);
		if (ready > 0 && polled[0].revents != 0)
			return GOES_OK;
		if (ready < 0 && errno != EINTR && errno != EAGAIN)
			return fail(err, GOES_ERR_CONNECT, "cannot wait for the server (poll: error %d)",
						errno);
	}
}
