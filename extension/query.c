/*
 * query.c
 *	  Reading events.
 *
 * In FROM, PostgreSQL wants a set-returning function's rows in a tuplestore: the
 * executor's receiver writes into it, so there is no second copy of the result. A
 * cursor is a portal that outlives the call and is read by FETCH.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "filter.h"
#include "goes_store.h"

PG_FUNCTION_INFO_V1(goes_find);
PG_FUNCTION_INFO_V1(goes_query);
PG_FUNCTION_INFO_V1(goes_query_cursor);
PG_FUNCTION_INFO_V1(goes_count);

/*
 * return_nothing leaves the function's tuplestore empty.
 */
static Datum
return_nothing(FunctionCallInfo fcinfo, Store *store)
{
	InitMaterializedSRF(fcinfo, 0);
	store_close(store);
	return (Datum) 0;
}

/*
 * rows_context returns the memory for a call's rows, which it packs closely: in the
 * query's own context each would take a power of two, and as much again in the next
 * block. A caller in FROM may call many times in one query, so a call takes over what
 * the last one left; the executor has ended that one's tuplestore before it calls again.
 */
static MemoryContext
rows_context(FmgrInfo *function)
{
	if (function->fn_extra == NULL)
		function->fn_extra =
			GenerationContextCreate(function->fn_mcxt, "goes_store rows", ALLOCSET_DEFAULT_SIZES);
	else
		MemoryContextReset(function->fn_extra);
	return function->fn_extra;
}

/*
 * start_result gives the function an empty tuplestore for its rows.
 */
static void
start_result(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		   random_access;
	MemoryContext  caller;

	InitMaterializedSRF(fcinfo, 0);
	random_access = (result->allowedModes & SFRM_Materialize_Random) != 0;
	tuplestore_end(result->setResult);
	caller = MemoryContextSwitchTo(rows_context(fcinfo->flinfo));
	result->setResult = tuplestore_begin_heap(random_access, false, work_mem);
	MemoryContextSwitchTo(caller);
}

/*
 * return_events fills the function's tuplestore with a statement's rows.
 */
static Datum
return_events(FunctionCallInfo fcinfo, Store *store, Statement *statement)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver  *receiver;

	start_result(fcinfo);
	receiver = CreateTuplestoreDestReceiver();
	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory, false, NULL, NULL);
	execute_statement(store, statement, SPI_OK_SELECT, receiver);
	receiver->rDestroy(receiver);
	store_close(store);
	return (Datum) 0;
}

/*
 * goes_find returns the event with the id, if there is one. No event has a null id.
 */
Datum
goes_find(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, 1, AccessShareLock);
	Parameter id = {UUIDOID, PG_GETARG_DATUM(0)};
	Statement statement = {.text =
							   "SELECT " EVENT_LIST " FROM %s WHERE id OPERATOR(pg_catalog.=) $1",
						   .parameters = &id,
						   .parameter_count = 1,
						   .cursor_options = CURSOR_OPT_GENERIC_PLAN,
						   .is_kept = true};

	if (PG_ARGISNULL(0))
		return return_nothing(fcinfo, store);
	return return_events(fcinfo, store, &statement);
}

/*
 * goes_query returns the events that its filters leave.
 */
Datum
goes_query(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, QUERY_ARGUMENTS, AccessShareLock);
	Statement statement = filter_select(fcinfo);

	statement.cursor_options |= CURSOR_OPT_PARALLEL_OK;
	return return_events(fcinfo, store, &statement);
}

/*
 * goes_query_cursor opens a cursor on the events that its filters leave.
 */
Datum
goes_query_cursor(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, QUERY_ARGUMENTS + 1, AccessShareLock);
	Statement statement = filter_select(fcinfo);
	char	 *name = PG_ARGISNULL(QUERY_ARGUMENTS)
						 ? NULL
						 : TextDatumGetCString(PG_GETARG_DATUM(QUERY_ARGUMENTS));

	statement.cursor_options |= CURSOR_OPT_NO_SCROLL;
	name = open_portal(store, &statement, name);
	store_close(store);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/*
 * goes_count returns how many events the filters leave.
 */
Datum
goes_count(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, FILTER_ARGUMENTS, AccessShareLock);
	Statement statement = filter_count(fcinfo);
	Datum	  count;

	statement.cursor_options |= CURSOR_OPT_PARALLEL_OK;
	count = fetch_value(store, &statement);
	store_close(store);
	PG_RETURN_DATUM(count);
}
