/*
 * feed_triggers.c
 *	  Making and dropping the triggers of a feed on the table of events.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "admin/admin.h"
#include "feed/feed.h"

/*
 * create_command returns the SQL that creates a trigger.
 */
static char *
create_command(FunctionCallInfo fcinfo, Oid events, const FeedTrigger *trigger, Oid table)
{
	char *condition = "";

	if (trigger->names_table)
		condition = psprintf("WHEN (%s::pg_catalog.regclass IS NOT NULL) ",
							 quote_literal_cstr(relation_name(table)));
	return psprintf("CREATE TRIGGER %s %s ON %s FOR EACH STATEMENT %sEXECUTE FUNCTION %s()",
					trigger->name, trigger->events, relation_name(events), condition,
					quote_qualified_identifier(function_schema(fcinfo), trigger->name));
}

/*
 * make_commands returns the SQL that leaves one sound trigger.
 */
static List *
make_commands(FunctionCallInfo fcinfo, Oid oid, const FeedTrigger *trigger, Oid table)
{
	Relation	 events = relation_open(oid, NoLock);
	TriggerDesc *found = copy_triggers(events);
	Oid			 function = trigger_function(fcinfo, trigger->name);
	List		*commands = NIL;
	bool		 has_one = false;

	for (int i = 0; i < found->numtriggers; i++)
	{
		if (found->triggers[i].tgfoid != function)
			reject_other_trigger(events, &found->triggers[i], trigger->name);
		else if (!has_one && is_sound_feed_trigger(&found->triggers[i], trigger, table))
			has_one = true;
		else
			commands = lappend(commands, drop_trigger_command(events, &found->triggers[i]));
	}
	relation_close(events, NoLock);
	if (has_one)
		return commands;
	commands = lappend(commands, create_command(fcinfo, oid, trigger, table));
	if (trigger->is_always)
		commands = lappend(commands, psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
											  relation_name(oid), trigger->name));
	return commands;
}

/*
 * execute_commands runs commands one after the other.
 */
static void
execute_commands(List *commands)
{
	ListCell *cell;

	foreach (cell, commands)
		execute_command(lfirst(cell));
}

/*
 * make_feed_triggers makes the triggers of a feed, as far as they are missing or unsound.
 */
void
make_feed_triggers(FunctionCallInfo fcinfo, Oid events, Oid table)
{
	execute_commands(make_commands(fcinfo, events, &truncate_trigger, table));
	execute_commands(make_commands(fcinfo, events, &wake_trigger, table));
}

/*
 * drop_commands returns the SQL that drops all triggers with a function.
 */
static List *
drop_commands(FunctionCallInfo fcinfo, Oid oid, const FeedTrigger *trigger)
{
	Relation	 events = relation_open(oid, NoLock);
	TriggerDesc *found = copy_triggers(events);
	Oid			 function = trigger_function(fcinfo, trigger->name);
	List		*commands = NIL;

	for (int i = 0; i < found->numtriggers; i++)
	{
		if (found->triggers[i].tgfoid == function)
			commands = lappend(commands, drop_trigger_command(events, &found->triggers[i]));
	}
	relation_close(events, NoLock);
	return commands;
}

/*
 * drop_feed_triggers drops the triggers of a feed.
 */
void
drop_feed_triggers(FunctionCallInfo fcinfo, Oid events)
{
	execute_commands(drop_commands(fcinfo, events, &truncate_trigger));
	execute_commands(drop_commands(fcinfo, events, &wake_trigger));
}
