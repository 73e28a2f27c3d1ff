/*
 * retry.c
 *    Running a function of the program's until it does not fail with something that may pass.
 *
 * The pauses grow, and are drawn at random: rivals that failed together shall not meet again.
 */
#include <poll.h>

#include "store/call.h"
#include "store/tally.h"

#define FIRST_PAUSE_MS 5
#define LONGEST_PAUSE_MS 1000

/*
 * can_succeed_later tells whether to run the function again. One that gives no error is judged by its status.
 */
static bool
can_succeed_later(int status, const goes_error *error)
{
	if (error != NULL)
		return goes_error_is_retryable(error);
	return status == GOES_ERR_CONFLICT || status == GOES_ERR_CONNECT;
}

/*
 * pause_between waits for a while before the next attempt; false if the time is over before that.
 */
static bool
pause_between(int64_t longest_ms, const Deadline *deadline)
{
	struct pollfd cancelled = {.fd = cancel_socket(deadline->cancel), .events = POLLIN};
	int64_t		  left = deadline_left_ms(deadline);
	uint32_t	  drawn = 0;
	int64_t		  pause_ms;

	(void) random_bytes(&drawn, sizeof drawn);
	pause_ms = longest_ms / 2 + (int64_t) (drawn % (uint32_t) (longest_ms / 2 + 1));
	if (left >= 0 && left <= pause_ms)
		return false;
	(void) poll(&cancelled, 1, (int) pause_ms);
	return !is_cancelled(deadline->cancel) && !deadline_passed(deadline);
}

int
goes_retry(goes_store *store, goes_retry_fn function, void *user, const goes_context *context,
		   goes_error **err)
{
	Deadline	deadline;
	goes_error *error = NULL;
	int			status;

	if (store == NULL || function == NULL)
		return fail(err, GOES_ERR_INVALID, "store and function must not be NULL");
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE,
					"after an error a transaction can only be rolled back: retry all of it");
	status = check_owner(store, err);
	if (status != GOES_OK)
		return status;
	deadline = context_deadline(store, context);
	status = deadline_check(&deadline, err);
	if (status != GOES_OK)
		return status;
	for (int64_t pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2)
	{
		goes_context remaining = context_until(&deadline);

		status = function(store, &remaining, user, &error);
		if (status >= GOES_OK || !can_succeed_later(status, error))
			break;
		if (pause_ms > LONGEST_PAUSE_MS)
			pause_ms = LONGEST_PAUSE_MS;
		if (!pause_between(pause_ms, &deadline))
			break;
		count_retry(store, error);
		goes_error_free(error);
		error = NULL;
	}
	return pass_error(err, error, status);
}
