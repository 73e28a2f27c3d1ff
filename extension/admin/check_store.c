/*
 * check_store.c
 *	  goes_check_store: what is wrong with a store, and what mends it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "admin/admin.h"

PG_FUNCTION_INFO_V1(goes_check_store);

/*
 * put_problem adds a row to the answer of goes_check_store.
 */
static void
put_problem(ReturnSetInfo *result, const char *text, const char *remedy)
{
	Datum values[2] = {CStringGetTextDatum(text)};
	bool  nulls[2] = {false, remedy == NULL};

	if (remedy != NULL)
		values[1] = CStringGetTextDatum(remedy);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * put_missing adds the row for an event store that does not exist.
 */
static void
put_missing(FunctionCallInfo fcinfo, const char *name)
{
	char *commands = create_store_commands(fcinfo, &event_store, name);

	put_problem((ReturnSetInfo *) fcinfo->resultinfo,
				psprintf("event store \"%s\" does not exist%s", name,
						 commands == NULL ? ", and there is no schema to create it in" : ""),
				commands == NULL ? NULL : psprintf("%s;", commands));
}

/*
 * explain adds to a table's problems what can be seen only in its rows.
 */
static void
explain(Oid table, const StoreKind *kind, List *problems)
{
	Relation relation = relation_open(table, NoLock);

	explain_duplicates(relation, kind, problems);
	relation_close(relation, NoLock);
}

/*
 * more_problems lists what is wrong beside the table itself, and tells where its rows are.
 */
static List *
more_problems(FunctionCallInfo fcinfo, Oid table)
{
	Relation relation = relation_open(table, NoLock);

	tell_rows_elsewhere(relation);
	relation_close(relation, NoLock);
	return list_concat(guard_problems(fcinfo, table), feed_problems(fcinfo, table));
}

/*
 * goes_check_store lists what is wrong with a store and how to mend it.
 */
Datum
goes_check_store(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *name = store_name(fcinfo, 0, &event_store);
	List		  *problems;
	ListCell	  *cell;
	Oid			   table;

	InitMaterializedSRF(fcinfo, 0);
	require_row(result->setDesc, &problem_row);
	table = inspect_table(store_range(name, "store"), &event_store, &problems);
	if (OidIsValid(table))
		explain(table, &event_store, problems);
	else
		put_missing(fcinfo, name);
	if (OidIsValid(table) && (PG_ARGISNULL(1) || !PG_GETARG_BOOL(1)))
		problems = list_concat(problems, more_problems(fcinfo, table));
	if (PG_ARGISNULL(1) || !PG_GETARG_BOOL(1))
		problems = library_problems(fcinfo, problems);
	foreach (cell, problems)
	{
		Problem *problem = lfirst(cell);

		put_problem(result, problem->text, problem->remedy);
	}
	if (OidIsValid(table))
		leave_table(table);
	return (Datum) 0;
}
