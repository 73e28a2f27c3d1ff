/*
 * claim.h
 *	  A claim in the making, for the rooms that it goes through.
 */
#ifndef GOES_CLAIM_H
#define GOES_CLAIM_H

#include "subscription/subscription.h"

/*
 * A claim without a find ends after so many, so that a rare filter gets on under any
 * statement_timeout.
 */
#define MOST_POSITIONS 100000

/* An event that is going to be handed out. */
typedef struct Taken
{
	int64	   position;
	Partition *partition;
	int32	   attempts;
	bool	   is_there; /* otherwise its row was deleted */
} Taken;

typedef struct Claim
{
	FunctionCallInfo fcinfo;
	Subscription	*subscription;
	Feed			*feed;
	Datum			 worker;
	int64			 most; /* events to hand out */
	TimestampTz		 now;  /* taken once: what is due stays due until the claim is over */
	int32			 lease_ms;
	int64			 settled;
	int64			 position_count; /* how many positions were looked at */
	Partition		*partitions;	 /* those that are locked */
	int				 partition_count;
	Taken			*taken;
	int				 taken_count;
	int				 delivered_count; /* those of them whose rows are there */
} Claim;

enum ClaimArgument
{
	CLAIM_SUBSCRIPTION,
	CLAIM_WORKER,
	CLAIM_MAX_EVENTS,
	CLAIM_LEASE,
	CLAIM_WAIT,
	CLAIM_STORE
};

/* A worker that waits for something to do. */
typedef struct Vigil
{
	const Claim *claim;
	FeedWait	 wait;
	Oid			 events;
	Feed		*feed;		/* NULL before the first nap */
	int64		 settled;	/* what follows is as the last look has found it */
	bool		 has_work;	/* is there something to do? */
	bool		 has_moved; /* have events been seen that pass no filter? */
	int64		*from;		/* by partition: behind here */
	int64		*seen;		/* and up to here there is nothing new */
} Vigil;

#pragma GCC visibility push(hidden)

/* claim_open.c */
extern void open_claim(Claim *claim);
extern void take_event(Claim *claim, Partition *partition, int64 position, int32 attempts);

/*
 * claim_wait.c: waiting until there may be something to do; false: there is not, and the time is
 * over
 */
extern void start_vigil(Vigil *vigil, const Claim *claim, int32 wait_ms);
extern bool wait_for_work(Vigil *vigil);
extern void rest(Vigil *vigil);
extern void end_vigil(Vigil *vigil);

/* glance.c: is a claim certainly in vain? */
extern bool has_nothing_to_do(const Claim *claim);

/* claim_take.c: takes free partitions and their next events; returns how many it has written */
extern int take_partitions(Claim *claim, int most);

/* claim_held.c: held events whose turn has come */
extern void take_due(Claim *claim);

/* claim_window.c: new events */
extern void take_new(Claim *claim);
extern bool has_new(Claim *claim, int64 *end);

/* claim_deliver.c: the rows of the function */
extern void deliver(Claim *claim);

#pragma GCC visibility pop

#endif
