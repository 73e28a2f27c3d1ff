/*
 * feed.c
 *	  goes_feed: the next events of a store, and the cursor behind them. goes_feed_page returns
 *	  the same, packed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "feed/packed_page.h"
#include "read/read.h"

PG_FUNCTION_INFO_V1(goes_feed);
PG_FUNCTION_INFO_V1(goes_feed_page);

/* The arguments around the filters. */
#define FEED_AFTER 0
#define FEED_MAX_EVENTS 14
#define FEED_MAX_BYTES 15
#define FEED_WAIT 16
#define FEED_AFTER_ID 17
#define FEED_STORE 18

/* A page of events, if the caller does not say. */
#define PAGE 1000

/* How many positions a call looks at, so that a rare filter gets on under any statement_timeout. */
#define MOST_POSITIONS 100000

/*
 * limit_argument returns the limit that an argument sets, or a default one.
 */
static int64
limit_argument(FunctionCallInfo fcinfo, int number, const char *name, int64 default_limit,
			   const char *hint)
{
	int64 limit = PG_ARGISNULL(number) ? default_limit : PG_GETARG_INT64(number);

	if (limit <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be above 0: " INT64_FORMAT, name, limit),
						errhint("%s", hint)));
	return limit;
}

/*
 * empty_page returns a page without events, and how many the caller wants in it.
 */
static FeedPage
empty_page(FunctionCallInfo fcinfo)
{
	return (FeedPage){
		.most = limit_argument(fcinfo, FEED_MAX_EVENTS, "max_events", PAGE,
							   "Null means " CppAsString2(PAGE) "."),
		.most_bytes = limit_argument(fcinfo, FEED_MAX_BYTES, "max_bytes", PG_INT64_MAX,
									 "Null means any number."),
	};
}

/*
 * add_cursor adds the row that says where the reader has got to.
 */
static void
add_cursor(PageRows *rows, int64 position, const Cursor *last)
{
	Datum values[FEED_COLUMNS] = {Int64GetDatum(position), UUIDPGetDatum(&last->id)};
	bool  nulls[FEED_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	nulls[FEED_POSITION] = false;
	nulls[FEED_ID] = !last->has_id;
	rows->add_cursor(rows, values, nulls);
}

/*
 * add_events adds the next events up to a settled position, unless the page is full before. It returns
 * the position up to which the reader has got with them.
 */
static int64
add_events(FunctionCallInfo fcinfo, const Feed *feed, int64 after, int64 settled, FeedPage *page,
		   PageRows *rows)
{
	int64	  last = settled - after > MOST_POSITIONS ? after + MOST_POSITIONS : settled;
	Statement statement = filter_feed(fcinfo, after, last, page->most);

	add_page(feed, &statement, page, rows);
	return page->is_full ? page->last.position : last;
}

/*
 * given_cursor returns the cursor that the caller has given.
 */
static Cursor
given_cursor(FunctionCallInfo fcinfo, int64 after)
{
	Cursor cursor = {.position = after, .has_id = !PG_ARGISNULL(FEED_AFTER_ID)};

	if (cursor.has_id)
		cursor.id = *DatumGetUUIDP(PG_GETARG_DATUM(FEED_AFTER_ID));
	return cursor;
}

/*
 * check_cursor raises an error unless the caller's cursor can be that of this feed. A standby that
 * has not got so far cannot tell, and gives the cursor back as it is.
 */
static void
check_cursor(FunctionCallInfo fcinfo, const Feed *feed, int64 after, Cursor *last)
{
	if (feed->is_before_cursor)
		*last = given_cursor(fcinfo, after);
	else if (!PG_ARGISNULL(FEED_AFTER_ID))
		require_event(feed, after, PG_GETARG_DATUM(FEED_AFTER_ID), last);
}

/*
 * add_next adds the next events of the feed and the cursor behind them.
 */
static void
add_next(FunctionCallInfo fcinfo, PageRows *rows)
{
	int64	 after = cursor_argument(fcinfo, FEED_AFTER);
	int32	 wait_ms = wait_argument(fcinfo, FEED_WAIT);
	int64	 settled;
	Feed	*feed;
	FeedPage page = empty_page(fcinfo);

	feed = settled_feed(fcinfo, FEED_STORE, after, wait_ms, &settled);
	/* no columns: where a row lies is not among those that can be granted */
	require_columns(feed->store->relation, ACL_SELECT, NULL, 0);
	check_cursor(fcinfo, feed, after, &page.last);
	if (settled > after)
		after = add_events(fcinfo, feed, after, settled, &page, rows);
	find_event(feed, after, &page.last);
	add_cursor(rows, after, &page.last);
	feed_close(feed);
}

/* The rows of goes_feed. */
typedef struct ReturnedRows
{
	PageRows	   rows; /* must be first */
	ReturnSetInfo *result;
} ReturnedRows;

/*
 * return_row adds a row to those of the function.
 */
static void
return_row(PageRows *rows, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = ((ReturnedRows *) rows)->result;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * goes_feed returns the next events and the cursor behind them.
 */
Datum
goes_feed(PG_FUNCTION_ARGS)
{
	ReturnedRows returned = {{return_row, return_row}, (ReturnSetInfo *) fcinfo->resultinfo};

	start_result(fcinfo, &feed_row);
	add_next(fcinfo, &returned.rows);
	return (Datum) 0;
}

/*
 * goes_feed_page returns the same, packed. The first call makes all values, and all that is in them
 * outlives a crash before it returns one.
 */
Datum
goes_feed_page(PG_FUNCTION_ARGS)
{
	FuncCallContext *calls;
	PackedPage		*page;
	Datum			 value;

	if (SRF_IS_FIRSTCALL())
	{
		calls = SRF_FIRSTCALL_INIT();
		page = start_packed_page(calls->multi_call_memory_ctx);
		add_next(fcinfo, &page->rows);
		calls->user_fctx = page->values;
		calls->max_calls = list_length(page->values);
	}
	calls = SRF_PERCALL_SETUP();
	if (calls->call_cntr == calls->max_calls)
		SRF_RETURN_DONE(calls);
	value = PointerGetDatum(list_nth((List *) calls->user_fctx, calls->call_cntr));
	SRF_RETURN_NEXT(calls, value);
}
