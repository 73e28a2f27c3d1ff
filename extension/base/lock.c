/*
 * lock.c
 *	  Advisory locks of our own classes, which the SQL functions for such locks never use.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/inval.h"

#include "base/base.h"

/*
 * The server's table of locks has room for max_locks_per_transaction locks per session, and most
 * sessions take only a few. A transaction may take at most LOCK_SHARE * max_locks_per_transaction
 * locks of each of our classes.
 */
#define LOCK_SHARE 4

/* How many locks of each class this transaction has taken. */
static int locks_taken[LOCK_CLASSES];

/*
 * lock_schema waits until no other session is creating a store in the schema. A lock on the
 * table's name would not be enough, because index names are unique within the schema.
 */
void
lock_schema(Oid schema)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, schema, 0, LOCK_CLASS_CREATE);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	AcceptInvalidationMessages();
}

/*
 * forget_locks resets the count, because locks end with their transaction.
 */
static void
forget_locks(XactEvent event, void *argument)
{
	memset(locks_taken, 0, sizeof(locks_taken));
}

/*
 * may_lock_aggregates tells whether the transaction may take count more locks of a class.
 */
bool
may_lock_aggregates(uint16 lock_class, int count)
{
	return locks_taken[lock_class - FIRST_LOCK_CLASS] + count <= LOCK_SHARE * max_locks_per_xact;
}

/*
 * lock_in_store waits for a lock that belongs to a store and keeps it until the transaction
 * ends.
 */
void
lock_in_store(Oid store, uint32 number, uint16 lock_class, LOCKMODE mode)
{
	static bool is_counting = false;
	LOCKTAG		tag;

	if (!is_counting)
		RegisterXactCallback(forget_locks, NULL);
	is_counting = true;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, store, number, lock_class);
	if (LockAcquire(&tag, mode, false, false) != LOCKACQUIRE_ALREADY_HELD)
		locks_taken[lock_class - FIRST_LOCK_CLASS]++;
}
