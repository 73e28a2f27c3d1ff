/*
 * request.c
 *    The statements of the calls: making, preparing and running them.
 */
#include <stdlib.h>
#include <string.h>

#include "store/request.h"
#include "data/oids.h"

#define NO_SUCH_STATEMENT "26000"
#define NO_SUCH_SCHEMA "3F000"
#define NO_SUCH_TYPE "42704"
#define NO_SUCH_FUNCTION "42883"
#define EVENT_LIST "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"
#define SNAPSHOT_LIST "aggregate_id, aggregate_name, aggregate_version, \"time\", state"
#define FILTERS "names => $1, ids => $2, " SHARED_FILTERS
#define SHARED_FILTERS                                                                           \
	"times => $3, time_min => $4, time_max => $5, time_ranges => $6, "                           \
	"aggregate_names => $7, aggregate_ids => $8, aggregate_versions => $9, version_min => $10, " \
	"version_max => $11, version_ranges => $12, aggregates => $13"

_Static_assert(REQUESTS <= 'z' - 'a' + 1, "each has a letter of its own");

/* "%s" is the extension's schema. */
static const char *const request_texts[REQUESTS] = {
	/* the transaction's number tells later what became of it */
	[REQUEST_INSERT] = "SELECT %s.goes_insert_batch($1, store => $2), "
					   "pg_catalog.pg_current_xact_id()",
	[REQUEST_FIND] = "SELECT " EVENT_LIST " FROM %s.goes_find($1, store => $2)",
	[REQUEST_DELETE] = "SELECT %s.goes_delete($1, store => $2)",
	[REQUEST_QUERY] = "SELECT " EVENT_LIST " FROM %s.goes_query(" FILTERS
					  ", sort => $14, max_events => $15, store => $16)",
	[REQUEST_CURSOR] = "SELECT %s.goes_query_cursor(" FILTERS
					   ", sort => $14, max_events => $15, portal => $17, store => $16)",
	[REQUEST_COUNT] = "SELECT %s.goes_count(" FILTERS ", store => $14)",
	[REQUEST_COMPARE] =
		"SELECT pg_catalog.count(*) FROM pg_catalog.unnest($1) AS sent CROSS JOIN LATERAL "
		"%s.goes_find(sent.id, store => $2) AS stored "
		"WHERE sent OPERATOR(pg_catalog.*=) stored",
	[REQUEST_APPEND] = "SELECT %s.goes_append(aggregate_name => $1, aggregate_id => $2, "
					   "events => $3, expected_version => $4, store => $5), "
					   "pg_catalog.pg_current_xact_id()",
	/* the first of the events whose version is taken, and the newest version of its aggregate */
	[REQUEST_TAKEN] =
		"SELECT sent.place, %s.goes_aggregate_version(aggregate_name => sent.aggregate_name, "
		"aggregate_id => sent.aggregate_id, store => $2) "
		"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent (id, name, \"time\", aggregate_id, "
		"aggregate_name, aggregate_version, data, place) "
		"WHERE CASE WHEN sent.aggregate_name IS NOT NULL AND sent.aggregate_id IS NOT NULL THEN "
		"EXISTS (SELECT FROM %s.goes_query(aggregate_names => ARRAY[sent.aggregate_name], "
		"aggregate_ids => ARRAY[sent.aggregate_id], "
		"aggregate_versions => ARRAY[sent.aggregate_version], store => $2)) END "
		"ORDER BY sent.place LIMIT 1",
	/* the first of the events whose id is taken */
	[REQUEST_TAKEN_ID] =
		"SELECT pg_catalog.min(sent.place) FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent (id, "
		"name, \"time\", aggregate_id, aggregate_name, aggregate_version, data, place) "
		"CROSS JOIN LATERAL %s.goes_find(sent.id, store => $2) AS stored",
	/* a snapshot first, in whose row the event's own columns are null */
	[REQUEST_LOAD] = "SELECT id, name, \"time\", $2, $1, aggregate_version, data, state "
					 "FROM %s.goes_load(aggregate_name => $1, aggregate_id => $2, "
					 "snapshots => $3, store => $4)",
	[REQUEST_CREATE_SNAPSHOTS] = "SELECT %s.goes_create_snapshot_store(store => $1)",
	[REQUEST_SNAPSHOT_SAVE] = "SELECT %s.goes_snapshot_save(aggregate_name => $1, "
							  "aggregate_id => $2, aggregate_version => $3, state => $4, "
							  "\"time\" => $5, store => $6)",
	[REQUEST_SNAPSHOT_LATEST] =
		"SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_latest(aggregate_name => $1, "
		"aggregate_id => $2, store => $3)",
	[REQUEST_SNAPSHOT_VERSION] =
		"SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_version(aggregate_name => $1, "
		"aggregate_id => $2, version => $3, store => $4)",
	[REQUEST_SNAPSHOT_LIMIT] =
		"SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_limit(aggregate_name => $1, "
		"aggregate_id => $2, version => $3, store => $4)",
	[REQUEST_SNAPSHOT_QUERY] =
		"SELECT " SNAPSHOT_LIST " FROM %s.goes_snapshot_query(" SHARED_FILTERS
		", sort => $14, max_snapshots => $15, store => $16)",
	[REQUEST_SNAPSHOT_DELETE] = "SELECT %s.goes_snapshot_delete(aggregate_name => $1, "
								"aggregate_id => $2, aggregate_version => $3, store => $4)",
	[REQUEST_CREATE_MODELS] = "SELECT %s.goes_create_model_store(store => $1)",
	[REQUEST_MODEL_SAVE] = "SELECT %s.goes_model_save(id => $1, model => $2, store => $3)",
	[REQUEST_MODEL_FETCH] = "SELECT %s.goes_model_fetch(id => $1, store => $2)",
	[REQUEST_MODEL_LOCK] = "SELECT %s.goes_model_lock(id => $1, initial => $2, store => $3)",
	[REQUEST_MODEL_DELETE] = "SELECT %s.goes_model_delete(id => $1, store => $2)",
};

void
add_binary(Parameters *parameters, Oid type, const Buffer *value)
{
	int i = parameters->count++;

	parameters->values[i] = value == NULL ? NULL : value->data;
	parameters->lengths[i] = value == NULL ? 0 : (int) value->length;
	parameters->types[i] = type;
	parameters->formats[i] = 1;
}

void
add_text(Parameters *parameters, Oid type, const char *value)
{
	int i = parameters->count++;

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

	add_text(parameters, TEXT_TYPE, name);
	add_binary(parameters, UUID_TYPE, &bytes);
}

/*
 * prepare_on_server gives a statement a name on the server.
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
 * request_text makes the text of a request, to be freed.
 */
static char *
request_text(const Call *call, Request request)
{
	const char *text = request_texts[request];
	const char *mark;
	Buffer		buffer = {0};

	while ((mark = strstr(text, "%s")) != NULL)
	{
		buffer_append(&buffer, text, (size_t) (mark - text));
		buffer_text(&buffer, call->connection->session.schema);
		text = mark + 2;
	}
	buffer_text(&buffer, text);
	if (buffer_string(&buffer) == NULL)
		buffer_free(&buffer);
	return buffer.data;
}

/*
 * statement_name makes the name of a request's prepared statement, to be freed. A pooler may hand a
 * connection a server's session in which another program has prepared statements of its own: so a
 * name is never another connection's.
 */
static char *
statement_name(Session *session, Request request)
{
	const char letter = (char) ('a' + request);
	Buffer	   name = {0};

	if (*session->statements == '\0')
	{
		goes_uuid unique;

		goes_uuid_v7(&unique);
		goes_uuid_format(&unique, session->statements);
	}
	/* printf would take a fifth of all that goes_find does */
	buffer_text(&name, "goes_");
	buffer_text(&name, session->statements);
	buffer_append(&name, &letter, 1);
	if (buffer_string(&name) == NULL)
		buffer_free(&name);
	return name.data;
}

/*
 * make_statement makes the statement of a request, and prepares it if it is not yet. Its text, or
 * name, is to be freed.
 */
int
make_statement(Call *call, Request request, const Parameters *parameters, Statement *statement,
			   goes_error **err)
{
	Session *session = &call->connection->session;
	bool	 is_named = !call->store->no_prepared_statements && !session->keeps_no_statements;
	unsigned bit = 1u << request;
	char	*text = NULL;
	char	*name = NULL;
	int		 status = GOES_OK;

	if (!is_named || !(session->prepared & bit))
	{
		text = request_text(call, request);
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
		session->prepared |= bit;
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
 * is_outdated tells an error that comes of what this session believes about the server. A parameter
 * whose type is gone is an internal error (XX000) to the server, and so says nothing certain.
 */
static bool
is_outdated(const goes_error *error)
{
	return has_own_sqlstate(error, NO_SUCH_STATEMENT " " NO_SUCH_TYPE " " NO_SUCH_FUNCTION
													 " " NO_SUCH_SCHEMA " XX000");
}

/*
 * fail_without_statements says what to do about a transaction whose prepared statement was gone.
 */
static int
fail_without_statements(goes_error **error)
{
	goes_error_free(*error);
	*error = NULL;
	return fail_sqlstate(error, GOES_ERR_SERVER, NO_SUCH_STATEMENT,
						 "the server's session has lost its prepared statements, or a pooler gives "
						 "every transaction another session: repeat the transaction, and set "
						 "no_prepared_statements if there is such a pooler");
}

/*
 * fail_too_old says what to do about a function that the extension lacks.
 */
static int
fail_too_old(goes_error **error)
{
	goes_error *lacking = *error;
	int			status;

	*error = NULL;
	status = fail_sqlstate(error, GOES_ERR_EXTENSION, NO_SUCH_FUNCTION,
						   "the database's extension goes_store is too old: run ALTER EXTENSION "
						   "goes_store UPDATE (%s)",
						   goes_error_message(lacking));
	goes_error_free(lacking);
	return status;
}

/*
 * request_retry forgets what the server does not know any more, and tells whether to make the request
 * anew, whose parameters hold OIDs of types: once in a call, and not in a transaction, which is over.
 * Otherwise the error stays, or becomes one that says what to do.
 */
bool
request_retry(Call *call, int *status, goes_error **error)
{
	Session *session = &call->connection->session;
	bool	 are_statements_gone;

	if (*status == GOES_OK)
		return false;
	are_statements_gone = has_own_sqlstate(*error, NO_SUCH_STATEMENT);
	if (!call->is_renewed && is_outdated(*error))
	{
		call->is_renewed = true;
		session_forget(session);
		session->keeps_no_statements |= are_statements_gone;
		if (call->store->tx != NULL && are_statements_gone)
			*status = fail_without_statements(error);
		if (call->store->tx != NULL)
			return false;
		goes_error_free(*error);
		*error = NULL;
		*status = session_look_up(call, error);
		return *status == GOES_OK;
	}
	if (has_own_sqlstate(*error, NO_SUCH_FUNCTION))
		*status = fail_too_old(error);
	return false;
}
