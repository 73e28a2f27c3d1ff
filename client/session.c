/*
 * session.c
 *    What a connection has to know before the first call on it, and the statements of the calls.
 *
 * The extension's schema and the OIDs of its types differ between databases, and change when the
 * extension is created anew. They are looked up when a connection is first used, and again when the
 * server does not know them any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"
#include "types.h"

#define NO_SUCH_STATEMENT "26000"
#define EVENT_LIST "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"
#define SNAPSHOT_LIST "aggregate_id, aggregate_name, aggregate_version, \"time\", state"
#define FILTERS "names => $1, ids => $2, " SHARED_FILTERS
#define SHARED_FILTERS                                                                           \
	"times => $3, time_min => $4, time_max => $5, time_ranges => $6, "                           \
	"aggregate_names => $7, aggregate_ids => $8, aggregate_versions => $9, version_min => $10, " \
	"version_max => $11, version_ranges => $12, aggregates => $13"

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

static const char look_up_text[] =
	"SELECT pg_catalog.quote_ident(n.nspname), event.oid, event.typarray, reference.oid, "
	"reference.typarray "
	"FROM pg_catalog.pg_extension AS e "
	"JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace "
	"JOIN pg_catalog.pg_type AS event ON event.typnamespace OPERATOR(pg_catalog.=) n.oid "
	"AND event.typname OPERATOR(pg_catalog.=) 'goes_event' "
	"JOIN pg_catalog.pg_type AS reference ON reference.typnamespace OPERATOR(pg_catalog.=) n.oid "
	"AND reference.typname OPERATOR(pg_catalog.=) 'goes_aggregate_ref' "
	"WHERE e.extname OPERATOR(pg_catalog.=) 'goes_store'";

/* The unique indexes over just the id, and over just the three columns of the aggregate. */
static const char indexes_text[] =
	"SELECT n.nspname, t.relname, i.relname, x.indnkeyatts = 1 "
	"FROM pg_catalog.pg_class AS t "
	"JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace "
	"LEFT JOIN pg_catalog.pg_index AS x ON x.indrelid = t.oid AND x.indisunique AND "
	"(SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attname) "
	"FROM pg_catalog.generate_series(0, x.indnkeyatts - 1) AS k "
	"JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.indkey[k]) "
	"= ANY (SELECT '{id}'::text[] "
	"UNION ALL SELECT '{aggregate_id,aggregate_name,aggregate_version}'::text[]) "
	"LEFT JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid "
	"WHERE t.oid = pg_catalog.to_regclass($1)";

void
session_forget(Session *session)
{
	bool keeps_no_statements = session->keeps_no_statements;

	free(session->schema);
	free(session->table);
	*session = (Session){.keeps_no_statements = keeps_no_statements};
}

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
 * read_oid reads an OID that was sent as text.
 */
static Oid
read_oid(const PGresult *result, int column)
{
	return (Oid) strtoul(PQgetvalue(result, 0, column), NULL, 10);
}

/*
 * copy_identifier copies a name of the server, which has less than 64 bytes.
 */
static void
copy_identifier(char out[64], const char *name)
{
	snprintf(out, 64, "%s", name);
}

/*
 * look_up_table looks up the table's name and unique indexes, by which an error tells what is taken.
 */
static int
look_up_table(Call *call, goes_error **err)
{
	Session	   *session = &call->connection->session;
	Oid			type = TEXT_TYPE;
	const char *value = call->store->table;
	Statement	statement = {
		  .text = indexes_text, .count = 1, .types = &type, .values = &value, .is_text_result = true};
	PGresult *result = NULL;
	int		  status;

	if (session->table != NULL && strcmp(session->table, call->store->table) == 0)
		return GOES_OK;
	free(session->table);
	session->table = NULL;
	session->index_count = 0;
	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, err);
	if (status == GOES_OK && (session->table = strdup(call->store->table)) == NULL)
		status = fail_memory(err);
	for (int i = 0; status == GOES_OK && i < PQntuples(result); i++)
	{
		copy_identifier(session->table_schema, PQgetvalue(result, i, 0));
		copy_identifier(session->table_name, PQgetvalue(result, i, 1));
		if (PQgetisnull(result, i, 2) || session->index_count == MOST_UNIQUE_INDEXES)
			continue;
		copy_identifier(session->indexes[session->index_count].name, PQgetvalue(result, i, 2));
		session->indexes[session->index_count++].is_of_ids = *PQgetvalue(result, i, 3) == 't';
	}
	PQclear(result);
	return status;
}

/*
 * find_taken returns the store's unique index that an error is about; NULL if it is none of them.
 */
static const UniqueIndex *
find_taken(const Session *session, const PGresult *result)
{
	const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
	const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
	const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (schema == NULL || table == NULL || name == NULL ||
		strcmp(schema, session->table_schema) != 0 || strcmp(table, session->table_name) != 0)
		return NULL;
	for (int i = 0; i < session->index_count; i++)
	{
		if (strcmp(session->indexes[i].name, name) == 0)
			return &session->indexes[i];
	}
	return NULL;
}

int
status_of_taken(Call *call, const PGresult *result)
{
	Session			  *session = &call->connection->session;
	const UniqueIndex *taken = find_taken(session, result);

	/* an index may have been made anew since; in a failed transaction nothing can be looked up */
	if (taken == NULL && call->store->tx == NULL)
	{
		free(session->table);
		session->table = NULL;
		if (look_up_table(call, NULL) == GOES_OK)
			taken = find_taken(session, result);
	}
	if (taken == NULL)
		return GOES_ERR_SERVER;
	return taken->is_of_ids ? GOES_ERR_DUPLICATE : GOES_ERR_CONFLICT;
}

/*
 * look_up_extension looks up the extension's schema and types.
 */
static int
look_up_extension(Call *call, goes_error **err)
{
	Session	 *session = &call->connection->session;
	Statement statement = {.text = look_up_text, .is_text_result = true};
	PGresult *result = NULL;
	int		  status;

	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, err);
	if (status == GOES_OK && PQntuples(result) != 1)
		status = fail(err, GOES_ERR_EXTENSION,
					  "the database has no extension goes_store: run CREATE EXTENSION goes_store");
	if (status == GOES_OK && (session->schema = strdup(PQgetvalue(result, 0, 0))) == NULL)
		status = fail_memory(err);
	if (status == GOES_OK)
	{
		session->event_type = read_oid(result, 1);
		session->event_array_type = read_oid(result, 2);
		session->reference_type = read_oid(result, 3);
		session->reference_array_type = read_oid(result, 4);
		session->is_known = true;
	}
	PQclear(result);
	return status;
}

int
session_look_up(Call *call, goes_error **err)
{
	int status = GOES_OK;

	if (!call->connection->session.is_known)
		status = look_up_extension(call, err);
	if (status == GOES_OK)
		status = look_up_table(call, err);
	return status;
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
	Buffer name = {0};
	char   unique[37];

	if (session->prepared == 0)
		goes_uuid_v7(&session->statements);
	goes_uuid_format(&session->statements, unique);
	buffer_format(&name, "goes_%s_%d", unique, (int) request);
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
	Statement statement;
	int		  status;

	call->is_sent = false;
	status = make_statement(call, request, parameters, &statement, err);
	if (status != GOES_OK)
		return status;
	statement.is_sent = &call->is_sent;
	status = exec_statement(call->connection->pg, &statement, out, &call->deadline, err);
	free_statement(&statement);
	return status;
}

/*
 * is_outdated tells an error that comes of what this session believes about the server. A parameter
 * whose type is gone is an internal error (XX000) to the server, and so says nothing certain.
 */
static bool
is_outdated(const char *sqlstate)
{
	return strcmp(sqlstate, NO_SUCH_STATEMENT) == 0 ||
		   strcmp(sqlstate, "42704") == 0 || /* no such type */
		   strcmp(sqlstate, "42883") == 0 ||
		   strcmp(sqlstate, "3F000") == 0 || /* function, schema */
		   strcmp(sqlstate, "XX000") == 0;
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
 * session_retry forgets what the server does not know any more, and tells whether to make the request
 * anew, whose parameters hold OIDs of types: once in a call, and not in a transaction, which is over.
 * Otherwise the error stays, or becomes one that says what to do.
 */
bool
session_retry(Call *call, int *status, goes_error **error)
{
	Session *session = &call->connection->session;
	bool	 are_statements_gone;

	if (*status == GOES_OK)
		return false;
	are_statements_gone = strcmp(goes_error_sqlstate(*error), NO_SUCH_STATEMENT) == 0;
	if (!call->is_renewed && is_outdated(goes_error_sqlstate(*error)))
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
	if (strcmp(goes_error_sqlstate(*error), "42883") == 0)
	{
		goes_error_free(*error);
		*error = NULL;
		*status = fail_sqlstate(error, GOES_ERR_EXTENSION, "42883",
								"the database's extension goes_store is too old: run ALTER "
								"EXTENSION goes_store UPDATE");
	}
	return false;
}
