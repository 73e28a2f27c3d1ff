/*
 * module.c
 *	  What PostgreSQL sees first: the module's magic and its settings.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "goes_store.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

char *default_table = NULL;
bool  allow_changes = false;

/*
 * check_default_table refuses what could never name a table, so that the mistake
 * shows at SET and not at the next insert.
 */
static bool
check_default_table(char **value, void **extra, GucSource source)
{
	if (is_store_name(*value))
		return true;
	GUC_check_errdetail("\"%s\" is not the name of a table.", *value);
	GUC_check_errhint(
		"Write it as in SQL: events, shop.events, or \"Odd Name\" with its quotation marks.");
	return false;
}

void
_PG_init(void)
{
	DefineCustomStringVariable(
		"goes_store.table",
		"The events table that functions use when their argument store is null.",
		"Read like a regclass literal: folded, quoted and found through search_path as SQL does.",
		&default_table, "events", PGC_USERSET, 0, check_default_table, NULL, NULL);
	DefineCustomBoolVariable("goes_store.allow_changes",
							 "Lets this session change and remove events of append-only stores.",
							 NULL, &allow_changes, false, PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("goes_store");
}
