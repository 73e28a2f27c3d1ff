/*
 * number.c
 *	  Numbering the events that are there when a feed is switched on.
 *
 * The order in which rows lie in the table is that in which they were stored, unless some were
 * removed and others took their places. Then an aggregate's later event may lie before an earlier
 * one, and events are numbered by their time instead, but never before an earlier version of
 * their aggregate. Either way the table is rewritten once, and no trigger fires.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "admin/admin.h"
#include "feed/feed.h"

PG_FUNCTION_INFO_V1(goes_feed_number);

#define HAS_VERSION \
	"aggregate_id IS NOT NULL AND aggregate_name IS NOT NULL AND aggregate_version IS NOT NULL"

/* Does each row with a version lie behind that of the version before? */
#define IN_ORDER                                                                              \
	"SELECT NOT EXISTS (SELECT FROM (SELECT ctid AS place, pg_catalog.lag(ctid) OVER "        \
	"(PARTITION BY aggregate_name, aggregate_id ORDER BY aggregate_version) AS place_before " \
	"FROM %s WHERE " HAS_VERSION ") AS versions "                                             \
	"WHERE place_before OPERATOR(pg_catalog.>) place)"

/* The numbers of the rows in the order in which they lie. */
#define NUMBERS                                                                             \
	"SELECT number FROM (SELECT ctid AS place, pg_catalog.row_number() OVER "               \
	"(ORDER BY due, aggregate_name, aggregate_id, aggregate_version, id) AS number "        \
	"FROM (SELECT ctid, id, aggregate_name, aggregate_id, aggregate_version, CASE "         \
	"WHEN " HAS_VERSION                                                                     \
	" THEN pg_catalog.max(\"time\") OVER (PARTITION BY aggregate_name, aggregate_id "       \
	"ORDER BY aggregate_version) ELSE \"time\" END AS due FROM %s) AS events) AS numbered " \
	"ORDER BY place"

/* The numbers that goes_feed_number gives out, and where one of them is put. */
static Tuplestorestate *numbers = NULL;
static TupleTableSlot  *number = NULL;

/*
 * goes_feed_number returns the next number. The table's rows are rewritten in the order in which
 * they lie, and each asks for its own.
 */
Datum
goes_feed_number(PG_FUNCTION_ARGS)
{
	Datum value;
	bool  is_null;

	if (numbers == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("function goes_feed_number() is for goes_alter_store() alone")));
	if (!tuplestore_gettupleslot(numbers, true, false, number))
		elog(ERROR, "the table has more rows than were numbered");
	value = slot_getattr(number, 1, &is_null);
	/* the row may be in the memory of one call */
	ExecClearTuple(number);
	return value;
}

/*
 * is_in_order tells whether the versions of every aggregate lie in ascending order.
 */
static bool
is_in_order(Store *store)
{
	Statement query = {.text = IN_ORDER, .is_fresh = true};

	return DatumGetBool(fetch_value(store, &query));
}

/*
 * number_rows fills the list of numbers.
 */
static void
number_rows(Store *store)
{
	Statement	  query = {.text = NUMBERS, .is_fresh = true};
	TupleDesc	  descriptor = CreateTemplateTupleDesc(1);
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	TupleDescInitEntry(descriptor, 1, "number", INT8OID, -1, 0);
	number = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	numbers = tuplestore_begin_heap(false, false, work_mem);
	SetTuplestoreDestReceiverParams(receiver, numbers, CurrentMemoryContext, false, NULL, NULL);
	execute_statement(store, &query, SPI_OK_SELECT, receiver);
	receiver->rDestroy(receiver);
}

/*
 * forget_numbers frees the list.
 */
static void
forget_numbers(void)
{
	if (numbers != NULL)
		tuplestore_end(numbers);
	if (number != NULL)
		ExecDropSingleTupleTableSlot(number);
	numbers = NULL;
	number = NULL;
}

/*
 * rewrite runs the command that rewrites the table, in the order in which its rows lie. Another
 * scan under way would otherwise have it begin somewhere in the middle.
 */
static void
rewrite(const char *command)
{
	int level = NewGUCNestLevel();

	turn_off("synchronize_seqscans");
	execute_command(command);
	AtEOXact_GUC(true, level);
}

/*
 * add_listed adds the column with the numbers of the list.
 */
static void
add_listed(FunctionCallInfo fcinfo, Store *store)
{
	char *table = qualified_name(store->relation);

	number_rows(store);
	relation_close(store->relation, NoLock);
	rewrite(psprintf("ALTER TABLE %s ADD COLUMN \"position\" bigint NOT NULL DEFAULT %s()", table,
					 quote_qualified_identifier(function_schema(fcinfo), "goes_feed_number")));
	if (tuplestore_gettupleslot(numbers, true, false, number))
		elog(ERROR, "the table has fewer rows than were numbered");
	execute_command(psprintf("ALTER TABLE %s ALTER COLUMN \"position\" DROP DEFAULT, ALTER COLUMN "
							 "\"position\" ADD GENERATED ALWAYS AS IDENTITY",
							 table));
}

/*
 * add_numbered adds the column of positions to a table in which the order of rows is not that of
 * versions.
 */
static void
add_numbered(FunctionCallInfo fcinfo, Store *store)
{
	PG_TRY();
	{
		add_listed(fcinfo, store);
	}
	PG_CATCH();
	{
		forget_numbers();
		PG_RE_THROW();
	}
	PG_END_TRY();
	forget_numbers();
}

/*
 * add_position_column adds the column of positions to a table and numbers its rows.
 */
void
add_position_column(FunctionCallInfo fcinfo, Oid oid)
{
	Store store = {oid, relation_open(oid, NoLock), NoLock, &event_store, false};
	char *table = qualified_name(store.relation);

	if (!is_in_order(&store))
	{
		add_numbered(fcinfo, &store);
		return;
	}
	relation_close(store.relation, NoLock);
	rewrite(psprintf("ALTER TABLE %s ADD COLUMN \"position\" bigint GENERATED ALWAYS AS IDENTITY",
					 table));
}
