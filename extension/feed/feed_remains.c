/*
 * feed_remains.c
 *	  What is left of a feed whose triggers were dropped.
 *
 * DROP EXTENSION … CASCADE takes the triggers, since their functions go, and leaves the tables and
 * their columns. Without the triggers the feed is off, and goes_alter_store makes it whole again. The
 * column alone says nothing: a copy of the table has it, too.
 */
#include "postgres.h"

#include "access/relation.h"
#include "commands/defrem.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "feed/feed.h"

/*
 * is_orphan tells whether a table is that of a feed whose triggers were dropped. It is locked then.
 */
static bool
is_orphan(Oid oid, Oid owner)
{
	Relation table = try_relation_open(oid, AccessShareLock);
	bool is_orphan = table != NULL && is_feed_table(table) && table->rd_rel->relowner == owner &&
					 !is_in_use(oid);

	if (table != NULL)
		relation_close(table, is_orphan ? NoLock : AccessShareLock);
	return is_orphan;
}

/*
 * orphaned_feed_table returns the table of the feed that a table of events had, locked, or an invalid
 * OID.
 */
Oid
orphaned_feed_table(Oid events)
{
	char *name = makeObjectName(get_rel_name(events), NULL, "feed");
	Oid	  table = get_relname_relid(name, get_rel_namespace(events));

	return OidIsValid(table) && is_orphan(table, table_owner(events)) ? table : InvalidOid;
}

/*
 * feed_remains says what is left of a feed that a table of events had before it lost its trigger on
 * TRUNCATE; NULL if it had none.
 */
char *
feed_remains(FunctionCallInfo fcinfo, Relation events)
{
	Oid table;

	if (find_trigger(events, trigger_function(fcinfo, wake_trigger.name)) != NULL)
		return psprintf("trigger \"%s\" of the feed is missing", truncate_trigger.name);
	table = orphaned_feed_table(RelationGetRelid(events));
	if (!OidIsValid(table))
		return NULL;
	UnlockRelationOid(table, AccessShareLock);
	return psprintf("the triggers of the feed are missing, and its table \"%s\" is there",
					get_rel_name(table));
}
