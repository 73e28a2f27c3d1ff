/*
 * version_check.c
 *	  Are the versions of new rows the ones that come next?
 *
 * The rows of a statement are checked together, after they were stored: each
 * aggregate's versions have to follow what was there before.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "version/lookup.h"

/*
 * If a statement writes to more aggregates than this, or its transaction to too many, it locks
 * the whole table instead of each aggregate.
 */
#define MOST_LOCKS 64

/* This many aggregates are looked up in the index before their rows are read. */
#define LOOKED_UP_TOGETHER 256

/* The new rows of an aggregate, and the newest entry before them in the index. */
typedef struct Successors
{
	NewVersion	*rows;
	int			 count;
	VersionEntry before;
} Successors;

/* Where in the table the newest row of an aggregate is. */
typedef struct Place
{
	uint64 number;
	Successors *new;
} Place;

/*
 * compare_locks orders the numbers of locks.
 */
static int
compare_locks(const void *left, const void *right)
{
	uint32 a = *(const uint32 *) left;
	uint32 b = *(const uint32 *) right;

	return (a > b) - (a < b);
}

/*
 * lock_aggregates waits until no other transaction is writing to the same aggregates. Without
 * it, two transactions could each find their own version to be the newest, and the lower one
 * could commit last. All take their locks in the same order. goes_append takes another class of
 * lock, because it locks before its rows are stored, and a guard locks afterwards.
 */
static void
lock_aggregates(Relation table, const NewVersions *new)
{
	uint32 locks[MOST_LOCKS];
	int	   count = 0;
	int64  start = 0;

	for (; count < MOST_LOCKS && start < new->count; start = end_of_aggregate(new, start))
	{
		Aggregate aggregate = aggregate_of(&new->rows[start]);

		locks[count++] = aggregate_lock(&aggregate);
	}
	if (start < new->count || !may_lock_aggregates(LOCK_CLASS_GUARD, count))
	{
		lock_in_store(RelationGetRelid(table), 0, LOCK_CLASS_GUARD_TABLE, ExclusiveLock);
		return;
	}
	lock_in_store(RelationGetRelid(table), 0, LOCK_CLASS_GUARD_TABLE, ShareLock);
	qsort(locks, count, sizeof(uint32), compare_locks);
	for (int i = 0; i < count; i++)
		lock_in_store(RelationGetRelid(table), locks[i], LOCK_CLASS_GUARD, ExclusiveLock);
}

/*
 * is_next tells whether a version may come after the newest one.
 */
static bool
is_next(VersionRule rule, const Version *newest, int32 version)
{
	if (rule == VERSIONS_SEQUENTIAL)
		return version == newest->number + INT64CONST(1);
	return !newest->exists || version > newest->number;
}

/*
 * check_successors looks for a row whose version does not come next in its aggregate. That row
 * becomes the conflict if it comes earlier in the statement than the conflict found so far.
 */
static void
check_successors(const Successors *new, Version before, VersionRule rule, Conflict *conflict)
{
	Version newest = before;

	for (int i = 0; i < new->count; i++)
	{
		NewVersion *row = &new->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (is_next(rule, &newest, row->version))
			newest = (Version){true, row->version};
		else if (conflict->event_index == 0 || row->place < conflict->event_index)
		{
			conflict->aggregate = aggregate_of(row);
			conflict->current = before;
			conflict->event_version = row->version;
			conflict->event_index = row->place;
		}
	}
}

/*
 * look_up finds the newest version that the index had for an aggregate before the statement.
 */
static VersionEntry
look_up(VersionScan *scan, const Successors *new)
{
	Aggregate aggregate = aggregate_of(new->rows);

	return version_scan_look_up(scan, &aggregate, new->rows, new->count);
}

/*
 * version_before returns the newest version that an aggregate had before the statement.
 */
static Version
version_before(VersionScan *scan, const Successors *new)
{
	Aggregate aggregate = aggregate_of(new->rows);

	return version_scan_newest(scan, &new->before, &aggregate, new->rows, new->count);
}

/*
 * place_before returns where in the table the row before an aggregate's new rows is.
 */
static Place
place_before(Successors *new)
{
	const ItemPointerData *row = &new->before.row;

	return (Place){(uint64) ItemPointerGetBlockNumberNoCheck(row) << 16 |
					   ItemPointerGetOffsetNumberNoCheck(row),
				   new};
}

#define ST_SORT sort_places
#define ST_ELEMENT_TYPE Place
#define ST_COMPARE(a, b) (((a)->number > (b)->number) - ((a)->number < (b)->number))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * check_some checks up to LOOKED_UP_TOGETHER aggregates from start on and returns where the next
 * one begins. It reads the table in physical order.
 */
static int64
check_some(VersionScan *scan, NewVersions *new, int64 start, VersionRule rule, Conflict *conflict)
{
	Successors all[LOOKED_UP_TOGETHER];
	Place	   places[LOOKED_UP_TOGETHER];
	int		   count = 0;

	while (start < new->count && count < LOOKED_UP_TOGETHER)
	{
		int64 end = end_of_aggregate(new, start);

		CHECK_FOR_INTERRUPTS();
		all[count] = (Successors){.rows = &new->rows[start], .count = (int) (end - start)};
		all[count].before = look_up(scan, &all[count]);
		places[count] = place_before(&all[count]);
		count++;
		start = end;
	}
	sort_places(places, count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_successors(places[i].new, version_before(scan, places[i].new), rule, conflict);
	}
	return start;
}

/*
 * find_conflict looks for the first of the statement's rows whose version does not come next.
 * It sees everything committed by now, whatever snapshot the transaction has. An event_index of
 * 0 means that there is no conflict.
 */
static Conflict
find_conflict(Relation table, NewVersions *new, VersionRule rule)
{
	Conflict	 conflict = {.table = table};
	VersionScan *scan = version_scan_begin(table, RowExclusiveLock, GetLatestSnapshot());

	for (int64 start = 0; start < new->count;)
		start = check_some(scan, new, start, rule, &conflict);
	version_scan_end(scan);
	return conflict;
}

/*
 * check_versions raises VE001 if the version of one of a statement's rows does not come next in
 * its aggregate.
 */
void
check_versions(TriggerData *trigger, VersionRule rule)
{
	NewVersions new = new_versions(trigger);
	Conflict conflict;

	if (new.count == 0)
		return;
	if (rule == VERSIONS_INCREASING)
		lock_aggregates(trigger->tg_relation, &new);
	conflict = find_conflict(trigger->tg_relation, &new, rule);
	if (conflict.event_index > 0)
		report_conflict(&conflict, ", and event " INT64_FORMAT " has version " INT64_FORMAT,
						conflict.event_index, conflict.event_version);
}
