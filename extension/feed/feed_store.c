/*
 * feed_store.c
 *	  From the name of a store to its opened feed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "feed/mark.h"

/*
 * The parts of a table's feed and its row, kept for the session. The row changes with TRUNCATE,
 * which announces that, or when the feed starts anew, and then the stored mark gets a new file.
 */
typedef struct KnownFeed
{
	KnownTable known; /* must be first */
	FeedParts  parts;
	Oid		   file;
	pg_uuid_t  id;
	bool	   is_rewound;
} KnownFeed;

static const char *const gate[] = {POSITION_COLUMN};

static KnownTables known_feeds = {.name = "goes_store's feeds", .entry_size = sizeof(KnownFeed)};

/*
 * reject_without_feed raises an error for a store whose feed is off.
 */
static void
reject_without_feed(FunctionCallInfo fcinfo, Relation events, const FeedParts *parts)
{
	char *remains;

	if (parts->is_on)
		return;
	remains = feed_remains(fcinfo, events);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("event store \"%s\" has no feed%s%s", RelationGetRelationName(events),
					remains == NULL ? "" : ": ", remains == NULL ? "" : remains),
			 errhint("Have its owner run %s.", alter_store_call(fcinfo, events, "feed", "true")),
			 errtable(events)));
}

/*
 * find_parts finds the parts of a feed that can be read, or raises an error.
 */
static FeedParts
find_parts(FunctionCallInfo fcinfo, Relation events)
{
	FeedParts parts = feed_parts(fcinfo, events);
	List	 *problems;

	reject_without_feed(fcinfo, events, &parts);
	problems = feed_part_problems(fcinfo, events, &parts);
	if (problems != NIL)
		report_mismatch(events, problems, NULL);
	return parts;
}

/*
 * learn finds the parts of a feed and its row. The file is read before the row: if the feed starts
 * anew in between, the next look finds another file.
 */
static void
learn(KnownTable *entry, Relation events, void *fcinfo)
{
	KnownFeed	*known = (KnownFeed *) entry;
	SequencePage stored;

	known->parts = find_parts(fcinfo, events);
	known->file = read_sequence(known->parts.mark, &stored) ? stored.file : InvalidOid;
	if (!read_feed_row(known->parts.table, &known->id, &known->is_rewound))
		report_mismatch(events, feed_row_problem(fcinfo, NIL, events, &known->parts), NULL);
}

/*
 * is_as_known tells whether the parts that can change without a change of the table of events are
 * still fit.
 */
static bool
is_as_known(const FeedParts *parts)
{
	return has_feed_sequence(parts->sequence) &&
		   SearchSysCacheExists1(RELOID, ObjectIdGetDatum(parts->mark));
}

/*
 * known_feed returns what is known of a feed. One that was rewound is looked at each time.
 */
static KnownFeed *
known_feed(FunctionCallInfo fcinfo, Relation events)
{
	KnownFeed *feed = (KnownFeed *) known_table(&known_feeds, events, learn, fcinfo);

	if (!feed->is_rewound && is_as_known(&feed->parts))
		return feed;
	feed->known.is_valid = false;
	return (KnownFeed *) known_table(&known_feeds, events, learn, fcinfo);
}

/*
 * fill finds the parts of a feed whose table is open, for whoever may read its positions.
 */
static void
fill(FunctionCallInfo fcinfo, Feed *feed)
{
	Relation		 events = feed->store->relation;
	const KnownFeed *known = known_feed(fcinfo, events);

	require_columns(events, ACL_SELECT, gate, lengthof(gate));
	feed->column = known->parts.column;
	feed->sequence = known->parts.sequence;
	feed->index = known->parts.index;
	feed->mark = known->parts.mark;
	feed->table = known->parts.table;
	feed->file = known->file;
	feed->id = known->id;
	feed->is_rewound = known->is_rewound;
	feed->is_woken = known->parts.is_woken;
}

/*
 * feed_learn_again finds the parts of an opened feed and its row anew.
 */
void
feed_learn_again(Feed *feed)
{
	known_table(&known_feeds, feed->store->relation, learn, feed->call)->is_valid = false;
	fill(feed->call, feed);
}

/*
 * feed_open opens the feed of the store that an argument names.
 */
Feed *
feed_open(FunctionCallInfo fcinfo, int argument)
{
	Feed *feed = palloc0(sizeof(Feed));

	feed->call = fcinfo;
	feed->store = store_open(fcinfo, argument, AccessShareLock);
	fill(fcinfo, feed);
	return feed;
}

/*
 * feed_open_oid opens the feed of a table; NULL if there is no such table.
 */
Feed *
feed_open_oid(FunctionCallInfo fcinfo, Oid events)
{
	Store *store = store_open_oid(events, &event_store, AccessShareLock);
	Feed  *feed;

	if (store == NULL)
		return NULL;
	feed = palloc0(sizeof(Feed));
	feed->call = fcinfo;
	feed->store = store;
	fill(fcinfo, feed);
	return feed;
}

/*
 * feed_close closes a feed and releases its lock, since a reader must not keep others from
 * altering the table. What statements have locked stays locked to the transaction's end.
 */
void
feed_close(Feed *feed)
{
	store_leave(feed->store);
	pfree(feed);
}

/*
 * feed_unlock releases the lock of a feed that feed_lock_again takes again.
 */
void
feed_unlock(Feed *feed)
{
	relation_close(feed->store->relation, feed->store->lock);
	feed->store->relation = NULL;
}

/*
 * feed_lock_again opens the same feed, by whatever name. It may be gone by now, or be another
 * one, and the table may have got other columns.
 */
void
feed_lock_again(FunctionCallInfo fcinfo, Feed *feed)
{
	Store	 *store = feed->store;
	pg_uuid_t id = feed->id;

	store->relation = try_relation_open(store->oid, store->lock);
	if (store->relation == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the event store was dropped while its feed was being followed")));
	store_require_columns(store);
	fill(fcinfo, feed);
	if (memcmp(&feed->id, &id, sizeof(pg_uuid_t)) != 0)
		report_rewound(feed);
}
