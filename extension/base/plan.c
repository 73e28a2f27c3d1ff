/*
 * plan.c
 *	  From a statement to its plan: made for one call, or kept.
 *
 * The table's name is put into the statement's text here, since SPI finds tables only by name.
 */
#include "postgres.h"

#include "access/transam.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "base/plan.h"

/*
 * append_table appends a table's name.
 */
static void
append_table(StringInfo text, Oid table)
{
	appendStringInfoString(text,
						   quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
													  get_rel_name(table)));
}

/*
 * table_text puts the names of the tables into a statement's text.
 */
static char *
table_text(const Store *store, const Statement *statement)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *next = statement->text; *next != '\0'; next++)
	{
		bool is_store = strncmp(next, "%s", 2) == 0;

		if (!is_store && strncmp(next, "%o", 2) != 0)
		{
			appendStringInfoChar(&result, *next);
			continue;
		}
		append_table(&result, is_store ? store->oid : statement->other->oid);
		next++;
	}
	return result.data;
}

/*
 * plan_options returns what the planner is told. Citus sends the values of an extension's types only as
 * constants in the text of a statement, and there only a custom plan has them.
 */
static int
plan_options(const Store *store, const Statement *statement)
{
	int options = statement->cursor_options;

	if (!store->is_distributed)
		return options;
	for (int i = 0; i < statement->parameter_count; i++)
	{
		if (statement->parameters[i].type >= FirstNormalObjectId)
			options = (options & ~CURSOR_OPT_GENERIC_PLAN) | CURSOR_OPT_CUSTOM_PLAN;
	}
	return options;
}

/*
 * needs_custom_plan tells whether a statement is one that Citus refuses to run by a generic plan.
 */
static bool
needs_custom_plan(const Store *store, const Statement *statement)
{
	return store->is_distributed && (plan_options(store, statement) & CURSOR_OPT_CUSTOM_PLAN) != 0;
}

/*
 * begin_plan_choice has a statement that needs a custom plan get one, also where plan_cache_mode asks for
 * generic ones. It returns what end_plan_choice takes.
 */
int
begin_plan_choice(const Store *store, const Statement *statement)
{
	int level;

	if (plan_cache_mode != PLAN_CACHE_MODE_FORCE_GENERIC_PLAN ||
		!needs_custom_plan(store, statement))
		return 0;
	level = NewGUCNestLevel();
	(void) set_config_option("plan_cache_mode", "auto", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return level;
}

/*
 * end_plan_choice lets plan_cache_mode be what it was. After an error PostgreSQL does.
 */
void
end_plan_choice(int level)
{
	if (level > 0)
		AtEOXact_GUC(true, level);
}

SPIPlanPtr
make_plan(Store *store, const Statement *statement)
{
	Oid		  *types = palloc(sizeof(Oid) * (statement->parameter_count + 1));
	SPIPlanPtr plan;

	for (int i = 0; i < statement->parameter_count; i++)
		types[i] = statement->parameters[i].type;
	plan = SPI_prepare_cursor(table_text(store, statement), statement->parameter_count, types,
							  plan_options(store, statement));
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * turn_off turns a setting off until the GUC nest level ends.
 */
void
turn_off(const char *setting)
{
	(void) set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * plan_look_up makes the generic plan of a kept statement, which looks up rows by a key. While
 * the table is small, PostgreSQL prefers to read all of it, and would still do so when the table
 * has grown; so sequential scans are off. If there is no other way, the cost of a disabled scan
 * is so high that PostgreSQL would compile the plan; so JIT is off, too.
 */
static void
plan_look_up(SPIPlanPtr plan)
{
	int			level = NewGUCNestLevel();
	CachedPlan *generic_plan;

	turn_off("enable_seqscan");
	turn_off("jit");
	generic_plan = SPI_plan_get_cached_plan(plan);
	if (generic_plan != NULL)
		ReleaseCachedPlan(generic_plan, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
}

KeptPlan *
kept_plan(Store *store, const Statement *statement, SPIPlanPtr *plan)
{
	KeptPlan *kept = find_kept_plan(store, statement);

	if (kept == NULL)
	{
		*plan = make_plan(store, statement);
		kept = keep_plan(store, statement, *plan);
		if (kept != NULL && (plan_options(store, statement) & CURSOR_OPT_GENERIC_PLAN) != 0)
			plan_look_up(*plan);
	}
	if (kept != NULL)
		*plan = kept->plan;
	return kept;
}
