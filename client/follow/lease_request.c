/*
 * lease_request.c
 *    The parameters of the requests about a lease: goes_done, goes_renew, goes_release.
 */
#include "follow/subscription.h"
#include "data/oids.h"

/*
 * add_positions adds a list of positions; NULL if it is empty.
 */
static void
add_positions(Parameters *parameters, const char *argument, const Buffer *positions, Buffer *buffer)
{
	size_t count = positions->length / sizeof(int64_t);

	if (count > 0)
		encode_int64_array(buffer, (const void *) positions->data, count);
	add_binary(parameters, argument, INT8_ARRAY_TYPE, count > 0 ? buffer : NULL);
}

/*
 * add_answers adds what became of events.
 */
static void
add_answers(LeaseRequest *request, const Answers *answers)
{
	size_t count = answers->texts.length / sizeof(char *);

	add_positions(&request->parameters, "done", &answers->done, &request->done);
	add_positions(&request->parameters, "failed", &answers->failed, &request->failed);
	if (count > 0)
		encode_text_array(&request->texts, (void *) answers->texts.data, count);
	add_binary(&request->parameters, "errors", TEXT_ARRAY_TYPE, count > 0 ? &request->texts : NULL);
}

int
lease_request_make(LeaseRequest *request, const goes_subscription *subscription, const Lease *lease,
				   Request kind, const Answers *answers, goes_error **err)
{
	Parameters *parameters = &request->parameters;

	*request = (LeaseRequest){0};
	add_text(parameters, "subscription", TEXT_TYPE, subscription->name);
	add_number(parameters, "partition", INT4_TYPE, lease->partition, request->numbers[0]);
	add_number(parameters, "epoch", INT8_TYPE, lease->epoch, request->numbers[1]);
	if (kind == REQUEST_RENEW)
		add_number(parameters, "lease_ms", INT4_TYPE, subscription->lease_ms, request->numbers[2]);
	if (kind == REQUEST_DONE)
		add_answers(request, answers);
	add_text(parameters, "store", TEXT_TYPE, subscription->table);
	if (!request->done.failed && !request->failed.failed && !request->texts.failed)
		return GOES_OK;
	lease_request_free(request);
	return fail_memory(err);
}

void
lease_request_free(LeaseRequest *request)
{
	buffer_free(&request->done);
	buffer_free(&request->failed);
	buffer_free(&request->texts);
}
