/*
 * coalesce.c
 *    goes_append of many threads at the same time: leaders take what waits, and share a commit.
 *
 * A thread that finds no leader makes its append at once, with those of others that wait. When a
 * leader is done, it chooses one of those who wait by then to lead the next call. So nobody waits for
 * more than the call before its own, and nobody works for others for longer than for itself.
 */
#include <stdlib.h>

#include "calls/appending.h"
#include "store/tally.h"

typedef enum CallerState
{
	CALLER_WAITS,
	CALLER_LEADS, /* from now on: it has `taken`, which it is itself the first of */
	CALLER_SENT,  /* by a leader */
	CALLER_DONE	  /* the outcome is there */
} CallerState;

/* A thread with an append. Its copy stays until a leader is done with it, even if the thread is gone. */
typedef struct Caller
{
	Appending	   appending; /* must be first */
	CallerState	   state;
	bool		   is_gone;
	pthread_cond_t changed;
	Queued		  *taken;
	int			   number; /* as a leader */
} Caller;

/*
 * free_leader returns the number that another leader could have; 0: there are enough.
 */
static int
free_leader(const Coalescing *coalescing)
{
	for (int number = 1; number <= MOST_LEADERS; number++)
	{
		if (!coalescing->is_leading[number])
			return number;
	}
	return 0;
}

static void
free_caller(Caller *caller)
{
	pthread_cond_destroy(&caller->changed);
	goes_error_free(caller->appending.error);
	free(caller);
}

/*
 * choose_leaders has some of those who wait lead, as long as there are too few leaders.
 */
static void
choose_leaders(Coalescing *coalescing)
{
	const Portion most = {MOST_TOGETHER, MOST_BYTES_TOGETHER};
	int			  number;

	while ((number = free_leader(coalescing)) != 0)
	{
		Queued *taken = queue_take(&coalescing->waiting, number, most);
		Caller *leader = (Caller *) taken;

		if (taken == NULL)
			return;
		coalescing->is_leading[number] = true;
		for (Queued *queued = taken; queued != NULL; queued = queued->next)
			((Caller *) queued)->state = CALLER_SENT;
		leader->state = CALLER_LEADS;
		leader->taken = taken;
		leader->number = number;
		pthread_cond_signal(&leader->changed);
	}
}

/*
 * tell_callers tells those whose appends were taken that the outcomes are there.
 */
static void
tell_callers(Queued *taken)
{
	Queued *next;

	for (; taken != NULL; taken = next)
	{
		Caller *caller = (Caller *) taken;

		next = taken->next;
		if (caller->is_gone)
			free_caller(caller);
		else
		{
			caller->state = CALLER_DONE;
			pthread_cond_signal(&caller->changed);
		}
	}
}

/*
 * end_leading lets others go on. The first of what was taken is the leader's own.
 */
static void
end_leading(Coalescing *coalescing, Queued *taken, int number)
{
	pthread_mutex_lock(&coalescing->lock);
	queue_release(&coalescing->waiting, taken);
	tell_callers(taken->next);
	coalescing->is_leading[number] = false;
	choose_leaders(coalescing);
	pthread_mutex_unlock(&coalescing->lock);
}

/*
 * take_outcome takes the outcome of an append that was made together with others. If that is open, it
 * is made alone.
 */
static int
take_outcome(goes_store *store, Write *write, Appending *appending, const goes_context *context,
			 goes_error **err)
{
	goes_error *error = appending->error;
	int			status = appending->status;

	appending->error = NULL;
	if (appending->is_open)
	{
		write->may_be_done = appending->write.may_be_done;
		return append_alone(store, write, context, err);
	}
	if (status == GOES_OK)
		write_number(write, appending->last);
	return pass_error(err, error, status);
}

/*
 * lead makes the appends that were taken, alone if the first, which is the leader's own, is the only one.
 */
static int
lead(goes_store *store, Write *write, Appending *own, int number, const goes_context *context,
	 goes_error **err)
{
	Queued *taken = &own->queued;
	int		status;

	if (taken->next == NULL)
	{
		status = append_alone(store, write, context, err);
		end_leading(store->coalescing, taken, number);
		return status;
	}
	for (Queued *queued = taken; queued != NULL; queued = queued->next)
		((Appending *) queued)->can_redo = true;
	own->can_redo = false;
	append_each(store, taken, context);
	end_leading(store->coalescing, taken, number);
	return take_outcome(store, write, own, context, err);
}

/*
 * lead_at_once begins to lead, if there are too few leaders and nobody works on the aggregate.
 */
static bool
lead_at_once(Coalescing *coalescing, Appending *own, int *number)
{
	const Portion most = {MOST_TOGETHER - 1, MOST_BYTES_TOGETHER};
	Queue		 *waiting = &coalescing->waiting;

	pthread_mutex_lock(&coalescing->lock);
	*number = free_leader(coalescing);
	if (waiting->taker[own->queued.lane] != 0)
		*number = 0;
	if (*number != 0)
	{
		coalescing->is_leading[*number] = true;
		waiting->taker[own->queued.lane] = (unsigned char) *number;
		own->queued.next = queue_take(waiting, *number, most);
		for (Queued *queued = own->queued.next; queued != NULL; queued = queued->next)
			((Caller *) queued)->state = CALLER_SENT;
	}
	pthread_mutex_unlock(&coalescing->lock);
	return *number != 0;
}

/*
 * make_caller makes a caller with a copy of its append.
 */
static Caller *
make_caller(const Write *write)
{
	Caller *caller = (Caller *) appending_copy(write, sizeof *caller);

	if (caller != NULL && condition_init(&caller->changed) != GOES_OK)
	{
		free(caller);
		return NULL;
	}
	return caller;
}

/*
 * give_up leaves before the outcome is there. What has not been sent is not sent any more.
 */
static int
give_up(Coalescing *coalescing, Caller *caller, goes_error *error, goes_error **err)
{
	int status = goes_error_status(error);

	if (caller->state == CALLER_WAITS)
	{
		queue_remove(&coalescing->waiting, &caller->appending.queued);
		caller->state = CALLER_DONE;
		return pass_error(err, error, status);
	}
	caller->is_gone = true;
	status = doubt_given_up(status, true, &error);
	return pass_error(err, error, status);
}

/*
 * await_turn waits until the caller has the outcome, or has to lead.
 */
static int
await_turn(Coalescing *coalescing, Caller *caller, const Deadline *deadline, goes_error **err)
{
	goes_error *error = NULL;

	while (caller->state == CALLER_WAITS || caller->state == CALLER_SENT)
	{
		if (deadline_check(deadline, &error) != GOES_OK)
			return give_up(coalescing, caller, error, err);
		if (deadline->at == INT64_MAX && deadline->cancel == NULL)
			(void) pthread_cond_wait(&caller->changed, &coalescing->lock);
		else
			lock_wait(&coalescing->lock, &caller->changed, deadline);
	}
	return GOES_OK;
}

/*
 * wait_in_queue has a leader make the append, or leads when it is chosen.
 */
static int
wait_in_queue(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	Coalescing *coalescing = store->coalescing;
	Deadline	deadline = context_deadline(store, context);
	Caller	   *caller = make_caller(write);
	bool		is_gone;
	int			status;

	if (caller == NULL)
		return fail_memory(err);
	pthread_mutex_lock(&coalescing->lock);
	queue_put(&coalescing->waiting, &caller->appending.queued);
	choose_leaders(coalescing);
	status = await_turn(coalescing, caller, &deadline, err);
	is_gone = caller->is_gone; /* a leader frees it then */
	pthread_mutex_unlock(&coalescing->lock);
	if (is_gone)
		return status;
	if (status == GOES_OK)
	{
		goes_context remaining = context_until(&deadline);

		status = caller->state == CALLER_LEADS
					 ? lead(store, write, &caller->appending, caller->number, &remaining, err)
					 : take_outcome(store, write, &caller->appending, &remaining, err);
	}
	free_caller(caller);
	return status;
}

int
append_coalesced(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	Appending own;
	int		  number;
	int		  status;

	appending_borrow(&own, write);
	if (lead_at_once(store->coalescing, &own, &number))
		status = lead(store, write, &own, number, context, err);
	else
		status = wait_in_queue(store, write, context, err);
	return count_call(store, status);
}
