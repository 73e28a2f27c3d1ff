/*
 * session.c
 *    What a connection has to know about its database before the first call.
 *
 * The extension's schema and the OIDs of its types differ between databases, and change when the
 * extension is created anew. They are looked up when a connection is first used, and again when the
 * server no longer knows them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/request.h"
#include "base/sqlstate.h"
#include "data/oids.h"

/* A type that is not there has the OID NULL: an older extension lacks the last one. */
#define TYPE_OIDS(name)                                                                \
	"pg_catalog.to_regtype(schema OPERATOR(pg_catalog.||) '." name                     \
	"')::pg_catalog.oid, pg_catalog.to_regtype(schema OPERATOR(pg_catalog.||) '." name \
	"[]')::pg_catalog.oid"

#define EVENT_OIDS TYPE_OIDS("goes_event")
#define REFERENCE_OIDS TYPE_OIDS("goes_aggregate_ref")
#define APPEND_OIDS TYPE_OIDS("goes_append_item")

/* Every connection begins with it. Looking types up by their names takes less planning than joins. */
#define LOOK_UP(system)                                                                 \
	"SELECT schema, " EVENT_OIDS ", " REFERENCE_OIDS ", " APPEND_OIDS ", " system " "   \
	"FROM (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension AS e " \
	"JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace " \
	"WHERE e.extname OPERATOR(pg_catalog.=) 'goes_store') AS extension (schema)"

/*
 * session_look_up_text returns the text of the look-up. A store that reads elsewhere asks which
 * system a server belongs to; others need no privilege for that.
 */
const char *
session_look_up_text(const goes_store *store)
{
	if (store->read_server.pool == NULL)
		return LOOK_UP("''");
	return LOOK_UP("(SELECT system_identifier FROM pg_catalog.pg_control_system())");
}

/*
 * The unique indexes over just the id, and over just the three columns of the aggregate. How many columns
 * the key has stands before their names: one may be there twice, and an expression has no name.
 */
static const char indexes_text[] =
	"SELECT n.nspname, t.relname, i.relname, x.indnkeyatts OPERATOR(pg_catalog.=) 1 "
	"FROM pg_catalog.pg_class AS t "
	"JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace "
	"LEFT JOIN (pg_catalog.pg_index AS x "
	"JOIN pg_catalog.pg_class AS i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid) "
	"ON x.indrelid OPERATOR(pg_catalog.=) t.oid AND x.indisunique "
	"AND pg_catalog.concat(x.indnkeyatts, ARRAY("
	"SELECT a.attname FROM pg_catalog.pg_attribute AS a "
	"WHERE a.attrelid OPERATOR(pg_catalog.=) x.indrelid AND a.attnum OPERATOR(pg_catalog.=) "
	"ANY ((x.indkey::pg_catalog.int2[])[0:x.indnkeyatts OPERATOR(pg_catalog.-) 1]) "
	"ORDER BY a.attname)) OPERATOR(pg_catalog.=) "
	"ANY (ARRAY['1{id}', '3{aggregate_id,aggregate_name,aggregate_version}']) "
	"WHERE t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";

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
 * fail_name passes an error of looking up a table on. The server's own about a text that names none does
 * not say what a name looks like.
 */
static int
fail_name(const char *table, int status, goes_error *error, goes_error **err)
{
	if (!has_sqlstate(error, INVALID_NAME " " FEATURE_NOT_SUPPORTED))
		return pass_error(err, error, status);
	status = fail_sqlstate(err, GOES_ERR_INVALID, goes_error_sqlstate(error),
						   "\"%s\" is not the name of a table: write it as in SQL: events, "
						   "shop.events, or \"Odd Name\" with its quotation marks",
						   table);
	goes_error_free(error);
	return status;
}

/*
 * look_up_table looks up the table's name and unique indexes. An error names the index, which tells
 * whether an id or a version is taken.
 */
static int
look_up_table(Call *call, goes_error **err)
{
	Session	   *session = &call->connection->session;
	Oid			type = TEXT_TYPE;
	const char *value = call->store->table;
	Statement	statement = {
		  .text = indexes_text, .count = 1, .types = &type, .values = &value, .is_text_result = true};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status;

	if (session->table != NULL && strcmp(session->table, call->store->table) == 0)
		return GOES_OK;
	free(session->table);
	session->table = NULL;
	session->index_count = 0;
	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, &error);
	if (status != GOES_OK)
	{
		PQclear(result);
		return fail_name(call->store->table, status, error, err);
	}
	if ((session->table = strdup(call->store->table)) == NULL)
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
 * look_up_table_again looks up the table and its indexes, which may have been made anew since. In a
 * transaction it cannot, because the error has ended the transaction.
 */
static void
look_up_table_again(Call *call)
{
	Session *session = &call->connection->session;

	if (call->store->tx != NULL)
		return;
	free(session->table);
	session->table = NULL;
	(void) look_up_table(call, NULL);
}

/*
 * is_about_table tells whether an error is about the store's table.
 */
static bool
is_about_table(const Session *session, const PGresult *result)
{
	const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
	const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);

	return schema != NULL && table != NULL && strcmp(schema, session->table_schema) == 0 &&
		   strcmp(table, session->table_name) == 0;
}

/*
 * is_about_other_store tells whether an error is one of a store's, but of another store than this.
 */
static bool
is_about_other_store(Call *call, const PGresult *result, const goes_error *error)
{
	const Session *session = &call->connection->session;

	if (!has_own_sqlstate(error, VERSION_CONFLICT " " STORE_IS_APPEND_ONLY " " EVENT_MISMATCH) ||
		PQresultErrorField(result, PG_DIAG_TABLE_NAME) == NULL || is_about_table(session, result))
		return false;
	look_up_table_again(call);
	return !is_about_table(session, result);
}

int
refine_other_store(Call *call, const PGresult *result, goes_error **error)
{
	goes_error *refined = *error;

	if (!is_about_other_store(call, result, refined))
		return goes_error_status(refined);
	*error = NULL;
	(void) fail_detailed(
		error, GOES_ERR_SERVER,
		(ErrorDetails){
			.sqlstate = goes_error_sqlstate(refined), .event_index = -1, .is_foreign = true},
		"a trigger failed to write to table \"%s\": %s",
		PQresultErrorField(result, PG_DIAG_TABLE_NAME), goes_error_message(refined));
	goes_error_free(refined);
	return goes_error_status(*error);
}

/*
 * find_taken returns the unique index of the store that an error is about; NULL if it is about none
 * of them.
 */
static const UniqueIndex *
find_taken(const Session *session, const PGresult *result)
{
	const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (name == NULL || !is_about_table(session, result))
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

	if (taken == NULL)
	{
		look_up_table_again(call);
		taken = find_taken(session, result);
	}
	if (taken == NULL)
		return GOES_ERR_SERVER;
	return taken->is_of_ids ? GOES_ERR_DUPLICATE : GOES_ERR_CONFLICT;
}

int
session_learn(Session *session, const PGresult *result, goes_error **err)
{
	if (PQntuples(result) != 1 || PQgetisnull(result, 0, 1) || PQgetisnull(result, 0, 3))
		return fail(err, GOES_ERR_EXTENSION,
					"the database has no extension goes_store: run CREATE EXTENSION goes_store");
	if ((session->schema = strdup(PQgetvalue(result, 0, 0))) == NULL)
		return fail_memory(err);
	session->event_type = read_oid(result, 1);
	session->event_array_type = read_oid(result, 2);
	session->reference_type = read_oid(result, 3);
	session->reference_array_type = read_oid(result, 4);
	session->append_type = read_oid(result, 5);
	session->append_array_type = read_oid(result, 6);
	snprintf(session->system, sizeof session->system, "%s", PQgetvalue(result, 0, 7));
	session->is_known = true;
	return GOES_OK;
}

/*
 * look_up_extension looks up the extension's schema and types.
 */
static int
look_up_extension(Call *call, goes_error **err)
{
	Statement statement = {.text = session_look_up_text(call->store), .is_text_result = true};
	PGresult *result = NULL;
	int		  status;

	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, err);
	if (status == GOES_OK)
		status = session_learn(&call->connection->session, result, err);
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
