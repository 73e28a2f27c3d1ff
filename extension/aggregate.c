/*
 * aggregate.c
 *	  An aggregate: which one it is, and the lock of those who write its next version.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "goes_store.h"

/*
 * The server's table of locks has room for max_locks_per_transaction of every session, and
 * most take a few. So many times that number is what a transaction may take of a class of ours.
 */
#define LOCK_SHARE 4

/* How many locks of each class this transaction has taken. */
static int locks_taken[LOCK_CLASSES];

/*
 * aggregate_argument reads the name of an aggregate that is written to, and the argument
 * after it, its id.
 */
Aggregate
aggregate_argument(FunctionCallInfo fcinfo, int number)
{
	const char *hint = "Events without an aggregate go through goes_insert_batch().";

	return (Aggregate){name_argument(fcinfo, number, "aggregate_name", hint),
					   id_argument(fcinfo, number + 1, "aggregate_id", hint)};
}

/*
 * describe_aggregate names an aggregate in a message.
 */
char *
describe_aggregate(const Aggregate *aggregate)
{
	return psprintf("\"%s\" %s", TextDatumGetCString(aggregate->name),
					DatumGetCString(DirectFunctionCall1(uuid_out, aggregate->id)));
}

/*
 * aggregate_lock returns the number of an aggregate's lock. It takes all 32 bits: where two
 * aggregates share a number, transactions that write to different ones get deadlocks.
 */
uint32
aggregate_lock(const Aggregate *aggregate)
{
	text  *name = DatumGetTextPP(aggregate->name);
	uint32 hash = hash_bytes((unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	return hash_combine(hash, hash_bytes(DatumGetUUIDP(aggregate->id)->data, UUID_LEN));
}

/*
 * forget_locks starts counting anew: locks end with their transaction.
 */
static void
forget_locks(XactEvent event, void *argument)
{
	memset(locks_taken, 0, sizeof(locks_taken));
}

/*
 * may_lock_aggregates tells whether a transaction that writes to many aggregates may take
 * a number of locks more.
 */
bool
may_lock_aggregates(uint16 lock_class, int count)
{
	return locks_taken[lock_class - FIRST_LOCK_CLASS] + count <= LOCK_SHARE * max_locks_per_xact;
}

/*
 * lock_in_store waits for a lock of a store's own and keeps it until the transaction
 * ends. It is an advisory one of a class that the SQL functions for them never use.
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
