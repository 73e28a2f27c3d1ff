/*
 * feed_problems.c
 *	  What is wrong with the parts of a feed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "feed/feed.h"
#include "table/kind.h"

/*
 * has_feed_sequence tells whether a sequence gives positions one after the other. Every call on a
 * feed asks that.
 */
bool
has_feed_sequence(Oid sequence)
{
	HeapTuple		 tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(sequence));
	Form_pg_sequence options;
	bool			 is_plain;

	if (!HeapTupleIsValid(tuple))
		return false;
	options = (Form_pg_sequence) GETSTRUCT(tuple);
	is_plain = options->seqincrement == 1 && options->seqcache == 1 && !options->seqcycle &&
			   options->seqmin > 0;
	ReleaseSysCache(tuple);
	return is_plain;
}

/*
 * add_feed_problem adds a problem that goes_alter_store mends.
 */
List *
add_feed_problem(FunctionCallInfo fcinfo, List *problems, Relation events, char *text)
{
	return add_problem(problems, PROBLEM_FEED, text,
					   psprintf("%s;", alter_store_call(fcinfo, events, "feed", "true")), NULL);
}

/*
 * table_problems adds the problems of the kind of table that it is.
 */
static List *
table_problems(List *problems, Relation events)
{
	char persistence = events->rd_rel->relpersistence;

	if (persistence == RELPERSISTENCE_UNLOGGED)
		problems =
			add_problem(problems, PROBLEM_FEED,
						pstrdup("it is unlogged, and only a permanent table can have a feed"),
						psprintf("ALTER TABLE %s SET LOGGED;", qualified_name(events)), NULL);
	if (events->rd_rel->relam != HEAP_TABLE_AM_OID)
		problems = add_problem(
			problems, PROBLEM_FEED,
			pstrdup("its access method is not heap, and a feed has to see what "
					"is not committed"),
			psprintf("ALTER TABLE %s SET ACCESS METHOD heap;", qualified_name(events)), NULL);
	if (is_distributed(RelationGetRelid(events)))
		problems = add_problem(problems, PROBLEM_FEED,
							   pstrdup("Citus keeps its rows elsewhere, and the feed lacks them"),
							   NULL, NULL);
	if (has_parent(events))
		problems = add_problem(problems, PROBLEM_FEED,
							   pstrdup("it has a parent table, and the feed may lack rows that "
									   "are written through it"),
							   NULL, NULL);
	if (has_heirs(events))
		problems = add_problem(problems, PROBLEM_FEED,
							   pstrdup("others inherit from it, and the feed lacks their rows"),
							   NULL, NULL);
	return problems;
}

/*
 * column_problems adds the problems of the column of positions and its sequence.
 */
static List *
column_problems(FunctionCallInfo fcinfo, List *problems, Relation events, const FeedParts *parts)
{
	Form_pg_attribute column = find_column(events, POSITION_COLUMN);

	if (column == NULL)
		return add_feed_problem(fcinfo, problems, events, pstrdup("missing column \"position\""));
	if (column->atttypid != INT8OID || column->attgenerated != '\0')
		return add_problem(problems, PROBLEM_FEED,
						   pstrdup("column \"position\" is not one of numbers of type bigint that "
								   "a sequence gives: rename it"),
						   NULL, NULL);
	if (column->attidentity != ATTRIBUTE_IDENTITY_ALWAYS || !column->attnotnull ||
		!OidIsValid(parts->sequence))
		return add_feed_problem(fcinfo, problems, events,
								pstrdup("column \"position\" is not GENERATED ALWAYS AS IDENTITY"));
	if (!has_feed_sequence(parts->sequence))
		problems = add_feed_problem(
			fcinfo, problems, events,
			psprintf("sequence \"%s\" does not give positions one after the other (CACHE "
					 "1, INCREMENT 1, MINVALUE 1, NO CYCLE)",
					 get_rel_name(parts->sequence)));
	if (get_rel_persistence(parts->sequence) != RELPERSISTENCE_PERMANENT)
		problems = add_feed_problem(
			fcinfo, problems, events,
			psprintf("sequence \"%s\" is unlogged", get_rel_name(parts->sequence)));
	return problems;
}

/*
 * owner_problem adds the problem that the feed's own table does not belong to the owner of the
 * events. Somebody's trigger could name a table of another role, and there is a remedy only if it
 * cannot be that.
 */
static List *
owner_problem(List *problems, Relation events, const FeedParts *parts)
{
	Oid	  owner = events->rd_rel->relowner;
	char *remedy = NULL;

	if (table_owner(parts->table) == owner)
		return problems;
	if (goes_with(parts->table, RelationGetRelid(events)))
		remedy = psprintf("ALTER TABLE %s OWNER TO %s;", relation_name(parts->table),
						  quote_identifier(GetUserNameFromId(owner, false)));
	return add_problem(
		problems, PROBLEM_FEED,
		psprintf("table \"%s\" of the feed does not belong to the owner of the events",
				 get_rel_name(parts->table)),
		remedy, NULL);
}

/*
 * require_same_owner raises VE004 if there is that problem.
 */
void
require_same_owner(Relation events, const FeedParts *parts)
{
	List *problems = owner_problem(NIL, events, parts);

	if (problems != NIL)
		report_mismatch(events, problems, NULL);
}

/*
 * own_table_problems adds the problems of the feed's own table.
 */
static List *
own_table_problems(FunctionCallInfo fcinfo, List *problems, Relation events, const FeedParts *parts)
{
	if (!OidIsValid(parts->table))
		return add_feed_problem(
			fcinfo, problems, events,
			psprintf("trigger \"%s\" does not name the feed's own table", truncate_trigger.name));
	problems = owner_problem(problems, events, parts);
	if (!OidIsValid(parts->mark))
		problems = add_feed_problem(
			fcinfo, problems, events,
			psprintf("table \"%s\" of the feed lacks its sequence", get_rel_name(parts->table)));
	return problems;
}

/*
 * feed_part_problems lists what keeps a feed from being read. With feed => true, goes_alter_store
 * mends all of it that has a remedy.
 */
List *
feed_part_problems(FunctionCallInfo fcinfo, Relation events, const FeedParts *parts)
{
	List *problems = table_problems(NIL, events);

	problems = column_problems(fcinfo, problems, events, parts);
	if (parts->column != InvalidAttrNumber && !OidIsValid(parts->index))
		problems = add_feed_problem(fcinfo, problems, events,
									pstrdup("missing unique index on (position)"));
	return parts->is_on ? own_table_problems(fcinfo, problems, events, parts) : problems;
}

/*
 * feed_row_problem adds the problem that the feed's own table lacks its row.
 */
List *
feed_row_problem(FunctionCallInfo fcinfo, List *problems, Relation events, const FeedParts *parts)
{
	return add_feed_problem(
		fcinfo, problems, events,
		psprintf("table \"%s\" does not have the row of a feed", get_rel_name(parts->table)));
}
