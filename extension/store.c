/*
 * store.c
 *	  From a name to an opened events table.
 *
 * A store is an ordinary table, and its name is read like a regclass literal. The
 * table is locked before anything is looked at, and the lock stays until the
 * transaction ends, as for any statement on it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "goes_store.h"

/* [[catalog.]schema.]table */
#define MOST_NAME_PARTS 3

/*
 * is_part_too_long tells whether a name has a part that PostgreSQL would cut short. Two
 * long names could then stand for one table, and mix the events of two applications.
 */
static bool
is_part_too_long(const char *name)
{
	bool is_quoted = false;
	int	 length = 0;

	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			is_quoted = !is_quoted;
		else if (*name == '.' && !is_quoted)
			length = 0;
		else if (++length >= NAMEDATALEN)
			return true;
	}
	return false;
}

/*
 * split_name reads the parts of a name as SQL does; NIL if it is none. The parts
 * point into the copy of the name, which the caller frees.
 */
static List *
split_name(char *copy)
{
	List *parts;

	if (!SplitIdentifierString(copy, '.', &parts) || list_length(parts) > MOST_NAME_PARTS)
		return NIL;
	return parts;
}

/*
 * is_store_name tells whether a text can name a table at all.
 */
bool
is_store_name(const char *name)
{
	char *copy = pstrdup(name);
	List *parts = split_name(copy);
	bool  is_name = parts != NIL && !is_part_too_long(name);

	list_free(parts);
	pfree(copy);
	return is_name;
}

/*
 * store_name returns the argument store, or the setting when that is null.
 */
char *
store_name(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		return default_table;
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/*
 * store_range returns what a name stands for in the syntax of SQL.
 */
RangeVar *
store_range(const char *name)
{
	List	 *names = NIL;
	ListCell *part;

	foreach (part, split_name(pstrdup(name)))
		names = lappend(names, makeString(lfirst(part)));
	if (names == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
						errmsg("argument \"store\" is not the name of a table: \"%s\"", name),
						errhint("Write it as in SQL: events, shop.events, or \"Odd Name\" with its "
								"quotation marks.")));
	if (is_part_too_long(name))
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of the store is too long: %s", name),
				 errdetail("PostgreSQL keeps the first %d bytes of a name.", NAMEDATALEN - 1)));
	return makeRangeVarFromNameList(names);
}

/*
 * create_store_call returns what to run for a store that is missing. It is qualified
 * where search_path does not find it.
 */
char *
create_store_call(FunctionCallInfo fcinfo, const char *name)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	const char *schema = NULL;

	if (!FunctionIsVisible(function))
		schema = get_namespace_name(get_func_namespace(function));
	return psprintf("%s(%s)", quote_qualified_identifier(schema, "goes_create_store"),
					quote_literal_cstr(name));
}

/*
 * store_open locks and opens the store that an argument names, and makes sure that
 * its columns fit. A lock that keeps others from writing is for the owner: it is not even
 * waited for before that is clear, since everybody else would wait behind it.
 */
Store *
store_open(FunctionCallInfo fcinfo, int argument, LOCKMODE mode)
{
	char  *name = store_name(fcinfo, argument);
	Store *store = palloc(sizeof(Store));

	store->oid = RangeVarGetRelidExtended(
		store_range(name), mode, RVR_MISSING_OK,
		mode > RowExclusiveLock ? RangeVarCallbackOwnsRelation : NULL, NULL);
	if (!OidIsValid(store->oid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("event store \"%s\" does not exist", name),
						errhint("Run SELECT %s.", create_store_call(fcinfo, name))));
	store->relation = relation_open(store->oid, NoLock);
	if (!columns_fit(store->relation))
		report_mismatch(store->relation, schema_problems(store->relation), NULL);
	return store;
}

/*
 * store_close closes a store and keeps its lock.
 */
void
store_close(Store *store)
{
	relation_close(store->relation, NoLock);
	pfree(store);
}
