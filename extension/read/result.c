/*
 * result.c
 *	  The rows of a set-returning function.
 *
 * In FROM, PostgreSQL wants them in a tuplestore: the executor's receiver writes into
 * it, so there is no second copy of the result.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "utils/memutils.h"

#include "read/read.h"
#include "table/kind.h"

/* A page of a feed fits in. */
#define KEPT_SIZE (2 * 1024 * 1024)

/* What the session keeps for rows, and whether a call's rows are there. */
static MemoryContext kept_rows = NULL;
static bool			 is_taken = false;

/*
 * leave_kept_rows is called when the query that has taken the session's memory for rows ends.
 */
static void
leave_kept_rows(void *unused)
{
	MemoryContextReset(kept_rows);
	is_taken = false;
}

/*
 * take_kept_rows returns the session's memory for rows, unless a query has it. The system would have
 * to clear each page of memory that is given back and asked for again, which takes longer than
 * writing a row there.
 */
static MemoryContext
take_kept_rows(MemoryContext query)
{
	MemoryContextCallback *callback;

	if (is_taken)
		return NULL;
	if (kept_rows == NULL)
		kept_rows = GenerationContextCreate(TopMemoryContext, "goes_store rows", KEPT_SIZE,
											ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	callback = MemoryContextAlloc(query, sizeof(MemoryContextCallback));
	callback->func = leave_kept_rows;
	callback->arg = NULL;
	MemoryContextRegisterResetCallback(query, callback);
	is_taken = true;
	return kept_rows;
}

/*
 * memory_for_rows returns memory for the rows of a query, which lasts as long as the query's own.
 */
MemoryContext
memory_for_rows(MemoryContext query)
{
	MemoryContext kept = take_kept_rows(query);

	if (kept != NULL)
		return kept;
	return GenerationContextCreate(query, "goes_store rows of a query", ALLOCSET_DEFAULT_SIZES);
}

/*
 * rows_context returns the memory for a call's rows. A generation context packs them closely; in
 * the query's own context each row would take a power of two. A function in FROM may be called
 * many times in one query, so a call reuses the context of the last one, whose tuplestore the
 * executor has already ended.
 */
static MemoryContext
rows_context(FmgrInfo *function)
{
	if (function->fn_extra != NULL)
		MemoryContextReset(function->fn_extra);
	else
		function->fn_extra = memory_for_rows(function->fn_mcxt);
	return function->fn_extra;
}

/*
 * make_tuplestore lets PostgreSQL make the tuplestore. That takes the query's memory, for which the
 * memory for rows stands in meanwhile: a second tuplestore would cost more than a short answer.
 */
static void
make_tuplestore(FunctionCallInfo fcinfo, ExprContext *query)
{
	MemoryContext memory = query->ecxt_per_query_memory;

	query->ecxt_per_query_memory = rows_context(fcinfo->flinfo);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	query->ecxt_per_query_memory = memory;
}

/*
 * start_result gives the function an empty tuplestore for its rows. The function's row type must
 * be unaltered, because a query's rows go there as they are.
 */
void
start_result(FunctionCallInfo fcinfo, const RowType *row)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	if (result != NULL && IsA(result, ReturnSetInfo))
		make_tuplestore(fcinfo, result->econtext);
	else
		/* which is an error */
		InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	require_row(result->setDesc, row);
}

/*
 * add_rows adds the rows of a query to the function's tuplestore. Without a store it is one of the
 * catalogs.
 */
void
add_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver  *receiver = CreateTuplestoreDestReceiver();

	if (store != NULL)
		require_privileges(store, ACL_SELECT);
	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory, false, NULL, NULL);
	if (store == NULL)
		execute_query(statement, receiver);
	else
		execute_statement(store, statement, SPI_OK_SELECT, receiver);
	receiver->rDestroy(receiver);
}

/*
 * return_rows ends a function with the rows of a query.
 */
Datum
return_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement)
{
	start_result(fcinfo, store->kind->row);
	add_rows(fcinfo, store, statement);
	store_close(store);
	return (Datum) 0;
}

/*
 * return_nothing ends a function without rows.
 */
Datum
return_nothing(FunctionCallInfo fcinfo, Store *store)
{
	InitMaterializedSRF(fcinfo, 0);
	store_leave(store);
	return (Datum) 0;
}
