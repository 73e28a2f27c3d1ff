/*
 * mark.c
 *	  The mark: up to where the feed is settled. No event will ever be stored at or below it.
 *
 * Positions are drawn in order, but transactions commit in any order: below the last number drawn
 * there can be positions of transactions that are still open. A look at the feed reads that number
 * first and then asks who is writing. Without writers, everything drawn is settled. Otherwise the
 * mark stops at the lowest bound of a writer: a number below everything that it has drawn.
 *
 * Nobody tells those bounds, so a session keeps them from one look to the next. A writer that the
 * last look did not find had drawn nothing when that look read the sequence: its bound is the
 * number read then, and stays as long as the writer does. At a session's first look everybody's
 * bound is the stored mark, which all sessions share and raise, or the bound beside it (bound.c).
 *
 * What is kept here is true for everybody, so a rollback does not undo it. A caller's cursor is
 * not such knowledge, and never gets into it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "feed/mark.h"

#define FIRST_FEEDS 16

/* With that many, a session forgets all and starts from the stored marks. */
#define MANY_FEEDS 64

/* How long a session waits until it raises the stored mark again, in milliseconds. */
#define RAISE_EVERY 100

/*
 * How long it waits until it looks again for positions from elsewhere, in milliseconds. That takes
 * longer than all else that finds nothing new.
 */
#define CHECK_EVERY 1000

/* No cursor. */
#define NOTHING_PASSED (-1)

/* The stored mark of a feed that was rewound, until its owner resets it. */
#define REWOUND PG_INT64_MAX

/* What the session knows of a feed. */
typedef struct Mark
{
	Oid			 table; /* the key */
	pg_uuid_t	 feed;
	Oid			 stored; /* the file of the stored mark */
	SequencePage drawn;	 /* the sequence as the last look saw it */
	int64		 settled;
	Writer		*writers; /* those that the last look found */
	int			 writer_count;
	int			 room;
	int64		 passed; /* a settled cursor, and the newest event at or below it */
	Cursor		 newest;
	TimestampTz	 raised;  /* when the session last raised the stored mark */
	TimestampTz	 checked; /* when it last looked for positions from elsewhere */
} Mark;

static HTAB			*marks = NULL;
static MemoryContext memory = NULL;

/*
 * raise_for_good raises the stored mark, and has that written at once, for standbys and after a
 * crash. Otherwise it can take as long as an asynchronous commit, and if an error follows, until
 * somebody else commits.
 */
static void
raise_for_good(const Feed *feed, const Mark *mark, int64 value)
{
	SequencePage stored;

	raise_sequence(feed->mark, mark->stored, value, 0, true);
	if (read_sequence(feed->mark, &stored))
		XLogFlush(stored.lsn);
}

/*
 * reject_rewound raises an error if the sequence is behind a number that it had reached before. The
 * stored mark then says so, which keeps it from being forgotten when the sequence has caught up.
 */
static void
reject_rewound(const Feed *feed, const Mark *mark, const SequencePage *stored,
			   const SequencePage *drawn)
{
	int64 drawn_before = drawn->file == mark->drawn.file ? mark->drawn.last : 0;

	if (drawn->last >= Max(Max(mark->settled, shared_bound(stored).position), drawn_before))
		return;
	raise_for_good(feed, mark, REWOUND);
	report_rewound(feed);
}

/*
 * reset makes a session know no more than the stored mark.
 */
static void
reset(Mark *mark, const Feed *feed, const SequencePage *stored)
{
	mark->feed = feed->id;
	mark->stored = stored->file;
	mark->drawn = *stored;
	mark->drawn.file = InvalidOid;
	mark->settled = stored->last;
	mark->writer_count = 0;
	mark->passed = NOTHING_PASSED;
}

/*
 * start makes an empty table of marks, in place of a full one.
 */
static void
start(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Mark)};

	if (memory == NULL)
		memory =
			AllocSetContextCreate(TopMemoryContext, "feeds of goes_store", ALLOCSET_SMALL_SIZES);
	marks = NULL;
	MemoryContextReset(memory);
	control.hcxt = memory;
	marks = hash_create("feeds of goes_store", FIRST_FEEDS, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * find_mark returns what the session knows of a feed.
 */
static Mark *
find_mark(const Feed *feed, const SequencePage *stored)
{
	bool  is_known;
	Mark *mark;

	if (marks == NULL || hash_get_num_entries(marks) >= MANY_FEEDS)
		start();
	mark = hash_search(marks, &feed->store->oid, HASH_ENTER, &is_known);
	if (!is_known)
		memset((char *) mark + sizeof(Oid), 0, sizeof(Mark) - sizeof(Oid));
	if (mark->stored != stored->file || memcmp(&mark->feed, &feed->id, sizeof(pg_uuid_t)) != 0)
		reset(mark, feed, stored);
	mark->settled = Max(mark->settled, stored->last);
	return mark;
}

/*
 * known_mark returns what the session knows of a feed, or NULL.
 */
static const Mark *
known_mark(const Feed *feed)
{
	return marks == NULL ? NULL : hash_search(marks, &feed->store->oid, HASH_FIND, NULL);
}

/*
 * bound returns a number below all positions that a writer has drawn and not settled.
 */
static int64
bound(const Mark *mark, const SharedBound *shared, VirtualTransactionId transaction)
{
	for (int i = 0; i < mark->writer_count; i++)
	{
		if (VirtualTransactionIdEquals(mark->writers[i].transaction, transaction))
			return mark->writers[i].low;
	}
	if (shared->position > mark->drawn.last && has_no_id_before(transaction, shared->id))
		return shared->position;
	return mark->drawn.last;
}

/*
 * bounded_writers returns the writers of this moment with their bounds.
 */
static Writer *
bounded_writers(const Mark *mark, const SharedBound *shared, const Feed *feed, int *count)
{
	VirtualTransactionId *transactions = find_writers(feed, count);
	Writer				 *writers = palloc(sizeof(Writer) * *count);

	for (int i = 0; i < *count; i++)
		writers[i] = (Writer){transactions[i], bound(mark, shared, transactions[i])};
	pfree(transactions);
	return writers;
}

/*
 * keep makes what a look has found the session's knowledge. Nothing can fail once the first of it
 * is changed.
 */
static void
keep(Mark *mark, const SequencePage *drawn, int64 settled, const Writer *writers, int count)
{
	if (count > mark->room)
	{
		Writer *larger = MemoryContextAlloc(memory, sizeof(Writer) * count);

		if (mark->writers != NULL)
			pfree(mark->writers);
		mark->writers = larger;
		mark->room = count;
	}
	if (count > 0)
		memcpy(mark->writers, writers, sizeof(Writer) * count);
	mark->writer_count = count;
	mark->drawn = *drawn;
	mark->settled = settled;
}

/*
 * look finds out up to where the feed is settled. The sequence was read before.
 */
static int64
look(Mark *mark, Feed *feed, const SequencePage *stored, const SequencePage *drawn, int64 after)
{
	SharedBound shared = shared_bound(stored);
	int			count;
	Writer	   *writers = bounded_writers(mark, &shared, feed, &count);
	int64		settled = drawn->last;
	int64		answer;

	for (int i = 0; i < count; i++)
	{
		settled = Min(settled, writers[i].low);
		feed->is_held_by_caller |= is_caller(&writers[i].transaction);
	}
	settled = Max(settled, mark->settled);
	answer = Max(settled, after);
	if (answer < drawn->last)
		answer = walk_committed(feed, answer, drawn->last);
	/* what was found from a caller's cursor on is only as true as the cursor */
	keep(mark, drawn, after <= settled ? answer : settled, writers, count);
	feed->is_behind = answer < drawn->last;
	pfree(writers);
	return answer;
}

/*
 * check_foreign looks now and then for positions from elsewhere. There is time for that when all
 * that is drawn is settled.
 */
static void
check_foreign(Mark *mark, const Feed *feed, const SequencePage *drawn)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(mark->checked, now, CHECK_EVERY))
		return;
	reject_foreign(feed, drawn);
	mark->checked = now;
}

/*
 * common_bound returns a position that everybody who gets a transaction id from now on, or has
 * none yet, has drawn only above.
 */
static int64
common_bound(const Mark *mark)
{
	int64 position = mark->drawn.last;

	for (int i = 0; i < mark->writer_count; i++)
	{
		if (mark->writers[i].low < position && has_no_id(mark->writers[i].transaction))
			position = mark->writers[i].low;
	}
	return position;
}

/*
 * share raises the stored mark, or the bound beside it, for other sessions and for standbys.
 */
static void
share(Mark *mark, const Feed *feed, const SequencePage *stored)
{
	TimestampTz now;
	int64		position;

	if (mark->settled <= stored->last && mark->writer_count == 0)
		return;
	now = GetCurrentTimestamp();
	if (!TimestampDifferenceExceeds(mark->raised, now, RAISE_EVERY))
		return;
	position = common_bound(mark);
	if (mark->settled <= stored->last && position <= shared_bound(stored).position)
		return;
	raise_sequence(feed->mark, mark->stored, mark->settled, bound_note(mark->settled, position),
				   false);
	mark->raised = now;
}

/*
 * read_drawn reads the last number drawn; false if the sequence is being altered just now. What the
 * caller's own transaction has made of it may be rolled back, and then nobody must have noted it.
 */
static bool
read_drawn(Feed *feed, SequencePage *drawn)
{
	if (!read_sequence(feed->sequence, drawn))
		return false;
	feed->is_held_by_caller = drawn->is_uncommitted;
	return !drawn->is_uncommitted;
}

/*
 * is_same tells whether a sequence is as it was: nothing was drawn, and nobody has set it.
 */
static bool
is_same(const SequencePage *page, const SequencePage *before)
{
	return page->file == before->file && page->last == before->last && page->lsn == before->lsn;
}

/*
 * settled_on_primary returns up to where the feed is settled, or the cursor, whatever is higher.
 * The stored mark was read before, and the sequence is read now: the other way round, a mark that another
 * session raises meanwhile would look like a rewind.
 */
static int64
settled_on_primary(Feed *feed, const SequencePage *stored, int64 after)
{
	Mark		*mark = find_mark(feed, stored);
	SequencePage drawn;
	int64		 settled;

	if (!read_drawn(feed, &drawn))
	{
		XLogFlush(Max(stored->lsn, mark->drawn.lsn));
		return Max(mark->settled, after);
	}
	reject_rewound(feed, mark, stored, &drawn);
	reject_cursor(feed, &drawn, after);
	feed->is_unchanged = is_same(&drawn, &mark->drawn);
	if (!feed->is_unchanged)
		mark->passed = NOTHING_PASSED;
	if (drawn.file != mark->drawn.file)
		reset(mark, feed, stored);
	if (mark->settled < drawn.last)
		settled = look(mark, feed, stored, &drawn, after);
	else
	{
		/* whoever is writing now has drawn, of what is not settled, only above */
		settled = drawn.last;
		keep(mark, &drawn, settled, NULL, 0);
	}
	if (settled == drawn.last)
		check_foreign(mark, feed, &drawn);
	share(mark, feed, stored);
	if (settled <= after)
		return settled;
	/* after a crash or a failover no number up to this one is drawn again */
	flush_sequence(feed->sequence, &drawn);
	return replicated_position(feed, &drawn, after, settled);
}

/*
 * feed_settled returns up to where the feed is settled, or the cursor, whatever is higher. Rows
 * up to there are visible to a snapshot that is taken afterwards.
 */
int64
feed_settled(Feed *feed, int64 after)
{
	SequencePage stored;

	feed->is_behind = false;
	feed->is_held_by_caller = false;
	feed->is_unchanged = false;
	feed->is_before_cursor = false;
	if (!read_sequence(feed->mark, &stored))
		return after;
	if (stored.file != feed->file)
		feed_learn_again(feed);
	if (feed->is_rewound || stored.last == REWOUND)
		report_rewound(feed);
	if (RecoveryInProgress())
	{
		feed->is_before_cursor = stored.last < after;
		return Max(stored.last, after);
	}
	return settled_on_primary(feed, &stored, after);
}

/*
 * settle_now raises the stored mark to where the feed is settled, which it returns.
 */
int64
settle_now(Feed *feed)
{
	int64		settled = feed_settled(feed, 0);
	const Mark *mark = known_mark(feed);

	if (mark != NULL)
		raise_for_good(feed, mark, settled);
	return settled;
}

/*
 * known_newest returns the newest event at or below a cursor, if the session knows it: since it was
 * looked up nothing was drawn. It may have been deleted, as it may have been a moment later.
 */
const Cursor *
known_newest(const Feed *feed, int64 position)
{
	const Mark *mark = feed->is_unchanged ? known_mark(feed) : NULL;

	return mark != NULL && mark->passed == position ? &mark->newest : NULL;
}

/*
 * keep_newest keeps the newest event at or below a cursor. Below one that is not settled there may
 * soon be a newer one, and what the caller's own transaction has deleted may come back.
 */
void
keep_newest(const Feed *feed, int64 position, const Cursor *event)
{
	Mark *mark = marks == NULL ? NULL : hash_search(marks, &feed->store->oid, HASH_FIND, NULL);

	if (mark == NULL || position > mark->settled ||
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	mark->passed = position;
	mark->newest = *event;
}

/*
 * known_writers returns the writers that the session's last look found; none if everything was settled.
 */
const Writer *
known_writers(const Feed *feed, int *count)
{
	const Mark *mark = known_mark(feed);

	*count = mark == NULL ? 0 : mark->writer_count;
	return *count == 0 ? NULL : mark->writers;
}
