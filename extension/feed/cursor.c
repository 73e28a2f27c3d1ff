/*
 * cursor.c
 *	  A reader's cursor: a position, and the id of the newest event at or below it.
 *
 * A position alone does not show that the events behind it have been replaced by others. The id
 * does: nothing was stored at or below a settled position since the cursor was given out, so its
 * event is still the newest one there, unless it was deleted. A newer one that was deleted before
 * must not come back: after a crash it would look like one that has replaced something.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "feed/mark.h"
#include "feed/scan.h"

/* How far back the newest event is looked for first. */
#define NEAR 8

/* If it is not even here, the reader has none. */
#define FAR 100000

/*
 * is_id tells whether an event has an id.
 */
static bool
is_id(const Cursor *event, Datum id)
{
	return event->has_id && memcmp(&event->id, DatumGetUUIDP(id), sizeof(pg_uuid_t)) == 0;
}

/*
 * event_at returns the event that a scan is at.
 */
static Cursor
event_at(const Feed *feed, const PositionScan *scan, int64 position)
{
	AttrNumber column = find_column(feed->store->relation, "id")->attnum;
	bool	   is_null;
	Datum	   id = slot_getattr(scan->slot, column, &is_null);
	Cursor	   event = {.position = position, .has_id = !is_null};

	if (event.has_id)
		event.id = *DatumGetUUIDP(id);
	return event;
}

/*
 * newest_event returns the newest event at the positions behind after, up to last. Policies of
 * row security do not hide it.
 */
static Cursor
newest_event(const Feed *feed, int64 after, int64 last)
{
	Snapshot	  snapshot = RegisterSnapshot(GetTransactionSnapshot());
	PositionScan *scan = begin_positions(feed, snapshot, BackwardScanDirection, after, last);
	int64		  position;
	Cursor		  event = {0};

	if (next_position(scan, &position))
		event = event_at(feed, scan, position);
	end_positions(scan);
	UnregisterSnapshot(snapshot);
	return event;
}

/*
 * look_up returns the newest event at or below a position, which is nearly always near.
 */
static Cursor
look_up(const Feed *feed, int64 position)
{
	Cursor event = newest_event(feed, position - NEAR, position);

	if (event.position > 0 || position <= NEAR)
		return event;
	return newest_event(feed, position - FAR, position - NEAR);
}

/*
 * last_event returns the newest event at or below a position. That there is none at the position
 * itself outlives a crash.
 */
Cursor
last_event(const Feed *feed, int64 position)
{
	const Cursor *known = known_newest(feed, position);
	Cursor		  event;

	if (known != NULL)
		return *known;
	event = look_up(feed, position);
	if (event.position < position)
		flush_all();
	keep_newest(feed, position, &event);
	return event;
}

/*
 * find_position returns the position of an event; 0 if the caller sees none.
 */
static int64
find_position(const Feed *feed, Datum id)
{
	Parameter parameter = {UUIDOID, id};
	Statement statement = kept_statement(
		"SELECT \"position\" FROM %s WHERE id OPERATOR(pg_catalog.=) $1", &parameter, 1);
	Datum position;
	bool  is_null;

	statement.is_fresh = true;
	if (!fetch_row(feed->store, &statement, SPI_OK_SELECT, &position, &is_null))
		return 0;
	return DatumGetInt64(position);
}

/*
 * can_be_passed tells whether an id can be that of the newest event at or below a cursor, which is
 * returned in *last. That no event has the id is no reason: it may have been deleted. On a standby a
 * newer event is no reason: that it was deleted may not have arrived.
 */
bool
can_be_passed(const Feed *feed, int64 after, Datum id, Cursor *last)
{
	int64 position;

	*last = last_event(feed, after);
	if (is_id(last, id))
		return true;
	position = find_position(feed, id);
	if (position == 0)
		return last->position < after;
	return position <= after && (last->position <= position || RecoveryInProgress());
}

/*
 * require_event raises an error unless an id can be that of the newest event at or below a
 * cursor.
 */
void
require_event(const Feed *feed, int64 after, Datum id, Cursor *last)
{
	if (can_be_passed(feed, after, id, last))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_GOES_FEED_REWOUND),
		 errmsg("the events of table \"%s\" are not those that the cursor has passed",
				RelationGetRelationName(feed->store->relation)),
		 errdetail("Position " INT64_FORMAT " and argument \"after_id\" do not belong together.",
				   after),
		 errhint("The feed was rewound, or the cursor belongs to another store: start anew."),
		 errtable(feed->store->relation)));
}

/*
 * is_hidden tells whether row security may hide events from the caller.
 */
static bool
is_hidden(Relation events)
{
	return events->rd_rel->relrowsecurity &&
		   check_enable_rls(RelationGetRelid(events), InvalidOid, true) == RLS_ENABLED;
}

/*
 * find_event makes an event the newest one at or below a cursor, if it is not known to be that. An
 * event that the caller may not see stays unknown.
 */
void
find_event(const Feed *feed, int64 position, Cursor *event)
{
	if (event->position == position)
		return;
	*event = last_event(feed, position);
	if (is_hidden(feed->store->relation))
		event->has_id = false;
}
