/*
 * waits.h
 *    Waiting on one of two connected sockets, which WITH_PAIR(test) gives a test as its state.
 *
 * Lower bounds of times are exact, upper ones generous: the machine may be busy.
 */
#ifndef GOES_TEST_WAITS_H
#define GOES_TEST_WAITS_H

#include <sys/socket.h>
#include <unistd.h>

#include "data/data.h"
#include "pace.h"
#include "unit.h"

#define SHORT_MS 50
#define LATE_MS 1000 /* goes.h: a call that is late or cancelled returns within a second */

/* A pair of connected sockets: the tests wait on `ours`. */
typedef struct Pair
{
	int ours;
	int theirs;
} Pair;

static inline int
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

static inline int
close_pair(void **state)
{
	Pair *pair = *state;

	close(pair->ours);
	close(pair->theirs);
	return 0;
}

/*
 * wait_for_input waits for something to read, and checks that it ends in time.
 */
static inline int
wait_for_input(const Pair *pair, int64_t timeout_ms, goes_cancel *cancel, goes_error **err)
{
	int64_t	 start = milliseconds();
	Deadline deadline = deadline_in(timeout_ms, cancel);
	int		 status = wait_socket(pair->ours, true, false, &deadline, err);

	assert_true(is_within(start, (timeout_ms > 0 ? timeout_ms : 0) + LATE_MS));
	return status;
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, new_pair, close_pair)

#endif
