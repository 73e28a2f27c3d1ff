/*
 * subscription.c
 *    Working for a subscription: opening, waiting for deliveries, answering, closing.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "follow/subscribe.h"
#include "follow/subscription.h"
#include "store/tally.h"

#define CLOSE_MS 400 /* for telling the server; the rest of a second is for cancel requests */

void
goes_subscription_options_init(goes_subscription_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
}

/*
 * check_subscription fails if this process must not use the subscription.
 */
static int
check_subscription(const goes_subscription *subscription, const void *out, goes_error **err)
{
	if (subscription == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "subscription and out must not be NULL");
	return check_owner(subscription->line.store, err);
}

/*
 * stuck says what has to happen before there are more deliveries.
 */
static int
stuck(const goes_subscription *subscription, goes_error **err)
{
	const Batch *batch = subscription->batch;

	for (int i = 0; i < batch->lease_count; i++)
	{
		if (batch->leases[i].state == LEASE_HELD && batch->leases[i].open > 0)
			return fail(err, GOES_ERR_STATE,
						"all deliveries are handed out, and %d are not answered: call "
						"goes_delivery_done or goes_delivery_failed for each before the next",
						batch->out);
	}
	return GOES_END;
}

/*
 * wait_for_delivery waits for the next delivery, or until there was none for wait_ms.
 */
static int
wait_for_delivery(goes_subscription *subscription, const goes_delivery **out,
				  const Deadline *deadline, goes_error **err)
{
	Deadline work = deadline_in(subscription->wait_ms, NULL);
	int		 status;

	for (;;)
	{
		int64_t wait_ms = subscription->wait_ms < 0 ? 0 : deadline_left_ms(&work);

		status = subscription_advance(subscription, out, wait_ms, err);
		if (status != FOLLOW_WAITS)
			return status;
		if (!subscription->is_asked && subscription_is_stuck(subscription))
			return stuck(subscription, err);
		if (subscription->is_empty)
		{
			subscription->is_empty = false;
			if (subscription->wait_ms < 0 || deadline_passed(&work))
				return GOES_END;
			continue;
		}
		if (subscription->wait_ms < 0 && line_is_left_waiting(&subscription->line))
			return GOES_END; /* by goes_subscription_process() */
		status = line_wait(&subscription->line, deadline, err);
		if (status != GOES_OK)
			return status;
	}
}

int
goes_subscription_next(goes_subscription *subscription, const goes_delivery **out,
					   const goes_context *context, goes_error **err)
{
	Deadline deadline;
	int		 status = check_subscription(subscription, out, err);

	if (status != GOES_OK)
		return status;
	deadline = context_deadline(subscription->line.store, context);
	if (is_cancelled(deadline.cancel))
		return deadline_check(&deadline, err);
	pthread_mutex_lock(&subscription->lock);
	status = wait_for_delivery(subscription, out, &deadline, err);
	count_error(subscription->line.store, status);
	pthread_mutex_unlock(&subscription->lock);
	return status;
}

/*
 * find_delivery finds a delivery by what the program was given.
 */
static Delivery *
find_delivery(goes_subscription *subscription, const goes_delivery *given, Batch **batch)
{
	Delivery *delivery = NULL;

	*batch = subscription->batch;
	if (*batch != NULL)
		delivery = batch_find(*batch, given);
	for (Batch *old = subscription->old; old != NULL && delivery == NULL; old = old->older)
	{
		*batch = old;
		delivery = batch_find(old, given);
	}
	return delivery;
}

/*
 * answer notes what became of a delivery; `text` is taken over.
 */
static int
answer(goes_subscription *subscription, const goes_delivery *given, DeliveryState state, char *text,
	   goes_error **err)
{
	Batch	 *batch;
	Delivery *delivery = find_delivery(subscription, given, &batch);
	int		  status = GOES_OK;

	if (delivery == NULL)
		status = fail(err, GOES_ERR_INVALID, "this is no delivery of the subscription's");
	else if (!delivery->is_out)
		status = fail(err, GOES_ERR_STATE, "the delivery is answered already");
	else if (delivery->state != DELIVERY_OVER)
	{
		delivery_answer(batch, delivery, state, text);
		return GOES_OK;
	}
	free(text);
	if (status != GOES_OK)
		return status;
	delivery->is_out = false;
	batch->out--;
	return fail_lease_lost(1, err);
}

int
goes_delivery_done(goes_subscription *subscription, const goes_delivery *delivery, goes_error **err)
{
	int status = check_subscription(subscription, delivery, err);

	return status == GOES_OK ? answer(subscription, delivery, DELIVERY_DONE, NULL, err) : status;
}

int
goes_delivery_failed(goes_subscription *subscription, const goes_delivery *delivery,
					 const char *text, goes_error **err)
{
	char *copy;
	int	  status = check_subscription(subscription, delivery, err);

	if (status != GOES_OK)
		return status;
	copy = strdup(text == NULL ? "" : text);
	if (copy == NULL)
		return fail_memory(err);
	return answer(subscription, delivery, DELIVERY_FAILED, copy, err);
}

/*
 * talk_to_end says everything that there is to say for a purpose, and waits for the answers.
 */
static int
talk_to_end(goes_subscription *subscription, Purpose purpose, const Deadline *deadline,
			goes_error **err)
{
	int status;

	subscription->purpose = purpose;
	while ((status = subscription_talk(subscription, 0, err)) == GOES_OK &&
		   (subscription->is_asked || !line_is_free(&subscription->line)))
	{
		status = line_wait(&subscription->line, deadline, err);
		if (status != GOES_OK)
			break;
	}
	subscription->purpose = TO_WORK;
	return status;
}

int
subscription_tell(goes_subscription *subscription, const Deadline *deadline, goes_error **err)
{
	return talk_to_end(subscription, TO_TELL, deadline, err);
}

int
goes_subscription_renew(goes_subscription *subscription, const goes_context *context,
						goes_error **err)
{
	Deadline deadline;
	int		 status = check_subscription(subscription, subscription, err);

	if (status != GOES_OK)
		return status;
	deadline = context_deadline(subscription->line.store, context);
	pthread_mutex_lock(&subscription->lock);
	for (int i = 0; subscription->batch != NULL && i < subscription->batch->lease_count; i++)
		subscription->batch->leases[i].renew_at = 0;
	status = talk_to_end(subscription, TO_RENEW, &deadline, err);
	pthread_mutex_unlock(&subscription->lock);
	return status;
}

/*
 * free_subscription frees a subscription that nobody uses.
 */
static void
free_subscription(goes_subscription *subscription)
{
	if (subscription->batch != NULL)
		batch_free(subscription->batch);
	while (subscription->old != NULL)
	{
		Batch *older = subscription->old->older;

		batch_free(subscription->old);
		subscription->old = older;
	}
	answers_free(&subscription->answers);
	free(subscription->table);
	free(subscription->name);
	free(subscription->worker);
	free(subscription);
}

/*
 * name_worker names a worker, by host and process if the program does not.
 */
static char *
name_worker(const char *name)
{
	char host[64] = "";
	char text[128];

	if (name != NULL)
		return strdup(name);
	(void) gethostname(host, sizeof host - 1);
	snprintf(text, sizeof text, "%s %ld", host, (long) getpid());
	return strdup(text);
}

/*
 * make_subscription makes one that is not connected yet.
 */
static int
make_subscription(goes_subscription **out, const char *table, const char *name,
				  const goes_subscription_options *options, goes_error **err)
{
	goes_subscription *subscription = calloc(1, sizeof *subscription);

	if (subscription == NULL)
		return fail_memory(err);
	subscription->name = strdup(name);
	subscription->worker = name_worker(options->worker);
	if (table != NULL)
		subscription->table = strdup(table);
	subscription->most = options->batch == 0 ? DEFAULT_BATCH : options->batch;
	subscription->lease_ms = options->lease_ms == 0 ? DEFAULT_LEASE_MS : options->lease_ms;
	subscription->wait_ms = options->wait_ms == 0 ? DEFAULT_WAIT_MS : options->wait_ms;
	subscription->is_manual = options->manual_commit;
	*out = subscription;
	if (subscription->name != NULL && subscription->worker != NULL &&
		(table == NULL || subscription->table != NULL))
		return GOES_OK;
	free_subscription(subscription);
	return fail_memory(err);
}

/*
 * start_subscription subscribes, and connects.
 */
static int
start_subscription(goes_subscription *subscription, goes_store *store,
				   const goes_subscription_options *options, goes_error **err)
{
	Deadline deadline = context_deadline(store, NULL);
	int		 status = goes_store_connect(store, NULL, err);

	if (status == GOES_OK && !options->join)
		status = subscribe(store, subscription->table, subscription->name, options, err);
	if (status == GOES_OK)
		status = line_open(&subscription->line, store, false, &deadline, err);
	if (status == GOES_OK && pthread_mutex_init(&subscription->lock, NULL) != 0)
	{
		line_close(&subscription->line);
		status = fail_memory(err);
	}
	return status;
}

int
goes_subscription_open(goes_store *store, const char *table, const char *name,
					   const goes_subscription_options *options, goes_subscription **out,
					   goes_error **err)
{
	goes_subscription_options known = {.size = sizeof known};
	goes_subscription		 *subscription = NULL;
	int						  status;

	if (store == NULL || name == NULL || out == NULL || (options != NULL && options->size == 0))
		return fail(err, GOES_ERR_INVALID,
					"store, name and out must not be NULL, and options->size must not be 0");
	if (options != NULL)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE, "a subscription cannot be opened inside a transaction");
	status = subscribe_check(table, &known, err);
	if (status == GOES_OK)
		status = make_subscription(&subscription, table, name, &known, err);
	if (status != GOES_OK)
		return status;
	status = start_subscription(subscription, store, &known, err);
	if (status == GOES_OK)
		*out = subscription;
	else
		free_subscription(subscription);
	return status;
}

/*
 * say_goodbye tells the server what is done, and gives back the rest. A claim that waits is
 * cancelled, and what it may have given after all goes back, too.
 */
static void
say_goodbye(goes_subscription *subscription)
{
	Deadline deadline = deadline_in(CLOSE_MS, NULL);

	if (subscription->is_asked && subscription->about == NULL &&
		subscription->line.state == LINE_ASKED)
		abandon(subscription->line.connection->pg);
	/* an error about one lease is no reason not to go on with the others */
	while (talk_to_end(subscription, TO_END, &deadline, NULL) != GOES_OK &&
		   !deadline_passed(&deadline) && subscription->line.state == LINE_FREE)
		;
}

void
goes_subscription_close(goes_subscription *subscription)
{
	if (subscription == NULL)
		return;
	if (check_owner(subscription->line.store, NULL) == GOES_OK)
	{
		goes_cancel_trigger(subscription->line.closing);
		pthread_mutex_lock(&subscription->lock);
		line_stay(&subscription->line);
		say_goodbye(subscription);
		pthread_mutex_unlock(&subscription->lock);
		pthread_mutex_destroy(&subscription->lock);
	}
	line_close(&subscription->line);
	free_subscription(subscription);
}

/*
 * advance_worker does what can be done now. The program comes back when there is more.
 */
static int
advance_worker(goes_subscription *subscription, const goes_delivery **out, goes_error **err)
{
	int	 status;
	bool is_empty;

	do
	{
		status = subscription_advance(subscription, out, LONGEST_WAIT_MS, err);
		is_empty = subscription->is_empty;
		subscription->is_empty = false;
	} while (status == FOLLOW_WAITS && is_empty);
	return status == FOLLOW_WAITS ? GOES_END : status;
}

int
goes_subscription_process(goes_subscription *subscription, const goes_delivery **out,
						  goes_error **err)
{
	int status = check_subscription(subscription, out, err);

	if (status != GOES_OK)
		return status;
	pthread_mutex_lock(&subscription->lock);
	status = advance_worker(subscription, out, err);
	count_error(subscription->line.store, status);
	pthread_mutex_unlock(&subscription->lock);
	return status;
}

int
goes_subscription_fd(const goes_subscription *subscription)
{
	return subscription == NULL ? -1 : subscription->line.poller;
}

int
goes_subscription_events(const goes_subscription *subscription)
{
	return subscription == NULL ? 0 : POLLIN;
}

int64_t
goes_subscription_timeout_ms(const goes_subscription *subscription)
{
	return subscription == NULL ? -1 : subscription_due_ms(subscription);
}
