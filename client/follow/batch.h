/*
 * batch.h
 *    Events that were claimed together: who has them, and what became of them.
 */
#ifndef GOES_BATCH_H
#define GOES_BATCH_H

#include "follow/follow.h"

typedef enum LeaseState
{
	LEASE_HELD,
	LEASE_OVER, /* nothing of it is left to do */
	LEASE_GONE	/* somebody else has it */
} LeaseState;

/* A partition that a claim has given to this worker. */
typedef struct Lease
{
	int32_t	   partition;
	int64_t	   epoch;
	LeaseState state;
	int64_t	   renew_at;	/* of the monotonic clock */
	int		   open;		/* deliveries that wait, or are out */
	int		   answered;	/* and the server does not know it yet */
	bool	   is_unsure;	/* a request about it was lost: the server may have done it */
	bool	   is_renewed;	/* a good moment to say what is answered */
	bool	   is_unwanted; /* to be given back */
} Lease;

typedef enum DeliveryState
{
	DELIVERY_WAITS, /* to be handed out */
	DELIVERY_OUT,	/* handed out */
	DELIVERY_DONE,
	DELIVERY_FAILED,
	DELIVERY_BEHIND, /* an earlier event of its aggregate has failed: it comes again */
	DELIVERY_OVER	 /* the server knows, or somebody else has it */
} DeliveryState;

typedef struct Delivery
{
	goes_delivery given; /* must be first */
	Lease		 *lease;
	DeliveryState state;
	bool		  is_out; /* handed out and not answered */
	char		 *text;	  /* why it failed */
} Delivery;

typedef struct Batch
{
	PGresult	 *rows; /* that the events point into */
	Delivery	 *deliveries;
	int			  count;
	int			  next; /* to be handed out */
	int			  out;	/* handed out and not answered */
	Lease		 *leases;
	int			  lease_count;
	struct Batch *older;
} Batch;

/* Makes a batch of a claim's rows, which it takes over, also when it fails. */
int	 batch_make(Batch **out, PGresult *rows, int64_t renew_at, goes_error **err);
void batch_free(Batch *batch);

/* The next delivery to hand out; NULL: there is none. */
Delivery *batch_next(Batch *batch);

/* The delivery behind a pointer that the program gave; NULL: it is none of this batch. */
Delivery *batch_find(Batch *batch, const goes_delivery *given);

/* Notes an answer; `text` is taken over. The delivery is out, and its lease is held. */
void delivery_answer(Batch *batch, Delivery *delivery, DeliveryState state, char *text);

/*
 * Has everything been said that can be said of a batch? `counts_answered`: also to the server.
 */
bool batch_is_handed_out(const Batch *batch);
bool batch_is_over(const Batch *batch);

/* How many deliveries of a lease were handed out and are not known to be done. */
int lease_lost_count(const Batch *batch, const Lease *lease);

/* Ends a lease that somebody else has. */
void lease_lose(Batch *batch, Lease *lease);

/* What is answered of a lease, for goes_done. */
typedef struct Answers
{
	Buffer done; /* int64_t */
	Buffer failed;
	Buffer texts; /* char * */
	int	   count;
} Answers;

int	 answers_collect(Answers *answers, const Batch *batch, const Lease *lease, goes_error **err);
void answers_confirm(const Answers *answers, Batch *batch, Lease *lease);
void answers_free(Answers *answers);

#endif
