/*
 * subscription.h
 *	  Subscriptions: durable readers of a feed, for many workers.
 *
 * The events of a subscription are spread over partitions, all those of an aggregate in one. A
 * worker claims partitions for a while, and is given their next events. Whatever changes a
 * partition, or events of it that are held, locks its row first and updates it.
 */
#ifndef GOES_SUBSCRIPTION_H
#define GOES_SUBSCRIPTION_H

#include "utils/array.h"
#include "utils/timestamp.h"

#include "feed/feed.h"

#pragma GCC visibility push(hidden)

#define MOST_PARTITIONS 1024

/* The position that stands for where the feed is settled. */
#define FROM_NOW (-1)

/* A subscription, and the opened tables of its store. */
typedef struct Subscription
{
	Store	 *store; /* the table of subscriptions */
	Store	 *partitions;
	Store	 *retries;
	Datum	  name;
	Oid		  events;
	pg_uuid_t feed; /* the id of the feed that its positions belong to */
	int32	  partition_count;
	Datum	  filters;
	int32	  max_attempts;
	int32	  backoff_ms;
	int32	  backoff_max_ms;
} Subscription;

/* A partition as its row has it. */
typedef struct Partition
{
	int32		number;
	int64		position;
	bool		has_id;
	pg_uuid_t	id;
	int64		epoch;
	Datum		worker;
	bool		is_leased;	 /* has it a worker? */
	TimestampTz lease_until; /* which does not say that the time is not over */
	int64	   *batch;
	int			batch_count;
	int			handed;
	bool		is_alone;
	int32		deliveries;
	bool		has_held; /* are events held? */
	TimestampTz look_at;  /* when they have to be looked at */
	TimestampTz served;
	bool		was_open; /* had it a batch when it was claimed? */
} Partition;

/* subscription.c */
extern Subscription *open_subscription_store(FunctionCallInfo fcinfo, int store, LOCKMODE mode);
extern Subscription *subscription_open(FunctionCallInfo fcinfo, int name, int store, LOCKMODE mode);
extern bool			 find_subscription(Subscription *subscription);
extern void			 require_unchanged(const Subscription *subscription);
extern void			 subscription_close(Subscription *subscription);
extern Datum		 subscription_argument(FunctionCallInfo fcinfo, int number);
extern Feed			*subscription_events(FunctionCallInfo fcinfo, const Subscription *subscription);
extern Feed			*subscription_feed(FunctionCallInfo fcinfo, const Subscription *subscription);
extern uint32		 waiting_group(const Subscription *subscription);
extern void			 wake_worker(const Subscription *subscription);
extern char			*store_argument(const Subscription *subscription);
pg_noreturn extern void report_missing(const Subscription *subscription);
pg_noreturn extern void report_removed(const Subscription *subscription);
pg_noreturn extern void report_passed(const Subscription *subscription, const Feed *feed,
									  char *detail);

/* filters.c: the filters of a subscription, to keep and to use */
extern Datum			keep_filters(FunctionCallInfo fcinfo, int first);
extern FunctionCallInfo kept_filters(FunctionCallInfo fcinfo, const Subscription *subscription);

/* partition.c: the rows of partitions */
extern Partition *lock_partition(const Subscription *subscription, int32 number);
extern Partition *lock_leased(const Subscription *subscription, FunctionCallInfo fcinfo);
extern Partition *lock_free_partitions(const Subscription *subscription, TimestampTz now,
									   int64 settled, int most, int *count);
extern Partition *lock_all_partitions(const Subscription *subscription, int *count);
extern Partition *list_partitions(const Subscription *subscription, int *count);
extern void		  save_partition(const Subscription *subscription, const Partition *partition);
extern void		  raise_checkpoint(Partition *partition, int64 position, const Cursor *last);
extern void		  end_lease(Partition *partition);
extern int		  batch_place(const Partition *partition, int64 position);
extern void		  keep_in_batch(Partition *partition, const bool *is_kept);

/* epoch.c: the numbers of leases, of which none comes again */
extern int64 next_epoch(int64 epoch);
extern bool	 is_sound_epoch(int64 epoch);
extern int64 last_epoch(const Subscription *subscription);
extern void	 keep_epoch(const Subscription *subscription, int64 epoch);

/* member.c: which aggregate events belong to */
typedef struct Member
{
	int64 position;
	int64 aggregate;
	bool  is_there; /* otherwise its row was deleted */
} Member;

extern int64   aggregate_hash(TupleTableSlot *row);
extern int32   partition_of(int64 aggregate, int32 partition_count);
extern Member *find_members(const Feed *feed, const int64 *positions, int count);

/* held.c: events that are held back, and those that wait behind them */
typedef struct HeldEvent
{
	int64		position;
	int64		aggregate;
	int32		partition;
	int32		attempts;
	bool		waits; /* behind another one of its aggregate */
	TimestampTz retry_at;
	Datum		error; /* 0: none */
} HeldEvent;

extern void hold_failed(const Subscription *subscription, const HeldEvent *event, TimestampTz now);
extern void hold_behind(const Subscription *subscription, const HeldEvent *events, int count);
extern void let_go(const Subscription *subscription, const int64 *positions, int count,
				   TimestampTz now);
extern void look_later(const Subscription *subscription, Partition *partition, TimestampTz now);

/* held_find.c: which events are held */
extern HeldEvent *find_held(const Subscription *subscription, const int64 *positions,
							int position_count, int *count);
extern HeldEvent *find_due(const Subscription *subscription, const int32 *partitions,
						   int partition_count, TimestampTz now, int64 most, int *count);
extern HeldEvent *find_parked(const Subscription *subscription, const int32 *partitions,
							  int partition_count, int *count);
extern int64	 *find_held_aggregates(const Subscription *subscription, const int64 *aggregates,
									   int aggregate_count, int *count);

/* sound.c: errors for rows that somebody has changed, so that they cannot be */
extern void require_sound_subscription(const Subscription *subscription);
extern void require_sound_batch(const Subscription *subscription, int32 number, ArrayType *batch);
extern void require_sound_partition(const Subscription *subscription, const Partition *partition);
extern void require_sound_held(const Subscription *subscription, const HeldEvent *event);

/* lease.c */
extern int32 lease_argument(FunctionCallInfo fcinfo, int number);

/* followers.c: the subscriptions that follow a table of events */
typedef struct Follower
{
	Oid		  table; /* in which the subscription stands */
	char	 *name;
	pg_uuid_t feed;
} Follower;

extern List *find_followers(Oid events);
extern void	 reject_followers(Relation events);

/* follower_problems.c */
extern List *follower_problems(FunctionCallInfo fcinfo, Oid events, const pg_uuid_t *feed);

/* fail.c: what becomes of an event that failed */
extern void fail_event(const Subscription *subscription, const Partition *partition,
					   const Member *event, int32 attempts, Datum error, TimestampTz now);
extern void park_first(const Subscription *subscription, const Feed *feed, Partition *partition,
					   TimestampTz now);

#pragma GCC visibility pop

#endif
