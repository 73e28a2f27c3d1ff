/*
 * lost_commit.c
 *    What became of a transaction whose COMMIT was not answered.
 *
 * A COMMIT whose answer was lost may have succeeded. The server tells by the transaction's number,
 * which came with the first insert; as long as the old process may still commit, the outcome is
 * open. If another server has taken over, it may have given the number to another transaction: so
 * "committed" counts only if an event of the transaction is there. The event alone would prove
 * little: somebody else may have stored it after a rollback, or deleted it after the commit.
 */
#include <poll.h>
#include <string.h>

#include "store/request.h"
#include "store/tx.h"
#include "data/oids.h"

/* The outcome of a commit, as far as it can be determined. */
typedef enum Outcome
{
	OUTCOME_UNKNOWN,
	OUTCOME_COMMITTED,
	OUTCOME_ABORTED
} Outcome;

/*
 * outcome_on_server asks what became of the transaction. While the old process may still commit, it is
 * in progress, and so unknown.
 */
static Outcome
outcome_on_server(Call *call, int64_t number)
{
	Oid			type = XID8_TYPE;
	Buffer		buffer = {0};
	const char *value;
	int			length = sizeof number;
	int			format = 1;
	Statement	statement = {.text = "SELECT pg_catalog.pg_xact_status($1)",
							 .count = 1,
							 .types = &type,
							 .values = &value,
							 .lengths = &length,
							 .formats = &format,
							 .is_text_result = true};
	PGresult   *result = NULL;
	Outcome		outcome = OUTCOME_UNKNOWN;

	buffer_int64(&buffer, number);
	value = buffer.data;
	if (!buffer.failed &&
		exec_statement(call->connection->pg, &statement, &result, &call->deadline, NULL) == GOES_OK)
	{
		if (strcmp(PQgetvalue(result, 0, 0), "committed") == 0)
			outcome = OUTCOME_COMMITTED;
		else if (strcmp(PQgetvalue(result, 0, 0), "aborted") == 0)
			outcome = OUTCOME_ABORTED;
	}
	PQclear(result);
	buffer_free(&buffer);
	return outcome;
}

/*
 * is_event_there tells whether an event of the transaction is stored.
 */
static bool
is_event_there(Call *call, const goes_uuid *event)
{
	Buffer		buffer = {0};
	Parameters	parameters = {0};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	bool		is_there = false;
	int			status = GOES_ERR_NOMEM;

	buffer_append(&buffer, event->bytes, sizeof event->bytes);
	add_binary(&parameters, "id", UUID_TYPE, &buffer);
	add_text(&parameters, "store", TEXT_TYPE, call->store->table);
	if (!buffer.failed)
	{
		do
		{
			PQclear(result);
			result = NULL;
			status = run_request(call, REQUEST_FIND, &parameters, &result, &error);
		} while (request_retry(call, &status, &error));
	}
	if (status == GOES_OK)
		is_there = PQntuples(result) > 0;
	goes_error_free(error);
	PQclear(result);
	buffer_free(&buffer);
	return is_there;
}

/*
 * are_traces_there tells whether the first or the last event of the transaction is stored: the
 * program may have undone either with ROLLBACK TO.
 */
static bool
are_traces_there(Call *call, const Traces *traces)
{
	return is_event_there(call, &traces->events[0]) || is_event_there(call, &traces->events[1]);
}

/*
 * look_once connects anew and asks for the outcome of a commit.
 */
static Outcome
look_once(goes_store *store, const Traces *traces, const Deadline *deadline)
{
	goes_context context = context_until(deadline);
	Call		 call;
	Outcome		 outcome;

	if (call_begin(&call, store, &context, NULL) != GOES_OK)
		return OUTCOME_UNKNOWN;
	outcome = outcome_on_server(&call, traces->number);
	if (outcome == OUTCOME_COMMITTED &&
		(!are_traces_there(&call, traces) || await_standbys(&call, NULL) != GOES_OK))
		outcome = OUTCOME_UNKNOWN;
	call_end(&call);
	return outcome;
}

int
find_lost_commit(goes_store *store, const Traces *traces, const goes_error *cause,
				 const Deadline *whole, goes_error **err)
{
	Deadline deadline = deadline_in(store->connect_timeout_ms, whole->cancel);
	Outcome	 outcome = OUTCOME_UNKNOWN;

	if (whole->at < deadline.at)
		deadline.at = whole->at;
	while (!goes_uuid_is_nil(&traces->events[0]) && !deadline_passed(&deadline))
	{
		outcome = look_once(store, traces, &deadline);
		if (outcome == OUTCOME_COMMITTED)
			return GOES_OK;
		if (outcome == OUTCOME_ABORTED)
			return fail_sqlstate(
				err, GOES_ERR_CONNECT, goes_error_sqlstate(cause),
				"the commit was not answered (%s), and the transaction rolled back",
				goes_error_message(cause));
		if (deadline_passed(&deadline) || is_cancelled(deadline.cancel))
			break;
		(void) poll(NULL, 0, RETRY_PAUSE_MS);
	}
	return fail_sqlstate(err, GOES_ERR_IN_DOUBT, goes_error_sqlstate(cause),
						 "the commit was not answered (%s), and libgoes could not find out whether "
						 "the transaction is committed",
						 goes_error_message(cause));
}
