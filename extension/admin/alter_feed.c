/*
 * alter_feed.c
 *	  goes_alter_store(feed => …): making the parts of a feed, and taking them away again.
 *
 * Each part that is there is kept, so a second call changes nothing, and a column that was made
 * beforehand, without keeping writers waiting, is adopted. The parts belong to the owner of the
 * table of events, whoever calls.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "admin/admin.h"
#include "feed/feed.h"
#include "subscription/subscription.h"

#define POSITION_COMMENT "place in the feed: drawn by the server, and where a reader goes on from"

/*
 * needs_column tells whether the column of positions has to be made, or made fit. Nobody can read
 * the table meanwhile.
 */
static bool
needs_column(Relation events)
{
	Form_pg_attribute column = find_column(events, POSITION_COLUMN);

	return column == NULL || column->attidentity != ATTRIBUTE_IDENTITY_ALWAYS;
}

/*
 * feed_lock returns the lock on the table of events that switching its feed on needs.
 */
LOCKMODE
feed_lock(FunctionCallInfo fcinfo, int argument)
{
	Store	*store = store_open(fcinfo, argument, AccessShareLock);
	LOCKMODE lock = needs_column(store->relation) ? AccessExclusiveLock : ShareRowExclusiveLock;

	store_leave(store);
	return lock;
}

/*
 * reject_impermanent raises an error for a table whose rows are not there for everybody, or not
 * after a crash.
 */
static void
reject_impermanent(Relation events)
{
	bool is_temporary = events->rd_rel->relpersistence == RELPERSISTENCE_TEMP;

	if (events->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("table \"%s\" cannot have a feed, since it is %s",
					RelationGetRelationName(events), is_temporary ? "temporary" : "unlogged"),
			 is_temporary
				 ? errhint("Use a permanent table.")
				 : errhint("Make it permanent: ALTER TABLE %s SET LOGGED.", qualified_name(events)),
			 errtable(events)));
}

/*
 * reject_other_storage raises an error for a table that is not a heap.
 */
static void
reject_other_storage(Relation events)
{
	if (events->rd_rel->relam == HEAP_TABLE_AM_OID)
		return;
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("table \"%s\" cannot have a feed, since its access method is not heap",
						   RelationGetRelationName(events)),
					errdetail("A feed has to see what is not committed."),
					errhint("Run ALTER TABLE %s SET ACCESS METHOD heap.", qualified_name(events)),
					errtable(events)));
}

/*
 * reject_undecided raises VE004 if something about the table has to be decided by a person.
 */
static void
reject_undecided(FunctionCallInfo fcinfo, Relation events)
{
	FeedParts parts = feed_parts(fcinfo, events);
	List	 *undecided = NIL;
	ListCell *cell;

	foreach (cell, feed_part_problems(fcinfo, events, &parts))
	{
		if (((Problem *) lfirst(cell))->remedy == NULL)
			undecided = lappend(undecided, lfirst(cell));
	}
	if (undecided != NIL)
		report_mismatch(events, undecided, NULL);
	if (OidIsValid(parts.table))
		require_same_owner(events, &parts);
}

/*
 * announce tells the owner what keeps others waiting, if the table has rows.
 */
static void
announce(Relation events, const char *part, const char *hint)
{
	if (RelationGetNumberOfBlocks(events) > 0)
		ereport(NOTICE, (errmsg("adding %s to table \"%s\"", part, RelationGetRelationName(events)),
						 errhint("%s", hint)));
}

/*
 * add_column adds the column of positions.
 */
static void
add_column(FunctionCallInfo fcinfo, Relation events)
{
	Oid oid = RelationGetRelid(events);

	announce(events, "column \"position\"",
			 "Readers and writers of the table wait until it is rewritten. For a large store in "
			 "use, docs/feed.md has a way without that.");
	relation_close(events, NoLock);
	add_position_column(fcinfo, oid);
	execute_command(psprintf("COMMENT ON COLUMN %s.\"position\" IS %s", relation_name(oid),
							 quote_literal_cstr(POSITION_COMMENT)));
}

/*
 * complete_column makes a column of positions that is there fit.
 */
static void
complete_column(Relation events)
{
	Form_pg_attribute column = find_column(events, POSITION_COLUMN);
	StringInfoData	  command;

	initStringInfo(&command);
	appendStringInfo(&command, "ALTER TABLE %s", qualified_name(events));
	if (!column->attnotnull)
		appendStringInfoString(&command, " ALTER COLUMN \"position\" SET NOT NULL,");
	if (column->atthasdef)
		appendStringInfoString(&command, " ALTER COLUMN \"position\" DROP DEFAULT,");
	appendStringInfo(&command, " ALTER COLUMN \"position\" %s GENERATED ALWAYS%s",
					 column->attidentity == '\0' ? "ADD" : "SET",
					 column->attidentity == '\0' ? " AS IDENTITY" : "");
	relation_close(events, NoLock);
	execute_command(command.data);
}

/*
 * make_column makes the column of positions, or makes one that is there fit. It tells whether it
 * had to: then positions may have been given out in some other way.
 */
static bool
make_column(FunctionCallInfo fcinfo, Oid oid)
{
	Relation events = relation_open(oid, NoLock);
	bool	 is_needed = needs_column(events);

	if (!is_needed)
		relation_close(events, NoLock);
	else if (find_column(events, POSITION_COLUMN) == NULL)
		add_column(fcinfo, events);
	else
		complete_column(events);
	return is_needed;
}

/*
 * make_index makes the unique index on positions.
 */
static void
make_index(FunctionCallInfo fcinfo, Oid oid)
{
	Relation events = relation_open(oid, NoLock);
	bool	 has_index = OidIsValid(feed_parts(fcinfo, events).index);
	char	*command = psprintf("CREATE UNIQUE INDEX %s ON %s (\"position\")",
								quote_identifier(free_index_name(events, &position_index)),
								qualified_name(events));

	if (!has_index)
		announce(events, "an index on \"position\"",
				 "Writers of the table wait until it is built.");
	relation_close(events, NoLock);
	if (!has_index)
		execute_command(command);
}

/*
 * mend_sequence makes the sequence give positions one after the other, above those that are there.
 */
static void
mend_sequence(Oid sequence, int64 stored)
{
	int64 drawn = last_drawn(sequence);
	char *name = relation_name(sequence);

	if (get_rel_persistence(sequence) != RELPERSISTENCE_PERMANENT)
		execute_command(psprintf("ALTER SEQUENCE %s SET LOGGED", name));
	if (drawn < stored || !has_feed_sequence(sequence))
		execute_command(psprintf("ALTER SEQUENCE %s INCREMENT BY 1 MINVALUE 1 NO MAXVALUE "
								 "START WITH 1 CACHE 1 NO CYCLE RESTART WITH " INT64_FORMAT,
								 name, Max(drawn, stored) + 1));
}

/*
 * reject_closed_schema raises an error if the owner of the events may not create in their schema,
 * and has to.
 */
static void
reject_closed_schema(FunctionCallInfo fcinfo, Oid oid)
{
	Relation  events = relation_open(oid, NoLock);
	Oid		  schema = RelationGetNamespace(events);
	FeedParts parts = feed_parts(fcinfo, events);

	relation_close(events, NoLock);
	if ((OidIsValid(parts.index) && OidIsValid(parts.mark)) || may_create_in(schema, GetUserId()))
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied to create the feed of table \"%s\" in schema \"%s\"",
						   get_rel_name(oid), get_namespace_name(schema)),
					errhint("Have the schema's owner run %s.", grant_command(schema))));
}

/*
 * switch_on makes the parts of a feed that are missing. A feed that was rewound starts anew.
 */
static void
switch_on(FunctionCallInfo fcinfo, Oid oid)
{
	Relation  events;
	FeedParts parts;
	int64	  stored;
	bool	  is_new;

	reject_closed_schema(fcinfo, oid);
	is_new = make_column(fcinfo, oid);
	make_index(fcinfo, oid);
	is_new |= make_feed_table(fcinfo, oid);
	events = relation_open(oid, NoLock);
	parts = feed_parts(fcinfo, events);
	stored = last_position(events, &parts);
	relation_close(events, NoLock);
	mend_sequence(parts.sequence, stored);
	if (is_new || is_feed_rewound(&parts))
		reset_feed(&parts);
}

/*
 * switch_off takes the parts of a feed away. What bears their names without being part of a feed
 * stays.
 */
static void
switch_off(FunctionCallInfo fcinfo, Oid oid)
{
	Relation  events = relation_open(oid, NoLock);
	FeedParts parts = feed_parts(fcinfo, events);
	char	 *table = qualified_name(events);

	if (OidIsValid(parts.table))
		require_same_owner(events, &parts);
	if (!parts.is_on)
	{
		relation_close(events, NoLock);
		return;
	}
	reject_followers(events);
	relation_close(events, NoLock);
	drop_feed_triggers(fcinfo, oid);
	if (OidIsValid(parts.table))
		drop_feed_table(parts.table);
	if (OidIsValid(parts.sequence))
		execute_command(psprintf("ALTER TABLE %s DROP COLUMN \"position\"", table));
}

/*
 * reject_unfit raises an error for a table that cannot have a feed.
 */
static void
reject_unfit(FunctionCallInfo fcinfo, Oid oid)
{
	Relation events = relation_open(oid, NoLock);

	require_rows_here(
		events, "a feed",
		"The sequence of a feed and the locks of its writers are those of one server, "
		"and the rows are written from all nodes.",
		"Look for new events with goes_query(), or take the tables of the tenant out "
		"of Citus: SELECT citus_schema_undistribute(…).");
	reject_impermanent(events);
	reject_other_storage(events);
	reject_relatives(events, "feed");
	reject_undecided(fcinfo, events);
	relation_close(events, NoLock);
}

/*
 * reject_old_snapshot raises an error in a transaction that may not see all events that are there.
 */
static void
reject_old_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a feed cannot be switched on at isolation level %s",
						XactIsoLevel == XACT_SERIALIZABLE ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errhint("Use READ COMMITTED.")));
}

/*
 * alter_feed switches the feed of a table on or off. The table is locked, but must not be open.
 */
void
alter_feed(FunctionCallInfo fcinfo, Oid events, bool is_on)
{
	Oid caller;
	int context;

	if (is_on)
	{
		reject_old_snapshot();
		reject_unfit(fcinfo, events);
	}
	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(table_owner(events),
						   context | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	if (is_on)
		switch_on(fcinfo, events);
	else
		switch_off(fcinfo, events);
	SetUserIdAndSecContext(caller, context);
}
