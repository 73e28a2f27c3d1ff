/*
 * write_token.c
 *	  goes_write_token: a token of everything that was committed before.
 *
 * It is taken after the commit: a commit's record comes behind all that its transaction has
 * written. And WAL is flushed up to there, because a standby gets nothing else. That costs something
 * only where others are writing, or commit asynchronously.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"

#include "standby/standby.h"
#include "table/table.h"

PG_FUNCTION_INFO_V1(goes_write_token);

/*
 * reject_here raises an error on a standby, where nothing is written, and in a transaction that has
 * written, since its commit would come behind the token.
 */
static void
reject_here(void)
{
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("a standby has no token of what was written"),
						errhint("Ask the primary, after the write.")));
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a token cannot be taken in the transaction that writes"),
				 errdetail("Its commit comes behind the token, and a standby that has got to "
						   "the token need not show what it has written."),
				 errhint("Commit, and call goes_write_token() after that.")));
}

/*
 * reject_unreplicated raises an error for a table that standbys do not have.
 */
static void
reject_unreplicated(Relation table)
{
	if (RelationIsPermanent(table))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no standby has the rows of table \"%s\"", RelationGetRelationName(table)),
			 errdetail("Only what is stored in a permanent table is sent to standbys."),
			 table->rd_rel->relpersistence == RELPERSISTENCE_TEMP
				 ? errhint("Read it in this session.")
				 : errhint("Read it on the primary, or run ALTER TABLE %s SET LOGGED.",
						   qualified_name(table))));
}

/*
 * reject_other_wal raises an error for a table that another server writes to its WAL.
 */
static void
reject_other_wal(Relation table)
{
	require_rows_here(
		table, "a token of its writes",
		"A token names a place in the WAL of this server, which has nothing of what is "
		"written to the table.",
		"Name the version of an aggregate that a read has to see, or read on the "
		"primaries.");
}

/*
 * end_of_wal returns the end of the last record. Where that fills its page, PostgreSQL names the
 * place behind the next page's header, which no standby gets to before another record comes.
 */
static XLogRecPtr
end_of_wal(void)
{
	XLogRecPtr next = GetXLogInsertRecPtr();

	if (XLogSegmentOffset(next, wal_segment_size) == SizeOfXLogLongPHD)
		return next - SizeOfXLogLongPHD;
	if (next % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		return next - SizeOfXLogShortPHD;
	return next;
}

/*
 * goes_write_token returns a token by which goes_wait_for() tells whether a standby has everything
 * that was committed before this call.
 */
Datum
goes_write_token(PG_FUNCTION_ARGS)
{
	Store *store;
	Token  token;

	reject_here();
	store = store_open(fcinfo, 0, AccessShareLock);
	reject_unreplicated(store->relation);
	reject_other_wal(store->relation);
	store_close(store);
	token = (Token){.system = GetSystemIdentifier(),
					.timeline = GetWALInsertionTimeLine(),
					.lsn = end_of_wal()};
	XLogFlush(token.lsn);
	PG_RETURN_TEXT_P(token_text(&token));
}
