/*
 * transaction.c
 *	  goes_in_transaction_block: would a rollback undo what this statement does?
 *
 * It is for functions that write elsewhere, such as those of examples/shards, and must refuse what
 * they could not undo. SQL has no other way to ask.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(goes_in_transaction_block);

/*
 * goes_in_transaction_block tells whether the statement is part of a transaction that goes on after
 * it, or of a subtransaction, as in a block of PL/pgSQL that catches errors.
 */
Datum
goes_in_transaction_block(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(IsTransactionBlock());
}
