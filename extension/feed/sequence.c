/*
 * sequence.c
 *	  The page of a sequence, read and raised without privileges on the sequence.
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "commands/sequence.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "feed/mark.h"

/*
 * open_sequence opens a sequence with the lock that nextval() takes, under which nobody rewrites
 * it; NULL if somebody is doing that just now, since a reader must not wait for that.
 */
static Relation
open_sequence(Oid sequence)
{
	if (!ConditionalLockRelationOid(sequence, RowExclusiveLock))
		return NULL;
	return relation_open(sequence, NoLock);
}

/*
 * close_sequence closes a sequence and gives its lock back, since whoever holds it longer looks
 * like a writer.
 */
static void
close_sequence(Relation sequence)
{
	relation_close(sequence, RowExclusiveLock);
}

/*
 * sequence_row returns the only row of a sequence on its page.
 */
static Form_pg_sequence_data
sequence_row(Page page)
{
	HeapTupleHeader row =
		(HeapTupleHeader) PageGetItem(page, PageGetItemId(page, FirstOffsetNumber));

	return (Form_pg_sequence_data) ((char *) row + row->t_hoff);
}

/*
 * last_number returns the last number of a sequence, 0 before the first.
 */
static int64
last_number(Form_pg_sequence_data row)
{
	return row->is_called ? row->last_value : row->last_value - 1;
}

/*
 * is_uncommitted tells whether a sequence got its file in this transaction.
 */
static bool
is_uncommitted(Relation sequence)
{
	return sequence->rd_createSubid != InvalidSubTransactionId ||
		   sequence->rd_first_file != InvalidSubTransactionId;
}

/*
 * read_sequence reads the page of a sequence; false if somebody is rewriting it just now. Under the
 * lock of the page nobody meets the number that nextval() writes there for a moment, which is some
 * ahead of what was drawn: that is for WAL. A SELECT from the sequence reads without that lock.
 */
bool
read_sequence(Oid sequence, SequencePage *result)
{
	Relation			  relation = open_sequence(sequence);
	Buffer				  buffer;
	Form_pg_sequence_data row;

	if (relation == NULL)
		return false;
	buffer = ReadBuffer(relation, 0);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	row = sequence_row(BufferGetPage(buffer));
	result->last = last_number(row);
	result->note = row->log_cnt;
	result->lsn = BufferGetLSNAtomic(buffer);
	result->file = relation->rd_rel->relfilenode;
	result->is_uncommitted = is_uncommitted(relation);
	UnlockReleaseBuffer(buffer);
	close_sequence(relation);
	return true;
}

/*
 * raise_page writes a higher number into the page of a sequence, or a higher note to the same. A
 * dump would set the sequence to 0, which setval() refuses, if that did not stand there as one
 * before the first number.
 */
static void
raise_page(Relation sequence, Buffer buffer, int64 value, int64 note)
{
	GenericXLogState	 *change = GenericXLogStart(sequence);
	Page				  page = GenericXLogRegisterBuffer(change, buffer, 0);
	Form_pg_sequence_data row = sequence_row(page);

	if (last_number(row) > value || (last_number(row) == value && row->log_cnt >= note))
	{
		GenericXLogAbort(change);
		return;
	}
	row->last_value = Max(value, 1);
	row->is_called = value > 0;
	row->log_cnt = note;
	/* as with an asynchronous commit: standbys learn it now, and not when the caller's transaction ends */
	XLogSetAsyncXactLSN(GenericXLogFinish(change));
}

/*
 * log_page writes the page of a sequence to WAL as it is, and returns up to where that has to be flushed.
 * The numbers that nextval() has logged in advance are given up: they are not in this record.
 */
static XLogRecPtr
log_page(Relation sequence, Buffer buffer)
{
	GenericXLogState *change = GenericXLogStart(sequence);
	Page			  page = GenericXLogRegisterBuffer(change, buffer, GENERIC_XLOG_FULL_IMAGE);

	sequence_row(page)->log_cnt = 0;
	return GenericXLogFinish(change);
}

/*
 * log_first_page does that with the only page of a sequence, unless it has been logged since the last
 * checkpoint began.
 */
static XLogRecPtr
log_first_page(Relation sequence)
{
	Buffer	   buffer = ReadBuffer(sequence, 0);
	XLogRecPtr logged;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	logged = PageGetLSN(BufferGetPage(buffer));
	if (logged <= GetRedoRecPtr())
		logged = log_page(sequence, buffer);
	UnlockReleaseBuffer(buffer);
	return logged;
}

/*
 * flush_sequence makes the last number that was read outlive a crash: none up to it is drawn again.
 * Nearly always that number was logged in advance. But if a checkpoint begins while nextval()
 * draws one of those, after it has looked whether there was a checkpoint, the change can be in
 * neither: it is made after the checkpoint has looked for changed pages, and WAL before the
 * checkpoint is not read again.
 */
void
flush_sequence(Oid sequence, const SequencePage *read)
{
	XLogRecPtr logged = read->lsn;
	Relation   relation = logged <= GetRedoRecPtr() ? open_sequence(sequence) : NULL;

	if (relation != NULL)
	{
		logged = log_first_page(relation);
		close_sequence(relation);
	}
	XLogFlush(logged);
}

/*
 * lock_page locks the page of a sequence, if that has to be at once or nobody else has it.
 */
static bool
lock_page(Buffer buffer, bool is_urgent)
{
	if (!is_urgent)
		return ConditionalLockBuffer(buffer);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	return true;
}

/*
 * raise_first_page raises the number in the only page of a sequence.
 */
static void
raise_first_page(Relation sequence, int64 value, int64 note, bool is_urgent)
{
	Buffer buffer = ReadBuffer(sequence, 0);

	if (lock_page(buffer, is_urgent))
	{
		raise_page(sequence, buffer, value, note);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	ReleaseBuffer(buffer);
}

/*
 * raise_sequence raises the number of a sequence that nobody draws from, if it still has the file
 * that was read. This is a fact and not a change of this transaction: it needs no transaction id
 * and stays after a rollback. If it is not urgent and somebody else has the page just now, it is
 * left to the next call.
 */
void
raise_sequence(Oid sequence, Oid file, int64 value, int64 note, bool is_urgent)
{
	Relation relation = open_sequence(sequence);

	if (relation == NULL)
		return;
	if (relation->rd_rel->relfilenode == file)
		raise_first_page(relation, value, note, is_urgent);
	close_sequence(relation);
}
