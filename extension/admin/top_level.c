/*
 * top_level.c
 *	  A utility command that runs as if a client had sent it.
 *
 * SPI runs commands as those of a function. PostgreSQL refuses some of them there, and Citus does not
 * look at others.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"

#include "admin/admin.h"

/*
 * run_at_top_level runs a utility command. If it ends the transaction, it needs its text beyond that.
 */
void
run_at_top_level(const char *command)
{
	PlannedStmt *statement = makeNode(PlannedStmt);

	statement->commandType = CMD_UTILITY;
	statement->utilityStmt = linitial_node(RawStmt, pg_parse_query(command))->stmt;
	ProcessUtility(statement, command, false, PROCESS_UTILITY_TOPLEVEL, NULL, NULL, None_Receiver,
				   NULL);
}
