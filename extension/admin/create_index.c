/*
 * create_index.c
 *	  goes_create_index: indexes for questions that those of every store cannot answer.
 *
 * It is a procedure, because only a CALL outside of a transaction block can do what CREATE INDEX
 * CONCURRENTLY does: commit, and wait for others, several times. PostgreSQL refuses that command to
 * SPI, and so it is run as psql would have it run, with nothing of ours held meanwhile. Anywhere else
 * the index is built in the caller's transaction, and a notice says that writers wait.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_index.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "admin/admin.h"

PG_FUNCTION_INFO_V1(goes_create_index);

/*
 * The kinds, by the name that a caller uses. Rows of one name, or of one aggregate name, are then in
 * the order that sort => '{time}' asks for.
 */
static const RequiredIndex kinds[] = {
	{"goes_name_time", "name_time", false, true, 3, {"name", "time", "id"}},
	{"goes_aggregate_name_time",
	 "aggregate_name_time",
	 false,
	 true,
	 3,
	 {"aggregate_name", "time", "id"}},
	{"goes_aggregate_version", "aggregate_version", false, true, 1, {"aggregate_version"}},
};

/*
 * kind_argument returns the index of the kind that the caller names.
 */
static const RequiredIndex *
kind_argument(FunctionCallInfo fcinfo)
{
	char *name = TextDatumGetCString(required_argument(fcinfo, 0, "kind"));

	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].label, name) == 0)
			return &kinds[i];
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"kind\" must not be \"%s\"", name),
					errhint("Use name_time, aggregate_name_time or aggregate_version.")));
}

/*
 * may_commit tells whether the CALL is outside of every transaction block and function, so that its
 * transaction can be ended.
 */
static bool
may_commit(FunctionCallInfo fcinfo)
{
	CallContext *context = castNode(CallContext, fcinfo->context);

	return !context->atomic && !SPI_inside_nonatomic_context() && !IsInTransactionBlock(true);
}

/*
 * is_unfinished tells whether an index has just the columns of one of ours, and is not valid.
 */
static bool
is_unfinished(Relation relation, Oid index_oid, const RequiredIndex *index)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index found;
	bool		  is_one;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = (Form_pg_index) GETSTRUCT(tuple);
	is_one = !found->indisvalid && found->indnkeyatts == index->column_count;
	for (int i = 0; is_one && i < index->column_count; i++)
		is_one = found->indkey.values[i] == find_column(relation, index->columns[i])->attnum;
	ReleaseSysCache(tuple);
	return is_one;
}

/*
 * find_serving returns an index of the table that serves already, or an invalid OID. One that is not
 * valid raises an error: it costs as much as a valid one, and a second would cost that once more.
 */
static Oid
find_serving(Relation relation, const RequiredIndex *index)
{
	ListCell *cell;
	Oid		  serving = InvalidOid;

	foreach (cell, RelationGetIndexList(relation))
	{
		Oid	 index_oid = lfirst_oid(cell);
		bool is_strict;

		if (covers(relation, index_oid, index, &is_strict))
			serving = index_oid;
		else if (is_unfinished(relation, index_oid, index))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("index \"%s\" is not valid", get_rel_name(index_oid)),
							errdetail("Another session is building it, or was ended while it did."),
							errhint("If nobody builds it, run DROP INDEX %s, and call this again.",
									quote_qualified_identifier(
										get_namespace_name(get_rel_namespace(index_oid)),
										get_rel_name(index_oid)))));
	}
	return serving;
}

/*
 * require_owner raises an error unless the caller may add the index, before anybody is told that it is
 * added.
 */
static void
require_owner(Relation relation, const char *command)
{
	if (!table_is_owned_by(RelationGetRelid(relation), GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", RelationGetRelationName(relation)),
				 errdetail("%s;", command),
				 errhint("Have its owner \"%s\" call goes_create_index or run the command in "
						 "DETAIL.",
						 GetUserNameFromId(relation->rd_rel->relowner, false))));
}

/*
 * announce tells the caller about an index that is going to be made.
 */
static void
announce(Relation relation, const char *name, const char *command, bool is_concurrent)
{
	ereport(NOTICE,
			(errmsg("adding index \"%s\" to table \"%s\"", name, RelationGetRelationName(relation)),
			 errdetail("%s;", command),
			 is_concurrent ? 0
						   : errhint("Writers of the table wait until it is built. They do "
									 "not if goes_create_index is called outside of a "
									 "transaction block and of other functions.")));
}

/*
 * index_command returns the SQL that makes the index, or NULL if the table has one that serves. It says
 * which of the two it is.
 */
static char *
index_command(FunctionCallInfo fcinfo, const RequiredIndex *index, bool is_concurrent)
{
	Store	*store = store_open(fcinfo, 1, AccessShareLock);
	Relation relation = store->relation;
	Oid		 serving = find_serving(relation, index);
	char	*name;
	char	*command = NULL;

	if (OidIsValid(serving))
		ereport(NOTICE, (errmsg("index \"%s\" of table \"%s\" serves already",
								get_rel_name(serving), RelationGetRelationName(relation))));
	else
	{
		name = free_index_name(relation, index);
		command = psprintf("CREATE INDEX %s%s ON %s (%s)", is_concurrent ? "CONCURRENTLY " : "",
						   quote_identifier(name), qualified_name(relation), index_columns(index));
		require_owner(relation, command);
		announce(relation, name, command, is_concurrent);
	}
	store_leave(store);
	return command;
}

/*
 * run_alone runs a command that ends the transaction, as the portal of the CALL would run it. What it
 * needs has to outlive that transaction.
 */
static void
run_alone(const char *text)
{
	MemoryContext caller = MemoryContextSwitchTo(PortalContext);

	run_at_top_level(pstrdup(text));
	MemoryContextSwitchTo(caller);
}

/*
 * goes_create_index makes an index of a kind, unless the table has one that serves.
 */
Datum
goes_create_index(PG_FUNCTION_ARGS)
{
	const RequiredIndex *index = kind_argument(fcinfo);
	bool				 is_alone = may_commit(fcinfo);
	char				*command;

	PreventCommandIfReadOnly("goes_create_index()");
	command = index_command(fcinfo, index, is_alone);
	if (command == NULL)
		PG_RETURN_VOID();
	if (is_alone)
		run_alone(command);
	else
		execute_command(command);
	PG_RETURN_VOID();
}
