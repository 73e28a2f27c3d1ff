/*
 * feed_row.c
 *	  The row of <store>_feed: the feed's id, and whether it was rewound.
 *
 * Whoever may read the events may follow them, and whoever may truncate their table rewinds the
 * feed, so neither needs privileges on the feed's own table.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "feed/feed.h"

/*
 * is_feed_table tells whether a table can hold the row of a feed.
 */
bool
is_feed_table(Relation table)
{
	Form_pg_attribute id = find_column(table, "id");
	Form_pg_attribute rewound = find_column(table, "rewound");

	return table->rd_rel->relkind == RELKIND_RELATION && id != NULL && id->atttypid == UUIDOID &&
		   rewound != NULL && rewound->atttypid == BOOLOID;
}

/*
 * copy_row copies the row from its place in the table; false if it has a null.
 */
static bool
copy_row(Relation table, TupleTableSlot *slot, pg_uuid_t *id, bool *is_rewound)
{
	bool  is_null[2];
	Datum id_value = slot_getattr(slot, find_column(table, "id")->attnum, &is_null[0]);
	Datum rewound = slot_getattr(slot, find_column(table, "rewound")->attnum, &is_null[1]);

	if (is_null[0] || is_null[1])
		return false;
	*id = *DatumGetUUIDP(id_value);
	*is_rewound = DatumGetBool(rewound);
	return true;
}

/*
 * find_row finds the row as last committed; false if there is none.
 */
static bool
find_row(Relation table, pg_uuid_t *id, bool *is_rewound)
{
	Snapshot		snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc	scan = table_beginscan(table, snapshot, 0, NULL);
	bool			is_there = table_scan_getnextslot(scan, ForwardScanDirection, slot) &&
					copy_row(table, slot, id, is_rewound);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return is_there;
}

/*
 * read_feed_row reads the row; false if the table does not have it. The lock on the table goes at
 * once: the caller's lock on the events keeps the table from being dropped.
 */
bool
read_feed_row(Oid oid, pg_uuid_t *id, bool *is_rewound)
{
	Relation table = relation_open(oid, AccessShareLock);
	bool	 is_there = is_feed_table(table) && find_row(table, id, is_rewound);

	relation_close(table, AccessShareLock);
	return is_there;
}

/*
 * replace_row gives the feed a new id.
 */
static void
replace_row(Relation table, bool is_rewound)
{
	Store	  store = {RelationGetRelid(table), table, RowExclusiveLock, NULL, false};
	Parameter rewound = {BOOLOID, BoolGetDatum(is_rewound)};
	Statement remove = {.text = "DELETE FROM %s"};
	Statement add = {.text = "INSERT INTO %s (id, rewound) "
							 "VALUES (pg_catalog.gen_random_uuid(), $1)",
					 .parameters = &rewound,
					 .parameter_count = 1};

	execute_statement(&store, &remove, SPI_OK_DELETE, NULL);
	execute_statement(&store, &add, SPI_OK_INSERT, NULL);
}

/*
 * write_feed_row gives the feed a new id, and notes whether it was rewound. It acts for the
 * table's owner, who must be that of the events: nobody else could then have it write to a table
 * of somebody's by naming that in a trigger.
 */
void
write_feed_row(Oid oid, bool is_rewound)
{
	Relation table = table_open(oid, RowExclusiveLock);
	Oid		 caller;
	int		 context;

	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(table->rd_rel->relowner,
						   context | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	replace_row(table, is_rewound);
	SetUserIdAndSecContext(caller, context);
	table_close(table, NoLock);
}
