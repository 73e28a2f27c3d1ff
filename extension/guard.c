/*
 * guard.c
 *	  Guards: triggers that hold every writer of a store to a rule, whatever it writes with.
 *
 * A guard is a trigger of the table's and nothing else: it shows in \d, is dumped with
 * the table and follows it when it is renamed. It is known by its function, so that one
 * that got another name is still found.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "errors.h"
#include "goes_store.h"

PG_FUNCTION_INFO_V1(goes_alter_store);
PG_FUNCTION_INFO_V1(goes_validate_versions);
PG_FUNCTION_INFO_V1(goes_append_only);

/* What CREATE TRIGGER says about a guard. Trigger and function have the same name. */
typedef struct Guard
{
	const char *name;
	const char *argument; /* of goes_alter_store, that sets it */
	int16		type;
	const char *events;
	bool		has_mode; /* is the mode the trigger's argument? */
} Guard;

static const Guard validate_versions = {"goes_validate_versions", "validate_versions",
										TRIGGER_TYPE_INSERT, "AFTER INSERT", true};

static const Guard append_only = {"goes_append_only", "append_only",
								  TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE |
									  TRIGGER_TYPE_TRUNCATE,
								  "BEFORE UPDATE OR DELETE OR TRUNCATE", false};

static const char *const rules[] = {
	[VERSIONS_INCREASING] = "increasing",
	[VERSIONS_SEQUENTIAL] = "sequential",
};

/*
 * find_rule returns the rule of that name, or -1.
 */
static int
find_rule(const char *name)
{
	for (int rule = 0; rule < (int) lengthof(rules); rule++)
	{
		if (strcmp(rules[rule], name) == 0)
			return rule;
	}
	return -1;
}

/*
 * guard_function returns the function of a guard, in the extension's schema.
 */
static Oid
guard_function(FunctionCallInfo fcinfo, const Guard *guard)
{
	Oid	  schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	List *name =
		list_make2(makeString(get_namespace_name(schema)), makeString(pstrdup(guard->name)));

	return LookupFuncName(name, 0, NULL, false);
}

/*
 * mode_of returns the mode that a trigger is to hold writers to, NULL if it says none.
 */
static const char *
mode_of(const Trigger *trigger)
{
	return trigger->tgnargs == 1 && find_rule(trigger->tgargs[0]) >= 0 ? trigger->tgargs[0] : NULL;
}

/*
 * is_sound tells whether a trigger does all that its guard is for.
 */
static bool
is_sound(const Trigger *trigger, const Guard *guard)
{
	if (trigger->tgtype != guard->type || trigger->tgqual != NULL || trigger->tgnattr > 0)
		return false;
	return !guard->has_mode || (trigger->tgnewtable != NULL && mode_of(trigger) != NULL);
}

/*
 * is_enabled tells whether a trigger fires in an ordinary session.
 */
static bool
is_enabled(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/*
 * fires_on_replica tells whether a trigger fires where changes are replayed.
 */
static bool
fires_on_replica(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ||
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/*
 * drop_command returns what removes a trigger.
 */
static char *
drop_command(Relation table, const Trigger *trigger)
{
	return psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger->tgname),
					qualified_name(table));
}

/*
 * create_command returns what makes a guard's trigger. One that is there already under
 * that name is put right by it.
 */
static char *
create_command(FunctionCallInfo fcinfo, Relation table, const Guard *guard, const char *mode)
{
	Oid	  schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	char *function = quote_qualified_identifier(get_namespace_name(schema), guard->name);

	return psprintf("CREATE OR REPLACE TRIGGER %s %s ON %s %s FOR EACH STATEMENT "
					"EXECUTE FUNCTION %s(%s)",
					guard->name, guard->events, qualified_name(table),
					guard->has_mode ? "REFERENCING NEW TABLE AS new_events" : "", function,
					guard->has_mode ? quote_literal_cstr(mode) : "");
}

/*
 * reject_other_trigger raises an error for a trigger that has a guard's name and is none.
 */
static void
reject_other_trigger(Relation table, const Trigger *trigger, const Guard *guard)
{
	if (strcmp(trigger->tgname, guard->name) != 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
					errmsg("trigger \"%s\" of table \"%s\" is not one of goes_store's", guard->name,
						   RelationGetRelationName(table)),
					errhint("Rename it: ALTER TRIGGER %s ON %s RENAME TO …", guard->name,
							qualified_name(table)),
					errtable(table)));
}

/*
 * always_command returns what makes a guard's trigger fire in every session.
 */
static char *
always_command(Relation table, const Guard *guard)
{
	return psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", qualified_name(table), guard->name);
}

/*
 * switch_commands returns what switches a guard on, in a mode, or off: NULL. One that is
 * made anew would no longer fire where changes are replayed.
 */
static List *
switch_commands(FunctionCallInfo fcinfo, Relation table, const Guard *guard, const char *mode)
{
	Oid	  function = guard_function(fcinfo, guard);
	int	  count = table->trigdesc == NULL ? 0 : table->trigdesc->numtriggers;
	List *commands = NIL;
	bool  is_on = false;
	bool  is_always = false;
	bool  was_on_replica = false;

	for (int i = 0; i < count; i++)
	{
		Trigger *trigger = &table->trigdesc->triggers[i];
		bool	 has_name = strcmp(trigger->tgname, guard->name) == 0;

		if (trigger->tgfoid != function)
		{
			reject_other_trigger(table, trigger, guard);
			continue;
		}
		was_on_replica |= fires_on_replica(trigger);
		if (mode != NULL && has_name)
		{
			is_on = is_enabled(trigger) && is_sound(trigger, guard) &&
					(!guard->has_mode || strcmp(trigger->tgargs[0], mode) == 0);
			is_always = is_on && fires_on_replica(trigger);
		}
		else
			commands = lappend(commands, drop_command(table, trigger));
	}
	if (mode != NULL && !is_on)
		commands = lappend(commands, create_command(fcinfo, table, guard, mode));
	if (mode != NULL && was_on_replica && !is_always)
		commands = lappend(commands, always_command(table, guard));
	return commands;
}

/*
 * rule_argument reads the argument validate_versions: NULL for "off".
 */
static char *
rule_argument(FunctionCallInfo fcinfo, int number)
{
	char *rule = text_to_cstring(PG_GETARG_TEXT_PP(number));

	if (strcmp(rule, "off") == 0)
		return NULL;
	if (find_rule(rule) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"validate_versions\" must not be \"%s\"", rule),
						errhint("It is off, increasing or sequential.")));
	return rule;
}

/*
 * reject_parent raises an error for a table that is written to by way of another one: a
 * guard would not see that.
 */
static void
reject_parent(Relation table)
{
	if (!has_parent(table))
		return;
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("table \"%s\" cannot have a guard, since it has a parent table",
						   RelationGetRelationName(table)),
					errdetail("What is written by way of the parent does not fire the triggers of "
							  "this table."),
					errhint("Detach it first: ALTER TABLE … DETACH PARTITION, or NO INHERIT."),
					errtable(table)));
}

/*
 * goes_alter_store switches the guards of a store on and off.
 */
Datum
goes_alter_store(PG_FUNCTION_ARGS)
{
	char  *rule = PG_ARGISNULL(1) ? NULL : rule_argument(fcinfo, 1);
	bool   is_off = (!PG_ARGISNULL(1) && rule == NULL) || (!PG_ARGISNULL(2) && !PG_GETARG_BOOL(2));
	Store *store;
	List  *commands = NIL;
	ListCell *cell;

	PreventCommandIfReadOnly("goes_alter_store()");
	store = store_open(fcinfo, 0, is_off ? AccessExclusiveLock : ShareRowExclusiveLock);
	if (rule != NULL || (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2)))
		reject_parent(store->relation);
	if (rule != NULL && !OidIsValid(version_index(store->relation)))
		report_mismatch(store->relation, version_index_problem(NIL, store->relation), NULL);
	if (!PG_ARGISNULL(1))
		commands = switch_commands(fcinfo, store->relation, &validate_versions, rule);
	if (!PG_ARGISNULL(2))
		commands = list_concat(commands, switch_commands(fcinfo, store->relation, &append_only,
														 PG_GETARG_BOOL(2) ? "on" : NULL));
	/* a table whose triggers change must not be open */
	store_close(store);
	foreach (cell, commands)
		execute_command(lfirst(cell));
	PG_RETURN_VOID();
}

/*
 * alter_store_call returns what puts a guard right.
 */
static char *
alter_store_call(FunctionCallInfo fcinfo, Relation table, const Guard *guard, const char *value)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

	return psprintf("SELECT %s(%s, %s => %s);",
					quote_qualified_identifier(get_namespace_name(schema), "goes_alter_store"),
					quote_literal_cstr(qualified_name(table)), guard->argument, value);
}

/*
 * guard_problem adds what is wrong with a guard's trigger, if anything is.
 */
static List *
guard_problem(FunctionCallInfo fcinfo, List *problems, Relation table, const Guard *guard,
			  const Trigger *trigger)
{
	bool		is_whole = is_sound(trigger, guard);
	const char *mode = mode_of(trigger);
	const char *value = "true";

	if (is_whole && is_enabled(trigger))
		return problems;
	if (guard->has_mode)
		value = quote_literal_cstr(mode != NULL ? mode : rules[VERSIONS_SEQUENTIAL]);
	return add_problem(problems, PROBLEM_GUARD,
					   psprintf(is_whole ? "guard \"%s\" is disabled"
										 : "guard \"%s\" is not as goes_alter_store makes it",
								trigger->tgname),
					   alter_store_call(fcinfo, table, guard, value), NULL);
}

/*
 * problems_of adds what is wrong with the triggers of one guard.
 */
static List *
problems_of(FunctionCallInfo fcinfo, List *problems, Relation table, const Guard *guard)
{
	Oid	 function = guard_function(fcinfo, guard);
	int	 count = table->trigdesc == NULL ? 0 : table->trigdesc->numtriggers;
	bool is_on = false;

	for (int i = 0; i < count; i++)
	{
		Trigger *trigger = &table->trigdesc->triggers[i];

		if (trigger->tgfoid != function)
			continue;
		problems = guard_problem(fcinfo, problems, table, guard, trigger);
		is_on = true;
	}
	if (!is_on)
		return problems;
	if (has_parent(table))
		problems = add_problem(problems, PROBLEM_GUARD,
							   psprintf("guard \"%s\" does not hold for rows that are written by "
										"way of a parent table",
										guard->name),
							   NULL, NULL);
	/* where no index keeps versions apart, index_problems has the remedy for both */
	if (guard->has_mode && has_unique_versions(table) && !OidIsValid(version_index(table)))
		problems = version_index_problem(problems, table);
	return problems;
}

/*
 * guard_problems lists what is wrong with the guards of a table.
 */
List *
guard_problems(FunctionCallInfo fcinfo, Oid table)
{
	Relation relation = relation_open(table, NoLock);
	List	*problems = problems_of(fcinfo, NIL, relation, &validate_versions);

	problems = problems_of(fcinfo, problems, relation, &append_only);
	relation_close(relation, NoLock);
	return problems;
}

/*
 * require_trigger raises an error for a guard's function that is called in another way
 * than by its trigger.
 */
static TriggerData *
require_trigger(FunctionCallInfo fcinfo, const Guard *guard)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !is_sound(trigger->tg_trigger, guard))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s() is not called by the trigger it is for", guard->name),
				 errhint("Run SELECT goes_alter_store() with argument %s to make the trigger.",
						 guard->argument)));
	return trigger;
}

/*
 * goes_validate_versions is the trigger that checks the versions of a statement's rows.
 */
Datum
goes_validate_versions(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_trigger(fcinfo, &validate_versions);

	check_versions(trigger, find_rule(trigger->tg_trigger->tgargs[0]));
	return PointerGetDatum(NULL);
}

/*
 * goes_append_only is the trigger that refuses to change or remove events.
 */
Datum
goes_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_trigger(fcinfo, &append_only);
	const char	*command = "TRUNCATE";

	if (allow_changes)
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		command = "UPDATE";
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		command = "DELETE";
	ereport(ERROR,
			(errcode(ERRCODE_GOES_APPEND_ONLY),
			 errmsg("table \"%s\" is append-only, and %s is not allowed",
					RelationGetRelationName(trigger->tg_relation), command),
			 errhint("Correct an event by adding another. A superuser, or a role that may SET "
					 "it, can turn on goes_store.allow_changes for a session."),
			 errtable(trigger->tg_relation)));
}
