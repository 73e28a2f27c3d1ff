/*
 * partition.c
 *	  The rows of partitions: locked, read and written.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"

#include "errors.h"
#include "subscription/subscription.h"

enum PartitionColumn
{
	PARTITION_NUMBER,
	PARTITION_POSITION,
	PARTITION_POSITION_ID,
	PARTITION_EPOCH,
	PARTITION_WORKER,
	PARTITION_LEASE_UNTIL,
	PARTITION_BATCH,
	PARTITION_HANDED,
	PARTITION_ALONE,
	PARTITION_DELIVERIES,
	PARTITION_LOOK_AT,
	PARTITION_SERVED,
	PARTITION_COLUMNS
};

#define PARTITION_LIST                                                                             \
	"\"partition\", \"position\", position_id, epoch, worker, lease_until, batch, handed, alone, " \
	"deliveries, look_at, served"

static const char one_text[] =
	"SELECT " PARTITION_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) $2 FOR UPDATE";

#define LIST_TEXT                                                                     \
	"SELECT " PARTITION_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 " \
	"ORDER BY \"partition\""

static const char list_text[] = LIST_TEXT;
static const char lock_all_text[] = LIST_TEXT " FOR UPDATE";

/*
 * Those that can be claimed and have something to do. A row that another session works on is not
 * waited for.
 */
static const char free_text[] =
	"SELECT " PARTITION_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND (lease_until IS NULL OR lease_until OPERATOR(pg_catalog.<=) $2) "
	"AND (\"position\" OPERATOR(pg_catalog.<) $3 OR look_at OPERATOR(pg_catalog.<=) $2 "
	"OR pg_catalog.cardinality(batch) OPERATOR(pg_catalog.>) 0) "
	"ORDER BY served, \"partition\" LIMIT $4 FOR UPDATE SKIP LOCKED";

static const char save_text[] =
	"UPDATE %s SET \"position\" = $3, position_id = $4, epoch = $5, worker = $6, "
	"lease_until = $7, batch = $8, handed = $9, alone = $10, deliveries = $11, look_at = $12, "
	"served = $13 WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) $2";

typedef struct PartitionList
{
	const Subscription *subscription;
	Partition		   *partitions;
	int					count;
	int					room;
} PartitionList;

/*
 * next_place returns the place for one more partition.
 */
static Partition *
next_place(PartitionList *list)
{
	if (list->count == list->room)
	{
		list->room *= 2;
		list->partitions = repalloc(list->partitions, sizeof(Partition) * list->room);
	}
	return &list->partitions[list->count++];
}

/*
 * note_partition takes a row of PARTITION_LIST apart.
 */
static bool
note_partition(TupleTableSlot *row, void *list)
{
	const Subscription *subscription = ((PartitionList *) list)->subscription;
	Partition		   *partition = next_place(list);
	Datum			   *values = row->tts_values;
	bool			   *nulls = row->tts_isnull;
	ArrayType		   *batch = DatumGetArrayTypeP(values[PARTITION_BATCH]);

	memset(partition, 0, sizeof(Partition));
	partition->number = DatumGetInt32(values[PARTITION_NUMBER]);
	partition->position = DatumGetInt64(values[PARTITION_POSITION]);
	partition->has_id = !nulls[PARTITION_POSITION_ID];
	if (partition->has_id)
		partition->id = *DatumGetUUIDP(values[PARTITION_POSITION_ID]);
	partition->epoch = DatumGetInt64(values[PARTITION_EPOCH]);
	partition->is_leased = !nulls[PARTITION_WORKER];
	if (partition->is_leased)
		partition->worker = PointerGetDatum(DatumGetTextPCopy(values[PARTITION_WORKER]));
	if (!nulls[PARTITION_LEASE_UNTIL])
		partition->lease_until = DatumGetTimestampTz(values[PARTITION_LEASE_UNTIL]);
	require_sound_batch(subscription, partition->number, batch);
	partition->batch = list_values(batch, &partition->batch_count);
	partition->handed = DatumGetInt32(values[PARTITION_HANDED]);
	partition->is_alone = DatumGetBool(values[PARTITION_ALONE]);
	partition->deliveries = DatumGetInt32(values[PARTITION_DELIVERIES]);
	partition->has_held = !nulls[PARTITION_LOOK_AT];
	if (partition->has_held)
		partition->look_at = DatumGetTimestampTz(values[PARTITION_LOOK_AT]);
	partition->served = DatumGetTimestampTz(values[PARTITION_SERVED]);
	require_sound_partition(subscription, partition);
	return true;
}

/*
 * find_partitions returns the partitions that a statement finds.
 */
static Partition *
find_partitions(const Subscription *subscription, const char *text, Parameter *parameters,
				int parameter_count, int *count)
{
	Statement	  statement = kept_statement(text, parameters, parameter_count);
	PartitionList list = {.subscription = subscription, .room = 16};

	list.partitions = palloc(sizeof(Partition) * list.room);
	statement.is_fresh = true;
	each_row(subscription->partitions, &statement, SPI_OK_SELECT, note_partition, &list);
	*count = list.count;
	return list.partitions;
}

/*
 * lock_partition locks a partition, and waits for it if need be.
 */
Partition *
lock_partition(const Subscription *subscription, int32 number)
{
	Parameter  key[] = {{TEXTOID, subscription->name}, {INT4OID, Int32GetDatum(number)}};
	int		   count;
	Partition *partition = find_partitions(subscription, one_text, key, lengthof(key), &count);

	if (count == 0 && number >= 0 && number < subscription->partition_count)
		report_removed(subscription);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("subscription \"%s\" has no partition %d",
						TextDatumGetCString(subscription->name), number),
				 errhint("It has %d of them, the first is 0.", subscription->partition_count)));
	return partition;
}

/*
 * lock_leased locks the partition whose lease a worker has, by its number and its epoch, the
 * arguments behind the subscription.
 */
Partition *
lock_leased(const Subscription *subscription, FunctionCallInfo fcinfo)
{
	int32		number = DatumGetInt32(required_argument(fcinfo, 1, "partition"));
	int64		epoch = DatumGetInt64(required_argument(fcinfo, 2, "epoch"));
	Partition  *partition = lock_partition(subscription, number);
	const char *advice = "If leases end too early, take longer ones or renew them.";

	if (partition->epoch == epoch && partition->is_leased)
		return partition;
	if (partition->epoch < epoch)
		advice = "The claim is not there: commit it before you work.";
	ereport(ERROR,
			(errcode(ERRCODE_GOES_LEASE_LOST),
			 errmsg("the lease on partition %d of subscription \"%s\" is lost", number,
					TextDatumGetCString(subscription->name)),
			 partition->epoch == epoch
				 ? errdetail("Lease " INT64_FORMAT " has ended.", epoch)
				 : errdetail("The newest lease is " INT64_FORMAT ", and not " INT64_FORMAT ".",
							 partition->epoch, epoch),
			 errhint("Undo what was done for its events, and claim anew. %s", advice)));
}

/*
 * lock_free_partitions locks partitions that nobody works on and that have something to do, those
 * first that have waited longest.
 */
Partition *
lock_free_partitions(const Subscription *subscription, TimestampTz now, int64 settled, int most,
					 int *count)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {TIMESTAMPTZOID, TimestampTzGetDatum(now)},
						  {INT8OID, Int64GetDatum(settled)},
						  {INT8OID, Int64GetDatum(most)}};

	return find_partitions(subscription, free_text, values, lengthof(values), count);
}

/*
 * lock_all_partitions locks all partitions, and waits for them.
 */
Partition *
lock_all_partitions(const Subscription *subscription, int *count)
{
	Parameter name = {TEXTOID, subscription->name};

	return find_partitions(subscription, lock_all_text, &name, 1, count);
}

/*
 * list_partitions returns all partitions as they are, without a lock.
 */
Partition *
list_partitions(const Subscription *subscription, int *count)
{
	Parameter name = {TEXTOID, subscription->name};

	return find_partitions(subscription, list_text, &name, 1, count);
}

/*
 * save_partition writes a locked partition back.
 */
void
save_partition(const Subscription *subscription, const Partition *partition)
{
	Parameter values[] = {
		{TEXTOID, subscription->name},
		{INT4OID, Int32GetDatum(partition->number)},
		{INT8OID, Int64GetDatum(partition->position)},
		{UUIDOID, UUIDPGetDatum(&partition->id)},
		{INT8OID, Int64GetDatum(partition->epoch)},
		{TEXTOID, partition->worker},
		{TIMESTAMPTZOID, TimestampTzGetDatum(partition->lease_until)},
		{INT8ARRAYOID, int8_list(partition->batch, partition->batch_count)},
		{INT4OID, Int32GetDatum(partition->handed)},
		{BOOLOID, BoolGetDatum(partition->is_alone)},
		{INT4OID, Int32GetDatum(partition->deliveries)},
		{TIMESTAMPTZOID, TimestampTzGetDatum(partition->look_at)},
		{TIMESTAMPTZOID, TimestampTzGetDatum(partition->served)},
	};
	bool	  nulls[lengthof(values)] = {[3] = !partition->has_id,
										 [5] = !partition->is_leased,
										 [6] = !partition->is_leased,
										 [11] = !partition->has_held};
	Statement statement = kept_statement(save_text, values, lengthof(values));

	statement.nulls = nulls;
	(void) execute_statement(subscription->partitions, &statement, SPI_OK_UPDATE, NULL);
}

/*
 * raise_checkpoint moves a partition's checkpoint to a position behind which its events have not
 * been looked at. It is only ever raised: a claim whose view of the feed is older than another
 * one's must not undo what that has taken.
 */
void
raise_checkpoint(Partition *partition, int64 position, const Cursor *last)
{
	if (position <= partition->position)
		return;
	partition->position = position;
	partition->has_id = last->has_id;
	partition->id = last->id;
}

/*
 * end_lease lets others claim a partition.
 */
void
end_lease(Partition *partition)
{
	partition->is_leased = false;
	partition->handed = 0;
}

/*
 * batch_place returns where a position stands among those that were handed out; -1 if it was not.
 */
int
batch_place(const Partition *partition, int64 position)
{
	int low = 0;
	int high = partition->handed;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (partition->batch[middle] < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low < partition->handed && partition->batch[low] == position ? low : -1;
}

/*
 * keep_in_batch takes all events but some out of a partition's batch. When nothing is left that the
 * worker was given, its lease ends.
 */
void
keep_in_batch(Partition *partition, const bool *is_kept)
{
	int handed = 0;
	int count = 0;

	for (int i = 0; i < partition->batch_count; i++)
	{
		if (!is_kept[i])
			continue;
		handed += i < partition->handed;
		partition->batch[count++] = partition->batch[i];
	}
	partition->batch_count = count;
	partition->handed = handed;
	if (handed == 0)
		end_lease(partition);
	if (count == 0)
		partition->is_alone = false;
}
