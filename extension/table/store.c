/*
 * store.c
 *	  From a name to the opened table of a store.
 *
 * A store is an ordinary table, and its name is read like a regclass literal. The
 * table is locked before anything is looked at, and the lock stays until the
 * transaction ends, as for any statement on it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "table/kind.h"

/* [[catalog.]schema.]table */
#define MOST_NAME_PARTS 3

/*
 * split_name reads the parts of a name as SQL does; NIL if it is not a name. SQL does not allow
 * empty identifiers, but PostgreSQL's function does. The parts point into the copy of the name,
 * which the caller frees.
 */
static List *
split_name(char *copy)
{
	List	 *parts;
	ListCell *part;

	if (!SplitIdentifierString(copy, '.', &parts) || list_length(parts) > MOST_NAME_PARTS)
		return NIL;
	foreach (part, parts)
	{
		if (*(char *) lfirst(part) == '\0')
			return NIL;
	}
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
	bool  is_name = parts != NIL;

	list_free(parts);
	pfree(copy);
	return is_name;
}

/*
 * is_name_cut tells whether PostgreSQL would truncate a part of a name. Two long names could then
 * stand for one table and mix the rows of two applications. SplitGUCList splits by the same
 * rules, but does not truncate.
 */
bool
is_name_cut(const char *name)
{
	char	 *copy;
	List	 *parts;
	ListCell *part;
	bool	  is_cut = false;

	if (strlen(name) < NAMEDATALEN)
		return false;
	copy = pstrdup(name);
	(void) SplitGUCList(copy, '.', &parts);
	foreach (part, parts)
		is_cut |= strlen(lfirst(part)) >= NAMEDATALEN;
	list_free(parts);
	pfree(copy);
	return is_cut;
}

/*
 * store_name returns the argument store. If that is null it returns the default of the kind,
 * which for events is a setting.
 */
char *
store_name(FunctionCallInfo fcinfo, int argument, const StoreKind *kind)
{
	if (PG_ARGISNULL(argument))
		return *kind->default_name;
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/*
 * store_range parses a name as SQL does. An error says which argument it was.
 */
RangeVar *
store_range(const char *name, const char *argument_name)
{
	List	 *names = NIL;
	ListCell *part;

	foreach (part, split_name(pstrdup(name)))
		names = lappend(names, makeString(lfirst(part)));
	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("argument \"%s\" is not the name of a table: \"%s\"", argument_name, name),
				 errhint(NAME_HINT)));
	if (is_name_cut(name))
		reject_cut_name(argument_name, name);
	return makeRangeVarFromNameList(names);
}

/*
 * missing_schema returns the schema in a table's name if that schema does not exist; otherwise
 * NULL.
 */
const char *
missing_schema(const RangeVar *range)
{
	const char *schema = range->schemaname;

	if (schema == NULL || strcmp(schema, "pg_temp") == 0 ||
		OidIsValid(get_namespace_oid(schema, true)))
		return NULL;
	return schema;
}

/*
 * create_store_commands returns the SQL that creates a missing store; NULL if a person has to
 * choose a schema first. The function's name is qualified if search_path does not find it.
 */
char *
create_store_commands(FunctionCallInfo fcinfo, const StoreKind *kind, const char *name)
{
	RangeVar   *range = store_range(name, "store");
	Oid			function = fcinfo->flinfo->fn_oid;
	const char *schema = NULL;
	const char *missing = missing_schema(range);
	char	   *command;

	if (range->schemaname == NULL && fetch_search_path(false) == NIL)
		return NULL;
	if (!FunctionIsVisible(function))
		schema = function_schema(fcinfo);
	command = psprintf("SELECT %s(%s)", quote_qualified_identifier(schema, kind->create_function),
					   quote_literal_cstr(name));
	if (missing == NULL)
		return command;
	return psprintf("CREATE SCHEMA %s; %s", quote_identifier(missing), command);
}

/*
 * require_owner raises an error unless the caller owns the table that is about to be locked.
 */
static void
require_owner(const RangeVar *range, Oid table, Oid old_table, void *argument)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid		  owner;

	/* none of that name, or no longer */
	if (!HeapTupleIsValid(tuple))
		return;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (!table_is_owned_by(table, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table \"%s\"", range->relname),
				 errhint("Have its owner \"%s\" do this, or SET ROLE to that role if you are a "
						 "member of it.",
						 GetUserNameFromId(owner, false))));
	RangeVarCallbackOwnsRelation(range, table, old_table, argument);
}

/*
 * store_require_columns raises VE004 unless a store is an ordinary table with the columns of its
 * kind.
 */
void
store_require_columns(Store *store)
{
	if (!columns_fit(store->relation, store->kind))
		report_mismatch(store->relation, schema_problems(store->relation, store->kind), NULL);
}

/*
 * open_locked makes a store of a table that is open, and checks that its columns fit.
 */
static Store *
open_locked(Relation relation, const StoreKind *kind, LOCKMODE mode)
{
	Store *store = palloc(sizeof(Store));

	store->oid = RelationGetRelid(relation);
	store->relation = relation;
	store->lock = mode;
	store->kind = kind;
	store->is_distributed = is_distributed(store->oid);
	store_require_columns(store);
	return store;
}

/*
 * open_range locks and opens a table, and checks that its columns fit; NULL if there is none of
 * that name. Only the owner may take a lock that keeps others from writing. That is checked before
 * waiting for the lock, since everybody else would wait behind it.
 */
static Store *
open_range(RangeVar *range, const StoreKind *kind, LOCKMODE mode)
{
	Oid table = RangeVarGetRelidExtended(range, mode, RVR_MISSING_OK,
										 mode > RowExclusiveLock ? require_owner : NULL, NULL);

	if (!OidIsValid(table))
		return NULL;
	return open_locked(relation_open(table, NoLock), kind, mode);
}

/*
 * store_find opens the store that an argument names; NULL if there is no such table.
 */
Store *
store_find(FunctionCallInfo fcinfo, int argument, const char *argument_name, const StoreKind *kind,
		   LOCKMODE mode)
{
	return open_range(store_range(store_name(fcinfo, argument, kind), argument_name), kind, mode);
}

/*
 * store_open_oid opens a store by the OID of its table; NULL if there is none.
 */
Store *
store_open_oid(Oid table, const StoreKind *kind, LOCKMODE mode)
{
	Relation relation = try_relation_open(table, mode);

	return relation == NULL ? NULL : open_locked(relation, kind, mode);
}

/*
 * companion_range returns the name of a further table of a store, which stands beside the first.
 */
RangeVar *
companion_range(Oid table, const StoreKind *kind)
{
	char *name = get_rel_name(table);

	if (name == NULL)
		elog(ERROR, "the table of a store was dropped while it was being used");
	name = psprintf("%s%s", name, kind->suffix);
	if (is_name_cut(name))
		reject_cut_name("store", name);
	return makeRangeVar(get_namespace_name(get_rel_namespace(table)), name, -1);
}

/*
 * store_open_companion opens a further table of a store, which is locked.
 */
Store *
store_open_companion(const Store *store, const StoreKind *kind, LOCKMODE mode)
{
	RangeVar *range = companion_range(store->oid, kind);
	Store	 *companion = open_range(range, kind, mode);

	if (companion == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("%s \"%s\" does not exist", kind->noun, range->relname),
						errhint("Run SELECT %s(%s).", kind->create_function,
								quote_literal_cstr(qualified_name(store->relation)))));
	return companion;
}

/*
 * store_open_kind opens the store that the argument store names. Its table must exist.
 */
Store *
store_open_kind(FunctionCallInfo fcinfo, int argument, const StoreKind *kind, LOCKMODE mode)
{
	Store *store = store_find(fcinfo, argument, "store", kind, mode);
	char  *name;
	char  *commands;

	if (store != NULL)
		return store;
	name = store_name(fcinfo, argument, kind);
	commands = create_store_commands(fcinfo, kind, name);
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("%s \"%s\" does not exist", kind->noun, name),
		 is_sent_by_citus()
			 ? errhint("Call it in a statement that names no table of a tenant. Citus runs this "
					   "one on the node that has the rows, with another search_path.")
		 : commands == NULL ? errhint(NO_SCHEMA_HINT)
							: errhint("Run %s.", commands)));
}

/*
 * store_open opens an event store.
 */
Store *
store_open(FunctionCallInfo fcinfo, int argument, LOCKMODE mode)
{
	return store_open_kind(fcinfo, argument, &event_store, mode);
}

/*
 * store_require_key raises VE004 if a store lacks its key, for statements that depend on it.
 */
void
store_require_key(Store *store)
{
	if (!has_key(store->relation, store->kind))
		report_mismatch(store->relation, schema_problems(store->relation, store->kind), NULL);
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

/*
 * store_leave closes a store that was not used and releases its lock, since no statement has
 * checked that the caller may hold one.
 */
void
store_leave(Store *store)
{
	relation_close(store->relation, store->lock);
	pfree(store);
}
