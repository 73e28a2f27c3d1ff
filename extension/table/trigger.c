/*
 * trigger.c
 *	  The triggers that the extension has on the table of a store.
 *
 * They are recognized by their functions, so one that was renamed is still found.
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "table/table.h"

/*
 * trigger_function returns the function of a trigger, in the extension's schema.
 */
Oid
trigger_function(FunctionCallInfo fcinfo, const char *name)
{
	List *full_name = list_make2(makeString(function_schema(fcinfo)), makeString(pstrdup(name)));

	return LookupFuncName(full_name, 0, NULL, false);
}

/*
 * copy_triggers returns a copy of a table's triggers. Any look-up in the catalogs can rebuild
 * the relcache entry and free its triggers, even of an open and locked table; the columns and
 * names in it stay where they are.
 */
TriggerDesc *
copy_triggers(Relation table)
{
	TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);

	return triggers != NULL ? triggers : palloc0(sizeof(TriggerDesc));
}

/*
 * find_trigger returns a copy of the table's first trigger with that function, or NULL.
 */
Trigger *
find_trigger(Relation table, Oid function)
{
	TriggerDesc *triggers = copy_triggers(table);

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		if (triggers->triggers[i].tgfoid == function)
			return &triggers->triggers[i];
	}
	return NULL;
}

/*
 * is_enabled_trigger tells whether a trigger fires in an ordinary session.
 */
bool
is_enabled_trigger(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/*
 * drop_trigger_command returns the SQL that removes a trigger.
 */
char *
drop_trigger_command(Relation table, const Trigger *trigger)
{
	return psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger->tgname),
					qualified_name(table));
}

/*
 * alter_store_call returns the SQL that sets an argument of goes_alter_store.
 */
char *
alter_store_call(FunctionCallInfo fcinfo, Relation table, const char *argument, const char *value)
{
	return psprintf("SELECT %s(%s, %s => %s)",
					quote_qualified_identifier(function_schema(fcinfo), "goes_alter_store"),
					quote_literal_cstr(qualified_name(table)), argument, value);
}

/*
 * reject_other_trigger raises an error for a trigger that has the name of one of ours but another
 * function.
 */
void
reject_other_trigger(Relation table, const Trigger *trigger, const char *name)
{
	if (strcmp(trigger->tgname, name) != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("trigger \"%s\" of table \"%s\" is not one of goes_store's", name,
					RelationGetRelationName(table)),
			 errhint("Rename it: ALTER TRIGGER %s ON %s RENAME TO …", name, qualified_name(table)),
			 errtable(table)));
}
