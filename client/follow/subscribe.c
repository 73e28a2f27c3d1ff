/*
 * subscribe.c
 *    Making a subscription on the server: goes_subscribe, and its tables on first use.
 */
#include "calls/ask.h"
#include "follow/subscribe.h"
#include "data/oids.h"

#define DEFAULT_PARTITIONS 16
#define DEFAULT_ATTEMPTS 5
#define DEFAULT_BACKOFF_MS 1000
#define DEFAULT_BACKOFF_MAX_MS 600000
#define LONGEST_LEASE_MS 3600000

typedef struct Subscribing
{
	const char						*table;
	const char						*name;
	const goes_subscription_options *options;
} Subscribing;

int
subscribe_check(const char *table, const goes_subscription_options *options, goes_error **err)
{
	if (options->batch < 0 || options->batch > MOST_BATCH)
		return fail(err, GOES_ERR_INVALID, "batch must be between 1 and %d, or 0 for %d",
					MOST_BATCH, DEFAULT_BATCH);
	if (options->lease_ms < 0 || options->lease_ms > LONGEST_LEASE_MS)
		return fail(err, GOES_ERR_INVALID, "lease_ms must be between 1 and %d, or 0 for %d",
					LONGEST_LEASE_MS, DEFAULT_LEASE_MS);
	return table_check(table, err);
}

/*
 * add_subscription_options adds the options of a subscription.
 */
static void
add_subscription_options(Parameters *parameters, const goes_subscription_options *options,
						 NumberText texts[5])
{
	int backoff_ms = options->backoff_ms == 0 ? DEFAULT_BACKOFF_MS : options->backoff_ms;
	int backoff_max_ms = options->backoff_max_ms;

	if (backoff_max_ms == 0)
		backoff_max_ms = backoff_ms > DEFAULT_BACKOFF_MAX_MS ? backoff_ms : DEFAULT_BACKOFF_MAX_MS;
	add_number(parameters, "partitions", INT4_TYPE,
			   options->partitions == 0 ? DEFAULT_PARTITIONS : options->partitions, texts[0]);
	add_number(parameters, "start", INT8_TYPE, options->start, texts[1]);
	add_number(parameters, "max_attempts", INT4_TYPE,
			   options->max_attempts == 0 ? DEFAULT_ATTEMPTS : options->max_attempts, texts[2]);
	add_number(parameters, "backoff_ms", INT4_TYPE, backoff_ms, texts[3]);
	add_number(parameters, "backoff_max_ms", INT4_TYPE, backoff_max_ms, texts[4]);
}

/*
 * run_subscribe makes the request.
 */
static int
run_subscribe(Call *call, const Ask *ask, goes_error **err)
{
	const Subscribing *in = ask->in;
	QueryRequest	   request;
	NumberText		   texts[5];
	PGresult		  *result = NULL;
	int				   status = request_make(&request, call, REQUEST_SUBSCRIBE, in->options->filter,
											 call->store->table, err);

	if (status == GOES_OK)
	{
		add_text(&request.parameters, "subscription", TEXT_TYPE, in->name);
		add_subscription_options(&request.parameters, in->options, texts);
		add_text(&request.parameters, "store", TEXT_TYPE, in->table);
		status = run_request(call, REQUEST_SUBSCRIBE, &request.parameters, &result, err);
	}
	PQclear(result);
	request_free(&request);
	return status;
}

int
subscribe(goes_store *store, const char *table, const char *name,
		  const goes_subscription_options *options, goes_error **err)
{
	Subscribing in = {table, name, options};
	Ask			question = {.run = run_subscribe,
							.in = &in,
							.table = {.create = REQUEST_CREATE_SUBSCRIPTIONS, .name = table}};
	goes_error *error = NULL;
	int			status = ask(store, &question, NULL, &error);

	if (status != GOES_OK)
		status = refine_following(&error);
	return pass_error(err, error, status);
}
