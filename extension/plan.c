/*
 * plan.c
 *	  The one door to SPI: run a statement about a store, and keep its plan.
 *
 * A plan is kept under its store's OID and its text with "%s" for the table, and is
 * used only while the caller holds a lock on the table and PostgreSQL says that the
 * plan is valid. A renamed table invalidates its plans, and the text is then built
 * anew from the OID: a plan never goes by a name that another table has meanwhile.
 *
 * What is kept lives as long as the session: 64 plans at most, the one not used for
 * longest goes first. A trigger or a view can bring a call inside a call, so a plan
 * that is running is never freed.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "goes_store.h"

#define MOST_KEPT_PLANS 64

typedef struct KeptPlan
{
	SPIPlanPtr plan; /* NULL: the place is free */
	Oid		   store;
	uint32	   text_hash;
	char	  *text;
	uint64	   last_use;
	int		   running; /* how many calls are executing it */
} KeptPlan;

static KeptPlan kept_plans[MOST_KEPT_PLANS];
static uint64	use_counter = 0;

/*
 * table_text puts the table's name into a statement's text.
 */
static char *
table_text(Oid table, const char *text)
{
	const char *mark = strstr(text, "%s");
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
												  get_rel_name(table));

	Assert(mark != NULL);
	return psprintf("%.*s%s%s", (int) (mark - text), text, name, mark + 2);
}

/*
 * prepare makes a plan that lasts until SPI_finish.
 */
static SPIPlanPtr
prepare(Store *store, const Statement *statement)
{
	Oid		  *types = palloc(sizeof(Oid) * (statement->parameter_count + 1));
	SPIPlanPtr plan;

	for (int i = 0; i < statement->parameter_count; i++)
		types[i] = statement->parameters[i].type;
	plan = SPI_prepare_cursor(table_text(store->oid, statement->text), statement->parameter_count,
							  types, statement->cursor_options);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * forget frees a kept plan that is not running.
 */
static void
forget(KeptPlan *kept)
{
	SPIPlanPtr plan = kept->plan;

	Assert(kept->running == 0);
	kept->plan = NULL;
	pfree(kept->text);
	SPI_freeplan(plan);
}

/*
 * find_kept looks for a valid plan of the statement. One that became invalid makes
 * its place free.
 */
static KeptPlan *
find_kept(Oid store, const char *text, uint32 text_hash)
{
	for (int i = 0; i < MOST_KEPT_PLANS; i++)
	{
		KeptPlan *kept = &kept_plans[i];

		if (kept->plan == NULL || kept->store != store || kept->text_hash != text_hash ||
			strcmp(kept->text, text) != 0)
			continue;
		if (SPI_plan_is_valid(kept->plan))
			return kept;
		if (kept->running == 0)
			forget(kept);
	}
	return NULL;
}

/*
 * free_place returns a place for one more plan, if need be that of the plan not used
 * for longest; NULL if all of them are running.
 */
static KeptPlan *
free_place(void)
{
	KeptPlan *oldest = NULL;

	for (int i = 0; i < MOST_KEPT_PLANS; i++)
	{
		KeptPlan *kept = &kept_plans[i];

		if (kept->plan == NULL)
			return kept;
		if (kept->running == 0 && (oldest == NULL || kept->last_use < oldest->last_use))
			oldest = kept;
	}
	if (oldest != NULL)
		forget(oldest);
	return oldest;
}

/*
 * keep puts a fresh plan into the cache. Nothing can fail once the plan outlives the
 * call, so an error leaves neither a stale entry nor a lost plan.
 */
static KeptPlan *
keep(Oid store, const char *text, uint32 text_hash, SPIPlanPtr plan)
{
	KeptPlan *kept = free_place();

	if (kept == NULL)
		return NULL;
	kept->text = MemoryContextStrdup(TopMemoryContext, text);
	kept->store = store;
	kept->text_hash = text_hash;
	kept->running = 0;
	SPI_keepplan(plan);
	kept->plan = plan;
	return kept;
}

/*
 * kept_plan returns the statement's plan from the cache, putting it there first if
 * need be; NULL if there is no place.
 */
static KeptPlan *
kept_plan(Store *store, const Statement *statement, SPIPlanPtr *plan)
{
	uint32 text_hash =
		DatumGetUInt32(hash_any((const unsigned char *) statement->text, strlen(statement->text)));
	KeptPlan *kept = find_kept(store->oid, statement->text, text_hash);

	if (kept == NULL)
	{
		*plan = prepare(store, statement);
		kept = keep(store->oid, statement->text, text_hash, *plan);
	}
	if (kept != NULL)
	{
		*plan = kept->plan;
		kept->last_use = ++use_counter;
	}
	return kept;
}

/*
 * parameter_list gives the values to the executor. They count as constants, so a
 * custom plan is made for them.
 */
static ParamListInfo
parameter_list(const Statement *statement)
{
	ParamListInfo list = makeParamList(statement->parameter_count);

	for (int i = 0; i < statement->parameter_count; i++)
	{
		ParamExternData *parameter = &list->params[i];

		parameter->value = statement->parameters[i].value;
		parameter->isnull = false;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = statement->parameters[i].type;
	}
	return list;
}

/*
 * run_kept runs a plan of the cache, which nobody frees meanwhile.
 */
static pg_noinline int
run_kept(KeptPlan *kept, const SPIExecuteOptions *options)
{
	volatile int result = 0;

	kept->running++;
	PG_TRY()
		;
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
 * execute runs the statement inside an SPI connection and checks that it was what
 * the caller meant.
 */
static void
execute(Store *store, const Statement *statement, int expected, DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	KeptPlan		 *kept = NULL;
	SPIPlanPtr		  plan;
	int				  result;

	if (statement->is_kept)
		kept = kept_plan(store, statement, &plan);
	else
		plan = prepare(store, statement);
	options.params = parameter_list(statement);
	options.read_only = expected == SPI_OK_SELECT;
	options.dest = receiver;
	if (kept != NULL)
		result = run_kept(kept, &options);
	else
		result = SPI_execute_plan_extended(plan, &options);
	if (result != expected)
	{
		/* a statement rewritten to nothing depends on no table and would stay valid for ever */
		if (kept != NULL)
			forget(kept);
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" turned a statement of its store into another one (%s)",
						RelationGetRelationName(store->relation), SPI_result_code_string(result)),
				 errhint("Drop the rule on the table that does so.")));
	}
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
 * execute_statement runs a statement, sends its rows to the receiver if there is one
 * and returns how many rows it had to do with. What it must be (SPI_OK_SELECT,
 * SPI_OK_INSERT, …) decides whether it sees the caller's snapshot or a new one.
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
 * fetch_value returns the only value of a query, which must be passed by value.
 */
Datum
fetch_value(Store *store, const Statement *statement)
{
	bool  is_null;
	Datum value;

	connect_to_spi();
	execute(store, statement, SPI_OK_SELECT, NULL);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	Assert(SPI_processed == 1 && !is_null && TupleDescAttr(SPI_tuptable->tupdesc, 0)->attbyval);
	SPI_finish();
	return value;
}

/*
 * open_portal opens a cursor on a query and returns its name. A NULL name is
 * replaced by one that is free. The portal outlives the call.
 */
char *
open_portal(Store *store, const Statement *statement, const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	Portal		  portal;
	char		 *portal_name;

	connect_to_spi();
	portal = SPI_cursor_open_with_paramlist(name, prepare(store, statement),
											parameter_list(statement), true);
	portal_name = MemoryContextStrdup(caller, portal->name);
	SPI_finish();
	return portal_name;
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
