/*
 * filter_range.c
 *	  Ranges of times and versions as conditions.
 *
 * PostgreSQL converts ranges of whole numbers to [first, last + 1), but nothing here relies on
 * that.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "read/filter.h"

/*
 * add_bound writes one end of a range.
 */
static void
add_bound(Filter *filter, const char *column, const char *operator, Oid type,
		  const RangeBound *bound)
{
	appendStringInfo(&filter->text, "%s OPERATOR(pg_catalog.%s%s) $%d", column, operator,
					 bound->inclusive ? "=" : "", add_parameter(filter, type, bound->val));
}

/*
 * add_range writes "column is in this range". A range without bounds still needs a
 * value to be in it.
 */
static void
add_range(Filter *filter, const char *column, TypeCacheEntry *range_type, Datum range)
{
	Oid		   type = range_type->rngelemtype->type_id;
	RangeBound lower;
	RangeBound upper;
	bool	   is_empty;

	range_deserialize(range_type, DatumGetRangeTypeP(range), &lower, &upper, &is_empty);
	if (is_empty)
		appendStringInfoString(&filter->text, "false");
	else if (lower.infinite && upper.infinite)
		appendStringInfo(&filter->text, "%s IS NOT NULL", column);
	else
	{
		if (!lower.infinite)
			add_bound(filter, column, ">", type, &lower);
		if (!lower.infinite && !upper.infinite)
			appendStringInfoString(&filter->text, " AND ");
		if (!upper.infinite)
			add_bound(filter, column, "<", type, &upper);
	}
}

/*
 * add_arms writes "column is in one of these ranges", one arm for each.
 */
static void
add_arms(Filter *filter, const char *column, TypeCacheEntry *range_type, Datum *ranges, int count)
{
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(&filter->text, i == 0 ? "(" : " OR (");
		add_range(filter, column, range_type, ranges[i]);
		appendStringInfoChar(&filter->text, ')');
	}
}

/*
 * add_multirange writes the same with one operator. An index can find the rows between the lowest
 * and the highest bound.
 */
static void
add_multirange(Filter *filter, const char *column, TypeCacheEntry *range_type, Datum *ranges,
			   int count)
{
	Oid				multirange_type = get_range_multirange(range_type->type_id);
	RangeType	  **list = palloc(sizeof(RangeType *) * count);
	MultirangeType *multirange;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		list[i] = DatumGetRangeTypeP(ranges[i]);
	}
	multirange = make_multirange(multirange_type, range_type, count, list);
	add_range(filter, column, range_type,
			  RangeTypePGetDatum(multirange_get_union_range(range_type, multirange)));
	appendStringInfo(&filter->text, " AND %s OPERATOR(pg_catalog.<@) $%d", column,
					 add_parameter(filter, multirange_type, MultirangeTypePGetDatum(multirange)));
}

/*
 * filter_ranges keeps the rows whose column is in one of the ranges of an argument. Each number of
 * arms makes another text, so the plan of several arms is not worth keeping.
 */
void
filter_ranges(Filter *filter, int argument, const FilterRule *rule)
{
	ArrayType	   *ranges = filter_array(filter, argument, rule->name);
	const char	   *column = quote_identifier(rule->column);
	TypeCacheEntry *range_type;
	Datum		   *elements;
	int				count;

	if (ranges == NULL)
		return;
	range_type = lookup_type_cache(ARR_ELEMTYPE(ranges), TYPECACHE_RANGE_INFO);
	deconstruct_array(ranges, range_type->type_id, range_type->typlen, range_type->typbyval,
					  range_type->typalign, &elements, NULL, &count);
	start_condition(filter);
	appendStringInfoChar(&filter->text, '(');
	if (count <= rule->most_arms)
		add_arms(filter, column, range_type, elements, count);
	else
		add_multirange(filter, column, range_type, elements, count);
	appendStringInfoChar(&filter->text, ')');
	filter->is_varying = true;
	filter->is_common &= count == 1 || count > rule->most_arms;
}
