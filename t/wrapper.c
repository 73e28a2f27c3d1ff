/*
 * wrapper.c
 *	  A module that wraps the executor, as pg_stat_statements does, and insists on what PostgreSQL's own
 *	  callers keep to: a statement without parameters has no list of them.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/params.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * start lets a statement begin.
 */
static void
start(QueryDesc *query, int flags)
{
	if (query->params != NULL && query->params->numParams == 0)
		elog(ERROR, "an empty list of parameters: %s", query->sourceText);
	standard_ExecutorStart(query, flags);
}

void
_PG_init(void)
{
	ExecutorStart_hook = start;
}
