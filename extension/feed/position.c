/*
 * position.c
 *	  Up to where the feed is settled, now or as soon as it gets on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "feed/mark.h"

PG_FUNCTION_INFO_V1(goes_feed_position);
PG_FUNCTION_INFO_V1(goes_feed_settle);

/*
 * cursor_argument returns the position behind which a reader wants to go on.
 */
int64
cursor_argument(FunctionCallInfo fcinfo, int number)
{
	int64 after = DatumGetInt64(required_argument(fcinfo, number, "after"));

	if (after < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"after\" must not be negative: " INT64_FORMAT, after),
						errhint("0 begins with the first event.")));
	return after;
}

/*
 * wait_argument returns for how many milliseconds a reader waits for news.
 */
int32
wait_argument(FunctionCallInfo fcinfo, int number)
{
	int32 wait = DatumGetInt32(required_argument(fcinfo, number, "wait_ms"));

	if (wait < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"wait_ms\" must not be negative: %d", wait),
						errhint("0 does not wait.")));
	return wait;
}

/*
 * reject_fixed_snapshot raises an error in a transaction whose snapshot was taken before the
 * feed is looked at: it would not show all events up to the mark.
 */
void
reject_fixed_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the feed cannot be followed at isolation level %s",
						XactIsoLevel == XACT_SERIALIZABLE ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errdetail("Such a transaction does not see what was committed since it "
						   "began."),
				 errhint("Use READ COMMITTED.")));
}

/*
 * settled_feed opens a feed as soon as it is settled beyond a position, at the latest after some
 * milliseconds. *settled is how far it is then, at least that position. The caller's own events
 * are not settled before its transaction ends, so it does not wait for them.
 */
Feed *
settled_feed(FunctionCallInfo fcinfo, int store, int64 after, int32 wait_ms, int64 *settled)
{
	FeedWait wait = start_wait(wait_ms, 0);
	Feed	*feed;

	reject_fixed_snapshot();
	feed = feed_open(fcinfo, store);
	do
		*settled = feed_settled(feed, after);
	while (*settled <= after && !feed->is_held_by_caller && feed_wait(fcinfo, &wait, feed));
	end_wait(&wait, feed);
	return feed;
}

/*
 * goes_feed_position returns up to where the feed is settled, at least the cursor.
 */
Datum
goes_feed_position(PG_FUNCTION_ARGS)
{
	int64 after = cursor_argument(fcinfo, 0);
	int64 settled;
	Feed *feed = settled_feed(fcinfo, 2, after, wait_argument(fcinfo, 1), &settled);

	feed_close(feed);
	PG_RETURN_INT64(settled);
}

/*
 * goes_feed_settle raises the stored mark to where the feed is settled, and returns that.
 */
Datum
goes_feed_settle(PG_FUNCTION_ARGS)
{
	Feed *feed;
	int64 settled;

	PreventCommandDuringRecovery("goes_feed_settle()");
	reject_fixed_snapshot();
	feed = feed_open(fcinfo, 0);
	settled = settle_now(feed);
	feed_close(feed);
	PG_RETURN_INT64(settled);
}
