/*
 * plan_cache.c
 *	  The plans that are kept for the session: at most 64. The least recently used one is
 *	  evicted first.
 *
 * A plan is found by its store's OID and its text with "%s" for the table. It is used only while
 * the caller holds a lock on the table and PostgreSQL says that the plan is valid. Renaming a
 * table invalidates its plans, and the text is then built again from the OID, so a plan never
 * uses a name that another table has taken over.
 *
 * A trigger or a view can make a call inside a call, so a running plan is never freed. One that
 * became invalid meanwhile is freed when it is next found.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/plan.h"

#define MOST_KEPT_PLANS 64

static KeptPlan kept_plans[MOST_KEPT_PLANS];
static uint64	use_counter = 0;

/*
 * forget frees a kept plan that is not running.
 */
static void
forget(KeptPlan *kept)
{
	SPIPlanPtr plan = kept->plan;

	Assert(kept->running == 0);
	kept->plan = NULL;
	pfree(kept->text);
	SPI_freeplan(plan);
}

/*
 * takes_parameters tells whether a plan was made for parameters of these types. When the
 * extension was dropped and created again, its types have the same names but other OIDs.
 */
static bool
takes_parameters(SPIPlanPtr plan, const Statement *statement)
{
	if (SPI_getargcount(plan) != statement->parameter_count)
		return false;
	for (int i = 0; i < statement->parameter_count; i++)
	{
		if (SPI_getargtypeid(plan, i) != statement->parameters[i].type)
			return false;
	}
	return true;
}

/*
 * find_kept_plan looks for a plan of the statement. It frees one that can no longer be used.
 */
KeptPlan *
find_kept_plan(Store *store, const Statement *statement)
{
	for (int i = 0; i < MOST_KEPT_PLANS; i++)
	{
		KeptPlan *kept = &kept_plans[i];

		if (kept->plan == NULL || kept->store != store->oid ||
			strcmp(kept->text, statement->text) != 0)
			continue;
		if (!kept->is_stale && SPI_plan_is_valid(kept->plan) &&
			takes_parameters(kept->plan, statement))
		{
			kept->last_use = ++use_counter;
			return kept;
		}
		if (kept->running == 0)
			forget(kept);
	}
	return NULL;
}

/*
 * free_place returns a place for one more plan, if need be that of the least recently used plan;
 * NULL if all plans are running.
 */
static KeptPlan *
free_place(void)
{
	KeptPlan *oldest = NULL;

	for (int i = 0; i < MOST_KEPT_PLANS; i++)
	{
		KeptPlan *kept = &kept_plans[i];

		if (kept->plan == NULL)
			return kept;
		if (kept->running == 0 && (oldest == NULL || kept->last_use < oldest->last_use))
			oldest = kept;
	}
	if (oldest != NULL)
		forget(oldest);
	return oldest;
}

/*
 * keep_plan puts a new plan into the cache. SPI_keepplan comes after everything that can fail, so
 * an error leaves neither a broken entry nor a leaked plan.
 */
KeptPlan *
keep_plan(Store *store, const Statement *statement, SPIPlanPtr plan)
{
	KeptPlan *kept = free_place();

	if (kept == NULL)
		return NULL;
	kept->text = MemoryContextStrdup(TopMemoryContext, statement->text);
	kept->store = store->oid;
	kept->last_use = ++use_counter;
	kept->running = 0;
	kept->is_stale = false;
	SPI_keepplan(plan);
	kept->plan = plan;
	return kept;
}
