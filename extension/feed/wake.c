/*
 * wake.c
 *	  Waking those who wait for events, when the transaction that has stored some commits.
 *
 * The trigger only notes the table. Just before the commit, when an error still does no more than
 * undo the transaction, those who wait for the table are looked up. After the commit their latches
 * are set, which cannot fail. A process that waits no more is woken in vain. The same way one of a
 * group is woken by a transaction that has something for it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "feed/mark.h"

PG_FUNCTION_INFO_V1(goes_feed_wake);

/* A group whose waiters wait for events of a table. */
typedef struct WaitGroup
{
	Oid	   events;
	uint32 group;
} WaitGroup;

/* They live in the transaction's memory. */
static List *written = NIL; /* the tables that the transaction has stored events in */
static List *groups = NIL;	/* of which one waiter is to be woken */
static List *waiters = NIL; /* the processes that wait for those */

/*
 * find_waiters looks up who waits for events of a table.
 */
static void
find_waiters(Oid table)
{
	LOCKTAG				  tag = waiter_tag(table, 0);
	int					  count;
	VirtualTransactionId *found = GetLockConflicts(&tag, ExclusiveLock, &count);

	for (int i = 0; i < count; i++)
	{
		PGPROC *process = transaction_process(found[i]);

		if (process != NULL)
			waiters = lappend(waiters, process);
	}
	pfree(found);
}

/*
 * find_one looks up one waiter of a group.
 */
static void
find_one(const WaitGroup *group)
{
	PGPROC *process = some_waiter(group->events, group->group);

	if (process != NULL)
		waiters = lappend(waiters, process);
}

/*
 * find_all_waiters looks up who is to be woken.
 */
static void
find_all_waiters(void)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	ListCell	 *cell;

	foreach (cell, written)
		find_waiters(lfirst_oid(cell));
	foreach (cell, groups)
		find_one(lfirst(cell));
	MemoryContextSwitchTo(caller);
}

/*
 * wake_all wakes them. It neither allocates nor fails: the transaction is committed.
 */
static void
wake_all(void)
{
	ListCell *cell;

	foreach (cell, waiters)
		SetLatch(&((PGPROC *) lfirst(cell))->procLatch);
}

/*
 * end_of_transaction wakes whoever waits for what the transaction has stored. A transaction that
 * is prepared wakes nobody, since COMMIT PREPARED may come from another session.
 */
static void
end_of_transaction(XactEvent event, void *unused)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		find_all_waiters();
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT)
		wake_all();
	written = NIL;
	groups = NIL;
	waiters = NIL;
}

/*
 * watch_transactions lets the end of each transaction be told.
 */
static void
watch_transactions(void)
{
	static bool is_registered = false;

	if (!is_registered)
		RegisterXactCallback(end_of_transaction, NULL);
	is_registered = true;
}

/*
 * note_table notes that the transaction has stored events in a table. A subtransaction that is
 * rolled back may leave such a note, which does no harm.
 */
static void
note_table(Oid table)
{
	MemoryContext caller;

	if (list_member_oid(written, table))
		return;
	watch_transactions();
	caller = MemoryContextSwitchTo(TopTransactionContext);
	written = lappend_oid(written, table);
	MemoryContextSwitchTo(caller);
}

/*
 * wake_one notes that the transaction has something for one waiter of a group.
 */
void
wake_one(Oid events, uint32 group)
{
	MemoryContext caller;
	WaitGroup	 *noted;
	ListCell	 *cell;

	foreach (cell, groups)
	{
		noted = lfirst(cell);
		if (noted->events == events && noted->group == group)
			return;
	}
	watch_transactions();
	caller = MemoryContextSwitchTo(TopTransactionContext);
	noted = palloc(sizeof(WaitGroup));
	*noted = (WaitGroup){events, group};
	groups = lappend(groups, noted);
	MemoryContextSwitchTo(caller);
}

/*
 * goes_feed_wake is the trigger that notes the table.
 */
Datum
goes_feed_wake(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = feed_trigger_data(fcinfo, &wake_trigger);

	note_table(RelationGetRelid(trigger->tg_relation));
	return PointerGetDatum(NULL);
}
