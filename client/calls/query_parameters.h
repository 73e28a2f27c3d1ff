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

/*
 * Makes the parameters of a request that has filters. A query that is NULL means every row.
 */
int	 request_make(QueryRequest *request, const Call *call, Request kind, const goes_query *query,
				  const char *table, goes_error **err);
void request_free(QueryRequest *request);

/* Has the result MOST_WHOLE rows at most, whatever is stored? */
bool is_bounded(const goes_query *query);

/* Is it about a single aggregate? */
bool is_history(const goes_query *query);

#endif
