/*
 * statement.c
 *	  The one door to SPI: run a statement about a store.
 *
 * A plan finds its table by name, and names can change: the table is locked, but its schema is
 * not. So each statement is followed by a check that the plan used the table that was opened. If
 * it did not, the error undoes the statement.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "base/plan.h"

/*
 * parameter_list passes the values to the executor. They count as constants, so a custom plan can
 * use them. Without values there is no list, as in PostgreSQL itself: it copies an empty list as
 * NULL, and modules that wrap the executor do not expect to meet both.
 */
static ParamListInfo
parameter_list(const Statement *statement)
{
	ParamListInfo list;

	if (statement->parameter_count == 0)
		return NULL;
	list = makeParamList(statement->parameter_count);
	for (int i = 0; i < statement->parameter_count; i++)
	{
		ParamExternData *parameter = &list->params[i];

		parameter->value = statement->parameters[i].value;
		parameter->isnull = statement->nulls != NULL && statement->nulls[i];
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = statement->parameters[i].type;
	}
	return list;
}

/*
 * run_kept runs a plan of the cache and keeps it from being freed meanwhile.
 */
static pg_noinline int
run_kept(KeptPlan *kept, const SPIExecuteOptions *options)
{
	volatile int result = 0;

	kept->running++;
	PG_TRY();
	{
		result = SPI_execute_plan_extended(kept->plan, options);
	}
	PG_FINALLY();
	{
		kept->running--;
	}
	PG_END_TRY();
	return result;
}

/*
 * changed_table returns the table that a plan's statement writes to, or an invalid OID if there
 * is none, as when a rule replaced the statement by nothing.
 */
static Oid
changed_table(CachedPlanSource *source)
{
	ListCell *cell;

	foreach (cell, source->query_list)
	{
		Query *query = lfirst_node(Query, cell);

		if (query->canSetTag && query->resultRelation > 0)
			return rt_fetch(query->resultRelation, query->rtable)->relid;
	}
	return InvalidOid;
}

/*
 * reject_replaced_statement raises the error for a statement that a rule replaced: its rows were
 * not stored or removed, or not in this table.
 */
static void
reject_replaced_statement(Store *store)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("a rule on table \"%s\" replaced the statement of its store",
						   RelationGetRelationName(store->relation)),
					errhint("Drop the rule.")));
}

/*
 * require_used raises an error unless a plan was about a store's table.
 */
static void
require_used(const Store *store, CachedPlanSource *source)
{
	if (!list_member_oid(source->relationOids, store->oid))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("table \"%s\" got another name while it was being used",
							   RelationGetRelationName(store->relation)),
						errhint("Try again.")));
}

/*
 * require_tables raises an error unless a plan was about the tables of its statement.
 */
static void
require_tables(Store *store, const Statement *statement, SPIPlanPtr plan, bool is_select)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	require_used(store, source);
	if (statement->other != NULL)
		require_used(statement->other, source);
	if (!is_select && changed_table(source) != store->oid)
		reject_replaced_statement(store);
}

/*
 * execute runs the statement inside an SPI connection and checks that it was what
 * the caller meant.
 */
static void
execute(Store *store, const Statement *statement, int expected, DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	KeptPlan		 *kept = NULL;
	SPIPlanPtr		  plan;
	int				  level;
	int				  result;

	if (statement->is_kept)
		kept = kept_plan(store, statement, &plan);
	else
		plan = make_plan(store, statement);
	options.params = parameter_list(statement);
	options.read_only = expected == SPI_OK_SELECT && !statement->is_fresh;
	options.dest = receiver;
	level = begin_plan_choice(store, statement);
	if (kept != NULL)
		result = run_kept(kept, &options);
	else
		result = SPI_execute_plan_extended(plan, &options);
	end_plan_choice(level);
	if (result != expected)
	{
		/* a statement replaced by nothing depends on no table, and would stay valid */
		if (kept != NULL)
			kept->is_stale = true;
		reject_replaced_statement(store);
	}
	require_tables(store, statement, plan, expected == SPI_OK_SELECT);
}

/*
 * connect_to_spi opens an SPI connection.
 */
static void
connect_to_spi(void)
{
	int result = SPI_connect();

	if (result != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));
}

/*
 * kept_statement makes a statement about the rows of a key: one plan, which is kept,
 * serves all values.
 */
Statement
kept_statement(const char *text, Parameter *parameters, int count)
{
	return (Statement){.text = text,
					   .parameters = parameters,
					   .parameter_count = count,
					   .cursor_options = CURSOR_OPT_GENERIC_PLAN,
					   .is_kept = true};
}

/*
 * execute_statement runs a statement, sends its rows to the receiver if there is one and returns
 * the number of rows processed. expected (SPI_OK_SELECT, SPI_OK_INSERT, …) is the kind that the
 * statement must be, and decides whether it runs with the caller's snapshot or a new one.
 */
uint64
execute_statement(Store *store, const Statement *statement, int expected, DestReceiver *receiver)
{
	uint64 processed;

	connect_to_spi();
	execute(store, statement, expected, receiver);
	processed = SPI_processed;
	SPI_finish();
	return processed;
}

/*
 * execute_query runs a query about no store, such as one of the catalogs, and sends its rows to the
 * receiver.
 */
void
execute_query(const Statement *query, DestReceiver *receiver)
{
	SPIExecuteOptions options = {.params = parameter_list(query), .dest = receiver};
	int				  result;

	connect_to_spi();
	result = SPI_execute_extended(query->text, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(result));
	SPI_finish();
}

/*
 * copy_row copies the values of SPI's only row to the caller's memory; false if there is
 * none.
 */
static bool
copy_row(Datum *values, bool *nulls)
{
	TupleDesc descriptor = SPI_tuptable->tupdesc;

	Assert(SPI_processed <= 1);
	if (SPI_processed == 0)
		return false;
	heap_deform_tuple(SPI_tuptable->vals[0], descriptor, values, nulls);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (!nulls[i])
			values[i] = SPI_datumTransfer(values[i], attribute->attbyval, attribute->attlen);
	}
	return true;
}

/*
 * fetch_row returns the only row of a query or of a statement with RETURNING; false if
 * there is none. Values may be toasted.
 */
bool
fetch_row(Store *store, const Statement *statement, int expected, Datum *values, bool *nulls)
{
	bool is_found;

	connect_to_spi();
	execute(store, statement, expected, NULL);
	is_found = copy_row(values, nulls);
	SPI_finish();
	return is_found;
}

/*
 * fetch_value returns the only value of a query that has one.
 */
Datum
fetch_value(Store *store, const Statement *statement)
{
	Datum value;
	bool  is_null;

	if (!fetch_row(store, statement, SPI_OK_SELECT, &value, &is_null) || is_null)
		elog(ERROR, "a query that always has a value returned none");
	return value;
}

/*
 * open_portal opens a cursor on a query and returns its name. If the name is NULL, PostgreSQL
 * chooses an unused one. The portal outlives the call.
 */
char *
open_portal(Store *store, const Statement *statement, const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	  plan;
	Portal		  portal;
	char		 *portal_name;
	int			  level;

	connect_to_spi();
	plan = make_plan(store, statement);
	level = begin_plan_choice(store, statement);
	portal =
		SPI_cursor_open_with_paramlist(name, plan, parameter_list(statement), !statement->is_fresh);
	end_plan_choice(level);
	require_tables(store, statement, plan, true);
	portal_name = MemoryContextStrdup(caller, portal->name);
	SPI_finish();
	return portal_name;
}

/*
 * find_portal finds a portal that open_portal opened. A trigger may have closed it.
 */
static Portal
find_portal(const char *name)
{
	Portal portal = SPI_cursor_find(name);

	if (portal == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_CURSOR),
						errmsg("cursor \"%s\" was closed while it was being read", name),
						errhint("Look for a trigger that closes cursors.")));
	return portal;
}

/*
 * fetch_list returns the next values of a portal's only column, none of them null, in the
 * caller's memory; NULL if there are no more.
 */
ArrayType *
fetch_list(const char *portal_name, int most)
{
	MemoryContext	  caller = CurrentMemoryContext;
	ArrayType		 *list = NULL;
	Form_pg_attribute attribute;
	Datum			 *values;

	connect_to_spi();
	SPI_cursor_fetch(find_portal(portal_name), true, most);
	if (SPI_processed > 0)
	{
		attribute = TupleDescAttr(SPI_tuptable->tupdesc, 0);
		values = palloc(sizeof(Datum) * SPI_processed);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool is_null;

			values[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
			Assert(!is_null);
		}
		MemoryContextSwitchTo(caller);
		list = construct_array(values, (int) SPI_processed, attribute->atttypid, attribute->attlen,
							   attribute->attbyval, attribute->attalign);
	}
	SPI_finish();
	return list;
}

/*
 * close_portal closes what open_portal opened.
 */
void
close_portal(const char *portal_name)
{
	connect_to_spi();
	SPI_cursor_close(find_portal(portal_name));
	SPI_finish();
}

/*
 * execute_command runs a utility command.
 */
void
execute_command(const char *command)
{
	int result;

	connect_to_spi();
	result = SPI_execute(command, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	SPI_finish();
}
