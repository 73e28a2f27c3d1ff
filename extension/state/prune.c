/*
 * prune.c
 *	  Removing the snapshots that newer ones have made superfluous.
 *
 * A cursor over the whole table returns the places (ctid) of those rows. They are removed in
 * batches of one statement each, so memory does not grow with the table. Pruning never waits: a
 * row that another transaction has locked is left for the next time, and one that was replaced
 * meanwhile is no longer at its place. A place cannot pass to another row while the cursor is
 * open, since its snapshot keeps VACUUM from reusing it. Where the rows are elsewhere, no snapshot lasts
 * from one statement to the next, so all of them are removed by one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "table/table.h"

PG_FUNCTION_INFO_V1(goes_snapshot_prune);

#define BATCH 10000

/* ONLY, because a ctid identifies a row in one table, and child tables have rows of their own. */
#define SUPERFLUOUS                                                                       \
	"SELECT ctid FROM (SELECT ctid, pg_catalog.row_number() OVER "                        \
	"(PARTITION BY aggregate_name, aggregate_id ORDER BY aggregate_version DESC) AS age " \
	"FROM ONLY %s) AS snapshots WHERE age OPERATOR(pg_catalog.>) $1"

#define REMOVE(places)                                                        \
	"DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("       \
	"SELECT ctid FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY (" places \
	") FOR UPDATE SKIP LOCKED))"

static const char superfluous_text[] = SUPERFLUOUS;
static const char remove_text[] = REMOVE("$1");
static const char remove_all_text[] = REMOVE("ARRAY(" SUPERFLUOUS ")");

/*
 * remove_batch removes the next superfluous snapshots and adds their number; false if
 * there were none.
 */
static bool
remove_batch(Store *store, const char *portal, int64 *removed)
{
	ArrayType *places = fetch_list(portal, BATCH);
	Parameter  parameter = {TIDARRAYOID, PointerGetDatum(places)};
	Statement  statement = kept_statement(remove_text, &parameter, 1);

	if (places == NULL)
		return false;
	*removed += (int64) execute_statement(store, &statement, SPI_OK_DELETE, NULL);
	return true;
}

/*
 * remove_superfluous removes all but the newest snapshots of every aggregate and returns
 * how many it removed.
 */
static int64
remove_superfluous(Store *store, Datum keep)
{
	Parameter	  parameter = {INT8OID, keep};
	Statement	  statement = {.text = superfluous_text,
							   .parameters = &parameter,
							   .parameter_count = 1,
							   .cursor_options = CURSOR_OPT_NO_SCROLL,
							   .is_fresh = true};
	char		 *portal = open_portal(store, &statement, NULL);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "goes_store batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	int64		  removed = 0;

	while (remove_batch(store, portal, &removed))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	close_portal(portal);
	return removed;
}

/*
 * remove_elsewhere does what remove_superfluous does, where the rows are elsewhere.
 */
static int64
remove_elsewhere(Store *store, Datum keep)
{
	Parameter parameter = {INT8OID, keep};
	Statement statement = kept_statement(remove_all_text, &parameter, 1);

	return (int64) execute_statement(store, &statement, SPI_OK_DELETE, NULL);
}

/*
 * goes_snapshot_prune removes all snapshots but the newest of every aggregate, of each as many as
 * the argument keep says, and returns how many it removed.
 */
Datum
goes_snapshot_prune(PG_FUNCTION_ARGS)
{
	int32  keep = DatumGetInt32(required_argument(fcinfo, 0, "keep"));
	Datum  most = Int64GetDatum(keep);
	Store *store;
	int64  removed;

	if (keep < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"keep\" must not be negative: %d", keep),
				 errhint("It says how many snapshots of an aggregate stay; 0 removes all.")));
	store = store_open_kind(fcinfo, 1, &snapshot_store, RowExclusiveLock);
	/* even if nothing is superfluous and no DELETE runs */
	require_privileges(store, ACL_SELECT | ACL_DELETE);
	removed =
		store->is_distributed ? remove_elsewhere(store, most) : remove_superfluous(store, most);
	store_close(store);
	PG_RETURN_INT64(removed);
}
