/*
 * request.c
 *    The statements of the calls: making, preparing and running them.
 */
#include <stdlib.h>
#include <string.h>

#include "store/request.h"
#include "store/tally.h"
#include "base/sqlstate.h"
#include "data/oids.h"

#define EVENT_OF(aggregate_id, aggregate_name) \
	"id, name, \"time\", " aggregate_id ", " aggregate_name ", aggregate_version, data"
#define EVENT_LIST EVENT_OF("aggregate_id", "aggregate_name")
#define SNAPSHOT_LIST "aggregate_id, aggregate_name, aggregate_version, \"time\", state"
#define NUMBERED_EVENTS "pg_catalog.unnest($1) WITH ORDINALITY AS sent (" EVENT_LIST ", place)"
/* what the details of a version conflict say */
#define CONFLICT_LIST                                     \
	"detail OPERATOR(pg_catalog.->>) 'aggregate_name', "  \
	"detail OPERATOR(pg_catalog.->>) 'aggregate_id', "    \
	"detail OPERATOR(pg_catalog.->>) 'current_version', " \
	"detail OPERATOR(pg_catalog.->>) 'event_version', "   \
	"detail OPERATOR(pg_catalog.->>) 'event_index'"

_Static_assert(REQUESTS <= MOST_REQUESTS, "a session remembers which requests are prepared");
_Static_assert(MOST_REQUESTS <= 100, "two digits number a request");

/*
 * "%s" stands for the extension's schema, and "%p" for all the parameters, each with the name of its
 * argument. Texts with "$1" and "$2" count on the order of make_write_parameters() or make_load().
 */
static const char *const request_texts[REQUESTS] = {
	/* find_lost_commit() needs the transaction's number */
	[REQUEST_INSERT] = "SELECT %s.goes_insert_batch(%p), pg_catalog.pg_current_xact_id()",
	[REQUEST_FIND] = "SELECT " EVENT_LIST " FROM %s.goes_find(%p)",
	[REQUEST_DELETE] = "SELECT %s.goes_delete(%p)",
	[REQUEST_QUERY] = "SELECT " EVENT_LIST " FROM %s.goes_query(%p)",
	[REQUEST_CURSOR] = "SELECT %s.goes_query_cursor(%p)",
	[REQUEST_COUNT] = "SELECT %s.goes_count(%p)",
	[REQUEST_COMPARE] =
		"SELECT pg_catalog.count(*) FROM pg_catalog.unnest($1) AS sent CROSS JOIN LATERAL "
		"%s.goes_find(sent.id, store => $2) AS stored "
		"WHERE sent OPERATOR(pg_catalog.*=) stored",
	[REQUEST_APPEND] = "SELECT %s.goes_append(%p), pg_catalog.pg_current_xact_id()",
	/* a row for each append */
	[REQUEST_APPEND_EACH] = "SELECT aggregate_version, sqlstate, message, " CONFLICT_LIST
							" FROM %s.goes_append_each(%p)",
	/* the first of the events whose version is taken, and the newest version of its aggregate */
	[REQUEST_TAKEN] =
		"SELECT sent.place, %s.goes_aggregate_version(aggregate_name => sent.aggregate_name, "
		"aggregate_id => sent.aggregate_id, store => $2) FROM " NUMBERED_EVENTS " "
		"WHERE CASE WHEN sent.aggregate_name IS NOT NULL AND sent.aggregate_id IS NOT NULL THEN "
		"EXISTS (SELECT FROM %s.goes_query(aggregate_names => ARRAY[sent.aggregate_name], "
		"aggregate_ids => ARRAY[sent.aggregate_id], "
		"aggregate_versions => ARRAY[sent.aggregate_version], store => $2)) END "
		"ORDER BY sent.place LIMIT 1",
	/* the first of the events whose id is taken */
	[REQUEST_TAKEN_ID] = "SELECT pg_catalog.min(sent.place) FROM " NUMBERED_EVENTS " "
						 "CROSS JOIN LATERAL %s.goes_find(sent.id, store => $2) AS stored",
	/* the snapshot is the first row, in which the columns of an event's own are null */
	[REQUEST_LOAD] = "SELECT " EVENT_OF("$2", "$1") ", state FROM %s.goes_load(%p)",
	[REQUEST_CREATE_SNAPSHOTS] = "SELECT %s.goes_create_snapshot_store(%p)",
	[REQUEST_SNAPSHOT_SAVE] = "SELECT %s.goes_snapshot_save(%p)",
	[REQUEST_SNAPSHOT_LATEST] = "SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_latest(%p)",
	[REQUEST_SNAPSHOT_VERSION] = "SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_version(%p)",
	[REQUEST_SNAPSHOT_LIMIT] = "SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_limit(%p)",
	[REQUEST_SNAPSHOT_QUERY] = "SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_query(%p)",
	[REQUEST_SNAPSHOT_DELETE] = "SELECT %s.goes_snapshot_delete(%p)",
	[REQUEST_CREATE_MODELS] = "SELECT %s.goes_create_model_store(%p)",
	[REQUEST_MODEL_SAVE] = "SELECT %s.goes_model_save(%p)",
	[REQUEST_MODEL_FETCH] = "SELECT %s.goes_model_fetch(%p)",
	[REQUEST_MODEL_LOCK] = "SELECT %s.goes_model_lock(%p)",
	[REQUEST_MODEL_DELETE] = "SELECT %s.goes_model_delete(%p)",
	[REQUEST_FEED] = "SELECT %s.goes_feed_page(%p)",
	[REQUEST_CREATE_SUBSCRIPTIONS] = "SELECT %s.goes_create_subscription_store(%p)",
	[REQUEST_SUBSCRIBE] = "SELECT %s.goes_subscribe(%p)",
	[REQUEST_CLAIM] = "SELECT " EVENT_LIST ", \"position\", \"partition\", epoch, attempts "
					  "FROM %s.goes_claim(%p)",
	[REQUEST_DONE] = "SELECT %s.goes_done(%p)",
	[REQUEST_RENEW] = "SELECT %s.goes_renew(%p)",
	[REQUEST_RELEASE] = "SELECT %s.goes_release(%p)",
	[REQUEST_WRITE_TOKEN] = "SELECT %s.goes_write_token(%p)",
	[REQUEST_WAIT_FOR] = "SELECT %s.goes_wait_for(%p)",
	[REQUEST_VERSION] = "SELECT %s.goes_aggregate_version(%p)",
};

void
add_binary(Parameters *parameters, const char *argument, Oid type, const Buffer *value)
{
	int i = parameters->count++;

	parameters->arguments[i] = argument;
	parameters->values[i] = value == NULL ? NULL : value->data;
	parameters->lengths[i] = value == NULL ? 0 : (int) value->length;
	parameters->types[i] = type;
	parameters->formats[i] = 1;
}

void
add_text(Parameters *parameters, const char *argument, Oid type, const char *value)
{
	int i = parameters->count++;

	parameters->arguments[i] = argument;
	parameters->values[i] = value;
	parameters->lengths[i] = 0;
	parameters->types[i] = type;
	parameters->formats[i] = 0;
}

/*
 * add_aggregate adds the name and the id of an aggregate.
 */
void
add_aggregate(Parameters *parameters, const char *name, const goes_uuid *id)
{
	Buffer bytes = {.data = (char *) id->bytes, .length = sizeof id->bytes};

	add_text(parameters, "aggregate_name", TEXT_TYPE, name);
	add_binary(parameters, "aggregate_id", UUID_TYPE, &bytes);
}

/*
 * prepare_on_server prepares a statement on the server.
 */
static int
prepare_on_server(Call *call, const char *name, const char *text, const Parameters *parameters,
				  goes_error **err)
{
	PGconn	 *pg = call->connection->pg;
	PGresult *result = NULL;
	int		  status = GOES_OK;

	if (PQsetnonblocking(pg, 1) != 0 ||
		!PQsendPrepare(pg, name, text, parameters->count, parameters->types))
		return fail_lost(pg, err);
	status = flush_to_server(pg, &call->deadline, err);
	if (status == GOES_OK)
		status = finish_statement(pg, &result, &call->deadline, err);
	(void) PQsetnonblocking(pg, 0);
	if (status == GOES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		status = fail_result(pg, result, err);
	PQclear(result);
	return status;
}

/*
 * write_arguments writes the parameters as named arguments: "name => $1, ...".
 */
static void
write_arguments(Buffer *buffer, const Parameters *parameters)
{
	for (int i = 0; i < parameters->count; i++)
		buffer_format(buffer, "%s%s => $%d", i > 0 ? ", " : "", parameters->arguments[i], i + 1);
}

/*
 * request_text makes the text of a request, to be freed.
 */
char *
request_text(const Call *call, Request request, const Parameters *parameters)
{
	const char *text = request_texts[request];
	const char *mark;
	Buffer		buffer = {0};

	while ((mark = strchr(text, '%')) != NULL)
	{
		buffer_append(&buffer, text, (size_t) (mark - text));
		if (mark[1] == 'p')
			write_arguments(&buffer, parameters);
		else
			buffer_text(&buffer, call->connection->session.schema);
		text = mark + 2;
	}
	buffer_text(&buffer, text);
	if (buffer_string(&buffer) == NULL)
		buffer_free(&buffer);
	return buffer.data;
}

/*
 * statement_name makes the name of a request's prepared statement, to be freed. A pooler may give a
 * connection a session in which another program has prepared statements, so no two connections use
 * the same name.
 */
static char *
statement_name(Session *session, Request request)
{
	const char digits[] = {(char) ('0' + request / 10), (char) ('0' + request % 10)};
	Buffer	   name = {0};

	if (*session->statements == '\0')
	{
		goes_uuid unique;

		goes_uuid_v7(&unique);
		goes_uuid_format(&unique, session->statements);
	}
	/* printf would take a fifth of the time of goes_find */
	buffer_text(&name, "goes_");
	buffer_text(&name, session->statements);
	buffer_append(&name, digits, sizeof digits);
	if (buffer_string(&name) == NULL)
		buffer_free(&name);
	return name.data;
}

/*
 * make_statement makes the statement of a request, and prepares it unless it is prepared already.
 * free_statement() frees it.
 */
int
make_statement(Call *call, Request request, const Parameters *parameters, Statement *statement,
			   goes_error **err)
{
	Session *session = &call->connection->session;
	bool	 is_named = !call->store->no_prepared_statements && !session->keeps_no_statements;
	char	*text = NULL;
	char	*name = NULL;
	int		 status = GOES_OK;

	if (!is_named || !session->is_prepared[request])
	{
		text = request_text(call, request, parameters);
		if (text == NULL)
			return fail_memory(err);
	}
	if (is_named)
	{
		name = statement_name(session, request);
		if (name == NULL)
			status = fail_memory(err);
		else if (text != NULL)
			status = prepare_on_server(call, name, text, parameters, err);
		free(text);
		text = NULL;
		if (status != GOES_OK)
		{
			free(name);
			return status;
		}
		session->is_prepared[request] = true;
	}
	*statement = (Statement){.name = name,
							 .text = text,
							 .count = parameters->count,
							 .types = parameters->types,
							 .values = parameters->values,
							 .lengths = parameters->lengths,
							 .formats = parameters->formats};
	return GOES_OK;
}

/*
 * free_statement frees what make_statement allocated.
 */
void
free_statement(Statement *statement)
{
	free((char *) statement->name);
	free((char *) statement->text);
}

int
send_request(Call *call, Request request, const Parameters *parameters, goes_error **err)
{
	Statement statement;
	int		  status = make_statement(call, request, parameters, &statement, err);

	if (status != GOES_OK)
		return status;
	status = send_statement(call->connection->pg, &statement, &call->deadline, err);
	free_statement(&statement);
	return status;
}

int
run_request(Call *call, Request request, const Parameters *parameters, PGresult **out,
			goes_error **err)
{
	Statement	statement;
	goes_error *error = NULL;
	int			status;

	call->is_sent = false;
	status = make_statement(call, request, parameters, &statement, err);
	if (status != GOES_OK)
		return status;
	statement.is_sent = &call->is_sent;
	status = exec_statement(call->connection->pg, &statement, out, &call->deadline, &error);
	free_statement(&statement);
	if (status != GOES_OK)
		status = refine_other_store(call, *out, &error);
	return pass_error(err, error, status);
}

/*
 * is_outdated tells whether an error may come from outdated knowledge about the server. For a
 * parameter whose type is gone the server reports an internal error (XX000), which may have other
 * causes, too.
 */
static bool
is_outdated(const goes_error *error)
{
	return has_own_sqlstate(error,
							INVALID_STATEMENT_NAME " " UNDEFINED_OBJECT " " UNDEFINED_FUNCTION
												   " " INVALID_SCHEMA_NAME " " INTERNAL_ERROR);
}

/*
 * fail_without_statements says what to do about a transaction whose prepared statement was gone.
 */
static int
fail_without_statements(goes_error **error)
{
	goes_error_free(*error);
	*error = NULL;
	return fail_sqlstate(error, GOES_ERR_SERVER, INVALID_STATEMENT_NAME,
						 "the server's session has lost its prepared statements, or a pooler gives "
						 "every transaction another session: repeat the transaction, and set "
						 "no_prepared_statements if there is such a pooler");
}

/*
 * lacks_in_library tells whether the server's library lacks a function that the database's SQL has: the
 * message then names the library's file, in any language.
 */
static bool
lacks_in_library(const goes_error *error)
{
	return strstr(goes_error_message(error), "/goes_store.") != NULL;
}

int
refine_too_old(goes_error **error)
{
	goes_error *lacking = *error;
	int			status;

	*error = NULL;
	status = fail_sqlstate(
		error, GOES_ERR_EXTENSION, UNDEFINED_FUNCTION,
		lacks_in_library(lacking)
			? "the server's library goes_store is older than the database's extension: install the "
			  "new package on the server, or reconnect if the session began before that (%s)"
			: "the database's extension goes_store is too old: run ALTER EXTENSION goes_store "
			  "UPDATE (%s)",
		goes_error_message(lacking));
	goes_error_free(lacking);
	return status;
}

/*
 * request_retry forgets what is outdated, looks it up again and tells whether to make the request
 * anew, with its parameters, which contain OIDs of types. It does so once in a call, and never in a
 * transaction, which the error has ended. Otherwise the error stays, or becomes one that says what
 * to do.
 */
bool
request_retry(Call *call, int *status, goes_error **error)
{
	Session *session = &call->connection->session;
	bool	 are_statements_gone;

	if (*status == GOES_OK)
		return false;
	are_statements_gone = has_own_sqlstate(*error, INVALID_STATEMENT_NAME);
	if (!call->is_renewed && is_outdated(*error))
	{
		call->is_renewed = true;
		session_forget(session);
		session->keeps_no_statements |= are_statements_gone;
		if (call->store->tx != NULL && are_statements_gone)
			*status = fail_without_statements(error);
		if (call->store->tx != NULL)
			return false;
		count_retry(call->store, *error);
		goes_error_free(*error);
		*error = NULL;
		*status = session_look_up(call, error);
		return *status == GOES_OK;
	}
	if (has_own_sqlstate(*error, UNDEFINED_FUNCTION))
		*status = refine_too_old(error);
	return false;
}
