/*
 * create.c
 *	  goes_create_store and its twins for snapshots, models and subscriptions.
 *
 * Creating first looks at the table without writing and with a lock that hinders nobody. If the
 * store is sound, that is all, so it succeeds for roles that may only use the store, and on
 * standbys. Anything missing is made under a lock on the schema, one session at a time. A goes
 * application takes no such lock: if it makes the same thing at the same moment, the error here
 * is caught and the table is looked at again.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "admin/admin.h"

/* A rival makes a table and three indexes; each of these can make one attempt fail. */
#define MOST_ATTEMPTS 5

PG_FUNCTION_INFO_V1(goes_create_store);
PG_FUNCTION_INFO_V1(goes_create_snapshot_store);
PG_FUNCTION_INFO_V1(goes_create_model_store);
PG_FUNCTION_INFO_V1(goes_create_subscription_store);

/*
 * inspect_table finds a table and lists its problems; an invalid OID if there is no table.
 */
Oid
inspect_table(RangeVar *range, const StoreKind *kind, List **problems)
{
	Oid		 table = RangeVarGetRelid(range, AccessShareLock, true);
	Relation relation;

	*problems = NIL;
	if (OidIsValid(table))
	{
		relation = relation_open(table, NoLock);
		*problems = schema_problems(relation, kind);
		relation_close(relation, NoLock);
	}
	return table;
}

/*
 * grant_command returns the SQL that lets the caller create tables and indexes in a schema.
 */
char *
grant_command(Oid schema)
{
	return psprintf("GRANT CREATE ON SCHEMA %s TO %s", quote_identifier(get_namespace_name(schema)),
					quote_identifier(GetUserNameFromId(GetUserId(), false)));
}

/*
 * leave_table releases the lock of a table that was only inspected. Any role may inspect a table,
 * and must not keep its owner from altering it.
 */
void
leave_table(Oid table)
{
	UnlockRelationOid(table, AccessShareLock);
}

/*
 * who_may_add says who can add an index to a table; NULL if the caller can.
 */
static char *
who_may_add(Relation relation, const StoreKind *kind)
{
	Oid schema = RelationGetNamespace(relation);

	if (!table_is_owned_by(RelationGetRelid(relation), GetUserId()))
		return psprintf("Have its owner \"%s\" run %s or the commands in DETAIL.",
						GetUserNameFromId(relation->rd_rel->relowner, false),
						kind->create_function);
	if (!may_create_in(schema, GetUserId()))
		return psprintf(
			"Creating an index requires the privilege CREATE on schema \"%s\": have its "
			"owner run %s.",
			get_namespace_name(schema), grant_command(schema));
	return NULL;
}

/*
 * require_completable raises VE004 unless all problems are missing indexes that the caller may
 * add.
 */
static void
require_completable(Oid table, const StoreKind *kind, List *problems)
{
	Relation  relation = relation_open(table, NoLock);
	ListCell *cell;
	bool	  is_completable = true;
	char	 *hint;

	foreach (cell, problems)
		is_completable &= ((Problem *) lfirst(cell))->kind == PROBLEM_INDEX;
	hint = is_completable ? who_may_add(relation, kind) : NULL;
	if (!is_completable || hint != NULL)
	{
		explain_duplicates(relation, kind, problems);
		report_mismatch(relation, problems, hint);
	}
	relation_close(relation, NoLock);
}

/*
 * add_indexes runs the remedies of missing indexes. A table that existed before may have rows and
 * writers, so a notice tells the owner about each index.
 */
static void
add_indexes(Oid table, const StoreKind *kind, List *problems, bool is_new)
{
	ListCell *cell;

	require_completable(table, kind, problems);
	foreach (cell, problems)
	{
		Problem *problem = lfirst(cell);

		if (!is_new)
			ereport(NOTICE, (errmsg("adding index \"%s\" to table \"%s\"", problem->index_name,
									get_rel_name(table)),
							 errdetail("%s", problem->remedy),
							 errhint("Writers of the table wait until it is built.")));
		execute_command(problem->remedy);
	}
}

/*
 * creation_schema returns the schema that a new table belongs in. If there is none, or the caller
 * may not create in it, our errors say what to do; PostgreSQL's own do not.
 */
static Oid
creation_schema(RangeVar *range)
{
	const char *missing = missing_schema(range);
	Oid			schema;

	if (missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"%s\" does not exist", missing),
				 errhint("Run CREATE SCHEMA %s.", quote_identifier(missing))));
	if (range->schemaname == NULL && fetch_search_path(false) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("no schema has been selected to create table \"%s\" in", range->relname),
				 errhint(NO_SCHEMA_HINT)));
	schema = RangeVarGetCreationNamespace(range);
	if (!may_create_in(schema, GetUserId()))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to create table \"%s\" in schema \"%s\"", range->relname,
					get_namespace_name(schema)),
			 errhint("Have the schema's owner run %s, or write the table with a schema in which "
					 "you may create it.",
					 grant_command(schema))));
	return schema;
}

/*
 * keep_creation_schema returns the name of the schema that a new table belongs in, and locks it
 * against being dropped. It looks the schema up again after the wait for the lock, since the
 * schema may have been dropped meanwhile.
 */
static char *
keep_creation_schema(RangeVar *range)
{
	LockDatabaseObject(NamespaceRelationId, creation_schema(range), 0, AccessShareLock);
	return get_namespace_name(creation_schema(range));
}

/*
 * reject_without_feed raises an error for a table that cannot be of use in the schema of a tenant.
 */
static void
reject_without_feed(const StoreKind *kind, const char *schema)
{
	if (kind != &subscription_store)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg("a %s cannot be in schema \"%s\", since Citus keeps the rows of its tables "
				"elsewhere",
				kind->noun, schema),
		 errdetail("A subscription follows a feed, and the event stores of that schema have none."),
		 errhint("Choose a schema that is not distributed, for stores that have a feed.")));
}

/*
 * make_table makes a table. Citus takes over one in the schema of a tenant, but only one that a client
 * makes by a command of its own. Elsewhere it is the command of a function, since modules such as
 * pgaudit refuse another one inside of a statement.
 */
static void
make_table(const char *schema, const char *table, const StoreKind *kind)
{
	char *command = create_table_command(kind, schema, table);

	if (!is_tenant_schema(get_namespace_oid(schema, false)))
	{
		execute_command(command);
		return;
	}
	reject_without_feed(kind, schema);
	PushActiveSnapshot(GetTransactionSnapshot());
	run_at_top_level(command);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/*
 * create_or_complete makes what is missing and returns the table.
 */
static Oid
create_or_complete(RangeVar *range, const StoreKind *kind)
{
	List *problems;
	Oid	  table = inspect_table(range, kind, &problems);
	bool  is_new = !OidIsValid(table);

	if (is_new)
	{
		char *schema = keep_creation_schema(range);

		make_table(schema, range->relname, kind);
		execute_command(comment_commands(kind, schema, range->relname));
		table = inspect_table(range, kind, &problems);
	}
	add_indexes(table, kind, problems, is_new);
	return table;
}

/*
 * is_rival tells whether an error means that another session made the same thing. A violated
 * unique index then belongs to a system catalog, not to the events.
 */
static bool
is_rival(const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_DUPLICATE_TABLE:
		case ERRCODE_DUPLICATE_OBJECT:
			return true;
		case ERRCODE_UNIQUE_VIOLATION:
			return error->schema_name != NULL && strcmp(error->schema_name, "pg_catalog") == 0;
		default:
			return false;
	}
}

/*
 * report_failure raises the error that kept a table from being made or completed. It names the
 * rows that prevent an index.
 */
pg_noreturn static void
report_failure(RangeVar *range, const StoreKind *kind, ErrorData *error)
{
	List	*problems;
	Oid		 table;
	Relation relation;

	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
		ReThrowError(error);
	table = inspect_table(range, kind, &problems);
	if (OidIsValid(table))
	{
		relation = relation_open(table, NoLock);
		report_duplicates(relation, kind, problems);
		relation_close(relation, NoLock);
	}
	ReThrowError(error);
}

/*
 * try_create runs create_or_complete in a subtransaction. If a rival was faster, it undoes the
 * subtransaction and returns an invalid OID; on the last attempt it raises the error.
 */
static Oid
try_create(RangeVar *range, const StoreKind *kind, bool is_last)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Oid  table = InvalidOid;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		table = create_or_complete(range, kind);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return table;
	if (is_last || !is_rival(error))
		report_failure(range, kind, error);
	FreeErrorData(error);
	AcceptInvalidationMessages();
	return InvalidOid;
}

/*
 * reject_extension_script raises an error while an extension is being created.
 */
static void
reject_extension_script(const StoreKind *kind)
{
	if (creating_extension)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a store cannot be created while an extension script runs"),
						errdetail("The table would become a member of that extension: dumps would "
								  "lack its %s, and DROP EXTENSION would drop them.",
								  kind->contents),
						errhint("Call %s after the extension is created.", kind->create_function)));
}

/*
 * create_table makes a table of a store with its indexes, or checks the one that is there and adds
 * the indexes that it lacks.
 */
static Oid
create_table(RangeVar *range, const StoreKind *kind)
{
	List *problems;
	Oid	  table = inspect_table(range, kind, &problems);
	Oid	  schema;

	if (OidIsValid(table) && problems == NIL)
	{
		leave_table(table);
		return table;
	}
	PreventCommandIfReadOnly(psprintf("%s()", kind->create_function));
	schema = OidIsValid(table) ? get_rel_namespace(table) : creation_schema(range);
	if (OidIsValid(table))
		require_completable(table, kind, problems);
	lock_schema(schema);
	table = InvalidOid;
	for (int attempt = 1; !OidIsValid(table); attempt++)
		table = try_create(range, kind, attempt == MOST_ATTEMPTS);
	return table;
}

/*
 * create_store makes or completes the tables of a store, and returns the first.
 */
static Datum
create_store(FunctionCallInfo fcinfo, const StoreKind *kind)
{
	Oid table;

	reject_extension_script(kind);
	table = create_table(store_range(store_name(fcinfo, 0, kind), "store"), kind);
	for (kind = kind->companion; kind != NULL; kind = kind->companion)
		(void) create_table(companion_range(table, kind), kind);
	PG_RETURN_OID(table);
}

/*
 * goes_create_store makes or completes an event store.
 */
Datum
goes_create_store(PG_FUNCTION_ARGS)
{
	return create_store(fcinfo, &event_store);
}

/*
 * goes_create_snapshot_store makes or checks a snapshot store.
 */
Datum
goes_create_snapshot_store(PG_FUNCTION_ARGS)
{
	return create_store(fcinfo, &snapshot_store);
}

/*
 * goes_create_model_store makes or checks a model store.
 */
Datum
goes_create_model_store(PG_FUNCTION_ARGS)
{
	return create_store(fcinfo, &model_store);
}

/*
 * goes_create_subscription_store makes or checks a subscription store: three tables.
 */
Datum
goes_create_subscription_store(PG_FUNCTION_ARGS)
{
	return create_store(fcinfo, &subscription_store);
}
