/*
 * module.c
 *	  What PostgreSQL sees first: the module's magic and its settings.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "compat.h"
#include "version/version.h"

LIBRARY_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * check_default_store refuses what could never name a table, so that the mistake
 * shows at SET and not at the next insert.
 */
static bool
check_default_store(char **value, void **extra, GucSource source)
{
	if (!is_store_name(*value))
	{
		GUC_check_errdetail("\"%s\" is not the name of a table.", *value);
		GUC_check_errhint(NAME_HINT);
		return false;
	}
	if (is_name_cut(*value))
	{
		GUC_check_errdetail(CUT_NAME_DETAIL, NAMEDATALEN - 1);
		GUC_check_errhint(CUT_NAME_HINT);
		return false;
	}
	return true;
}

void
_PG_init(void)
{
	DefineCustomStringVariable(
		"goes_store.default_store",
		"The events table that functions use when their argument store is null.",
		"Read like a regclass literal: folded, quoted and found through search_path as SQL does.",
		&default_store, "events", PGC_USERSET, 0, check_default_store, NULL, NULL);
	DefineCustomBoolVariable("goes_store.allow_changes",
							 "Lets this session change and remove events of append-only stores.",
							 NULL, &allow_changes, false, PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("goes_store");
}
