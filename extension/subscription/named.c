/*
 * named.c
 *	  The rows of a subscription, read from the key that begins with its name: most workers ask in
 *	  vain, and a statement would cost them several times as much.
 *
 * Whoever may not read all of a table, or meets one without such a key, has to run a statement.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "subscription/named.h"

/*
 * column_place returns where a column stands in a table.
 */
AttrNumber
column_place(const Store *table, const char *name)
{
	return find_column(table->relation, name)->attnum;
}

/*
 * is_key_enough tells whether an index begins with a column, and has all rows for every snapshot.
 */
static bool
is_key_enough(const Store *table, Relation index, const char *column)
{
	return !index->rd_index->indcheckxmin &&
		   index->rd_index->indkey.values[0] == column_place(table, column);
}

/*
 * can_read_named tells whether this caller can read a table by its key.
 */
bool
can_read_named(const Store *table)
{
	Oid key = primary_key(table->relation);

	return OidIsValid(key) && RelationIsPermanent(table->relation) && can_read_directly(table, key);
}

/*
 * open_key opens the index of a table's key; NULL if this caller cannot read it, or it does not begin
 * with a column. Its lock stays until the transaction ends, as a statement's would.
 */
static Relation
open_key(const Store *table, const char *column)
{
	Relation index;

	if (!can_read_named(table))
		return NULL;
	index = index_open(primary_key(table->relation), AccessShareLock);
	if (is_key_enough(table, index, column))
		return index;
	index_close(index, NoLock);
	return NULL;
}

/*
 * begin_named prepares for reading the rows whose column has a name; NULL if this caller cannot.
 */
NamedScan *
begin_named(const Store *table, const char *column, Datum name)
{
	Relation	index = open_key(table, column);
	NamedScan  *scan;
	ScanKeyData key;

	if (index == NULL)
		return NULL;
	/* as a statement would: also what this transaction has just written */
	CommandCounterIncrement();
	scan = palloc(sizeof(NamedScan));
	scan->index = index;
	scan->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	scan->row = table_slot_create(table->relation, NULL);
	scan->entries = begin_index_scan(table->relation, index, scan->snapshot, 1);
	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[0],
						   F_TEXTEQ, name);
	index_rescan(scan->entries, &key, 1, NULL, 0);
	return scan;
}

/*
 * next_named returns the next row; NULL if there is none.
 */
TupleTableSlot *
next_named(NamedScan *scan)
{
	return index_getnext_slot(scan->entries, ForwardScanDirection, scan->row) ? scan->row : NULL;
}

/*
 * end_named gives back what begin_named took, the row included.
 */
void
end_named(NamedScan *scan)
{
	index_endscan(scan->entries);
	ExecDropSingleTupleTableSlot(scan->row);
	UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, NoLock);
	pfree(scan);
}
