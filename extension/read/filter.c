/*
 * filter.c
 *	  From the arguments of a query to its statement.
 *
 * Only the conditions asked for are there, written as a person would write them, so
 * that the planner can use the indexes: "=" for one value, "= ANY" for several, ">="
 * and "<" for a range ("<@" is no index condition). Values are parameters; operators
 * name their schema, so that search_path has no say.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"

#include "read/filter.h"
#include "read/read.h"

/* Ranges of times are written out up to so many, since each of them can use the index. */
#define MOST_TIME_ARMS 64

static const Subject events = {EVENT_LIST, FILTER_NAMES, "id ASC", "max_events"};

static const Subject snapshots = {SNAPSHOT_LIST, FILTER_TIMES,
								  "aggregate_name ASC, aggregate_id ASC, aggregate_version ASC",
								  "max_snapshots"};

/* What a single value of a column tells about how many rows there are. */
typedef enum Picks
{
	PICKS_FEW,	   /* an id, an aggregate */
	PICKS_SOME,	   /* nothing that the planner should know */
	PICKS_BY_VALUE /* few for one value, many for another */
} Picks;

/*
 * filter_values keeps the rows whose column has one of the values of an argument.
 */
static void
filter_values(Filter *filter, int argument, const char *name, const char *column, Picks picks)
{
	ArrayType *values = filter_array(filter, argument, name);
	bool	   is_single;

	if (values == NULL)
		return;
	start_condition(filter);
	is_single = add_one_of(filter, column, values);
	filter->is_point |= is_single && picks == PICKS_FEW;
	filter->is_varying |= !is_single || picks == PICKS_BY_VALUE;
}

/*
 * filter_bound keeps the rows whose column is at or beyond the value of an argument.
 */
static void
filter_bound(Filter *filter, int argument, const char *column, const char *operator, Oid type)
{
	NullableDatum *bound = filter_argument(filter, argument);

	if (bound->isnull)
		return;
	start_condition(filter);
	filter->is_varying |= type == INT8OID;
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.%s) $%d", column, operator,
					 add_parameter(filter, type, bound->value));
}

/*
 * add_filters writes the WHERE clause.
 */
static void
add_filters(Filter *filter)
{
	if (filter->subject == &events)
	{
		filter_values(filter, FILTER_NAMES, "names", "name", PICKS_BY_VALUE);
		filter_values(filter, FILTER_IDS, "ids", "id", PICKS_FEW);
	}
	filter_values(filter, FILTER_TIMES, "times", "\"time\"", PICKS_BY_VALUE);
	filter_bound(filter, FILTER_TIME_MIN, "\"time\"", ">=", INT8OID);
	filter_bound(filter, FILTER_TIME_MAX, "\"time\"", "<=", INT8OID);
	filter_ranges(filter, FILTER_TIME_RANGES, "time_ranges", "\"time\"", MOST_TIME_ARMS);
	filter_values(filter, FILTER_AGGREGATE_NAMES, "aggregate_names", "aggregate_name", PICKS_SOME);
	filter_values(filter, FILTER_AGGREGATE_IDS, "aggregate_ids", "aggregate_id", PICKS_FEW);
	filter_values(filter, FILTER_AGGREGATE_VERSIONS, "aggregate_versions", "aggregate_version",
				  PICKS_SOME);
	filter_bound(filter, FILTER_VERSION_MIN, "aggregate_version", ">=", INT4OID);
	filter_bound(filter, FILTER_VERSION_MAX, "aggregate_version", "<=", INT4OID);
	filter_ranges(filter, FILTER_VERSION_RANGES, "version_ranges", "aggregate_version", 1);
	filter_references(filter, FILTER_AGGREGATES, "aggregates");
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
 * finish_filter returns the statement. A look-up of one id or one aggregate takes the
 * same plan whatever the values; with anything else the planner is to see them.
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
