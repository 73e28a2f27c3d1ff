/*
 * feed.h
 *	  The feed: every event of a store once, in the order of its position, whoever wrote it.
 */
#ifndef GOES_FEED_H
#define GOES_FEED_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "table/table.h"

#pragma GCC visibility push(hidden)

#define POSITION_COLUMN "position"

/* feed_parts.c: what the feed of a table is made of; what is missing is invalid */
typedef struct FeedParts
{
	bool	   is_on;	 /* has the table the trigger that knows the feed's own table? */
	AttrNumber column;	 /* position */
	Oid		   sequence; /* of its identity */
	Oid		   index;	 /* the unique index on it */
	Oid		   table;	 /* <store>_feed: one row, the feed's id and whether it was rewound */
	Oid		   mark;	 /* the sequence <store>_feed_mark: the stored mark */
	bool	   is_woken; /* does a trigger wake those who wait? */
} FeedParts;

extern const struct RequiredIndex position_index;

extern FeedParts feed_parts(FunctionCallInfo fcinfo, Relation events);

/* feed_parts.c: the triggers of a feed on the table of events; functions have the same names */
typedef struct FeedTrigger
{
	const char *name;
	const char *events; /* what CREATE TRIGGER says about it */
	int16		type;
	bool		names_table; /* does its condition name the feed's own table? */
	bool		is_always;	 /* does it fire for replicated changes, too? */
} FeedTrigger;

extern const FeedTrigger truncate_trigger;
extern const FeedTrigger wake_trigger;

extern bool is_sound_feed_trigger(const Trigger *found, const FeedTrigger *trigger, Oid table);
extern TriggerData *feed_trigger_data(FunctionCallInfo fcinfo, const FeedTrigger *trigger);

/* feed_dependency.c: is the feed's own table dropped with another one, does a trigger need it? */
extern bool goes_with(Oid table, Oid other);
extern bool is_in_use(Oid table);
extern void drop_with(Oid table, Oid other);

/* feed_remains.c: what is left of a feed whose triggers were dropped */
extern Oid	 orphaned_feed_table(Oid events);
extern char *feed_remains(FunctionCallInfo fcinfo, Relation events);

/* feed_problems.c: what is wrong with a feed */
extern bool	 has_feed_sequence(Oid sequence);
extern List *add_feed_problem(FunctionCallInfo fcinfo, List *problems, Relation events, char *text);
extern List *feed_part_problems(FunctionCallInfo fcinfo, Relation events, const FeedParts *parts);
extern void	 require_same_owner(Relation events, const FeedParts *parts);
extern List *feed_row_problem(FunctionCallInfo fcinfo, List *problems, Relation events,
							  const FeedParts *parts);

/* feed_row.c: the row of <store>_feed, read and written whatever the caller may do with it */
extern bool is_feed_table(Relation table);
extern bool read_feed_row(Oid table, pg_uuid_t *id, bool *is_rewound);
extern void write_feed_row(Oid table, bool is_rewound);

/* feed_state.c: where a feed stands, and starting anew */
extern List *add_foreign_problem(FunctionCallInfo fcinfo, List *problems, Relation events,
								 Oid sequence);
extern int64 last_drawn(Oid sequence);
extern void	 raise_last(Oid sequence, int64 number);
extern int64 last_position(Relation events, const FeedParts *parts);
extern bool	 is_feed_rewound(const FeedParts *parts);
extern void	 reset_feed(const FeedParts *parts);

/* feed_store.c: from a name to an opened feed */
typedef struct Feed
{
	FunctionCallInfo call;	   /* that opened it */
	Store			*store;	   /* the table of events, open with AccessShareLock */
	AttrNumber		 column;   /* position */
	Oid				 sequence; /* of its identity */
	Oid				 index;	   /* the unique index on it */
	Oid				 mark;	   /* the sequence with the stored mark */
	Oid				 table;	   /* <store>_feed */
	Oid				 file;	   /* of the stored mark; another one if the feed started anew */
	pg_uuid_t		 id;
	bool			 is_rewound; /* by TRUNCATE … RESTART IDENTITY; the owner has to reset it */
	bool			 is_woken;	 /* does a trigger wake those who wait? */

	/* what feed_settled has found */
	bool is_behind;			/* are there positions drawn that are not settled? */
	bool is_held_by_caller; /* is the caller's own transaction among those that hold it back? */
	bool is_unchanged;		/* was nothing drawn since the session's last look? */
	bool is_before_cursor;	/* is this a standby that has not got as far as the reader? */
} Feed;

extern Feed *feed_open(FunctionCallInfo fcinfo, int argument);
extern Feed *feed_open_oid(FunctionCallInfo fcinfo, Oid events);
extern void	 feed_close(Feed *feed);
extern void	 feed_unlock(Feed *feed);
extern void	 feed_lock_again(FunctionCallInfo fcinfo, Feed *feed);
extern void	 feed_learn_again(Feed *feed);

/*
 * wait.c: waiting until there may be news. Of the waiters of a group it is enough to wake one: the
 * others would find that it has taken what there was.
 */
typedef struct FeedWait
{
	TimestampTz until;
	TimestampTz since;		   /* when the wait began, or a writer woke the waiter */
	TimestampTz look_at;	   /* when the waiter wants to look in any case */
	uint32		group;		   /* 0: the waiter is woken whoever else waits */
	bool		is_registered; /* can others find the waiter? */
	bool		is_sentinel;   /* is it the one of its group that writers find? */
	bool		is_woken;	   /* did somebody end the last nap? */
} FeedWait;

extern FeedWait start_wait(int32 wait_ms, uint32 group);
extern int		count_waiters(Oid events, uint32 group);
extern bool		feed_wait(FunctionCallInfo fcinfo, FeedWait *wait, Feed *feed);
extern void		end_wait(FeedWait *wait, const Feed *feed);

/* wake.c: when the transaction commits, one waiter of a group is woken */
extern void wake_one(Oid events, uint32 group);

/* mark.c */
extern int64 feed_settled(Feed *feed, int64 after);

/* cursor.c: the newest event at or below a position */
typedef struct Cursor
{
	int64	  position; /* of the event; 0 if there is none */
	bool	  has_id;
	pg_uuid_t id;
} Cursor;

extern Cursor last_event(const Feed *feed, int64 position);
extern bool	  can_be_passed(const Feed *feed, int64 after, Datum id, Cursor *last);

/* position.c */
extern void	 reject_fixed_snapshot(void);
extern int32 wait_argument(FunctionCallInfo fcinfo, int number);
extern Feed *settled_feed(FunctionCallInfo fcinfo, int store, int64 after, int32 wait_ms,
						  int64 *settled);

#pragma GCC visibility pop

#endif
