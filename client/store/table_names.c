/*
 * table_names.c
 *    What a store's table and its unique indexes are called in errors of the server.
 *
 * An error names the index whose key is taken, and so tells whether that is an id or a version. A store
 * looks the names up before its first call, since nothing can be looked up in a transaction that an error
 * has ended; and again when an error has others: the table may have been made anew.
 */
#include <stdio.h>
#include <string.h>

#include "store/request.h"
#include "store/tx_state.h"
#include "base/sqlstate.h"
#include "data/oids.h"

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
 * copy_identifier copies a name of the server, which has less than 64 bytes.
 */
static void
copy_identifier(char out[64], const char *name)
{
	snprintf(out, 64, "%s", name);
}

/*
 * read_names reads what was looked up; no row, if there is no table.
 */
static void
read_names(const PGresult *result, TableNames *names)
{
	*names = (TableNames){.is_known = true};
	for (int i = 0; i < PQntuples(result); i++)
	{
		UniqueIndex *index = &names->indexes[names->index_count];

		copy_identifier(names->schema, PQgetvalue(result, i, 0));
		copy_identifier(names->table, PQgetvalue(result, i, 1));
		if (PQgetisnull(result, i, 2) || names->index_count == MOST_UNIQUE_INDEXES)
			continue;
		copy_identifier(index->name, PQgetvalue(result, i, 2));
		index->is_of_ids = *PQgetvalue(result, i, 3) == 't';
		names->index_count++;
	}
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
 * known_names returns what the store knows.
 */
static TableNames
known_names(Call *call)
{
	goes_store *store = outer_store(call->store);
	TableNames	names;

	pthread_mutex_lock(&store->lock);
	names = store->names;
	pthread_mutex_unlock(&store->lock);
	return names;
}

static void
keep_names(Call *call, const TableNames *names)
{
	goes_store *store = outer_store(call->store);

	pthread_mutex_lock(&store->lock);
	store->names = *names;
	pthread_mutex_unlock(&store->lock);
}

/*
 * look_up_names asks the server.
 */
static int
look_up_names(Call *call, goes_error **err)
{
	Oid			type = TEXT_TYPE;
	const char *value = call->store->table;
	Statement	statement = {
		  .text = indexes_text, .count = 1, .types = &type, .values = &value, .is_text_result = true};
	TableNames	names;
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, &error);

	if (status == GOES_OK)
	{
		read_names(result, &names);
		keep_names(call, &names);
	}
	PQclear(result);
	return status == GOES_OK ? GOES_OK : fail_name(call->store->table, status, error, err);
}

int
table_names_look_up(Call *call, goes_error **err)
{
	return known_names(call).is_known ? GOES_OK : look_up_names(call, err);
}

/*
 * look_up_again does so because an error has other names than those known. In a transaction, which the
 * error has ended, it cannot: then the next call does.
 */
static TableNames
look_up_again(Call *call)
{
	const TableNames unknown = {.is_known = false};

	if (call->store->tx != NULL)
		keep_names(call, &unknown);
	else
		(void) look_up_names(call, NULL);
	return known_names(call);
}

/*
 * is_about_table tells whether an error is about the store's table.
 */
static bool
is_about_table(const TableNames *names, const PGresult *result)
{
	const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
	const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);

	return schema != NULL && table != NULL && strcmp(schema, names->schema) == 0 &&
		   strcmp(table, names->table) == 0;
}

/*
 * is_about_other_store tells whether an error is one of a store's, but of another store than this.
 */
static bool
is_about_other_store(Call *call, const PGresult *result, const goes_error *error)
{
	TableNames names;

	if (!has_own_sqlstate(error, VERSION_CONFLICT " " STORE_IS_APPEND_ONLY " " EVENT_MISMATCH) ||
		PQresultErrorField(result, PG_DIAG_TABLE_NAME) == NULL)
		return false;
	names = known_names(call);
	if (is_about_table(&names, result))
		return false;
	names = look_up_again(call);
	return !is_about_table(&names, result);
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
 * taken_index finds the unique index of the store that an error is about; false if it is about none of
 * them.
 */
static bool
taken_index(const TableNames *names, const PGresult *result, UniqueIndex *taken)
{
	const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (name == NULL || !is_about_table(names, result))
		return false;
	for (int i = 0; i < names->index_count; i++)
	{
		*taken = names->indexes[i];
		if (strcmp(taken->name, name) == 0)
			return true;
	}
	return false;
}

int
status_of_taken(Call *call, const PGresult *result)
{
	TableNames	names = known_names(call);
	UniqueIndex taken;
	bool		is_found = taken_index(&names, result, &taken);

	if (!is_found)
	{
		names = look_up_again(call);
		is_found = taken_index(&names, result, &taken);
	}
	if (!is_found)
		return GOES_ERR_SERVER;
	return taken.is_of_ids ? GOES_ERR_DUPLICATE : GOES_ERR_CONFLICT;
}
