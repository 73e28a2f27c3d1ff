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
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "filter.h"
#include "goes_store.h"

/*
 * add_parameter adds a value and returns its number, for "$n".
 */
int
add_parameter(Filter *filter, Oid type, Datum value)
{
	if (filter->count == filter->room)
	{
		filter->room *= 2;
		filter->parameters = repalloc(filter->parameters, sizeof(Parameter) * filter->room);
	}
	filter->parameters[filter->count].type = type;
	filter->parameters[filter->count].value = value;
	return ++filter->count;
}

/*
 * start_condition begins one more condition of the WHERE clause.
 */
void
start_condition(Filter *filter)
{
	appendStringInfoString(&filter->text, filter->has_condition ? " AND " : " WHERE ");
	filter->has_condition = true;
}

/*
 * add_one_of writes "column is one of these values".
 */
void
add_one_of(Filter *filter, const char *column, ArrayType *values)
{
	Oid	   type = ARR_ELEMTYPE(values);
	int16  length;
	bool   by_value;
	char   alignment;
	Datum *elements;
	int	   count;

	if (ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values)) > 1)
	{
		appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.=) ANY ($%d)", column,
						 add_parameter(filter, get_array_type(type), PointerGetDatum(values)));
		return;
	}
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	deconstruct_array(values, type, length, by_value, alignment, &elements, NULL, &count);
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.=) $%d", column,
					 add_parameter(filter, type, elements[0]));
}

/*
 * filter_values keeps the rows whose column has one of the values of an argument, and
 * tells whether there was one.
 */
static bool
filter_values(Filter *filter, int argument, const char *name, const char *column)
{
	ArrayType *values = array_argument(filter->fcinfo, argument, name);

	if (values == NULL)
		return false;
	start_condition(filter);
	add_one_of(filter, column, values);
	return true;
}

/*
 * filter_bound keeps the rows whose column is at or beyond the value of an argument.
 */
static void
filter_bound(Filter *filter, int argument, const char *column, const char *operator, Oid type)
{
	if (filter->fcinfo->args[argument].isnull)
		return;
	start_condition(filter);
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.%s) $%d", column, operator,
					 add_parameter(filter, type, filter->fcinfo->args[argument].value));
}

/*
 * add_filters writes the WHERE clause.
 */
static void
add_filters(Filter *filter)
{
	filter_values(filter, FILTER_NAMES, "names", "name");
	filter->is_point |= filter_values(filter, FILTER_IDS, "ids", "id");
	filter_values(filter, FILTER_TIMES, "times", "\"time\"");
	filter_bound(filter, FILTER_TIME_MIN, "\"time\"", ">=", INT8OID);
	filter_bound(filter, FILTER_TIME_MAX, "\"time\"", "<=", INT8OID);
	filter_ranges(filter, FILTER_TIME_RANGES, "time_ranges", "\"time\"");
	filter_values(filter, FILTER_AGGREGATE_NAMES, "aggregate_names", "aggregate_name");
	filter->is_point |=
		filter_values(filter, FILTER_AGGREGATE_IDS, "aggregate_ids", "aggregate_id");
	filter_values(filter, FILTER_AGGREGATE_VERSIONS, "aggregate_versions", "aggregate_version");
	filter_bound(filter, FILTER_VERSION_MIN, "aggregate_version", ">=", INT4OID);
	filter_bound(filter, FILTER_VERSION_MAX, "aggregate_version", "<=", INT4OID);
	filter_ranges(filter, FILTER_VERSION_RANGES, "version_ranges", "aggregate_version");
	filter_references(filter, FILTER_AGGREGATES, "aggregates");
}

/*
 * start_filter begins a statement.
 */
static void
start_filter(Filter *filter, FunctionCallInfo fcinfo, const char *select)
{
	filter->fcinfo = fcinfo;
	filter->has_condition = false;
	filter->is_common = true;
	filter->is_point = false;
	filter->count = 0;
	filter->room = 16;
	filter->parameters = palloc(sizeof(Parameter) * filter->room);
	initStringInfo(&filter->text);
	appendStringInfo(&filter->text, "SELECT %s FROM %%s", select);
}

/*
 * finish_filter returns the statement. A look-up by id or by aggregate finds few rows
 * whatever the values, so its plan need not know them.
 */
static Statement
finish_filter(Filter *filter)
{
	Statement statement = {filter->text.data, filter->parameters, filter->count, 0,
						   filter->is_common};

	statement.cursor_options =
		filter->is_point && filter->is_common ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN;
	return statement;
}

/*
 * filter_count returns the statement that counts events.
 */
Statement
filter_count(FunctionCallInfo fcinfo)
{
	Filter filter;

	start_filter(&filter, fcinfo, "pg_catalog.count(*)");
	add_filters(&filter);
	return finish_filter(&filter);
}

/*
 * filter_select returns the statement that finds events.
 */
Statement
filter_select(FunctionCallInfo fcinfo)
{
	Filter filter;

	start_filter(&filter, fcinfo, EVENT_LIST);
	add_filters(&filter);
	add_sorting(&filter);
	add_limit(&filter);
	return finish_filter(&filter);
}
