/*
 * alter.c
 *	  goes_alter_store: switching the guards of a store on and off; alter_feed.c has its feed.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "admin/admin.h"

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
 * create_command returns the SQL that creates a guard's trigger, or corrects an existing one of
 * that name.
 */
static char *
create_command(FunctionCallInfo fcinfo, Relation table, const Guard *guard, const char *mode)
{
	char *function = quote_qualified_identifier(function_schema(fcinfo), guard->name);

	return psprintf("CREATE OR REPLACE TRIGGER %s %s ON %s %s FOR EACH STATEMENT "
					"EXECUTE FUNCTION %s(%s)",
					guard->name, guard->events, qualified_name(table),
					guard->has_mode ? "REFERENCING NEW TABLE AS new_events" : "", function,
					guard->has_mode ? quote_literal_cstr(mode) : "");
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
			reject_other_trigger(table, trigger, guard->name);
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
			commands = lappend(commands, drop_trigger_command(table, trigger));
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
 * lock_for returns the lock on the table that a call needs.
 */
static LOCKMODE
lock_for(FunctionCallInfo fcinfo, const char *rule)
{
	if ((!PG_ARGISNULL(1) && rule == NULL) || (!PG_ARGISNULL(2) && !PG_GETARG_BOOL(2)) ||
		(!PG_ARGISNULL(3) && !PG_GETARG_BOOL(3)))
		return AccessExclusiveLock;
	return PG_ARGISNULL(3) ? ShareRowExclusiveLock : feed_lock(fcinfo, 0);
}

/*
 * allows_triggers tells whether Citus lets the shards of tables have triggers, by a setting of the
 * session.
 */
static bool
allows_triggers(void)
{
	const char *value = GetConfigOption("citus.enable_unsafe_triggers", true, false);
	bool		is_on = false;

	return value != NULL && parse_bool(value, &is_on) && is_on;
}

/*
 * reject_elsewhere raises an error for guards that would not hold, since the rows are not in the
 * table.
 */
static void
reject_elsewhere(Relation table, bool has_rule, bool is_append_only)
{
	if (is_append_only)
		require_rows_here(
			table, "the guard append_only",
			"Its trigger would stay on the table, where no row is changed.",
			"REVOKE UPDATE, DELETE, TRUNCATE on the table from the roles that write.");
	if (has_rule && !allows_triggers())
		require_rows_here(table, "the guard validate_versions",
						  "It is a trigger on the rows, which Citus allows if "
						  "citus.enable_unsafe_triggers is on.",
						  "Have a superuser set that on all nodes, or write with goes_append(), "
						  "which needs no guard.");
}

/*
 * guard_commands returns the SQL that switches the guards of a store on and off.
 */
static List *
guard_commands(FunctionCallInfo fcinfo, Relation table, const char *rule)
{
	bool  is_append_only = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	List *commands = NIL;

	if (rule != NULL || is_append_only)
		reject_relatives(table, "guard");
	reject_elsewhere(table, rule != NULL, is_append_only);
	if (rule != NULL && !OidIsValid(version_index(table)))
		report_mismatch(table, version_index_problem(NIL, table), NULL);
	if (!PG_ARGISNULL(1))
		commands = switch_commands(fcinfo, table, &versions_guard, rule);
	if (!PG_ARGISNULL(2))
		commands = list_concat(commands, switch_commands(fcinfo, table, &append_only_guard,
														 is_append_only ? "on" : NULL));
	return commands;
}

/*
 * goes_alter_store switches the guards and the feed of a store on and off.
 */
Datum
goes_alter_store(PG_FUNCTION_ARGS)
{
	char	 *rule = PG_ARGISNULL(1) ? NULL : rule_argument(fcinfo, 1);
	Store	 *store;
	Oid		  table;
	List	 *commands;
	ListCell *cell;

	PreventCommandIfReadOnly("goes_alter_store()");
	store = store_open(fcinfo, 0, lock_for(fcinfo, rule));
	table = store->oid;
	commands = guard_commands(fcinfo, store->relation, rule);
	/* a table whose triggers change must not be open */
	store_close(store);
	foreach (cell, commands)
		execute_command(lfirst(cell));
	if (!PG_ARGISNULL(3))
		alter_feed(fcinfo, table, PG_GETARG_BOOL(3));
	PG_RETURN_VOID();
}
