/*
 * feed_dependency.c
 *	  What depends on the feed's own table, and what that depends on.
 *
 * The table goes when the table of events is dropped. goes_alter_store has that recorded; a dump
 * does not keep it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_trigger.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "feed/feed.h"

/*
 * begin_dependencies starts reading the dependencies of an object, or those on it.
 */
static SysScanDesc
begin_dependencies(Relation catalog, bool are_on_it, Oid object)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], are_on_it ? Anum_pg_depend_refclassid : Anum_pg_depend_classid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], are_on_it ? Anum_pg_depend_refobjid : Anum_pg_depend_objid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	return systable_beginscan(catalog, are_on_it ? DependReferenceIndexId : DependDependerIndexId,
							  true, NULL, 2, keys);
}

/*
 * goes_with tells whether a table is dropped with another one.
 */
bool
goes_with(Oid table, Oid other)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	SysScanDesc scan = begin_dependencies(catalog, false, table);
	HeapTuple	tuple;
	bool		is_found = false;

	while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend dependency = (Form_pg_depend) GETSTRUCT(tuple);

		is_found = dependency->refclassid == RelationRelationId && dependency->refobjid == other;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_found;
}

/*
 * is_in_use tells whether a trigger needs a table.
 */
bool
is_in_use(Oid table)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	SysScanDesc scan = begin_dependencies(catalog, true, table);
	HeapTuple	tuple;
	bool		is_found = false;

	while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		is_found = ((Form_pg_depend) GETSTRUCT(tuple))->classid == TriggerRelationId;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_found;
}

/*
 * drop_with makes a table go when another one is dropped. A dump does not have that.
 */
void
drop_with(Oid table, Oid other)
{
	ObjectAddress depender;
	ObjectAddress referenced;

	if (goes_with(table, other))
		return;
	ObjectAddressSet(depender, RelationRelationId, table);
	ObjectAddressSet(referenced, RelationRelationId, other);
	recordDependencyOn(&depender, &referenced, DEPENDENCY_AUTO);
	CommandCounterIncrement();
}
