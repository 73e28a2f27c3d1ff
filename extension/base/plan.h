/*
 * plan.h
 *	  Plans, for the rooms that make, keep and run them.
 */
#ifndef GOES_PLAN_H
#define GOES_PLAN_H

#include "executor/spi.h"

#include "base/base.h"

#pragma GCC visibility push(hidden)

typedef struct KeptPlan
{
	SPIPlanPtr plan; /* NULL: the place is free */
	Oid		   store;
	char	  *text;
	uint64	   last_use;
	int		   running;	 /* how many calls are executing it; such a plan is never freed */
	bool	   is_stale; /* never to be used again */
} KeptPlan;

/* plan.c: a plan of the statement that lasts until SPI_finish. */
extern SPIPlanPtr make_plan(Store *store, const Statement *statement);

/* Around the execution of a plan. */
extern int	begin_plan_choice(const Store *store, const Statement *statement);
extern void end_plan_choice(int level);

/*
 * The statement's plan from the cache, where it is put first if need be; NULL if there is no
 * place, and *plan is then good until SPI_finish.
 */
extern KeptPlan *kept_plan(Store *store, const Statement *statement, SPIPlanPtr *plan);

/* plan_cache.c: a valid plan of the statement; NULL if there is none. */
extern KeptPlan *find_kept_plan(Store *store, const Statement *statement);

/* Keeps a fresh plan for the session; NULL if all places are taken by running plans. */
extern KeptPlan *keep_plan(Store *store, const Statement *statement, SPIPlanPtr plan);

#pragma GCC visibility pop

#endif
