/*
 * lone_call.c
 *	  Is a function called where what it opens for the rest of the transaction is lost at once?
 *
 * That is so if a client calls it outside of a transaction block, in a statement that does nothing
 * else. PostgreSQL's own commands know from their caller whether they are at the top level, and a
 * function knows its expression: it stands in the plan of the client's statement, or in another
 * one, of a function that may go on. Whoever uses the extended protocol may send more statements
 * before the transaction ends, so nothing is refused there.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
#include "tcop/pquery.h"
#include "utils/portal.h"

#include "base/base.h"

/*
 * is_all_of tells whether a plan returns the result of a call, and does nothing else.
 */
static bool
is_all_of(const Plan *plan, const Node *call)
{
	const FunctionScan *scan = (const FunctionScan *) plan;
	const Expr		   *column;

	if (call == NULL || plan->lefttree != NULL || list_length(plan->targetlist) != 1)
		return false;
	column = linitial_node(TargetEntry, plan->targetlist)->expr;
	if (IsA(plan, FunctionScan) && IsA(column, Var))
		return linitial_node(RangeTblFunction, scan->functions)->funcexpr == call;
	return IsA(plan, Result) && (const Node *) column == call;
}

/*
 * is_lone_call tells whether a call is all that a statement of the simple protocol does.
 */
static bool
is_lone_call(FunctionCallInfo fcinfo)
{
	const QueryDesc	  *query = ActivePortal == NULL ? NULL : ActivePortal->queryDesc;
	const PlannedStmt *statement = query == NULL ? NULL : query->plannedstmt;

	return statement != NULL && query->dest->mydest == DestRemote && !statement->hasModifyingCTE &&
		   is_all_of(statement->planTree, (const Node *) fcinfo->flinfo->fn_expr);
}

/*
 * require_transaction_block raises an error if what a function opens would be gone when the
 * statement ends, and nobody could have used it.
 */
void
require_transaction_block(FunctionCallInfo fcinfo, const char *function, const char *hint)
{
	if (IsTransactionBlock() || !is_lone_call(fcinfo))
		return;
	ereport(ERROR, (errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
					errmsg("%s can only be used in transaction blocks", function),
					errdetail("What it opens would be gone when the statement ends."),
					errhint("%s", hint)));
}
