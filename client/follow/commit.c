/*
 * commit.c
 *    Telling the server what is done, in the transaction of the effects: both or neither.
 *
 * If that fails, the effects of everything that was answered since the last time are undone. So all
 * of it goes back to the server, whose lease it was in or not, and comes again.
 */
#include <stdlib.h>

#include "follow/subscription.h"
#include "store/tx.h"

/*
 * tell_in_call says what is answered of a lease, on the transaction's connection.
 */
static int
tell_in_call(Call *call, const goes_subscription *subscription, const Lease *lease,
			 const Answers *answers, goes_error **err)
{
	LeaseRequest request;
	PGresult	*result = NULL;
	int status = lease_request_make(&request, subscription, lease, REQUEST_DONE, answers, err);

	if (status != GOES_OK)
		return status;
	status = run_request(call, REQUEST_DONE, &request.parameters, &result, err);
	PQclear(result);
	lease_request_free(&request);
	return status;
}

/*
 * tell_leases collects and says what is answered, lease by lease.
 */
static int
tell_leases(Call *call, goes_subscription *subscription, Answers *answers, goes_error **err)
{
	const Batch *batch = subscription->batch;
	int			 status = GOES_OK;

	for (int i = 0; batch != NULL && i < batch->lease_count && status == GOES_OK; i++)
	{
		const Lease *lease = &batch->leases[i];

		if (lease->state != LEASE_HELD || lease->is_unwanted || lease->answered == 0)
			continue;
		status = answers_collect(&answers[i], batch, lease, err);
		if (status == GOES_OK && answers[i].count > 0)
			status = tell_in_call(call, subscription, lease, &answers[i], err);
	}
	return status;
}

/*
 * tell_in says everything in a transaction.
 */
static int
tell_in(goes_tx *tx, goes_subscription *subscription, Answers *answers, const goes_context *context,
		goes_error **err)
{
	goes_error *error = NULL;
	Call		call;
	int			status = call_begin(&call, goes_tx_store(tx), context, err);

	if (status != GOES_OK)
		return status;
	status = tell_leases(&call, subscription, answers, &error);
	if (status != GOES_OK)
		tx_fail(tx, error);
	call_end(&call);
	return pass_error(err, error, status);
}

/*
 * give_back gives back what was answered since the last commit, with the leases that it is in. It
 * returns how many deliveries that are.
 */
static int64_t
give_back(goes_subscription *subscription)
{
	Batch  *batch = subscription->batch;
	int64_t lost = subscription->lost;

	subscription->lost = 0;
	for (int i = 0; batch != NULL && i < batch->lease_count; i++)
	{
		Lease *lease = &batch->leases[i];

		if (lease->state != LEASE_HELD || lease->is_unwanted || lease->answered == 0)
			continue;
		lost += lease_lost_count(batch, lease);
		lease_lose(batch, lease);
		lease->state = LEASE_HELD;
		lease->is_unwanted = true;
	}
	return lost;
}

/*
 * confirm_all notes that the server knows what it was told.
 */
static void
confirm_all(goes_subscription *subscription, const Answers *answers)
{
	Batch *batch = subscription->batch;

	for (int i = 0; batch != NULL && i < batch->lease_count; i++)
	{
		if (answers[i].count > 0)
			answers_confirm(&answers[i], batch, &batch->leases[i]);
	}
	subscription_sweep(subscription);
}

/*
 * commit_told commits, after everything was said. The transaction is over in any case.
 */
static int
commit_told(goes_subscription *subscription, goes_tx *tx, Answers *answers,
			const goes_context *context, goes_error **err)
{
	Deadline	 deadline = context_deadline(subscription->line.store, context);
	goes_context remaining = context_until(&deadline);
	goes_error	*error = NULL;
	int64_t		 lost = 0;
	int			 status = GOES_OK;

	if (subscription->lost > 0)
		status = fail_lease_lost(subscription->lost, &error);
	if (status == GOES_OK)
		status = tell_in(tx, subscription, answers, &remaining, &error);
	remaining = context_until(&deadline);
	if (status == GOES_OK)
		status = goes_tx_commit(tx, &remaining, &error);
	else
		goes_tx_rollback(tx);
	if (status == GOES_OK)
		confirm_all(subscription, answers);
	else
		lost = give_back(subscription);
	if (status != GOES_ERR_LEASE_LOST)
		return pass_error(err, error, status);
	goes_error_free(error);
	return fail_lease_lost(lost, err);
}

/*
 * commit_in commits what is answered in a transaction.
 */
static int
commit_in(goes_subscription *subscription, goes_tx *tx, const goes_context *context,
		  goes_error **err)
{
	int		 leases = subscription->batch == NULL ? 0 : subscription->batch->lease_count;
	Answers *answers = calloc((size_t) leases + 1, sizeof *answers);
	int		 status;

	if (answers == NULL)
	{
		goes_tx_rollback(tx);
		(void) give_back(subscription);
		return fail_memory(err);
	}
	status = commit_told(subscription, tx, answers, context, err);
	for (int i = 0; i < leases; i++)
		answers_free(&answers[i]);
	free(answers);
	return status;
}

/*
 * check_commit fails if the transaction must not be ended here.
 */
static int
check_commit(const goes_subscription *subscription, const goes_tx *tx, goes_error **err)
{
	if (subscription == NULL)
		return fail(err, GOES_ERR_INVALID, "subscription must not be NULL");
	if (tx != NULL && (tx->is_in_hook || tx->is_lent))
		return fail(err, GOES_ERR_STATE,
					"a hook, or the function of goes_model_use, must not end its transaction");
	return check_owner(subscription->line.store, err);
}

int
goes_subscription_commit(goes_subscription *subscription, goes_tx *tx, const goes_context *context,
						 goes_error **err)
{
	Deadline deadline;
	int		 status = check_commit(subscription, tx, err);

	if (status == GOES_OK && tx != NULL && !subscription->is_manual)
		status =
			fail(err, GOES_ERR_STATE,
				 "the server may know already what is done: to commit it in a transaction, open "
				 "the subscription with manual_commit");
	if (status != GOES_OK)
	{
		goes_tx_rollback(tx);
		return status;
	}
	pthread_mutex_lock(&subscription->lock);
	if (tx != NULL)
		status = commit_in(subscription, tx, context, err);
	else
	{
		deadline = context_deadline(subscription->line.store, context);
		status = subscription_tell(subscription, &deadline, err);
	}
	pthread_mutex_unlock(&subscription->lock);
	return status;
}

void
goes_subscription_rollback(goes_subscription *subscription, goes_tx *tx)
{
	goes_tx_rollback(tx);
	if (subscription == NULL || check_owner(subscription->line.store, NULL) != GOES_OK)
		return;
	pthread_mutex_lock(&subscription->lock);
	(void) give_back(subscription);
	pthread_mutex_unlock(&subscription->lock);
}
