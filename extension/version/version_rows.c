/*
 * version_rows.c
 *	  The new rows of a statement, sorted by aggregate and version.
 *
 * A row whose aggregate name, id or version is null belongs to no aggregate.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "version/lookup.h"

#define FIRST_ROOM 64

/*
 * compare_names orders names. Most rows share one copy of a name, which is quick to compare.
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
 * collect_rows reads those of the statement's rows that belong to an aggregate.
 */
static NewVersions
collect_rows(TriggerData *trigger)
{
	Relation		  table = trigger->tg_relation;
	const VersionKey *columns = version_key(table);
	TupleTableSlot	 *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsMinimalTuple);
	NewVersions new = {palloc(FIRST_ROOM * sizeof(NewVersion)), 0, FIRST_ROOM};

	/* an earlier trigger may have read some of the rows and stopped anywhere */
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
 * new_versions returns those rows of the trigger's statement that belong to an aggregate, sorted
 * by aggregate and version.
 */
NewVersions
new_versions(TriggerData *trigger)
{
	NewVersions new = collect_rows(trigger);

	sort_rows(new.rows, new.count);
	return new;
}

/*
 * end_of_aggregate returns where the rows of the next aggregate begin.
 */
int64
end_of_aggregate(const NewVersions *new, int64 start)
{
	int64 end = start + 1;

	while (end < new->count && compare_aggregates(&new->rows[start], &new->rows[end]) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		end++;
	}
	return end;
}

/*
 * aggregate_of returns a row's aggregate.
 */
Aggregate
aggregate_of(NewVersion *row)
{
	return (Aggregate){PointerGetDatum(row->aggregate_name), UUIDPGetDatum(&row->aggregate_id)};
}

/*
 * compare_versions orders a version and a new row for bsearch.
 */
static int
compare_versions(const void *left, const void *right)
{
	int32 a = *(const int32 *) left;
	int32 b = ((const NewVersion *) right)->version;

	return (a > b) - (a < b);
}

/*
 * has_version tells whether one of the rows of an aggregate has that version.
 */
bool
has_version(const NewVersion *rows, int count, int32 version)
{
	/* rows may be null without any, and bsearch must not be */
	return count > 0 &&
		   bsearch(&version, rows, count, sizeof(NewVersion), compare_versions) != NULL;
}
