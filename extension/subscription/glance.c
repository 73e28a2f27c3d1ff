/*
 * glance.c
 *	  Is there nothing to do? Mostly a worker asks in vain.
 *
 * Only a no counts. Whatever cannot be told here, or not by this caller, statements find out.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/timestamp.h"

#include "subscription/idle.h"
#include "subscription/named.h"

/* The columns that tell. */
enum GlanceColumn
{
	GLANCE_POSITION,
	GLANCE_LEASE_UNTIL,
	GLANCE_BATCH,
	GLANCE_LOOK_AT,
	GLANCE_COLUMNS
};

static const char *const columns[GLANCE_COLUMNS] = {"position", "lease_until", "batch", "look_at"};

typedef struct Glance
{
	const Claim *claim;
	Idle		 idle;					 /* what to remember if nothing has anything to do */
	AttrNumber	 places[GLANCE_COLUMNS]; /* where they stand */
	AttrNumber	 last;					 /* the last of them */
} Glance;

/*
 * start_glance finds the columns of a table of partitions.
 */
static Glance
start_glance(const Claim *claim)
{
	Glance glance = {.claim = claim, .idle = start_idle(claim)};

	for (int i = 0; i < GLANCE_COLUMNS; i++)
	{
		glance.places[i] = column_place(claim->subscription->partitions, columns[i]);
		glance.last = Max(glance.last, glance.places[i]);
	}
	return glance;
}

/*
 * glance_value returns the value of a column of a row; *is_null tells if there is none.
 */
static Datum
glance_value(const Glance *glance, TupleTableSlot *row, enum GlanceColumn column, bool *is_null)
{
	*is_null = row->tts_isnull[glance->places[column] - 1];
	return row->tts_values[glance->places[column] - 1];
}

/*
 * is_later tells whether a time of a row is still to come; false if there is none. Nothing is sure
 * beyond that time.
 */
static bool
is_later(Glance *glance, TupleTableSlot *row, enum GlanceColumn column, bool *is_null)
{
	Datum value = glance_value(glance, row, column, is_null);

	if (*is_null || DatumGetTimestampTz(value) <= glance->claim->now)
		return false;
	glance->idle.until = Min(glance->idle.until, DatumGetTimestampTz(value));
	return true;
}

/*
 * has_batch tells whether events were claimed and are not done. An empty array is nothing but a
 * header; the length of another one tells without reading it.
 */
static bool
has_batch(const Glance *glance, TupleTableSlot *row)
{
	bool is_null;

	return toast_raw_datum_size(glance_value(glance, row, GLANCE_BATCH, &is_null)) >
		   sizeof(ArrayType);
}

/*
 * is_idle tells whether a partition is another worker's, or has nothing to do. A checkpoint beyond
 * where the feed is settled is not for us to judge.
 */
static bool
is_idle(Glance *glance, TupleTableSlot *row)
{
	bool  is_null;
	int64 position;

	slot_getsomeattrs(row, glance->last);
	position = DatumGetInt64(glance_value(glance, row, GLANCE_POSITION, &is_null));
	if (position > glance->claim->settled)
		return false;
	if (is_later(glance, row, GLANCE_LEASE_UNTIL, &is_null))
		return true;
	if (position < glance->claim->settled || has_batch(glance, row))
		return false;
	return is_later(glance, row, GLANCE_LOOK_AT, &is_null) || is_null;
}

/*
 * find_idle_rows tells whether all rows of a claim's partitions have nothing to do, and notes them.
 */
static bool
find_idle_rows(Glance *glance, NamedScan *scan)
{
	TupleTableSlot *row;

	while ((row = next_named(scan)) != NULL)
	{
		if (!is_idle(glance, row))
			return false;
		note_idle(&glance->idle, row);
	}
	return true;
}

/*
 * has_nothing_to_do tells whether a claim is certainly in vain.
 */
bool
has_nothing_to_do(const Claim *claim)
{
	const Store *table = claim->subscription->partitions;
	const Idle	*before = find_idle(claim);
	NamedScan	*scan;
	Glance		 glance;
	bool		 has_nothing;

	if (is_still_idle(before, claim) && can_read_named(table))
		return true;
	scan = begin_named(table, "subscription", claim->subscription->name);
	if (scan == NULL)
		return false;
	glance = start_glance(claim);
	has_nothing = find_idle_rows(&glance, scan);
	end_named(scan);
	if (has_nothing)
		keep_idle(claim, &glance.idle, before);
	return has_nothing;
}
