/*
 * read.h
 *	  Reading: query arguments to a statement, and its rows to an answer.
 */
#ifndef GOES_READ_H
#define GOES_READ_H

#include "table/table.h"

#pragma GCC visibility push(hidden)

/* filter.c: query arguments -> a statement */
extern Statement filter_select(FunctionCallInfo fcinfo);
extern Statement filter_count(FunctionCallInfo fcinfo);
extern Statement filter_feed(FunctionCallInfo fcinfo, int64 after, int64 last, int64 most);
extern Statement filter_members(FunctionCallInfo filters, int64 after, int64 last, int64 most);
extern Statement filter_delete(FunctionCallInfo fcinfo, ArrayType *ids);
extern Statement filter_snapshots(FunctionCallInfo fcinfo);

/* history.c: the arguments of goes_history */
enum HistoryArgument
{
	HISTORY_NAME,
	HISTORY_ID,
	HISTORY_FROM,
	HISTORY_TO,
	HISTORY_MAX_EVENTS,
	HISTORY_STORE
};

/* result.c: the rows of a set-returning function */
extern MemoryContext memory_for_rows(MemoryContext query);
extern void			 start_result(FunctionCallInfo fcinfo, const RowType *row);
extern void			 add_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement);
extern Datum		 return_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement);
extern Datum		 return_nothing(FunctionCallInfo fcinfo, Store *store);

#pragma GCC visibility pop

#endif
