/*
 * duplicates.c
 *	  Rows that prevent a unique index, because they have equal keys.
 *
 * When PostgreSQL cannot build the index it names one key. Here are several, and the query that
 * lists all. Looking for them reads the whole table, so only the functions that create and check
 * stores do it, and only if the index is missing.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "errors.h"
#include "table/kind.h"

/* How many keys a message shows, and how much of each: a key may be long. */
#define SHOWN "3"
#define SHOWN_CHARACTERS "400"

/*
 * some_duplicates describes some of the keys that rows share. It returns NULL if there are none,
 * if the caller may not read the table, or if its columns have to be mended first.
 */
static char *
some_duplicates(Relation relation, const StoreKind *kind, const RequiredIndex *index)
{
	Store	  store = {RelationGetRelid(relation), relation, AccessShareLock, kind,
					   is_distributed(RelationGetRelid(relation))};
	char	 *keys = index_columns(index);
	Statement statement = {
		.text = psprintf("SELECT pg_catalog.string_agg(key, '; ') FROM (SELECT pg_catalog.concat("
						 "'(', pg_catalog.left(pg_catalog.concat_ws(', ', %s), " SHOWN_CHARACTERS
						 "), ') ', pg_catalog.count(*), ' times') AS key FROM ONLY %%s "
						 "WHERE (%s) IS NOT NULL GROUP BY %s "
						 "HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 "
						 "ORDER BY %s LIMIT " SHOWN ") AS duplicates",
						 keys, keys, keys, keys)};
	Datum some;
	bool  is_null;

	if (!columns_fit(relation, kind) ||
		pg_class_aclcheck(store.oid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return NULL;
	(void) fetch_row(&store, &statement, SPI_OK_SELECT, &some, &is_null);
	return is_null ? NULL : TextDatumGetCString(some);
}

/*
 * list_query returns the query that lists all keys that rows share.
 */
static char *
list_query(Relation relation, const RequiredIndex *index)
{
	char *keys = index_columns(index);

	return psprintf("SELECT %s, pg_catalog.count(*) FROM %s WHERE (%s) IS NOT NULL GROUP BY %s "
					"HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1",
					keys, qualified_name(relation), keys, keys);
}

/*
 * problem_duplicates describes some of the rows that prevent the index of a problem; NULL if
 * there are none.
 */
static char *
problem_duplicates(Relation relation, const StoreKind *kind, const Problem *problem)
{
	return problem->unique == NULL ? NULL : some_duplicates(relation, kind, problem->unique);
}

/*
 * explain_duplicates removes the remedy of each missing index that rows prevent, and names those
 * rows in the problem.
 */
void
explain_duplicates(Relation relation, const StoreKind *kind, List *problems)
{
	ListCell *cell;

	foreach (cell, problems)
	{
		Problem *problem = lfirst(cell);
		char	*some = problem_duplicates(relation, kind, problem);

		if (some == NULL)
			continue;
		problem->text =
			psprintf("%s, and some rows have equal values there: %s; this lists all: %s",
					 problem->text, some, list_query(relation, problem->unique));
		problem->remedy = NULL;
	}
}

/*
 * report_duplicates raises an error if rows prevent one of the missing indexes.
 */
void
report_duplicates(Relation relation, const StoreKind *kind, List *problems)
{
	ListCell *cell;

	foreach (cell, problems)
	{
		Problem *problem = lfirst(cell);
		char	*some = problem_duplicates(relation, kind, problem);

		if (some == NULL)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("table \"%s\" cannot have a unique index on (%s), since some of its %s are "
						"equal there",
						RelationGetRelationName(relation), index_columns(problem->unique),
						kind->contents),
				 errdetail("%s", some),
				 errhint("List all of them: %s. Decide which stay, and run %s again.",
						 list_query(relation, problem->unique), kind->create_function),
				 errtable(relation)));
	}
}
