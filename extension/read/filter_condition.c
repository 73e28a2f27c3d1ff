/*
 * filter_condition.c
 *	  What the conditions of a query are made of.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/lsyscache.h"

#include "read/filter.h"

/*
 * place_of returns where a filter stands among the arguments of the function.
 */
static int
place_of(const Filter *filter, int argument)
{
	return argument - filter->subject->first_argument + filter->subject->place;
}

/*
 * filter_argument returns an argument of the function.
 */
NullableDatum *
filter_argument(const Filter *filter, int argument)
{
	return &filter->fcinfo->args[place_of(filter, argument)];
}

/*
 * filter_array returns an argument that is a list, or NULL for a null or empty one.
 */
ArrayType *
filter_array(const Filter *filter, int argument, const char *name)
{
	return array_argument(filter->fcinfo, place_of(filter, argument), name);
}

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
 * add_one_of writes "column is one of these values", and tells whether there was only
 * one.
 */
bool
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
		return false;
	}
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	deconstruct_array(values, type, length, by_value, alignment, &elements, NULL, &count);
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.=) $%d", column,
					 add_parameter(filter, type, elements[0]));
	return true;
}
