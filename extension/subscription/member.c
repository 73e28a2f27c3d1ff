/*
 * member.c
 *	  Which aggregate an event belongs to, as a number: events of one aggregate have the same.
 *
 * The number gives the partition, and holds an aggregate's later events back. Two aggregates that
 * happen to have the same number are treated as one, which costs time and nothing else. It is made
 * of the bytes, so that no collation has a say.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/uuid.h"

#include "subscription/subscription.h"

/* The columns of the rows of filter_members. */
enum MemberColumn
{
	MEMBER_POSITION,
	MEMBER_ID,
	MEMBER_AGGREGATE_ID,
	MEMBER_AGGREGATE_NAME
};

typedef struct Finding
{
	Member *members;
	int		next;
} Finding;

/*
 * hash_uuid hashes an id that may be null.
 */
static uint64
hash_uuid(TupleTableSlot *row, int column, uint64 seed)
{
	if (row->tts_isnull[column])
		return seed;
	return hash_bytes_extended(DatumGetUUIDP(row->tts_values[column])->data, UUID_LEN, seed);
}

/*
 * has_aggregate tells whether an event belongs to an aggregate.
 */
static bool
has_aggregate(TupleTableSlot *row)
{
	return !row->tts_isnull[MEMBER_AGGREGATE_ID] &&
		   !is_nil_uuid(DatumGetUUIDP(row->tts_values[MEMBER_AGGREGATE_ID]));
}

/*
 * aggregate_hash returns the number of an event's aggregate, for a row of filter_members. An event
 * without aggregate is one for itself.
 */
int64
aggregate_hash(TupleTableSlot *row)
{
	text  *name;
	uint64 seed = 0;

	if (!has_aggregate(row))
		return (int64) hash_uuid(row, MEMBER_ID, 0);
	if (!row->tts_isnull[MEMBER_AGGREGATE_NAME])
	{
		name = DatumGetTextPP(row->tts_values[MEMBER_AGGREGATE_NAME]);
		seed = hash_bytes_extended((unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), 0);
	}
	return (int64) hash_uuid(row, MEMBER_AGGREGATE_ID, seed);
}

/*
 * partition_of returns the partition of an aggregate.
 */
int32
partition_of(int64 aggregate, int32 partition_count)
{
	return (int32) ((uint64) aggregate % (uint64) partition_count);
}

/*
 * note_member notes the aggregate of an event that is there. Rows and members have the same order.
 */
static bool
note_member(TupleTableSlot *row, void *state)
{
	Finding *finding = state;
	int64	 position = DatumGetInt64(row->tts_values[MEMBER_POSITION]);

	while (finding->members[finding->next].position < position)
		finding->next++;
	finding->members[finding->next].aggregate = aggregate_hash(row);
	finding->members[finding->next].is_there = true;
	return true;
}

/*
 * find_members returns the aggregates of the events at ascending positions.
 */
Member *
find_members(const Feed *feed, const int64 *positions, int count)
{
	Parameter list = {INT8ARRAYOID, int8_list(positions, count)};
	Statement statement = kept_statement("SELECT " MEMBER_LIST " FROM %s WHERE \"position\" "
										 "OPERATOR(pg_catalog.=) ANY ($1) ORDER BY \"position\"",
										 &list, 1);
	Finding	  finding = {palloc0(sizeof(Member) * Max(count, 1)), 0};

	for (int i = 0; i < count; i++)
		finding.members[i].position = positions[i];
	statement.is_fresh = true;
	if (count > 0)
		each_row(feed->store, &statement, SPI_OK_SELECT, note_member, &finding);
	return finding.members;
}
