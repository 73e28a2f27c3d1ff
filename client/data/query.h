/*
 * query.h
 *    What a query is made of, for query.c, query_match.c and calls/query_parameters.c.
 */
#ifndef GOES_QUERY_H
#define GOES_QUERY_H

#include "data/data.h"

/* The bound of a range, if it is set. */
typedef struct Bound
{
	bool is_set;
	bool is_impossible; /* nothing can satisfy it: after the greatest time, or before the least */
	int64_t value;
} Bound;

typedef struct SortKey
{
	goes_sort	   sort;
	goes_direction direction;
} SortKey;

/* A list of values of one kind. */
typedef struct List
{
	void  *values;
	size_t count;
	size_t room;
} List;

struct goes_query
{
	int	  failed; /* the status of the first step that failed */
	List  names;  /* char * */
	List  ids;	  /* goes_uuid */
	List  times;  /* int64_t */
	Bound time_min;
	Bound time_max;
	List  time_ranges;	   /* Range */
	List  aggregate_names; /* char * */
	List  aggregate_ids;   /* goes_uuid */
	List  versions;		   /* int32_t */
	Bound version_min;	   /* the least of them: reaching one is enough */
	Bound version_max;	   /* the greatest of them */
	List  version_ranges;  /* Range */
	List  aggregates;	   /* Reference */
	List  sorts;		   /* SortKey */
	Bound limit;
};

#endif
