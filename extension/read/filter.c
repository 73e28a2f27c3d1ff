/*
 * filter.c
 *	  From the arguments of a query to its statement.
 *
 * The statement contains only the conditions asked for, written as a person would write them, so
 * that the planner can use the indexes: "=" for one value, "= ANY" for several, ">=" and "<" for
 * a range ("<@" cannot use an index). Values are parameters. Operators name their schema, so that
 * search_path does not matter.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "read/filter.h"
#include "read/read.h"

/* Up to this many ranges of times are written out, since each of them can use the index. */
#define MOST_TIME_ARMS 64

/* The columns of a feed, and where the row lies. */
#define FEED_LIST "\"position\", " EVENT_LIST ", ctid"

/* How many parameters the condition on positions has. */
#define POSITION_PARAMETERS 2

static const Subject events = {EVENT_LIST, FILTER_NAMES, 0, "id ASC", "max_events"};

static const Subject snapshots = {SNAPSHOT_LIST, FILTER_TIMES, 0,
								  "aggregate_name ASC, aggregate_id ASC, aggregate_version ASC",
								  "max_snapshots"};

/* The arguments of goes_feed begin with its cursor. */
static const Subject feed_events = {FEED_LIST, FILTER_NAMES, 1, NULL, NULL};

/* Those of a subscription are all there is. */
static const Subject members = {MEMBER_LIST, FILTER_NAMES, 0, NULL, NULL};

/* A new filter is a row here, besides its argument in the SQL interface. */
const FilterRule filter_rules[FILTER_ARGUMENTS] = {
	[FILTER_NAMES] = {"names", "name", FILTER_ONE_OF, PICKS_BY_VALUE, TEXTARRAYOID},
	[FILTER_IDS] = {"ids", "id", FILTER_ONE_OF, PICKS_FEW, UUIDARRAYOID},
	[FILTER_TIMES] = {"times", "time", FILTER_ONE_OF, PICKS_BY_VALUE, INT8ARRAYOID},
	[FILTER_TIME_MIN] = {"time_min", "time", FILTER_AT_LEAST, PICKS_BY_VALUE, INT8OID},
	[FILTER_TIME_MAX] = {"time_max", "time", FILTER_AT_MOST, PICKS_BY_VALUE, INT8OID},
	[FILTER_TIME_RANGES] = {"time_ranges", "time", FILTER_IN_RANGES, PICKS_BY_VALUE,
							INT8RANGEARRAYOID, MOST_TIME_ARMS},
	[FILTER_AGGREGATE_NAMES] = {"aggregate_names", "aggregate_name", FILTER_ONE_OF, PICKS_SOME,
								TEXTARRAYOID},
	[FILTER_AGGREGATE_IDS] = {"aggregate_ids", "aggregate_id", FILTER_ONE_OF, PICKS_FEW,
							  UUIDARRAYOID},
	[FILTER_AGGREGATE_VERSIONS] = {"aggregate_versions", "aggregate_version", FILTER_ONE_OF,
								   PICKS_SOME, INT4ARRAYOID},
	[FILTER_VERSION_MIN] = {"version_min", "aggregate_version", FILTER_AT_LEAST, PICKS_SOME,
							INT4OID},
	[FILTER_VERSION_MAX] = {"version_max", "aggregate_version", FILTER_AT_MOST, PICKS_SOME,
							INT4OID},
	[FILTER_VERSION_RANGES] = {"version_ranges", "aggregate_version", FILTER_IN_RANGES,
							   PICKS_BY_VALUE, INT4RANGEARRAYOID, 1},
	[FILTER_AGGREGATES] = {"aggregates", "aggregate_id", FILTER_REFERENCES, PICKS_FEW, InvalidOid},
};

/*
 * filter_values keeps the rows whose column has one of the values of an argument.
 */
static void
filter_values(Filter *filter, int argument, const FilterRule *rule)
{
	ArrayType *values = filter_array(filter, argument, rule->name);
	bool	   is_single;

	if (values == NULL)
		return;
	start_condition(filter);
	is_single = add_one_of(filter, quote_identifier(rule->column), values);
	filter->is_point |= is_single && rule->picks == PICKS_FEW;
	filter->is_varying |= !is_single || rule->picks == PICKS_BY_VALUE;
}

/*
 * filter_bound keeps the rows whose column is at or beyond the value of an argument.
 */
static void
filter_bound(Filter *filter, int argument, const FilterRule *rule, const char *operator)
{
	NullableDatum *bound = filter_argument(filter, argument);

	if (bound->isnull)
		return;
	start_condition(filter);
	filter->is_varying |= rule->picks == PICKS_BY_VALUE;
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.%s) $%d",
					 quote_identifier(rule->column), operator,
					 add_parameter(filter, rule->type, bound->value));
}

/*
 * add_filter writes the condition of one argument, if it is given.
 */
static void
add_filter(Filter *filter, int argument, const FilterRule *rule)
{
	switch (rule->kind)
	{
		case FILTER_ONE_OF:
			filter_values(filter, argument, rule);
			break;
		case FILTER_AT_LEAST:
			filter_bound(filter, argument, rule, ">=");
			break;
		case FILTER_AT_MOST:
			filter_bound(filter, argument, rule, "<=");
			break;
		case FILTER_IN_RANGES:
			filter_ranges(filter, argument, rule);
			break;
		case FILTER_REFERENCES:
			filter_references(filter, argument, rule->name);
			break;
	}
}

/*
 * add_filters writes the WHERE clause.
 */
static void
add_filters(Filter *filter)
{
	for (int i = filter->subject->first_argument; i < FILTER_ARGUMENTS; i++)
		add_filter(filter, i, &filter_rules[i]);
}

/*
 * start_filter begins a statement.
 */
static void
start_filter(Filter *filter, const Subject *subject, FunctionCallInfo fcinfo, const char *verb)
{
	filter->subject = subject;
	filter->fcinfo = fcinfo;
	filter->has_condition = false;
	filter->is_common = true;
	filter->is_point = false;
	filter->is_varying = false;
	filter->count = 0;
	filter->room = 16;
	filter->parameters = palloc(sizeof(Parameter) * filter->room);
	initStringInfo(&filter->text);
	appendStringInfo(&filter->text, "%s FROM %%s", verb);
}

/*
 * finish_filter returns the statement. A look-up of one id or one aggregate uses the same plan
 * for all values; for anything else the planner has to see the values.
 */
static Statement
finish_filter(Filter *filter)
{
	Statement statement = {.text = filter->text.data,
						   .parameters = filter->parameters,
						   .parameter_count = filter->count,
						   .is_kept = filter->is_common};
	bool	  is_generic = filter->is_point && !filter->is_varying && filter->is_common;

	statement.cursor_options = is_generic ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN;
	return statement;
}

/*
 * filter_count returns the statement that counts events.
 */
Statement
filter_count(FunctionCallInfo fcinfo)
{
	Filter filter;

	start_filter(&filter, &events, fcinfo, "SELECT pg_catalog.count(*)");
	add_filters(&filter);
	return finish_filter(&filter);
}

/*
 * filter_rows returns the statement that finds rows of a kind.
 */
static Statement
filter_rows(FunctionCallInfo fcinfo, const Subject *subject)
{
	Filter filter;

	start_filter(&filter, subject, fcinfo, psprintf("SELECT %s", subject->columns));
	add_filters(&filter);
	add_sorting(&filter);
	add_limit(&filter);
	return finish_filter(&filter);
}

/*
 * filter_select returns the statement that finds events.
 */
Statement
filter_select(FunctionCallInfo fcinfo)
{
	return filter_rows(fcinfo, &events);
}

/*
 * add_position writes "position is in (after, last]".
 */
static void
add_position(Filter *filter, int64 after, int64 last)
{
	start_condition(filter);
	appendStringInfo(&filter->text,
					 "\"position\" OPERATOR(pg_catalog.>) $%d "
					 "AND \"position\" OPERATOR(pg_catalog.<=) $%d",
					 add_parameter(filter, INT8OID, Int64GetDatum(after)),
					 add_parameter(filter, INT8OID, Int64GetDatum(last)));
}

/*
 * filter_positions returns the statement that finds events by position, in that order: those
 * behind after, up to last, and no more than a number. It also sees what was committed after the
 * caller's snapshot. Without filters one plan serves all positions.
 */
static Statement
filter_positions(FunctionCallInfo fcinfo, const Subject *subject, int64 after, int64 last,
				 int64 most)
{
	Filter	  filter;
	Statement statement;

	start_filter(&filter, subject, fcinfo, psprintf("SELECT %s", subject->columns));
	add_position(&filter, after, last);
	filter.is_point = true;
	add_filters(&filter);
	filter.is_point &= filter.count == POSITION_PARAMETERS;
	appendStringInfo(&filter.text, " ORDER BY \"position\" LIMIT $%d",
					 add_parameter(&filter, INT8OID, Int64GetDatum(most)));
	statement = finish_filter(&filter);
	statement.is_fresh = true;
	return statement;
}

/*
 * filter_feed returns the statement that finds the next events of a feed.
 */
Statement
filter_feed(FunctionCallInfo fcinfo, int64 after, int64 last, int64 most)
{
	return filter_positions(fcinfo, &feed_events, after, last, most);
}

/*
 * filter_members returns the statement that finds the aggregates of the next events. The call has
 * the filters as its only arguments.
 */
Statement
filter_members(FunctionCallInfo filters, int64 after, int64 last, int64 most)
{
	return filter_positions(filters, &members, after, last, most);
}

/*
 * filter_snapshots returns the statement that finds snapshots.
 */
Statement
filter_snapshots(FunctionCallInfo fcinfo)
{
	return filter_rows(fcinfo, &snapshots);
}

/*
 * filter_delete returns the statement that removes the events with the given ids.
 */
Statement
filter_delete(FunctionCallInfo fcinfo, ArrayType *ids)
{
	Filter filter;

	start_filter(&filter, &events, fcinfo, "DELETE");
	start_condition(&filter);
	filter.is_point = add_one_of(&filter, "id", ids);
	return finish_filter(&filter);
}
