/*
 * feed_parts.c
 *	  What the feed of a table is made of.
 *
 * The table of events finds its feed's own table by the condition of the trigger on TRUNCATE,
 * which is always true and names it: WHEN ('events_feed'::regclass IS NOT NULL). So PostgreSQL
 * keeps the two together: either can be renamed or moved to another schema, a dump restores the
 * reference, and the feed's table is not dropped as long as the trigger needs it. The stored mark
 * is the sequence that the feed's table owns. TRUNCATE … RESTART IDENTITY would reset one that
 * the table of events owned.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "feed/feed.h"
#include "table/kind.h"

const RequiredIndex position_index = {"goes_position",	POSITION_COLUMN, true, true, 1,
									  {POSITION_COLUMN}};

const FeedTrigger truncate_trigger = {"goes_feed_truncate", "AFTER TRUNCATE", TRIGGER_TYPE_TRUNCATE,
									  true, true};

/* before, since PostgreSQL calls that at once: what comes after would be queued */
const FeedTrigger wake_trigger = {"goes_feed_wake", "BEFORE INSERT",
								  TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_INSERT, false, false};

/*
 * named_table returns the table that the condition of the trigger on TRUNCATE names, or an
 * invalid OID.
 */
static Oid
named_table(const Trigger *trigger)
{
	Node	 *condition = trigger->tgqual == NULL ? NULL : stringToNode(trigger->tgqual);
	NullTest *test = (NullTest *) condition;
	Const	 *name;

	if (condition == NULL || !IsA(condition, NullTest) || !IsA(test->arg, Const))
		return InvalidOid;
	name = (Const *) test->arg;
	if (name->consttype != REGCLASSOID || name->constisnull)
		return InvalidOid;
	return DatumGetObjectId(name->constvalue);
}

/*
 * find_own_table returns the table that the trigger names, if it can be that of a feed.
 */
static Oid
find_own_table(const Trigger *trigger)
{
	Oid		 oid = named_table(trigger);
	Relation table = OidIsValid(oid) ? try_relation_open(oid, AccessShareLock) : NULL;
	bool	 is_fit;

	if (table == NULL)
		return InvalidOid;
	is_fit = is_feed_table(table);
	relation_close(table, AccessShareLock);
	return is_fit ? oid : InvalidOid;
}

/*
 * is_sound_feed_trigger tells whether a trigger is as goes_alter_store makes it. The one that
 * wakes readers may be switched off.
 */
bool
is_sound_feed_trigger(const Trigger *found, const FeedTrigger *trigger, Oid table)
{
	if (found->tgtype != trigger->type || (found->tgqual != NULL) != trigger->names_table)
		return false;
	if (trigger->is_always && found->tgenabled != TRIGGER_FIRES_ALWAYS)
		return false;
	return !trigger->names_table || named_table(found) == table;
}

/*
 * feed_trigger_data returns what a trigger's function is called for, or raises an error if
 * anything else calls it.
 */
TriggerData *
feed_trigger_data(FunctionCallInfo fcinfo, const FeedTrigger *trigger)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || data->tg_trigger->tgtype != trigger->type)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function %s() was not called by its own trigger", trigger->name),
						errhint("Call goes_alter_store() with the argument feed, which makes the "
								"trigger.")));
	return data;
}

/*
 * is_ascending tells whether an index has its first column in ascending order.
 */
static bool
is_ascending(Oid oid)
{
	Relation index = index_open(oid, AccessShareLock);
	bool	 is_ascending = (index->rd_indoption[0] & INDOPTION_DESC) == 0;

	index_close(index, AccessShareLock);
	return is_ascending;
}

/*
 * find_index returns the unique index on positions.
 */
static Oid
find_index(Relation events)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(events))
	{
		Oid	 index = lfirst_oid(cell);
		bool is_strict;

		if (covers(events, index, &position_index, &is_strict) && is_strict && is_ascending(index))
			return index;
	}
	return InvalidOid;
}

/*
 * find_mark returns the sequence that a feed's table owns.
 */
static Oid
find_mark(Oid table)
{
	List *sequences = getOwnedSequences(table);

	return sequences == NIL ? InvalidOid : linitial_oid(sequences);
}

/*
 * feed_parts finds the parts of the feed of a table of events, which is open and locked.
 */
FeedParts
feed_parts(FunctionCallInfo fcinfo, Relation events)
{
	Form_pg_attribute column = find_column(events, POSITION_COLUMN);
	Trigger	 *trigger = find_trigger(events, trigger_function(fcinfo, truncate_trigger.name));
	Trigger	 *waker = find_trigger(events, trigger_function(fcinfo, wake_trigger.name));
	FeedParts parts = {.is_on = trigger != NULL};

	if (column != NULL)
	{
		parts.column = column->attnum;
		if (column->attidentity != '\0')
			parts.sequence = get_identity_sequence(events, parts.column);
		parts.index = find_index(events);
	}
	if (trigger != NULL)
		parts.table = find_own_table(trigger);
	if (OidIsValid(parts.table))
		parts.mark = find_mark(parts.table);
	parts.is_woken = waker != NULL && is_enabled_trigger(waker);
	return parts;
}
