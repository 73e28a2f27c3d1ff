/*
 * append_each.c
 *    Making appends together, in one transaction, and finding the outcome of each.
 *
 * What the server refuses of one is found out by making that one alone, as goes_append would: the
 * error is the same then. A call that fails as a whole has stored nothing. If one append may be to
 * blame, one half is made after the other.
 */
#include <stdlib.h>

#include "base/sqlstate.h"
#include "calls/appending.h"

/* Appends that are made together. */
typedef struct Together
{
	goes_store *store;
	Appending **items;
	size_t		count;
	Deadline	deadline;
} Together;

int
doubt_given_up(int status, bool was_sent, goes_error **error)
{
	if (!was_sent || (status != GOES_ERR_TIMEOUT && status != GOES_ERR_CANCELLED))
		return status;
	goes_error_free(*error);
	*error = NULL;
	(void) fail(
		error, GOES_ERR_IN_DOUBT,
		"the append was sent, and given up before the server answered (%s): repeat it to find "
		"out whether it is stored",
		goes_status_text(status));
	return GOES_ERR_IN_DOUBT;
}

int
append_alone(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	goes_error *error = NULL;
	int			status = write_surely(store, write, context, &error);

	status = doubt_given_up(status, write->was_sent, &error);
	return pass_error(err, error, status);
}

/*
 * make_alone makes an append by itself.
 */
static void
make_alone(const Together *together, Appending *appending)
{
	goes_context context = context_until(&together->deadline);

	if (appending->can_redo)
	{
		appending->is_open = true;
		return;
	}
	appending_begin(appending);
	appending->status =
		append_alone(together->store, &appending->write, &context, &appending->error);
	appending->last = appending->write.last;
}

/*
 * is_of_one tells whether the failure of a call may be the fault of one append.
 */
static bool
is_of_one(int status, const goes_error *error)
{
	const char *sqlstate = goes_error_sqlstate(error);

	if (is_in_class(sqlstate, INSUFFICIENT_RESOURCES_CLASS) ||
		has_sqlstate(error, READ_ONLY_TRANSACTION))
		return false;
	switch (status)
	{
		case GOES_ERR_NOMEM:
		case GOES_ERR_CONNECT:
		case GOES_ERR_TIMEOUT:
		case GOES_ERR_CANCELLED:
		case GOES_ERR_IN_DOUBT:
		case GOES_ERR_SCHEMA:
		case GOES_ERR_PERMISSION:
		case GOES_ERR_STATE:
		case GOES_ERR_EXTENSION:
			return false;
		default:
			return true;
	}
}

/*
 * fail_all gives all the same outcome, unless only the one who makes the call has run out of time:
 * then the others go on by themselves.
 */
static void
fail_all(const Together *together, const Write *write, int status, const goes_error *error)
{
	bool is_over = deadline_passed(&together->deadline) || is_cancelled(together->deadline.cancel);

	for (size_t i = 0; i < together->count; i++)
	{
		Appending *appending = together->items[i];

		appending_begin(appending);
		appending->write.may_be_done |= write->was_sent && is_over;
		if (appending->can_redo && is_over)
			appending->is_open = true;
		else
		{
			(void) copy_error(&appending->error, error);
			appending->status = doubt_given_up(status, write->was_sent, &appending->error);
		}
	}
}

/*
 * count_events counts the events of all.
 */
static size_t
count_events(const Together *together)
{
	size_t count = 0;

	for (size_t i = 0; i < together->count; i++)
		count += together->items[i]->write.n;
	return count;
}

static void make(Together together);

/*
 * make_halves makes one half after the other.
 */
static void
make_halves(Together together)
{
	size_t count = together.count;

	together.count = count / 2;
	make(together);
	together.items += together.count;
	together.count = count - together.count;
	make(together);
}

/*
 * make makes appends in one call, if there are several.
 */
static void
make(Together together)
{
	goes_context context = context_until(&together.deadline);
	goes_error	*error = NULL;
	Write		 write = {.request = REQUEST_APPEND_EACH,
						  .n = count_events(&together),
						  .each = together.items,
						  .each_count = together.count};
	int			 status;

	if (together.count == 1)
	{
		make_alone(&together, together.items[0]);
		return;
	}
	status = write_surely(together.store, &write, &context, &error);
	if (status != GOES_OK && is_of_one(status, error))
		make_halves(together);
	else if (status != GOES_OK)
		fail_all(&together, &write, status, error);
	for (size_t i = 0; status == GOES_OK && i < together.count; i++)
	{
		if (together.items[i]->is_open)
			make_alone(&together, together.items[i]);
	}
	goes_error_free(error);
}

void
append_each(goes_store *store, Queued *taken, const goes_context *context)
{
	Appending *items[MOST_TOGETHER];
	Together   together = {store, items, 0, context_deadline(store, context)};

	for (Queued *queued = taken; queued != NULL; queued = queued->next)
		items[together.count++] = (Appending *) queued;
	make(together);
}
