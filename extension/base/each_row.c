/*
 * each_row.c
 *	  The rows of a statement one by one, as the executor makes them.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"

#include "base/base.h"

typedef struct RowUser
{
	DestReceiver  receiver; /* must be first */
	RowUse		  use;
	void		 *state;
	MemoryContext caller; /* where the use may keep what it allocates */
} RowUser;

/*
 * start_rows has nothing to do.
 */
static void
start_rows(DestReceiver *self, int operation, TupleDesc descriptor)
{
}

/*
 * use_row hands a row on, with all its columns at hand.
 */
static bool
use_row(TupleTableSlot *row, DestReceiver *self)
{
	RowUser		 *user = (RowUser *) self;
	MemoryContext executor = MemoryContextSwitchTo(user->caller);
	bool		  is_more;

	slot_getallattrs(row);
	is_more = user->use(row, user->state);
	MemoryContextSwitchTo(executor);
	return is_more;
}

/*
 * end_rows has nothing to do: the receiver is on the stack.
 */
static void
end_rows(DestReceiver *self)
{
}

/*
 * each_row runs a statement and calls a function for each of its rows. What a row's values point
 * to is good for that call only. Without a store it is a query of the catalogs.
 */
void
each_row(Store *store, const Statement *statement, int expected, RowUse use, void *state)
{
	RowUser user = {
		/* SPI takes it that nobody wants the rows of a DestNone */
		.receiver = {use_row, start_rows, end_rows, end_rows, DestTuplestore},
		.use = use,
		.state = state,
		.caller = CurrentMemoryContext,
	};

	if (store == NULL)
		execute_query(statement, &user.receiver);
	else
		(void) execute_statement(store, statement, expected, &user.receiver);
}
