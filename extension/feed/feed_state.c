/*
 * feed_state.c
 *	  Where a feed stands, for whoever checks or alters it: was it rewound, and has its sequence
 *	  passed all positions that are there?
 */
#include "postgres.h"

#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "feed/mark.h"
#include "feed/scan.h"

/*
 * read_surely reads the page of a sequence, and waits for whoever is altering the sequence.
 */
static SequencePage
read_surely(Oid sequence)
{
	SequencePage page;

	LockRelationOid(sequence, RowExclusiveLock);
	if (!read_sequence(sequence, &page))
		elog(ERROR, "sequence %u cannot be read under its lock", sequence);
	UnlockRelationOid(sequence, RowExclusiveLock);
	return page;
}

/*
 * last_drawn returns the last number of a sequence, 0 if there was none.
 */
int64
last_drawn(Oid sequence)
{
	return read_surely(sequence).last;
}

/*
 * raise_last raises the last number of a sequence that nobody draws from, also if the transaction is
 * rolled back. It waits for whoever is altering the sequence.
 */
void
raise_last(Oid sequence, int64 number)
{
	LockRelationOid(sequence, RowExclusiveLock);
	raise_sequence(sequence, read_surely(sequence).file, number, 0, true);
	UnlockRelationOid(sequence, RowExclusiveLock);
}

/*
 * last_position returns the highest position of an event, 0 if there are no events.
 */
int64
last_position(Relation events, const FeedParts *parts)
{
	Store store = {RelationGetRelid(events), events, AccessShareLock, &event_store, false};
	Feed  feed = {.store = &store, .column = parts->column, .index = parts->index};

	return highest_position(&feed);
}

/*
 * add_foreign_problem adds the problem that there are positions that the sequence has not given.
 */
List *
add_foreign_problem(FunctionCallInfo fcinfo, List *problems, Relation events, Oid sequence)
{
	return add_feed_problem(
		fcinfo, problems, events,
		psprintf("sequence \"%s\" is behind the positions that are there: if a subscription "
				 "brings them, the publication must leave the column out",
				 get_rel_name(sequence)));
}

/*
 * is_feed_rewound tells whether a feed has to start anew: a reader or the trigger on TRUNCATE has
 * noted that, its sequence is behind what was settled, or its row is lost.
 */
bool
is_feed_rewound(const FeedParts *parts)
{
	SequencePage stored = read_surely(parts->mark);
	pg_uuid_t	 id;
	bool		 is_noted;

	return !read_feed_row(parts->table, &id, &is_noted) || is_noted ||
		   last_drawn(parts->sequence) < Max(stored.last, shared_bound(&stored).position);
}

/*
 * reset_feed lets a feed start anew, with a new id. If the transaction is rolled back, the stored
 * mark is what it was.
 */
void
reset_feed(const FeedParts *parts)
{
	execute_command(psprintf("ALTER SEQUENCE %s RESTART", relation_name(parts->mark)));
	write_feed_row(parts->table, false);
}
