/*
 * flush.c
 *	  What a reader has been given outlives a crash.
 *
 * An asynchronous commit is visible before its WAL is flushed. An event that was delivered then
 * and lost in a crash would be one that never happened, so WAL is flushed up to the commits of
 * the events before they are returned. Nearly always it is flushed already.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "feed/mark.h"

/*
 * stored_until returns up to where WAL must be flushed for a row to be there after a crash. A
 * frozen row does not say any more who stored it; but freezing it is in WAL as well, after that
 * commit, and its page knows where.
 */
static XLogRecPtr
stored_until(Buffer buffer, const ItemPointerData *place)
{
	Page			page = BufferGetPage(buffer);
	HeapTupleHeader row =
		(HeapTupleHeader) PageGetItem(page, PageGetItemId(page, ItemPointerGetOffsetNumber(place)));

	if (HeapTupleHeaderXminFrozen(row))
		return BufferGetLSNAtomic(buffer);
	return TransactionIdGetCommitLSN(HeapTupleHeaderGetRawXmin(row));
}

/*
 * end_of_wal returns where the last record of WAL ends. PostgreSQL says where the next one will
 * begin, which at the start of a page is behind the header of a page that is not there yet.
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
 * is_all_flushed tells whether everything outlives a crash that can be seen now: then no row has to be
 * noted. What a standby shows has come from the disk of its primary.
 */
bool
is_all_flushed(void)
{
	return RecoveryInProgress() || GetFlushRecPtr(NULL) >= end_of_wal();
}

/*
 * note_row notes that a row which is visible to the active snapshot is going to be returned. Rows
 * that follow each other are mostly on one page, which stays pinned.
 */
void
note_row(RowFlush *flush, Relation table, const ItemPointerData *place)
{
	XLogRecPtr until;

	flush->buffer = ReleaseAndReadBuffer(flush->buffer, table, ItemPointerGetBlockNumber(place));
	LockBuffer(flush->buffer, BUFFER_LOCK_SHARE);
	until = stored_until(flush->buffer, place);
	LockBuffer(flush->buffer, BUFFER_LOCK_UNLOCK);
	flush->until = Max(flush->until, until);
}

/*
 * release_rows gives back what note_row holds.
 */
void
release_rows(RowFlush *flush)
{
	if (BufferIsValid(flush->buffer))
		ReleaseBuffer(flush->buffer);
	flush->buffer = InvalidBuffer;
}

/*
 * flush_rows makes the noted rows outlive a crash.
 */
void
flush_rows(const RowFlush *flush)
{
	if (!XLogRecPtrIsInvalid(flush->until))
		XLogFlush(flush->until);
}

/*
 * flush_all makes everything outlive a crash that can be seen now.
 */
void
flush_all(void)
{
	if (!RecoveryInProgress())
		XLogFlush(end_of_wal());
}
