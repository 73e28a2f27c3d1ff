/*
 * writers.c
 *	  Which transactions may still store an event at a position that was drawn already?
 *
 * Who draws a position holds a lock on the sequence until the transaction ends, even after a
 * rollback to a savepoint and after PREPARE. So whoever has no such lock has drawn nothing. But
 * others lock the sequence too: nextval() by hand, a reader for a moment. They count only if an
 * event of theirs may be in the table, and that shows in one of two ways: a lock on the table, as
 * every statement has that is storing events, or a transaction id, as every stored row needs.
 * Neither is enough alone. A statement draws its position before its transaction gets an id, and
 * a cursor that failed inside a savepoint gives up the lock on the table, although events that it
 * stored before live on.
 *
 * The order of the looks is what makes the answer right: the sequence's last number (which the
 * caller has read before), the locks on the table, those on the sequence, the ids. A transaction
 * that had drawn a number by then has had its lock on the table, and when that is gone before the
 * first look, it has had its id since.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "feed/mark.h"

/* Conflicts with all locks under which rows are stored or numbers drawn. */
#define WATCHING ShareLock

/* Those locks. */
static const LOCKMODE writing_modes[] = {RowExclusiveLock, ShareUpdateExclusiveLock,
										 ShareRowExclusiveLock, ExclusiveLock, AccessExclusiveLock};

/*
 * relation_tag returns the tag of locks on a relation of this database.
 */
static LOCKTAG
relation_tag(Oid relation)
{
	LOCKTAG tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
	return tag;
}

/*
 * lockers returns the other transactions that hold a lock of a writer on a relation.
 */
static VirtualTransactionId *
lockers(Oid relation, int *count)
{
	LOCKTAG tag = relation_tag(relation);

	return GetLockConflicts(&tag, WATCHING, count);
}

/*
 * caller_locks tells whether the caller's own transaction holds a lock of a writer on a relation.
 */
static bool
caller_locks(Oid relation)
{
	LOCKTAG tag = relation_tag(relation);

	for (int i = 0; i < (int) lengthof(writing_modes); i++)
	{
		if (holds_lock(&tag, writing_modes[i]))
			return true;
	}
	return false;
}

/*
 * caller_writes tells whether the caller's own transaction is a writer.
 */
static bool
caller_writes(const Feed *feed)
{
	return caller_locks(feed->sequence) &&
		   (TransactionIdIsValid(GetTopTransactionIdIfAny()) || caller_locks(feed->store->oid));
}

/*
 * is_among tells whether a transaction is in a list.
 */
static bool
is_among(const VirtualTransactionId *list, int count, VirtualTransactionId transaction)
{
	for (int i = 0; i < count; i++)
	{
		if (VirtualTransactionIdEquals(list[i], transaction))
			return true;
	}
	return false;
}

/*
 * id_in_full returns the transaction id of a running transaction with its epoch.
 */
static FullTransactionId
id_in_full(TransactionId id)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32			  epoch = EpochFromFullTransactionId(next);

	if (id > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, id);
}

/*
 * has_no_id_before tells whether a transaction surely has no transaction id before some other: a
 * later one, or none yet. One whose process has gone on to another transaction has ended or is
 * prepared, and had an id. The lock makes PREPARE one step, which takes the id away from the
 * process before that goes on.
 */
bool
has_no_id_before(VirtualTransactionId transaction, FullTransactionId limit)
{
	PGPROC				*process = transaction_process(transaction);
	VirtualTransactionId now;
	TransactionId		 id;

	if (process == NULL)
		return false;
	LWLockAcquire(ProcArrayLock, LW_SHARED);
	GET_VXID_FROM_PGPROC(now, *process);
	id = process->xid;
	LWLockRelease(ProcArrayLock);
	if (!VirtualTransactionIdEquals(now, transaction))
		return false;
	return !TransactionIdIsValid(id) || !FullTransactionIdPrecedes(id_in_full(id), limit);
}

/*
 * has_no_id tells whether a transaction surely has no transaction id.
 */
bool
has_no_id(VirtualTransactionId transaction)
{
	return has_no_id_before(transaction, FullTransactionIdFromU64(PG_UINT64_MAX));
}

/*
 * own_transaction returns the caller's transaction.
 */
static VirtualTransactionId
own_transaction(void)
{
	VirtualTransactionId own;

	GET_VXID_FROM_PGPROC(own, *MyProc);
	return own;
}

/*
 * is_caller tells whether a transaction is the caller's own.
 */
bool
is_caller(const VirtualTransactionId *transaction)
{
	return VirtualTransactionIdEquals(*transaction, own_transaction());
}

/*
 * find_writers returns the transactions that may still store an event at a position that was
 * drawn before the call, the caller's own among them.
 */
VirtualTransactionId *
find_writers(const Feed *feed, int *count)
{
	bool				  is_writer = caller_writes(feed);
	int					  storing_count;
	VirtualTransactionId *storing = lockers(feed->store->oid, &storing_count);
	int					  drawing_count;
	VirtualTransactionId *writers = lockers(feed->sequence, &drawing_count);

	*count = 0;
	for (int i = 0; i < drawing_count; i++)
	{
		if (is_among(storing, storing_count, writers[i]) || !has_no_id(writers[i]))
			writers[(*count)++] = writers[i];
	}
	pfree(storing);
	/* the list has room for every process, and the caller is not in it */
	if (is_writer)
		writers[(*count)++] = own_transaction();
	return writers;
}
