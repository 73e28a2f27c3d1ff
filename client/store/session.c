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
 * read_oid reads an OID that was sent as text.
 */
static Oid
read_oid(const PGresult *result, int column)
{
	return (Oid) strtoul(PQgetvalue(result, 0, column), NULL, 10);
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

int
session_look_up(Call *call, goes_error **err)
{
	Session	 *session = &call->connection->session;
	Statement statement = {.text = session_look_up_text(call->store), .is_text_result = true};
	PGresult *result = NULL;
	int		  status;

	if (session->is_known)
		return GOES_OK;
	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, err);
	if (status == GOES_OK)
		status = session_learn(session, result, err);
	PQclear(result);
	return status;
}
