/*
 * worker.c
 *    What a worker says to the server, one thing after the other: renewing leases, what is done,
 *    giving back, claiming.
 *
 * A batch is worked off before the next one is claimed. A request that is lost with its connection is
 * made again: what it did the first time shows as a lease that has ended, which is no news then.
 */
#include <stdlib.h>

#include "follow/subscription.h"
#include "base/sqlstate.h"
#include "store/tally.h"
#include "data/oids.h"

int
fail_lease_lost(int64_t lost, goes_error **err)
{
	return fail_detailed(
		err, GOES_ERR_LEASE_LOST,
		(ErrorDetails){.sqlstate = LEASE_LOST, .event_index = -1, .lost = lost},
		"others have %lld of the deliveries by now: drop what was done for them. If "
		"leases end too early, take longer ones, or call goes_subscription_renew",
		(long long) lost);
}

void
subscription_sweep(goes_subscription *subscription)
{
	Batch **place = &subscription->old;

	if (subscription->is_asked) /* it may be about one of them */
		return;
	if (subscription->batch != NULL && batch_is_over(subscription->batch))
	{
		subscription->batch->older = subscription->old;
		subscription->old = subscription->batch;
		subscription->batch = NULL;
	}
	while (*place != NULL)
	{
		Batch *batch = *place;

		if (batch->out > 0)
		{
			place = &batch->older;
			continue;
		}
		*place = batch->older;
		batch_free(batch);
	}
}

bool
subscription_is_stuck(const goes_subscription *subscription)
{
	const Batch *batch = subscription->batch;

	if (batch == NULL || !batch_is_handed_out(batch))
		return false;
	for (int i = 0; i < batch->lease_count; i++)
	{
		const Lease *lease = &batch->leases[i];

		if (lease->state == LEASE_HELD &&
			(lease->open > 0 || (subscription->is_manual && lease->answered > 0)))
			return true;
	}
	return false;
}

/*
 * end_request forgets the request on its way.
 */
static void
end_request(goes_subscription *subscription)
{
	subscription->is_asked = false;
	subscription->about = NULL;
	answers_free(&subscription->answers);
}

/*
 * lose_lease notes that somebody else has the events of a lease, and says how many that are. It says
 * nothing if the server may have done before what is refused now.
 */
static int
lose_lease(goes_subscription *subscription, Lease *lease, goes_error **error, goes_error **err)
{
	int	 lost = lease_lost_count(subscription->batch, lease);
	bool is_known = lease->is_unsure || lease->is_unwanted;

	lease_lose(subscription->batch, lease);
	if (!has_own_sqlstate(*error, LEASE_LOST) && !is_known)
	{
		int status = goes_error_status(*error);

		return pass_error(err, *error, status);
	}
	goes_error_free(*error);
	if (is_known || lost == 0)
		return GOES_OK;
	tell_log(subscription->line.store, GOES_LOG_WARNING,
			 "the lease on partition %d of subscription \"%s\" is lost, and %d deliveries with it",
			 (int) lease->partition, subscription->name, lost);
	subscription->lost += lost;
	/* otherwise the commit says so */
	return subscription->is_manual ? GOES_OK : fail_lease_lost(lost, err);
}

/*
 * refused handles an error of the server. What may pass is tried again.
 */
static int
refused(goes_subscription *subscription, goes_error *error, goes_error **err)
{
	Lease *lease = subscription->about;
	int	   status = goes_error_status(error);

	end_request(subscription);
	if (lease == NULL || (status != GOES_ERR_LEASE_LOST && goes_error_is_retryable(error)))
		return pass_error(err, error, status);
	return lose_lease(subscription, lease, &error, err);
}

/*
 * take_claimed takes what a claim has given.
 */
static int
take_claimed(goes_subscription *subscription, PGresult *rows, goes_error **err)
{
	int64_t renew_at = monotonic_now() + subscription->lease_ms * NANOSECONDS_PER_MILLISECOND / 3;

	subscription->is_empty = PQntuples(rows) == 0;
	if (subscription->is_empty)
	{
		PQclear(rows);
		return GOES_OK;
	}
	return batch_make(&subscription->batch, rows, renew_at, err);
}

/*
 * take_answer takes the answer to a request.
 */
static int
take_answer(goes_subscription *subscription, goes_error **err)
{
	Lease	 *lease = subscription->about;
	PGresult *answer = line_take(&subscription->line);
	int		  status = GOES_OK;

	if (answer == NULL)
		return GOES_OK;
	if (lease == NULL)
		status = take_claimed(subscription, answer, err);
	else
	{
		PQclear(answer);
		if (subscription->asked == REQUEST_DONE)
			answers_confirm(&subscription->answers, subscription->batch, lease);
		else if (subscription->asked == REQUEST_RENEW)
		{
			lease->is_renewed = true;
			lease->renew_at =
				subscription->asked_at + subscription->lease_ms * NANOSECONDS_PER_MILLISECOND / 3;
		}
		else
			lease_lose(subscription->batch, lease);
	}
	end_request(subscription);
	return status;
}

/*
 * hear_answer goes on with the request on its way.
 */
static int
hear_answer(goes_subscription *subscription, goes_error **err)
{
	goes_error *error = NULL;
	int			status = line_step(&subscription->line, &error);

	if (status != GOES_OK && subscription->is_asked && subscription->line.state == LINE_FREE)
		return refused(subscription, error, err);
	if (status != GOES_OK)
		return pass_error(err, error, status);
	if (subscription->is_asked && subscription->line.state < LINE_ASKED)
	{
		if (subscription->about != NULL)
			subscription->about->is_unsure = true;
		end_request(subscription);
	}
	return take_answer(subscription, err);
}

/*
 * note_asked notes what was asked.
 */
static void
note_asked(goes_subscription *subscription, Request kind, Lease *lease)
{
	subscription->is_asked = true;
	subscription->asked = kind;
	subscription->about = lease;
	subscription->asked_at = monotonic_now();
}

/*
 * ask_about asks something about a lease.
 */
static int
ask_about(goes_subscription *subscription, Lease *lease, Request kind, goes_error **err)
{
	LeaseRequest request;
	int			 status =
		lease_request_make(&request, subscription, lease, kind, &subscription->answers, err);

	if (status != GOES_OK)
		return status;
	status = line_send(&subscription->line, kind, &request.parameters, err);
	lease_request_free(&request);
	if (status == GOES_OK)
		note_asked(subscription, kind, lease);
	return status;
}

/*
 * ask_for_work claims.
 */
static int
ask_for_work(goes_subscription *subscription, int64_t wait_ms, goes_error **err)
{
	Parameters parameters = {0};
	NumberText numbers[3];
	int		   status;

	add_text(&parameters, "subscription", TEXT_TYPE, subscription->name);
	add_text(&parameters, "worker", TEXT_TYPE, subscription->worker);
	add_number(&parameters, "max_events", INT8_TYPE, subscription->most, numbers[0]);
	add_number(&parameters, "lease_ms", INT4_TYPE, subscription->lease_ms, numbers[1]);
	add_number(&parameters, "wait_ms", INT4_TYPE, wait_of_question(wait_ms), numbers[2]);
	add_text(&parameters, "store", TEXT_TYPE, subscription->table);
	status = line_send(&subscription->line, REQUEST_CLAIM, &parameters, err);
	if (status == GOES_OK)
		note_asked(subscription, REQUEST_CLAIM, NULL);
	subscription->line.waits = wait_of_question(wait_ms) > 0;
	return status;
}

/*
 * say_answers says what is answered of a lease, if anything can be said. *is_said tells.
 */
static int
say_answers(goes_subscription *subscription, Lease *lease, bool *is_said, goes_error **err)
{
	int status;

	*is_said = false;
	if (lease->answered == 0 || lease->is_unwanted ||
		(subscription->is_manual && subscription->purpose != TO_TELL))
		return GOES_OK;
	status = answers_collect(&subscription->answers, subscription->batch, lease, err);
	if (status != GOES_OK || subscription->answers.count == 0)
	{
		answers_free(&subscription->answers);
		return status;
	}
	*is_said = true;
	status = ask_about(subscription, lease, REQUEST_DONE, err);
	if (status != GOES_OK)
		answers_free(&subscription->answers);
	return status;
}

/*
 * look_after says what there is to say about a lease.
 */
static int
look_after(goes_subscription *subscription, Lease *lease, goes_error **err)
{
	bool is_due = monotonic_now() >= lease->renew_at;
	bool is_said = false;
	int	 status = GOES_OK;

	if (lease->state != LEASE_HELD)
		return GOES_OK;
	if (is_due && !lease->is_unwanted && subscription->purpose != TO_END)
		return ask_about(subscription, lease, REQUEST_RENEW, err);
	if (lease->open == 0 || lease->is_renewed || subscription->purpose == TO_TELL ||
		subscription->purpose == TO_END)
		status = say_answers(subscription, lease, &is_said, err);
	if (status != GOES_OK || is_said)
		return status;
	if (lease->is_unwanted || subscription->purpose == TO_END)
	{
		lease->is_unwanted = true;
		return ask_about(subscription, lease, REQUEST_RELEASE, err);
	}
	lease->is_renewed = false;
	return GOES_OK;
}

/*
 * speak asks what is to be asked next.
 */
static int
speak(goes_subscription *subscription, int64_t wait_ms, goes_error **err)
{
	Batch *batch = subscription->batch;
	int	   status = GOES_OK;

	for (int i = 0; batch != NULL && i < batch->lease_count && status == GOES_OK; i++)
	{
		status = look_after(subscription, &batch->leases[i], err);
		if (subscription->is_asked)
			return status;
	}
	if (status != GOES_OK || !line_is_free(&subscription->line))
		return status;
	subscription_sweep(subscription);
	if (subscription->batch == NULL && subscription->purpose == TO_WORK && !subscription->is_empty)
		status = ask_for_work(subscription, wait_ms, err);
	return status;
}

/*
 * may_hand_out tells whether the next delivery can be handed out without a look at the server.
 */
static bool
may_hand_out(const goes_subscription *subscription)
{
	const Batch *batch = subscription->batch;
	int64_t		 now = monotonic_now();

	for (int i = 0; batch != NULL && i < batch->lease_count; i++)
	{
		if (batch->leases[i].state == LEASE_HELD && now >= batch->leases[i].renew_at)
			return false;
	}
	return batch != NULL && !subscription->is_asked;
}

/*
 * hand_out hands the next delivery out.
 */
static int
hand_out(goes_subscription *subscription, const goes_delivery **out)
{
	Delivery *delivery = NULL;

	if (subscription->batch != NULL)
		delivery = batch_next(subscription->batch);
	if (delivery == NULL)
		return FOLLOW_WAITS;
	*out = &delivery->given;
	return GOES_EVENT;
}

int
subscription_talk(goes_subscription *subscription, int64_t wait_ms, goes_error **err)
{
	int status = hear_answer(subscription, err);

	if (status == GOES_OK && !subscription->is_asked && line_is_free(&subscription->line))
		status = speak(subscription, wait_ms, err);
	return status;
}

int
subscription_advance(goes_subscription *subscription, const goes_delivery **out, int64_t wait_ms,
					 goes_error **err)
{
	int status = GOES_OK;

	if (!may_hand_out(subscription))
		status = subscription_talk(subscription, wait_ms, err);
	if (status == GOES_OK)
		status = hand_out(subscription, out);
	if (status == FOLLOW_WAITS && !subscription->is_asked)
		status = subscription_talk(subscription, wait_ms, err);
	return status == GOES_OK ? hand_out(subscription, out) : status;
}

/*
 * lease_due_ms returns after how many milliseconds there is something to say about a lease.
 */
static int64_t
lease_due_ms(const goes_subscription *subscription, const Lease *lease)
{
	Deadline renewal = {.at = lease->renew_at};

	if (lease->state != LEASE_HELD)
		return -1;
	if (lease->is_unwanted || (lease->open == 0 && !subscription->is_manual))
		return 0;
	return deadline_left_ms(&renewal);
}

int64_t
subscription_due_ms(const goes_subscription *subscription)
{
	const Batch *batch = subscription->batch;
	int64_t		 due = line_due_ms(&subscription->line);

	if (batch != NULL && !batch_is_handed_out(batch))
		return 0;
	if (batch == NULL || subscription->is_asked || subscription->line.state != LINE_FREE || due > 0)
		return due;
	due = -1;
	for (int i = 0; i < batch->lease_count; i++)
	{
		int64_t lease_due = lease_due_ms(subscription, &batch->leases[i]);

		if (lease_due >= 0 && (due < 0 || lease_due < due))
			due = lease_due;
	}
	return due;
}
