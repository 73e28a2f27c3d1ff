/*
 * claim_deliver.c
 *	  The events that a claim has taken, as rows of the function.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"

#include "subscription/claim.h"

static const char events_text[] =
	"SELECT \"position\", " EVENT_LIST " FROM %s "
	"WHERE \"position\" OPERATOR(pg_catalog.=) ANY ($1) ORDER BY \"position\"";

typedef struct Delivery
{
	Claim *claim;
	int	   next; /* the event whose row comes next, unless it was deleted */
} Delivery;

/*
 * deliver_row adds the row of an event to the result. Rows and events have the same order.
 */
static bool
deliver_row(TupleTableSlot *row, void *state)
{
	Delivery	  *delivery = state;
	ReturnSetInfo *result = (ReturnSetInfo *) delivery->claim->fcinfo->resultinfo;
	int64		   position = DatumGetInt64(row->tts_values[0]);
	Datum		   values[CLAIM_COLUMNS];
	bool		   nulls[CLAIM_COLUMNS] = {false};
	Taken		  *taken = &delivery->claim->taken[delivery->next];

	while (taken->position < position)
		taken++;
	taken->is_there = true;
	delivery->claim->delivered_count++;
	delivery->next = taken - delivery->claim->taken + 1;
	values[CLAIM_PARTITION] = Int32GetDatum(taken->partition->number);
	values[CLAIM_EPOCH] = Int64GetDatum(taken->partition->epoch);
	values[CLAIM_POSITION] = Int64GetDatum(position);
	values[CLAIM_ATTEMPTS] = Int32GetDatum(taken->attempts);
	memcpy(&values[CLAIM_EVENT], &row->tts_values[1], sizeof(Datum) * EVENT_COLUMNS);
	memcpy(&nulls[CLAIM_EVENT], &row->tts_isnull[1], sizeof(bool) * EVENT_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return true;
}

/*
 * deliver makes rows of the events that were taken, which are in order, and notes which are there.
 */
void
deliver(Claim *claim)
{
	int64	 *positions = palloc(sizeof(int64) * claim->taken_count);
	Parameter list = {INT8ARRAYOID, (Datum) 0};
	Statement statement = kept_statement(events_text, &list, 1);
	Delivery  delivery = {claim, 0};

	for (int i = 0; i < claim->taken_count; i++)
		positions[i] = claim->taken[i].position;
	list.value = int8_list(positions, claim->taken_count);
	statement.is_fresh = true;
	each_row(claim->feed->store, &statement, SPI_OK_SELECT, deliver_row, &delivery);
}
