/*
 * problem.c
 *	  What can be wrong with a table, as a list to show or to raise.
 */
#include "postgres.h"

#include "utils/rel.h"

#include "errors.h"
#include "table/table.h"

/*
 * add_problem puts one more problem at the end of a list.
 */
List *
add_problem(List *problems, ProblemKind kind, char *text, char *remedy, char *index_name)
{
	Problem *problem = palloc(sizeof(Problem));

	problem->kind = kind;
	problem->text = text;
	problem->remedy = remedy;
	problem->index_name = index_name;
	problem->unique = NULL;
	return lappend(problems, problem);
}

/*
 * report_mismatch raises VE004 with all problems; DETAIL has the SQL that mends them.
 */
void
report_mismatch(Relation relation, List *problems, const char *hint)
{
	StringInfoData text;
	StringInfoData remedies;
	ListCell	  *cell;
	const char	  *last = "";		 /* of the remedies: one may mend several problems */
	bool		   is_mended = true; /* by the remedies */

	initStringInfo(&text);
	initStringInfo(&remedies);
	foreach (cell, problems)
	{
		Problem *problem = lfirst(cell);

		appendStringInfo(&text, "%s%s", text.len > 0 ? "; " : "", problem->text);
		if (problem->remedy == NULL)
			is_mended = false;
		else if (strcmp(problem->remedy, last) != 0)
		{
			appendStringInfo(&remedies, "%s%s", remedies.len > 0 ? "\n" : "", problem->remedy);
			last = problem->remedy;
		}
	}
	if (((Problem *) linitial(problems))->kind == PROBLEM_KIND)
		hint = "Choose another name for the store.";
	else if (!is_mended)
		hint = "No command mends all of it: decide what becomes of the table's rows, or use "
			   "another table.";
	else if (hint == NULL)
		hint = "If this is the table that you mean, run the commands in DETAIL as its owner.";
	ereport(ERROR, (errcode(ERRCODE_GOES_SCHEMA_MISMATCH),
					errmsg("table \"%s\" schema mismatch: %s", RelationGetRelationName(relation),
						   text.data),
					remedies.len > 0 ? errdetail_internal("%s", remedies.data) : 0,
					errhint("%s", hint), errtable(relation)));
}
