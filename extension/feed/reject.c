/*
 * reject.c
 *	  What keeps a feed from being followed: its positions are not those that they were.
 */
#include "postgres.h"

#include "errors.h"
#include "feed/mark.h"
#include "feed/scan.h"

/*
 * report_rewound raises the error for a feed whose positions are drawn a second time.
 */
void
report_rewound(const Feed *feed)
{
	Relation events = feed->store->relation;

	ereport(ERROR, (errcode(ERRCODE_GOES_FEED_REWOUND),
					errmsg("the feed of table \"%s\" was rewound", RelationGetRelationName(events)),
					errdetail("Positions that readers have passed are drawn again."),
					errhint("Have its owner run %s, and its readers start anew.",
							alter_store_call(feed->call, events, "feed", "true")),
					errtable(events)));
}

/*
 * reject_cursor raises an error for a cursor that this feed has not given out.
 */
void
reject_cursor(const Feed *feed, const SequencePage *drawn, int64 after)
{
	Relation events = feed->store->relation;

	if (after <= drawn->last)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_GOES_FEED_REWOUND),
			 errmsg("position " INT64_FORMAT " is beyond the end of the feed of table \"%s\"",
					after, RelationGetRelationName(events)),
			 errdetail("The last position is " INT64_FORMAT ".", drawn->last),
			 errhint("It belongs to another store, or this one was restored or rewound: start "
					 "anew."),
			 errtable(events)));
}

/*
 * reject_foreign raises an error if the table has positions that its sequence has not given, as
 * where a subscription brings another server's. None of those would ever be settled.
 */
void
reject_foreign(const Feed *feed, const SequencePage *drawn)
{
	Relation	 events = feed->store->relation;
	int64		 highest = highest_position(feed);
	SequencePage again;

	/* what was stored meanwhile was drawn meanwhile */
	if (highest <= drawn->last || !read_sequence(feed->sequence, &again) || highest <= again.last)
		return;
	report_mismatch(events, add_foreign_problem(feed->call, NIL, events, feed->sequence), NULL);
}
