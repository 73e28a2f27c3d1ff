/*
 * guard.c
 *	  Guards: triggers that hold every writer of a store to a rule, whatever it writes with.
 *
 * A guard is only a trigger of the table: \d shows it, pg_dump dumps it with the table, and it
 * stays when the table is renamed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "errors.h"
#include "version/lookup.h"

PG_FUNCTION_INFO_V1(goes_validate_versions);
PG_FUNCTION_INFO_V1(goes_append_only);

bool allow_changes = false;

const Guard versions_guard = {"goes_validate_versions", "validate_versions", TRIGGER_TYPE_INSERT,
							  "AFTER INSERT", true};

const Guard append_only_guard = {"goes_append_only", "append_only",
								 TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE |
									 TRIGGER_TYPE_TRUNCATE,
								 "BEFORE UPDATE OR DELETE OR TRUNCATE", false};

static const char *const rules[] = {
	[VERSIONS_INCREASING] = "increasing",
	[VERSIONS_SEQUENTIAL] = "sequential",
};

/*
 * guard_rule returns the rule of that name, or -1.
 */
int
guard_rule(const char *name)
{
	for (int rule = 0; rule < (int) lengthof(rules); rule++)
	{
		if (strcmp(rules[rule], name) == 0)
			return rule;
	}
	return -1;
}

/*
 * guard_function returns the function of a guard.
 */
Oid
guard_function(FunctionCallInfo fcinfo, const Guard *guard)
{
	return trigger_function(fcinfo, guard->name);
}

/*
 * mode_of returns the mode in a trigger's argument, or NULL if there is no valid one.
 */
static const char *
mode_of(const Trigger *trigger)
{
	return trigger->tgnargs == 1 && guard_rule(trigger->tgargs[0]) >= 0 ? trigger->tgargs[0] : NULL;
}

/*
 * is_sound_trigger tells whether a trigger is defined as its guard needs it.
 */
bool
is_sound_trigger(const Trigger *trigger, const Guard *guard)
{
	if (trigger->tgtype != guard->type || trigger->tgqual != NULL || trigger->tgnattr > 0)
		return false;
	return !guard->has_mode || (trigger->tgnewtable != NULL && mode_of(trigger) != NULL);
}

/*
 * guard_problem adds the problem of a guard's trigger, if it has one.
 */
static List *
guard_problem(FunctionCallInfo fcinfo, List *problems, Relation table, const Guard *guard,
			  const Trigger *trigger)
{
	bool		is_whole = is_sound_trigger(trigger, guard);
	const char *mode = mode_of(trigger);
	const char *value = "true";

	if (is_whole && is_enabled_trigger(trigger))
		return problems;
	if (guard->has_mode)
		value = quote_literal_cstr(mode != NULL ? mode : rules[VERSIONS_SEQUENTIAL]);
	return add_problem(problems, PROBLEM_GUARD,
					   psprintf(is_whole ? "guard \"%s\" is disabled"
										 : "guard \"%s\" is not as goes_alter_store makes it",
								trigger->tgname),
					   psprintf("%s;", alter_store_call(fcinfo, table, guard->argument, value)),
					   NULL);
}

/*
 * add_gap reports rows that the guard cannot check. There is no automatic remedy.
 */
static List *
add_gap(List *problems, const Guard *guard, const char *gap)
{
	return add_problem(problems, PROBLEM_GUARD,
					   psprintf("guard \"%s\" does not hold for %s", guard->name, gap), NULL, NULL);
}

/*
 * problems_of adds the problems of one guard's triggers.
 */
static List *
problems_of(FunctionCallInfo fcinfo, List *problems, Relation table, const Guard *guard)
{
	Oid			 function = guard_function(fcinfo, guard);
	TriggerDesc *triggers = copy_triggers(table);
	bool		 is_on = false;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid != function)
			continue;
		problems = guard_problem(fcinfo, problems, table, guard, trigger);
		is_on = true;
	}
	if (!is_on)
		return problems;
	if (!guard->has_mode && is_distributed(RelationGetRelid(table)))
		problems = add_gap(problems, guard, "rows that Citus keeps elsewhere");
	if (has_parent(table))
		problems = add_gap(problems, guard, "rows that are written through a parent table");
	if (has_heirs(table))
		problems = add_gap(problems, guard, "the tables that inherit from this one");
	/* if no unique index exists at all, index_problems already has a remedy that serves here, too */
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
	List	*problems = problems_of(fcinfo, NIL, relation, &versions_guard);

	problems = problems_of(fcinfo, problems, relation, &append_only_guard);
	relation_close(relation, NoLock);
	return problems;
}

/*
 * require_trigger raises an error if a guard's function is called by anything but its trigger.
 */
static TriggerData *
require_trigger(FunctionCallInfo fcinfo, const Guard *guard)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !is_sound_trigger(trigger->tg_trigger, guard))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s() was not called by its own trigger", guard->name),
				 errhint("Call goes_alter_store() with the argument %s, which makes the trigger.",
						 guard->argument)));
	return trigger;
}

/*
 * goes_validate_versions is the trigger that checks the versions of a statement's rows.
 */
Datum
goes_validate_versions(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_trigger(fcinfo, &versions_guard);

	check_versions(trigger, guard_rule(trigger->tg_trigger->tgargs[0]));
	return PointerGetDatum(NULL);
}

/*
 * goes_append_only is the trigger that refuses to change or remove events.
 */
Datum
goes_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = require_trigger(fcinfo, &append_only_guard);
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
