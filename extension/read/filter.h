/*
 * filter.h
 *	  A statement under construction. filter.c uses filter_range.c, filter_aggregate.c and
 *	  filter_sort.c, and all of them use filter_condition.c.
 */
#ifndef GOES_FILTER_H
#define GOES_FILTER_H

#include "read/read.h"

/*
 * The arguments that goes_query, goes_query_cursor and goes_count have in common.
 * goes_snapshot_query has those from FILTER_TIMES on.
 */
enum FilterArgument
{
	FILTER_NAMES,
	FILTER_IDS,
	FILTER_TIMES,
	FILTER_TIME_MIN,
	FILTER_TIME_MAX,
	FILTER_TIME_RANGES,
	FILTER_AGGREGATE_NAMES,
	FILTER_AGGREGATE_IDS,
	FILTER_AGGREGATE_VERSIONS,
	FILTER_VERSION_MIN,
	FILTER_VERSION_MAX,
	FILTER_VERSION_RANGES,
	FILTER_AGGREGATES,
	FILTER_ARGUMENTS,

	/* goes_query, goes_query_cursor and goes_snapshot_query go on with these */
	QUERY_SORT = FILTER_ARGUMENTS,
	QUERY_MAX_EVENTS,
	QUERY_ARGUMENTS
};

/* What a filter asks of its column. */
typedef enum FilterKind
{
	FILTER_ONE_OF,
	FILTER_AT_LEAST,
	FILTER_AT_MOST,
	FILTER_IN_RANGES,
	FILTER_REFERENCES /* to aggregates, which are two columns */
} FilterKind;

/* How selective one value of a column is. */
typedef enum Picks
{
	PICKS_FEW,	   /* an id, an aggregate */
	PICKS_SOME,	   /* nothing that the planner should know */
	PICKS_BY_VALUE /* few rows for one value, many for another */
} Picks;

/* A filter: its argument, its column and what it asks of it. */
typedef struct FilterRule
{
	const char *name; /* of the argument */
	const char *column;
	FilterKind	kind;
	Picks		picks;
	Oid			type;	   /* of the argument; of references it is one of ours */
	int			most_arms; /* more ranges than that are not written out, but tested together */
} FilterRule;

/* What is looked for. */
typedef struct Subject
{
	const char *columns;
	int			first_argument; /* the first of the FilterArguments that its functions have */
	int			place;			/* where that one stands among their arguments */
	const char *key;			/* the order of rows that are equal in their sort keys */
	const char *limit_name;		/* of the argument QUERY_MAX_EVENTS */
} Subject;

typedef struct Filter
{
	FunctionCallInfo fcinfo;
	const Subject	*subject;
	StringInfoData	 text;
	bool			 has_condition;
	bool			 is_point;	 /* asks for one id or one aggregate */
	bool			 is_varying; /* how many rows there are depends on the values */
	bool			 is_common;	 /* the same text is used often: keep the plan */
	Parameter		*parameters;
	int				 count;
	int				 room;
} Filter;

#pragma GCC visibility push(hidden)

/* filter.c: the filters by their arguments */
extern const FilterRule filter_rules[FILTER_ARGUMENTS];

/* filter_range.c */
extern void filter_ranges(Filter *filter, int argument, const FilterRule *rule);

/* filter_aggregate.c */
extern void filter_references(Filter *filter, int argument, const char *name);

/* filter_sort.c */
extern void add_sorting(Filter *filter);
extern void add_limit(Filter *filter);
extern void reject_negative_limit(const char *name, int64 limit);

/* filter_condition.c */
extern NullableDatum *filter_argument(const Filter *filter, int argument);
extern ArrayType	 *filter_array(const Filter *filter, int argument, const char *name);
extern int			  add_parameter(Filter *filter, Oid type, Datum value);
extern void			  start_condition(Filter *filter);
extern bool			  add_one_of(Filter *filter, const char *column, ArrayType *values);

#pragma GCC visibility pop

#endif
