/*
 * feed_table.c
 *	  Making and dropping the feed's own table and its sequence.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/dependency.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "admin/admin.h"
#include "feed/feed.h"

#define FEED_COMMENT "feed of a store of goes_store: its id, and whether it was rewound"
#define MARK_COMMENT "up to where a feed of goes_store is settled, as its readers have found"

/*
 * create_table makes the feed's own table and returns it.
 */
static Oid
create_table(Oid schema, const char *store)
{
	char *table = ChooseRelationName(store, NULL, "feed", schema, false);
	char *name = quote_qualified_identifier(get_namespace_name(schema), table);

	execute_command(psprintf("CREATE TABLE %s (id pg_catalog.uuid PRIMARY KEY, "
							 "rewound boolean NOT NULL); COMMENT ON TABLE %s IS %s",
							 name, name, quote_literal_cstr(FEED_COMMENT)));
	return get_relname_relid(table, schema);
}

/*
 * create_mark makes the sequence of the stored mark.
 */
static void
create_mark(Oid table, const char *store)
{
	Oid	  schema = get_rel_namespace(table);
	char *name = quote_qualified_identifier(
		get_namespace_name(schema), ChooseRelationName(store, NULL, "feed_mark", schema, false));

	execute_command(psprintf("CREATE SEQUENCE %s OWNED BY %s.id; COMMENT ON SEQUENCE %s IS %s",
							 name, relation_name(table), name, quote_literal_cstr(MARK_COMMENT)));
}

/*
 * find_or_create_table returns the feed's own table, and makes it if need be. *is_new tells
 * whether it needs an id.
 */
static Oid
find_or_create_table(const FeedParts *parts, Oid events, bool *is_new)
{
	char *store = get_rel_name(events);
	Oid	  table = parts->table;

	*is_new = !OidIsValid(table);
	if (*is_new)
		table = orphaned_feed_table(events);
	if (!OidIsValid(table))
		table = create_table(get_rel_namespace(events), store);
	if (getOwnedSequences(table) == NIL)
	{
		create_mark(table, store);
		*is_new = true;
	}
	return table;
}

/*
 * make_feed_table makes the feed's own table, its sequence and the triggers, as far as they are
 * missing. It tells whether the feed needs an id.
 */
bool
make_feed_table(FunctionCallInfo fcinfo, Oid oid)
{
	Relation  events = relation_open(oid, NoLock);
	FeedParts parts = feed_parts(fcinfo, events);
	bool	  is_new;
	Oid		  table;

	relation_close(events, NoLock);
	table = find_or_create_table(&parts, oid, &is_new);
	drop_with(table, oid);
	make_feed_triggers(fcinfo, oid, table);
	return is_new;
}

/*
 * drop_feed_table drops the feed's own table with its sequence. The triggers must be gone.
 */
void
drop_feed_table(Oid table)
{
	execute_command(psprintf("DROP TABLE %s", relation_name(table)));
}
