/*
 * alter.c
 *	  goes_alter_store: switching the guards of a store on and off.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "version/version.h"

PG_FUNCTION_INFO_V1(goes_alter_store);

/*
 * fires_on_replica tells whether a trigger fires in sessions that apply replicated changes.
 */
static bool
fires_on_replica(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ||
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/*
 * drop_command returns the SQL that removes a trigger.
 */
static char *
drop_command(Relation table, const Trigger *trigger)
{
	return psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger->tgname),
					qualified_name(table));
}

/*
 * create_command returns the SQL that creates a guard's trigger, or corrects an existing one of
 * that name.
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
 * reject_other_trigger raises an error for a trigger that has a guard's name but is not a guard.
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
 * always_command returns the SQL that makes a guard's trigger fire in every session.
 */
static char *
always_command(Relation table, const Guard *guard)
{
	return psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", qualified_name(table), guard->name);
}

/*
 * switch_commands returns the SQL that switches a guard on in a mode, or off if the mode is NULL.
 * A trigger that is created again fires in ordinary sessions only, so one that also fired for
 * replicated changes is set to do so again.
 */
static List *
switch_commands(FunctionCallInfo fcinfo, Relation table, const Guard *guard, const char *mode)
{
	Oid			 function = guard_function(fcinfo, guard);
	TriggerDesc *triggers = copy_triggers(table);
	List		*commands = NIL;
	bool		 is_on = false;
	bool		 is_always = false;
	bool		 was_on_replica = false;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];
		bool	 has_name = strcmp(trigger->tgname, guard->name) == 0;

		if (trigger->tgfoid != function)
		{
			reject_other_trigger(table, trigger, guard);
			continue;
		}
		was_on_replica |= fires_on_replica(trigger);
		if (mode != NULL && has_name)
		{
			is_on = is_enabled_trigger(trigger) && is_sound_trigger(trigger, guard) &&
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
	if (guard_rule(rule) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"validate_versions\" must not be \"%s\"", rule),
						errhint("Use off, increasing or sequential.")));
	return rule;
}

/*
 * reject_relatives raises an error for a table that inherits or is inherited from: a guard would
 * not see all rows that are written.
 */
static void
reject_relatives(Relation table)
{
	if (has_parent(table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" cannot have a guard, since it has a parent table",
						RelationGetRelationName(table)),
				 errdetail("Rows that are written through the parent do not fire the triggers of "
						   "this table."),
				 errhint("Detach it first: ALTER TABLE … DETACH PARTITION, or NO INHERIT."),
				 errtable(table)));
	if (has_heirs(table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" cannot have a guard, since others inherit from it",
						RelationGetRelationName(table)),
				 errdetail("Rows that are written to those do not fire the triggers of this table, "
						   "and are not in its index."),
				 errhint("Detach them first: ALTER TABLE … NO INHERIT."), errtable(table)));
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
		reject_relatives(store->relation);
	if (rule != NULL && !OidIsValid(version_index(store->relation)))
		report_mismatch(store->relation, version_index_problem(NIL, store->relation), NULL);
	if (!PG_ARGISNULL(1))
		commands = switch_commands(fcinfo, store->relation, &versions_guard, rule);
	if (!PG_ARGISNULL(2))
		commands =
			list_concat(commands, switch_commands(fcinfo, store->relation, &append_only_guard,
												  PG_GETARG_BOOL(2) ? "on" : NULL));
	/* a table whose triggers change must not be open */
	store_close(store);
	foreach (cell, commands)
		execute_command(lfirst(cell));
	PG_RETURN_VOID();
}
