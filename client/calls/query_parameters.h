/*
 * query_parameters.h
 *    A query as the parameters of a statement.
 */
#ifndef GOES_QUERY_PARAMETERS_H
#define GOES_QUERY_PARAMETERS_H

#include "data/query.h"
#include "store/request.h"

#define MOST_WHOLE 1000 /* rows that are read whole */

typedef struct QueryRequest
{
	Buffer	   buffers[MOST_PARAMETERS];
	Parameters parameters;
} QueryRequest;

/* With sorting and limit, for goes_query, or without them, for goes_count. NULL: every event. */
int request_make(QueryRequest *request, const Call *call, const goes_query *query, bool has_sorting,
				 const char *table, goes_error **err);
void request_free(QueryRequest *request);

/* Has the result MOST_WHOLE rows at most, whatever is stored? */
bool is_bounded(const goes_query *query);

/* Is it about a single aggregate? */
bool is_history(const goes_query *query);

#endif
