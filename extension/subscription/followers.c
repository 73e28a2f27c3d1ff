/*
 * followers.c
 *	  The subscriptions that follow a table of events, wherever they stand.
 *
 * Tables of subscriptions are found by their columns, and read without SQL: whoever owns the events
 * has to know who follows them, also where he may not read. Temporary tables do not count: other
 * sessions cannot read them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "subscription/subscription.h"
#include "table/kind.h"

/*
 * value_in returns the value of a column of a row, none of them null.
 */
static Datum
value_in(Relation table, TupleTableSlot *row, const char *column)
{
	bool is_null;

	return slot_getattr(row, find_column(table, column)->attnum, &is_null);
}

/*
 * add_follower adds the subscription in a row to a list.
 */
static List *
add_follower(List *followers, Relation table, TupleTableSlot *row)
{
	Follower *follower = palloc(sizeof(Follower));

	follower->table = RelationGetRelid(table);
	follower->name = TextDatumGetCString(value_in(table, row, "name"));
	follower->feed = *DatumGetUUIDP(value_in(table, row, "feed"));
	return lappend(followers, follower);
}

/*
 * add_followers adds the subscriptions in a table that follow some events to a list.
 */
static List *
add_followers(List *followers, Relation table, Oid events)
{
	Snapshot		snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc	scan = table_beginscan(table, snapshot, 0, NULL);
	TupleTableSlot *row = table_slot_create(table, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		if (DatumGetObjectId(value_in(table, row, "events")) == events)
			followers = add_follower(followers, table, row);
	}
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	return followers;
}

/*
 * find_tables returns the tables that may have subscriptions: they have a column with the id of a
 * feed.
 */
static List *
find_tables(void)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData is_feed;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *tables = NIL;

	ScanKeyInit(&is_feed, Anum_pg_attribute_attname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("feed"));
	scan = systable_beginscan(attributes, InvalidOid, false, NULL, 1, &is_feed);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute attribute = (Form_pg_attribute) GETSTRUCT(tuple);

		if (attribute->atttypid == UUIDOID)
			tables = lappend_oid(tables, attribute->attrelid);
	}
	systable_endscan(scan);
	table_close(attributes, AccessShareLock);
	return tables;
}

/*
 * role_may_read tells whether a role may read some events.
 */
static bool
role_may_read(Oid role, Oid events)
{
	return pg_class_aclcheck(events, role, ACL_SELECT) == ACLCHECK_OK ||
		   pg_attribute_aclcheck_all(events, role, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * can_follow tells whether the owner of a table may read some events. Anybody can make a table that
 * looks like one of subscriptions, and must have no say in other people's feeds, nor have them wait
 * for its locks.
 */
static bool
can_follow(Oid table, Oid events)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Form_pg_class class;
	bool can_follow;

	if (!HeapTupleIsValid(tuple))
		return false;
	class = (Form_pg_class) GETSTRUCT(tuple);
	can_follow =
		class->relpersistence != RELPERSISTENCE_TEMP && role_may_read(class->relowner, events);
	ReleaseSysCache(tuple);
	return can_follow;
}

/*
 * find_followers returns the subscriptions that follow a table of events.
 */
List *
find_followers(Oid events)
{
	List	 *followers = NIL;
	ListCell *cell;

	foreach (cell, find_tables())
	{
		Oid		 oid = lfirst_oid(cell);
		Relation table = can_follow(oid, events) ? try_relation_open(oid, AccessShareLock) : NULL;

		if (table == NULL)
			continue;
		if (columns_fit(table, &subscription_store))
			followers = add_followers(followers, table, events);
		relation_close(table, AccessShareLock);
	}
	return followers;
}

/*
 * reject_followers raises an error if a subscription follows a table of events whose feed is about
 * to be switched off.
 */
void
reject_followers(Relation events)
{
	List	 *followers = find_followers(RelationGetRelid(events));
	Follower *first;

	if (followers == NIL)
		return;
	first = linitial(followers);
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the feed of table \"%s\" cannot be switched off, since subscription "
						   "\"%s\" follows it",
						   RelationGetRelationName(events), first->name),
					errdetail("%d of them do. It stands in table %s.", list_length(followers),
							  relation_name(first->table)),
					errhint("Run SELECT goes_unsubscribe(%s, store => %s) first.",
							quote_literal_cstr(first->name),
							quote_literal_cstr(relation_name(first->table))),
					errtable(events)));
}
