/*
 * distributed.c
 *	  Tables whose rows are not in them: Citus keeps those of a tenant in a table of its own, the
 *	  shard, on one node, and has every node send there what is asked of the table by that name.
 *
 * All statements find the rows. What looks into the table itself, such as an index that is read
 * directly or a trigger, finds it empty.
 *
 * The extension does not depend on Citus. Its catalogs are looked up by name in pg_catalog, where
 * nobody else may create a table; where there is none, that is one negative entry in a cache. Even that
 * is not asked where the planner has no hook, without which no statement goes elsewhere.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "optimizer/planner.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "table/table.h"

/* how a session begins its application_name in which Citus runs what came to another node */
#define SENT_NAME "citus_internal gpid="

static const char nodes_text[] =
	"SELECT node.nodename, node.nodeport FROM pg_catalog.pg_dist_shard AS shard "
	"JOIN pg_catalog.pg_dist_placement AS placement "
	"ON placement.shardid OPERATOR(pg_catalog.=) shard.shardid "
	"JOIN pg_catalog.pg_dist_node AS node "
	"ON node.groupid OPERATOR(pg_catalog.=) placement.groupid "
	"WHERE shard.logicalrelid OPERATOR(pg_catalog.=) $1 "
	"AND node.noderole OPERATOR(pg_catalog.=) 'primary' ORDER BY 1, 2";

/*
 * leading_index returns an index that begins with the first column of a catalog; an invalid OID if
 * there is none.
 */
static Oid
leading_index(Relation catalog)
{
	List	 *indexes = RelationGetIndexList(catalog);
	ListCell *cell;
	Oid		  found = InvalidOid;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indkey.values[0] == 1 && RelationGetIndexPredicate(index) == NIL)
			found = RelationGetRelid(index);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/*
 * is_listed tells whether a catalog of Citus has a row for an object, whose OID is in its first column.
 */
static bool
is_listed(Oid catalog_oid, Oid object)
{
	Relation	catalog = table_open(catalog_oid, AccessShareLock);
	Oid			index = leading_index(catalog);
	ScanKeyData key;
	SysScanDesc scan;
	bool		is_found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(catalog, index, OidIsValid(index), NULL, 1, &key);
	is_found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_found;
}

/*
 * citus_catalog returns a catalog of Citus; an invalid OID where statements do not go elsewhere.
 */
static Oid
citus_catalog(const char *name)
{
	return planner_hook == NULL ? InvalidOid : get_relname_relid(name, PG_CATALOG_NAMESPACE);
}

/*
 * is_distributed tells whether a table's rows are elsewhere. The table is locked, and so it stays
 * that way.
 */
bool
is_distributed(Oid table)
{
	Oid catalog = citus_catalog("pg_dist_partition");

	return OidIsValid(catalog) && is_listed(catalog, table);
}

/*
 * is_tenant_schema tells whether the rows of tables that are created in a schema will be elsewhere.
 */
bool
is_tenant_schema(Oid schema)
{
	Oid catalog = citus_catalog("pg_dist_schema");

	return OidIsValid(catalog) && is_listed(catalog, schema);
}

/*
 * is_sent_by_citus tells whether the statement came to another node, which has sent it here, because the
 * rows of a table in it are here. Then search_path is not the caller's.
 */
bool
is_sent_by_citus(void)
{
	return planner_hook != NULL && application_name != NULL &&
		   strncmp(application_name, SENT_NAME, strlen(SENT_NAME)) == 0;
}

/*
 * tell_node tells the caller about one node.
 */
static bool
tell_node(TupleTableSlot *row, void *table)
{
	ereport(NOTICE,
			(errmsg("Citus keeps the rows of table \"%s\" on node %s:%d",
					RelationGetRelationName((Relation) table),
					TextDatumGetCString(row->tts_values[0]), DatumGetInt32(row->tts_values[1])),
			 errhint("Calls take least over a connection to that node.")));
	return true;
}

/*
 * tell_rows_elsewhere tells the caller where the rows of a table are, if that is elsewhere.
 */
void
tell_rows_elsewhere(Relation table)
{
	Parameter parameter = {REGCLASSOID, ObjectIdGetDatum(RelationGetRelid(table))};
	Statement query = {.text = nodes_text, .parameters = &parameter, .parameter_count = 1};

	if (is_distributed(RelationGetRelid(table)))
		each_row(NULL, &query, SPI_OK_SELECT, tell_node, table);
}

/*
 * require_rows_here raises an error for something that needs the rows of a table in the table itself.
 */
void
require_rows_here(Relation table, const char *what, const char *detail, const char *hint)
{
	if (is_distributed(RelationGetRelid(table)))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("table \"%s\" cannot have %s, since Citus keeps its rows elsewhere",
							   RelationGetRelationName(table), what),
						errdetail_internal("%s", detail), errhint("%s", hint), errtable(table)));
}
