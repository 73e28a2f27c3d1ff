/*
 * wait_for.c
 *	  goes_wait_for: waiting until a server shows what a token stands for.
 *
 * The statement that waits reads with a snapshot that is older than its wait, so its caller reads in
 * the next one. That snapshot may also be what replay waits for, when it has to remove rows that
 * the snapshot sees; so nobody waits for long, and libgoes never does (it asks again and again).
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "standby/standby.h"

/* Milliseconds. */
#define LONGEST_WAIT 60000
#define SHORTEST_NAP 1
#define LONGEST_NAP 10

PG_FUNCTION_INFO_V1(goes_wait_for);

typedef enum Reach
{
	REACHED,
	BEHIND,
	UNKNOWABLE /* the token is of another timeline: only the primary can tell */
} Reach;

/*
 * reject_older_snapshot raises an error in a transaction whose statements all read with a snapshot
 * that was taken before the wait.
 */
static void
reject_older_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("waiting is in vain at isolation level %s",
						XactIsoLevel == XACT_SERIALIZABLE ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errdetail("Such a transaction does not see what was committed since it began."),
				 errhint("Wait before the transaction, or use READ COMMITTED.")));
}

/*
 * reject_other_system raises an error for a token of a server that is no primary of this one.
 */
static void
reject_other_system(const Token *token)
{
	if (token->system == GetSystemIdentifier())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the token is of another system"),
			 errdetail("It is of system " UINT64_FORMAT ", and this is system " UINT64_FORMAT ".",
					   token->system, GetSystemIdentifier()),
			 errhint("Ask a standby of the primary that gave the token. A database that was "
					 "dumped and restored, or is replicated logically, is another system.")));
}

/*
 * reach_on_standby tells whether a standby has replayed what the token stands for. It may yet get
 * to a later timeline. On an earlier one's LSN it has no say: what its primary wrote there may be
 * lost.
 */
static Reach
reach_on_standby(const Token *token)
{
	TimeLineID timeline;
	XLogRecPtr replayed = GetXLogReplayRecPtr(&timeline);

	if (token->timeline < timeline)
		return UNKNOWABLE;
	return token->timeline == timeline && replayed >= token->lsn ? REACHED : BEHIND;
}

/*
 * reach tells whether this server has what the token stands for. A primary never gets anything from
 * another one: that which was replaced and runs on has no later timeline, and the one that replaced
 * it may lack what was written on an earlier one.
 */
static Reach
reach(const Token *token)
{
	if (RecoveryInProgress())
		return reach_on_standby(token);
	return token->timeline == GetWALInsertionTimeLine() && token->lsn <= GetXLogInsertRecPtr()
			   ? REACHED
			   : UNKNOWABLE;
}

/*
 * take_nap sleeps for some milliseconds.
 */
static void
take_nap(long nap)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, nap,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * wait_until_reached waits while the server is behind.
 */
static Reach
wait_until_reached(const Token *token, int32 wait_ms)
{
	TimestampTz until =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Min(wait_ms, LONGEST_WAIT));
	long  nap = SHORTEST_NAP;
	Reach got;

	while ((got = reach(token)) == BEHIND)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left <= 0)
			break;
		take_nap(Min(nap, left));
		nap = Min(nap * 2, LONGEST_NAP);
	}
	return got;
}

/*
 * goes_wait_for waits until the next statement sees everything that the token stands for: true.
 * False if it does not get so far in time, null if this server cannot tell.
 */
Datum
goes_wait_for(PG_FUNCTION_ARGS)
{
	Token token = token_argument(fcinfo, 0);
	int32 wait_ms = DatumGetInt32(required_argument(fcinfo, 1, "wait_ms"));
	Reach got;

	(void) require_between("wait_ms", wait_ms, 0, PG_INT32_MAX);
	reject_older_snapshot();
	reject_other_system(&token);
	got = wait_until_reached(&token, wait_ms);
	if (got == UNKNOWABLE)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(got == REACHED);
}
