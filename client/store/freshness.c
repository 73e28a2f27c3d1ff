/*
 * freshness.c
 *    Waiting until a standby has what a read must see.
 *
 * Each look is a statement of its own: one that waits on the server has a snapshot that is older
 * than its wait, and that replay may have to wait for. The read comes after the last look, on the
 * same connection.
 */
#include <poll.h>
#include <stddef.h>

#include "store/read.h"
#include "store/tally.h"
#include "data/oids.h"

#define SHORTEST_NAP_MS 1
#define LONGEST_NAP_MS 10

typedef enum Reach
{
	REACHED,
	BEHIND,
	UNKNOWABLE /* the server will never be able to tell */
} Reach;

/*
 * context_freshness returns what a read must see. Programs that were built before had contexts
 * without it.
 */
const goes_freshness *
context_freshness(const goes_context *context)
{
	if (context == NULL ||
		context->size < offsetof(goes_context, freshness) + sizeof context->freshness)
		return NULL;
	return context->freshness;
}

int
freshness_check(const goes_freshness *freshness, goes_error **err)
{
	if (freshness == NULL)
		return GOES_OK;
	if (freshness->size < sizeof *freshness)
		return fail(err, GOES_ERR_INVALID, "freshness->size must be sizeof(goes_freshness)");
	if (freshness->aggregate_version < 0)
		return fail(err, GOES_ERR_INVALID, "freshness->aggregate_version must not be below 0");
	if (freshness->aggregate_version > 0 &&
		(freshness->aggregate_name == NULL || *freshness->aggregate_name == '\0' ||
		 goes_uuid_is_nil(&freshness->aggregate_id)))
		return fail(err, GOES_ERR_INVALID,
					"a version that has to be seen needs its aggregate's name and id");
	return GOES_OK;
}

/*
 * look asks the standby one question.
 */
static int
look(Call *call, Request request, const Parameters *parameters, PGresult **result, goes_error **err)
{
	goes_error *error = NULL;
	int			status;

	do
	{
		PQclear(*result);
		*result = NULL;
		status = run_request(call, request, parameters, result, &error);
	} while (request_retry(call, &status, &error));
	if (status == GOES_OK && PQntuples(*result) != 1)
		status = fail(&error, GOES_ERR_SERVER, "the server sent no answer");
	return pass_error(err, error, status);
}

/*
 * look_for_token tells whether the standby has what a token stands for.
 */
static int
look_for_token(Call *call, const char *token, Reach *reach, goes_error **err)
{
	Parameters parameters = {0};
	PGresult  *result = NULL;
	int		   status;

	add_text(&parameters, "token", TEXT_TYPE, token);
	add_text(&parameters, "wait_ms", INT4_TYPE, "0");
	status = look(call, REQUEST_WAIT_FOR, &parameters, &result, err);
	if (status == GOES_OK && PQgetisnull(result, 0, 0))
		*reach = UNKNOWABLE;
	else if (status == GOES_OK)
		*reach = *PQgetvalue(result, 0, 0) != 0 ? REACHED : BEHIND;
	PQclear(result);
	return status;
}

/*
 * look_for_version tells whether the standby has an aggregate at a version.
 */
static int
look_for_version(Call *call, const goes_freshness *freshness, Reach *reach, goes_error **err)
{
	Parameters parameters = {0};
	PGresult  *result = NULL;
	int32_t	   version;
	int		   status;

	add_aggregate(&parameters, freshness->aggregate_name, &freshness->aggregate_id);
	add_text(&parameters, "store", TEXT_TYPE, call->store->table);
	status = look(call, REQUEST_VERSION, &parameters, &result, err);
	if (status == GOES_OK &&
		decode_int32(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), &version) != GOES_OK)
		status = fail(err, GOES_ERR_SERVER, "the server sent a version that cannot be read");
	if (status == GOES_OK)
		*reach = version >= freshness->aggregate_version ? REACHED : BEHIND;
	PQclear(result);
	return status;
}

/*
 * look_for_all tells whether the standby has everything.
 */
static int
look_for_all(Call *call, const goes_freshness *freshness, Reach *reach, goes_error **err)
{
	int status = GOES_OK;

	*reach = REACHED;
	if (freshness->token != NULL)
		status = look_for_token(call, freshness->token, reach, err);
	if (status == GOES_OK && *reach == REACHED && freshness->aggregate_version > 0)
		status = look_for_version(call, freshness, reach, err);
	return status;
}

/*
 * take_nap waits for a while; an error if the call was cancelled meanwhile.
 */
static int
take_nap(int64_t nap_ms, const Deadline *until, goes_error **err)
{
	struct pollfd cancelled = {.fd = cancel_socket(until->cancel), .events = POLLIN};
	int64_t		  left = deadline_left_ms(until);

	(void) poll(&cancelled, 1, (int) (left < nap_ms ? left : nap_ms));
	if (is_cancelled(until->cancel))
		return fail(err, GOES_ERR_CANCELLED, "the call was cancelled");
	return GOES_OK;
}

/*
 * longest_wait returns until when a read waits. The last look needs a part of the time, too.
 */
static Deadline
longest_wait(const Call *call)
{
	int64_t wait_ms = call->store->read_server.wait_ms;
	int64_t left = deadline_left_ms(&call->deadline);

	if (left >= 0 && left * 2 / 3 < wait_ms)
		wait_ms = left * 2 / 3;
	return deadline_in(wait_ms > 0 ? wait_ms : 1, call->deadline.cancel);
}

/*
 * wait_and_look looks again and again while the standby is behind, and there is time.
 */
static int
wait_and_look(Call *call, const goes_freshness *freshness, Reach *reach, goes_error **err)
{
	Deadline until = longest_wait(call);
	int64_t	 nap_ms = SHORTEST_NAP_MS;
	int		 status = GOES_OK;

	while (status == GOES_OK && *reach == BEHIND && !deadline_passed(&until))
	{
		status = take_nap(nap_ms, &until, err);
		if (status == GOES_OK)
			status = look_for_all(call, freshness, reach, err);
		nap_ms = nap_ms * 2 < LONGEST_NAP_MS ? nap_ms * 2 : LONGEST_NAP_MS;
	}
	return status;
}

/*
 * freshness_await waits until the standby has what the read must see: GOES_OK. ASK_PRIMARY if it
 * does not have it in time, or cannot tell.
 */
int
freshness_await(Call *call, const goes_freshness *freshness, goes_error **err)
{
	Tally *tally = &call->store->tally;
	Reach  reach;
	int	   status;

	if (freshness == NULL)
		return GOES_OK;
	status = look_for_all(call, freshness, &reach, err);
	if (status == GOES_OK && reach == BEHIND && call->store->read_server.wait_ms >= 0)
	{
		atomic_fetch_add(&tally->standby_waits, 1);
		status = wait_and_look(call, freshness, &reach, err);
	}
	if (status != GOES_OK || reach == REACHED)
		return status;
	atomic_fetch_add(&tally->standby_behind, 1);
	return ASK_PRIMARY;
}
