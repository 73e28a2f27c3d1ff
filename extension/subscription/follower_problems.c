/*
 * follower_problems.c
 *	  What is wrong with the subscriptions that follow a table of events.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "subscription/subscription.h"
#include "table/kind.h"

/*
 * create_call returns the SQL that makes the tables of a store of subscriptions that are missing.
 */
static char *
create_call(FunctionCallInfo fcinfo, Oid table)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

	return psprintf(
		"SELECT %s(%s);",
		quote_qualified_identifier(get_namespace_name(schema), subscription_store.create_function),
		quote_literal_cstr(relation_name(table)));
}

/*
 * add_of_table adds the problems of one of the tables to a list.
 */
static List *
add_of_table(List *problems, Relation table, const StoreKind *kind)
{
	ListCell *cell;

	foreach (cell, schema_problems(table, kind))
	{
		Problem *problem = lfirst(cell);

		problem->text = psprintf("table \"%s\": %s", RelationGetRelationName(table), problem->text);
		problems = lappend(problems, problem);
	}
	return problems;
}

/*
 * add_of_tables adds what is wrong with the tables of a store of subscriptions to a list.
 */
static List *
add_of_tables(FunctionCallInfo fcinfo, List *problems, Oid table)
{
	Relation first = relation_open(table, AccessShareLock);

	problems = add_of_table(problems, first, &subscription_store);
	for (const StoreKind *kind = &partition_store; kind != NULL; kind = kind->companion)
	{
		RangeVar *range = companion_range(table, kind);
		Oid		  oid = RangeVarGetRelid(range, AccessShareLock, true);
		Relation  companion;

		if (!OidIsValid(oid))
		{
			problems = add_problem(problems, PROBLEM_SUBSCRIPTION,
								   psprintf("%s \"%s\" does not exist", kind->noun, range->relname),
								   create_call(fcinfo, table), NULL);
			continue;
		}
		companion = relation_open(oid, NoLock);
		problems = add_of_table(problems, companion, kind);
		relation_close(companion, AccessShareLock);
	}
	relation_close(first, AccessShareLock);
	return problems;
}

/*
 * add_of_follower adds the problem that a subscription belongs to a feed which is no more. A person
 * has to decide where it goes on.
 */
static List *
add_of_follower(List *problems, const Follower *follower, const pg_uuid_t *feed)
{
	if (memcmp(&follower->feed, feed, sizeof(pg_uuid_t)) == 0)
		return problems;
	return add_problem(problems, PROBLEM_SUBSCRIPTION,
					   psprintf("subscription \"%s\" stands still, since the feed began anew: "
								"goes_rewind says where it goes on",
								follower->name),
					   NULL, NULL);
}

/*
 * follower_problems lists what is wrong with the subscriptions that follow a table of events, whose
 * feed has an id.
 */
List *
follower_problems(FunctionCallInfo fcinfo, Oid events, const pg_uuid_t *feed)
{
	List	 *problems = NIL;
	Oid		  table = InvalidOid;
	ListCell *cell;

	foreach (cell, find_followers(events))
	{
		Follower *follower = lfirst(cell);

		if (follower->table != table)
			problems = add_of_tables(fcinfo, problems, follower->table);
		table = follower->table;
		problems = add_of_follower(problems, follower, feed);
	}
	return problems;
}
