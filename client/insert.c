/*
 * insert.c
 *    Storing events in one round trip, and finding out what became of them when it broke off.
 *
 * Ids answer that: an insert whose connection was lost is sent again with the same ids. The index over
 * them waits for the old transaction, should it still live, and then either stores the events or
 * refuses them; and if what is there is what was sent, the first one had come through.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tx.h"
#include "types.h"

#define PAUSE_MS 100
#define UNIQUE_VIOLATION "23505"
#define DATA_EXCEPTION "22" /* a class of them */
#define JSONB_ARRAY_TYPE 3807

/* An insert under way. */
typedef struct Insert
{
	const goes_event *events;
	size_t			  n;
	bool			  may_be_done; /* a try reached the server whole, and was not answered */
	int64_t			  transaction; /* the server's number of the one that inserted */
} Insert;

/*
 * make_parameters encodes events; the buffer is to be freed.
 */
static int
make_parameters(Call *call, const Insert *insert, Buffer *buffer, Parameters *parameters,
				goes_error **err)
{
	const Session *session = &call->connection->session;
	int status = encode_events(buffer, session->event_type, insert->events, insert->n, err);

	*parameters = (Parameters){0};
	if (status != GOES_OK)
		return status;
	add_binary(parameters, session->event_array_type, buffer);
	add_text(parameters, TEXT_TYPE, call->store->table);
	return GOES_OK;
}

/*
 * is_json_readable asks the server to read the data of some events, and nothing else. Only what the
 * server refuses as data cannot be read.
 */
static bool
is_json_readable(Call *call, const goes_event *events, size_t n)
{
	Buffer		buffer = {0};
	Parameters	parameters = {0};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	bool		is_readable;
	Statement	statement = {.text = "SELECT pg_catalog.cardinality($1)",
							 .count = 1,
							 .types = parameters.types,
							 .values = parameters.values,
							 .lengths = parameters.lengths,
							 .formats = parameters.formats};

	encode_data_array(&buffer, events, n);
	add_binary(&parameters, JSONB_ARRAY_TYPE, &buffer);
	if (buffer.failed)
	{
		buffer_free(&buffer);
		return true;
	}
	(void) exec_statement(call->connection->pg, &statement, &result, &call->deadline, &error);
	is_readable = strncmp(goes_error_sqlstate(error), DATA_EXCEPTION, 2) != 0;
	goes_error_free(error);
	PQclear(result);
	buffer_free(&buffer);
	return is_readable;
}

/*
 * find_bad_json returns the first event whose data the server cannot read, by bisection; n if it
 * can read all.
 */
static size_t
find_bad_json(Call *call, const goes_event *events, size_t n)
{
	size_t good = 0; /* so many from the start can be read */
	size_t bad = n;	 /* so many cannot */

	if (is_json_readable(call, events, n))
		return n;
	while (bad - good > 1)
	{
		size_t middle = good + (bad - good) / 2;

		if (is_json_readable(call, events + good, middle - good))
			good = middle;
		else
			bad = middle;
	}
	/* the connection may have been lost on the way */
	return is_json_readable(call, events + good, 1) ? n : good;
}

/*
 * refine_error looks closer at what the server refused: what is taken, or whose JSON is bad.
 */
static int
refine_error(Call *call, const Insert *insert, const PGresult *result, goes_error **error)
{
	int		status = goes_error_status(*error);
	char	sqlstate[6];
	Buffer	message = {0};
	int64_t index = -1;

	snprintf(sqlstate, sizeof sqlstate, "%s", goes_error_sqlstate(*error));
	if (strcmp(sqlstate, UNIQUE_VIOLATION) == 0)
		status = status_of_taken(call, result);
	else if (strncmp(sqlstate, DATA_EXCEPTION, 2) == 0 && call->store->tx == NULL)
	{
		size_t bad = find_bad_json(call, insert->events, insert->n);

		if (bad < insert->n)
			index = (int64_t) bad;
	}
	if (status == goes_error_status(*error) && index < 0)
		return status;
	if (index >= 0)
		buffer_format(&message, "the data of event %lld is no JSON: ", (long long) index);
	buffer_text(&message, goes_error_message(*error));
	goes_error_free(*error);
	*error = NULL;
	if (buffer_string(&message) == NULL)
		status = fail_memory(error);
	else
		status = fail_all(error, status, sqlstate, index, message.data);
	buffer_free(&message);
	return status;
}

/*
 * send_events sends the events and waits for the result.
 */
static int
send_events(Call *call, const Insert *insert, PGresult **result, goes_error **err)
{
	Buffer	   buffer = {0};
	Parameters parameters;
	int		   status = make_parameters(call, insert, &buffer, &parameters, err);

	PQclear(*result);
	*result = NULL;
	if (status == GOES_OK)
		status = run_request(call, REQUEST_INSERT, &parameters, result, err);
	buffer_free(&buffer);
	return status;
}

/*
 * insert_once stores the events, and finds out why if it cannot.
 */
static int
insert_once(Call *call, Insert *insert, goes_error **err)
{
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status;

	do
		status = send_events(call, insert, &result, &error);
	while (session_retry(call, &status, &error));
	if (status == GOES_OK)
		(void) decode_int64(PQgetvalue(result, 0, 1), PQgetlength(result, 0, 1),
							&insert->transaction);
	else if (status == GOES_ERR_CONNECT && is_lost(call->connection->pg))
		insert->may_be_done |= call->is_sent;
	else if (*goes_error_sqlstate(error) != '\0')
		status = refine_error(call, insert, result, &error);
	PQclear(result);
	return pass_error(err, error, status);
}

/*
 * compare finds out whether all the events are there, just as they were sent.
 */
static int
compare(Call *call, const Insert *insert, bool *are_stored, goes_error **err)
{
	Buffer	   buffer = {0};
	Parameters parameters;
	PGresult  *result = NULL;
	int64_t	   count = -1;
	int		   status = make_parameters(call, insert, &buffer, &parameters, err);

	if (status == GOES_OK)
		status = run_request(call, REQUEST_COMPARE, &parameters, &result, err);
	if (status == GOES_OK)
		(void) decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), &count);
	PQclear(result);
	buffer_free(&buffer);
	*are_stored = count == (int64_t) insert->n;
	return status;
}

/*
 * forgive_own_events looks who took what an insert was refused for: if an earlier try of its own did,
 * that is success. Unless it can be found out, that is the error.
 */
static void
forgive_own_events(Call *call, const Insert *insert, int *status, goes_error **error)
{
	goes_error *unknown = NULL;
	bool		are_stored;
	int			compared = compare(call, insert, &are_stored, &unknown);

	if (compared == GOES_OK && !are_stored)
		return;
	goes_error_free(*error);
	*error = unknown;
	*status = compared;
}

/*
 * try_insert begins a call, inserts and ends it. An insert that came through in an earlier try is
 * success.
 */
static int
try_insert(goes_store *store, Insert *insert, const goes_context *context, bool *is_connection_lost,
		   goes_error **err)
{
	bool		may_have_come_through = insert->may_be_done;
	goes_error *error = NULL;
	Call		call;
	int			status = call_begin(&call, store, context, &error);

	*is_connection_lost = status == GOES_ERR_CONNECT && insert->may_be_done;
	if (status != GOES_OK)
		return pass_error(err, error, status);
	status = insert_once(&call, insert, &error);
	if (may_have_come_through && (status == GOES_ERR_DUPLICATE || status == GOES_ERR_CONFLICT))
		forgive_own_events(&call, insert, &status, &error);
	*is_connection_lost = status == GOES_ERR_CONNECT && is_lost(call.connection->pg);
	call_end(&call);
	return pass_error(err, error, status);
}

/*
 * is_verdict tells whether a try's status holds for the tries before it, too, which were not answered.
 * What made another one fail (a lock, a lack of memory, a privilege revoked) need not have made those.
 */
static bool
is_verdict(int status)
{
	return status == GOES_OK || status == GOES_ERR_DUPLICATE || status == GOES_ERR_CONFLICT ||
		   status == GOES_ERR_INVALID;
}

/*
 * insert_surely inserts outside a transaction, and tries again while connections are lost.
 */
static int
insert_surely(goes_store *store, const goes_event *events, size_t n, const goes_context *context,
			  goes_error **err)
{
	Insert		 insert = {.events = events, .n = n};
	Deadline	 whole = context_deadline(store, context);
	Deadline	 retrying = whole;
	goes_context remaining;
	goes_error	*error = NULL;
	bool		 is_connection_lost;
	int			 status;

	for (bool is_first = true;; is_first = false)
	{
		remaining = context_until(insert.may_be_done ? &retrying : &whole);
		goes_error_free(error);
		error = NULL;
		status = try_insert(store, &insert, &remaining, &is_connection_lost, &error);
		if (!is_connection_lost)
			break;
		if (is_first)
		{
			retrying = deadline_in(store->connect_timeout_ms, whole.cancel);
			if (whole.at < retrying.at)
				retrying.at = whole.at;
		}
		if (deadline_passed(&retrying) || is_cancelled(whole.cancel))
			break;
		if (!is_first)
			(void) poll(NULL, 0, PAUSE_MS);
	}
	if (insert.may_be_done && !is_verdict(status))
	{
		goes_error_free(error);
		return fail(err, GOES_ERR_IN_DOUBT,
					"the connection was lost while events were inserted, and it could not be found "
					"out whether they are stored: look one of them up by its id");
	}
	return pass_error(err, error, status);
}

/*
 * insert_in_transaction inserts in the store's transaction, which an error ends.
 */
static int
insert_in_transaction(goes_store *store, const goes_event *events, size_t n,
					  const goes_context *context, goes_error **err)
{
	Insert insert = {.events = events, .n = n};
	Call   call;
	int	   status = call_begin(&call, store, context, err);

	if (status != GOES_OK)
		return status;
	status = insert_once(&call, &insert, err);
	if (status == GOES_OK)
		tx_remember(store->tx, events, insert.transaction);
	else
		tx_mark_failed(store->tx);
	call_end(&call);
	return status;
}

/*
 * insert_with_hooks inserts in a transaction, between the hooks. In the program's own transaction it
 * leaves the commit to the program.
 */
static int
insert_with_hooks(goes_store *store, goes_tx *tx, const goes_event *events, size_t n,
				  const Deadline *deadline, goes_error **err)
{
	goes_context remaining;
	int			 status = tx_run_hooks(tx, GOES_PRE_INSERT, events, n, err);

	if (status == GOES_OK)
		status = deadline_check(deadline, err);
	remaining = context_until(deadline);
	if (status == GOES_OK)
		status = insert_in_transaction(store, events, n, &remaining, err);
	if (status == GOES_OK)
		status = tx_run_hooks(tx, GOES_POST_INSERT, events, n, err);
	if (status == GOES_OK)
		status = deadline_check(deadline, err);
	if (status != GOES_OK)
		tx_mark_failed(tx);
	return status;
}

/*
 * insert_in_own_transaction makes a transaction for an insert with hooks.
 */
static int
insert_in_own_transaction(goes_store *store, const goes_event *events, size_t n,
						  const goes_context *context, goes_error **err)
{
	Deadline	 deadline = context_deadline(store, context);
	goes_context remaining;
	goes_tx		*tx;
	int			 status = goes_tx_begin(store, &tx, context, err);

	if (status != GOES_OK)
		return status;
	status = insert_with_hooks(goes_tx_store(tx), tx, events, n, &deadline, err);
	remaining = context_until(&deadline);
	if (status == GOES_OK)
		return goes_tx_commit(tx, &remaining, err);
	goes_tx_rollback(tx);
	return status;
}

int
goes_insert(goes_store *store, const goes_event *events, size_t n, const goes_context *context,
			goes_error **err)
{
	if (store == NULL || (events == NULL && n > 0))
		return fail(err, GOES_ERR_INVALID, "the store and the events must not be NULL");
	if (n == 0)
		return GOES_OK;
	if (store->tx != NULL && tx_has_hooks(store->tx))
	{
		Deadline deadline = context_deadline(store, context);

		return insert_with_hooks(store, store->tx, events, n, &deadline, err);
	}
	if (store->tx != NULL)
		return insert_in_transaction(store, events, n, context, err);
	if (store->hooks[GOES_PRE_INSERT] != NULL || store->hooks[GOES_POST_INSERT] != NULL)
		return insert_in_own_transaction(store, events, n, context, err);
	return insert_surely(store, events, n, context, err);
}
