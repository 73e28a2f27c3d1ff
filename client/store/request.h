/*
 * request.h
 *    The statements of the calls, and their parameters.
 */
#ifndef GOES_REQUEST_H
#define GOES_REQUEST_H

#include "store/call.h"

typedef enum Request
{
	REQUEST_INSERT,
	REQUEST_FIND,
	REQUEST_DELETE,
	REQUEST_QUERY,
	REQUEST_CURSOR,
	REQUEST_COUNT,
	REQUEST_COMPARE,
	REQUEST_APPEND,
	REQUEST_APPEND_EACH,
	REQUEST_TAKEN,
	REQUEST_TAKEN_ID,
	REQUEST_LOAD,
	REQUEST_CREATE_SNAPSHOTS,
	REQUEST_SNAPSHOT_SAVE,
	REQUEST_SNAPSHOT_LATEST,
	REQUEST_SNAPSHOT_VERSION,
	REQUEST_SNAPSHOT_LIMIT,
	REQUEST_SNAPSHOT_QUERY,
	REQUEST_SNAPSHOT_DELETE,
	REQUEST_CREATE_MODELS,
	REQUEST_MODEL_SAVE,
	REQUEST_MODEL_FETCH,
	REQUEST_MODEL_LOCK,
	REQUEST_MODEL_DELETE,
	REQUEST_FEED,
	REQUEST_CREATE_SUBSCRIPTIONS,
	REQUEST_SUBSCRIBE,
	REQUEST_CLAIM,
	REQUEST_DONE,
	REQUEST_RENEW,
	REQUEST_RELEASE,
	REQUEST_WRITE_TOKEN,
	REQUEST_WAIT_FOR,
	REQUEST_VERSION,
	REQUESTS
} Request;

/* The parameters of a request. */
#define MOST_PARAMETERS 22

typedef struct Parameters
{
	int			count;
	const char *arguments[MOST_PARAMETERS]; /* the names of the function's arguments */
	const char *values[MOST_PARAMETERS];
	int			lengths[MOST_PARAMETERS];
	Oid			types[MOST_PARAMETERS];
	int			formats[MOST_PARAMETERS];
} Parameters;

void  add_binary(Parameters *parameters, const char *argument, Oid type, const Buffer *value);
void  add_text(Parameters *parameters, const char *argument, Oid type, const char *value);
void  add_aggregate(Parameters *parameters, const char *name, const goes_uuid *id);
char *request_text(const Call *call, Request request,
				   const Parameters *parameters); /* to be freed */
int	 make_statement(Call *call, Request request, const Parameters *parameters, Statement *statement,
					goes_error **err);
void free_statement(Statement *statement);
int	 send_request(Call *call, Request request, const Parameters *parameters, goes_error **err);
int	 run_request(Call *call, Request request, const Parameters *parameters, PGresult **out,
				 goes_error **err);
bool request_retry(Call *call, int *status, goes_error **error); /* after a failed request */

/* Says what to do about a function that the extension or its library lacks. */
int refine_too_old(goes_error **error);

#endif
