/*
 * version_check.c
 *	  Are the versions of new rows the ones that come next?
 *
 * The rows of a statement are checked together, after they were stored: sorted by
 * aggregate, each aggregate's versions have to follow what was there before. A row with
 * a null among the aggregate's name, id and version is free.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "goes_store.h"

/*
 * More aggregates than that in a statement, or too many in the transaction, and it locks the
 * whole table.
 */
#define MOST_LOCKS 64

#define FIRST_ROOM 64

/* A new row. */
typedef struct NewVersion
{
	text	 *aggregate_name; /* a neighbour's, if it is the same */
	pg_uuid_t aggregate_id;
	int32	  version;
	int64	  place; /* among the statement's rows, from 1 */
} NewVersion;

typedef struct NewVersions
{
	NewVersion *rows;
	int64		count;
	int64		room;
} NewVersions;

/*
 * compare_names orders names. Most rows share one.
 */
static int
compare_names(const text *left, const text *right)
{
	int left_length = VARSIZE_ANY_EXHDR(left);
	int right_length = VARSIZE_ANY_EXHDR(right);
	int order;

	if (left == right)
		return 0;
	order = memcmp(VARDATA_ANY(left), VARDATA_ANY(right), Min(left_length, right_length));
	return order != 0 ? order : left_length - right_length;
}

/*
 * half_of_id returns one half of an aggregate's id, which compares as its bytes do.
 */
static inline uint64
half_of_id(const NewVersion *row, int half)
{
	uint64 bytes;

	memcpy(&bytes, row->aggregate_id.data + half * sizeof(bytes), sizeof(bytes));
	return pg_ntoh64(bytes);
}

/*
 * compare_aggregates orders new rows by aggregate. The ids come first: most differ in
 * their first half.
 */
static inline int
compare_aggregates(const NewVersion *left, const NewVersion *right)
{
	for (int half = 0; half < 2; half++)
	{
		uint64 a = half_of_id(left, half);
		uint64 b = half_of_id(right, half);

		if (a != b)
			return a < b ? -1 : 1;
	}
	return compare_names(left->aggregate_name, right->aggregate_name);
}

/*
 * aggregate_of returns a row's aggregate.
 */
static Aggregate
aggregate_of(NewVersion *row)
{
	return (Aggregate){PointerGetDatum(row->aggregate_name), UUIDPGetDatum(&row->aggregate_id)};
}

/*
 * compare_rows orders new rows by aggregate and version.
 */
static inline int
compare_rows(const NewVersion *left, const NewVersion *right)
{
	int order = compare_aggregates(left, right);

	if (order != 0)
		return order;
	return (left->version > right->version) - (left->version < right->version);
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE NewVersion
#define ST_COMPARE(a, b) compare_rows(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * add_row remembers a new row.
 */
static void
add_row(NewVersions *new, text *aggregate_name, const pg_uuid_t *aggregate_id, int32 version,
		int64 place)
{
	NewVersion *row;

	if (new->count == new->room)
	{
		new->room *= 2;
		new->rows = repalloc_huge(new->rows, new->room * sizeof(NewVersion));
	}
	row = &new->rows[new->count];
	if (new->count > 0 && compare_names(row[-1].aggregate_name, aggregate_name) == 0)
		row->aggregate_name = row[-1].aggregate_name;
	else
		row->aggregate_name =
			(text *) DatumGetPointer(datumCopy(PointerGetDatum(aggregate_name), false, -1));
	row->aggregate_id = *aggregate_id;
	row->version = version;
	row->place = place;
	new->count++;
}

/*
 * collect_rows reads the statement's rows that are of an aggregate.
 */
static NewVersions
collect_rows(TriggerData *trigger)
{
	Relation		  table = trigger->tg_relation;
	const VersionKey *columns = version_key(table);
	TupleTableSlot	 *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsMinimalTuple);
	NewVersions new = {palloc(FIRST_ROOM * sizeof(NewVersion)), 0, FIRST_ROOM};

	/* a trigger before this one may have read the rows, and left off anywhere */
	tuplestore_rescan(trigger->tg_newtable);
	for (int64 place = 1; tuplestore_gettupleslot(trigger->tg_newtable, true, false, slot); place++)
	{
		Datum name;
		Datum id;
		Datum version;
		bool  has_no_name;
		bool  has_no_id;
		bool  has_no_version;

		CHECK_FOR_INTERRUPTS();
		name = slot_getattr(slot, columns->name, &has_no_name);
		id = slot_getattr(slot, columns->id, &has_no_id);
		version = slot_getattr(slot, columns->version, &has_no_version);
		if (has_no_name || has_no_id || has_no_version)
			continue;
		add_row(&new, DatumGetTextPP(name), DatumGetUUIDP(id), DatumGetInt32(version), place);
	}
	ExecDropSingleTupleTableSlot(slot);
	return new;
}

/*
 * end_of_aggregate returns where the rows of the next aggregate begin.
 */
static int64
end_of_aggregate(const NewVersions *new, int64 start)
{
	int64 end = start + 1;

	while (end < new->count && compare_aggregates(&new->rows[start], &new->rows[end]) == 0)
		end++;
	return end;
}

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
 * lock_aggregates waits until no other transaction is writing to the same aggregates: of
 * two that each find their own version to be the newest so far, one would end up below
 * the other. All take their locks in one order. The lock is not the one of goes_append,
 * which is taken before a row is stored, and this one after.
 */
static void
lock_aggregates(Relation table, const NewVersions *new)
{
	uint32 locks[MOST_LOCKS];
	int	   count = 0;
	int64  start = 0;

	for (; start < new->count &&count < MOST_LOCKS; start = end_of_aggregate(new, start))
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
 * check_aggregate looks for a row of one aggregate, from start to end, that does not come
 * next, and makes it the conflict if it stands before the one that was found already.
 */
static void
check_aggregate(NewVersions *new, int64 start, int64 end, VersionRule rule, Version before,
				Conflict *conflict)
{
	Version newest = before;

	for (int64 i = start; i < end; i++)
	{
		NewVersion *row = &new->rows[i];

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
 * newest_before returns the newest version that an aggregate had before the statement.
 * In most statements that is just below the first of the new ones, which are in order.
 */
static Version
newest_before(VersionScan *scan, NewVersion *row, const int32 *versions, int count)
{
	Aggregate aggregate = aggregate_of(row);

	if (versions[0] > 1)
	{
		Version newest = version_scan_newest(scan, &aggregate, versions[0] - 1, versions, count);

		if (newest.exists)
			return newest;
	}
	return version_scan_newest(scan, &aggregate, PG_INT32_MIN, versions, count);
}

/*
 * find_conflict looks for the first of the statement's rows that does not come next. An
 * event_index of 0: there is none.
 */
static Conflict
find_conflict(Relation table, NewVersions *new, VersionRule rule)
{
	Conflict	 conflict = {.table = table};
	VersionScan *scan = version_scan_begin(table);
	int32		*own = MemoryContextAllocHuge(CurrentMemoryContext, new->count * sizeof(int32));

	for (int64 start = 0, end; start < new->count; start = end)
	{
		CHECK_FOR_INTERRUPTS();
		end = end_of_aggregate(new, start);
		for (int64 i = start; i < end; i++)
			own[i - start] = new->rows[i].version;
		check_aggregate(new, start, end, rule,
						newest_before(scan, &new->rows[start], own, (int) (end - start)),
						&conflict);
	}
	version_scan_end(scan);
	pfree(own);
	return conflict;
}

/*
 * check_versions raises VE001 if one of a statement's rows does not come next in its
 * aggregate.
 */
void
check_versions(TriggerData *trigger, VersionRule rule)
{
	NewVersions new = collect_rows(trigger);
	Conflict conflict;

	if (new.count == 0)
		return;
	sort_rows(new.rows, new.count);
	if (rule == VERSIONS_INCREASING)
		lock_aggregates(trigger->tg_relation, &new);
	conflict = find_conflict(trigger->tg_relation, &new, rule);
	if (conflict.event_index > 0)
		report_conflict(&conflict, ", and event " INT64_FORMAT " has version " INT64_FORMAT,
						conflict.event_index, conflict.event_version);
}
