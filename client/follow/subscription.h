/*
 * subscription.h
 *    What a worker of a subscription is, and what it asks the server.
 */
#ifndef GOES_SUBSCRIPTION_H
#define GOES_SUBSCRIPTION_H

#include "follow/batch.h"

/* What a subscription is to say to the server. */
typedef enum Purpose
{
	TO_WORK,
	TO_TELL,  /* what is answered */
	TO_RENEW, /* all leases */
	TO_END	  /* what is answered, and to give back the rest */
} Purpose;

struct goes_subscription
{
	Line			line;
	pthread_mutex_t lock;  /* held by whoever uses it, so that another thread can close it */
	char		   *table; /* NULL: the server's default */
	char		   *name;
	char		   *worker;
	int				most; /* events of a batch */
	int				lease_ms;
	int64_t			wait_ms;
	bool			is_manual; /* only goes_subscription_commit() tells what is done */
	Batch		   *batch;	   /* what was claimed last; NULL: it is over */
	Batch		   *old;	   /* batches of which some deliveries are out */
	bool			is_empty;  /* the last claim had nothing */
	Purpose			purpose;
	int64_t			lost; /* deliveries, since the last commit */

	/* the request on its way */
	bool	is_asked;
	Request asked;
	int64_t asked_at;
	Lease  *about; /* NULL: a claim */
	Answers answers;
};

/* The requests about a lease. Texts and buffers live as long as the parameters are used. */
typedef struct LeaseRequest
{
	Parameters parameters;
	NumberText numbers[3];
	Buffer	   done;
	Buffer	   failed;
	Buffer	   texts;
} LeaseRequest;

/* lease_request.c */
int	 lease_request_make(LeaseRequest *request, const goes_subscription *subscription,
						const Lease *lease, Request kind, const Answers *answers, goes_error **err);
void lease_request_free(LeaseRequest *request);

/* worker.c: does what can be done without waiting, and hands nothing out */
int subscription_talk(goes_subscription *subscription, int64_t wait_ms, goes_error **err);

/*
 * Does the same and hands out: GOES_EVENT with a delivery, FOLLOW_WAITS, or an error. After a claim that
 * found nothing (is_empty) it does not claim again.
 */
int subscription_advance(goes_subscription *subscription, const goes_delivery **out,
						 int64_t wait_ms, goes_error **err);

/* Is everything handed out, so that nothing more comes before something is answered or committed? */
bool subscription_is_stuck(const goes_subscription *subscription);

/* After how many milliseconds there is something to say or to hand out; -1: never. */
int64_t subscription_due_ms(const goes_subscription *subscription);

/* Tells the server what is answered, and waits for that (subscription.c). */
int subscription_tell(goes_subscription *subscription, const Deadline *deadline, goes_error **err);

/* Fails for a lease that somebody else has. */
int fail_lease_lost(int64_t lost, goes_error **err);

/* Lets go of batches that nobody needs. */
void subscription_sweep(goes_subscription *subscription);

#endif
