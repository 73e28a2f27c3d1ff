/*
 * setup.c
 *    Opening a store for the first time: creating its database, the extension and the table where
 *    they are missing.
 *
 * Many processes may do so at once. A process that finds that another was faster goes on with what
 * the other created. CREATE ... IF NOT EXISTS would not help, since it fails in such races, too.
 */
#include <poll.h>
#include <string.h>

#include "store/request.h"
#include "base/sqlstate.h"
#include "data/oids.h"

#define TRY_AGAIN_MS 50

/*
 * connect_to_any connects to a database from which another one can be created: the URL's own, else
 * postgres, else template1.
 */
static int
connect_to_any(PGconn **out, goes_store *store, const Deadline *deadline, goes_error **err)
{
	static const char *const databases[] = {NULL, "postgres", "template1"};
	const Conninfo			*conninfo = pool_conninfo(store->pool);
	goes_error				*error = NULL;
	int						 status = GOES_ERR_CONNECT;

	for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
	{
		goes_error_free(error);
		error = NULL;
		status = connect_to(out, conninfo, databases[i], deadline, &error);
		if (status == GOES_OK)
			return GOES_OK;
		if (!has_sqlstate(error, INVALID_CATALOG_NAME " " INSUFFICIENT_PRIVILEGE
													  " " OBJECT_NOT_IN_PREREQUISITE_STATE))
			break;
	}
	return pass_error(err, error, goes_error_status(error));
}

/*
 * create_database_once runs CREATE DATABASE. It succeeds, too, if another session was faster.
 */
static int
create_database_once(PGconn *connection, const char *database, const Deadline *deadline,
					 goes_error **err)
{
	char	   *quoted = PQescapeIdentifier(connection, database, strlen(database));
	Buffer		command = {0};
	goes_error *error = NULL;
	int			status;

	if (quoted == NULL)
		return fail(err, GOES_ERR_INVALID, "the name of the database cannot be used: %s",
					PQerrorMessage(connection));
	buffer_format(&command, "CREATE DATABASE %s", quoted);
	PQfreemem(quoted);
	if (buffer_string(&command) == NULL)
		return fail_memory(err);
	status = exec_discard(connection, command.data, deadline, &error);
	buffer_free(&command);
	if (status == GOES_OK || has_sqlstate(error, DUPLICATE_DATABASE " " UNIQUE_VIOLATION))
	{
		goes_error_free(error);
		return GOES_OK;
	}
	return pass_error(err, error, goes_error_status(error));
}

/*
 * create_database creates the store's database. While another session copies the same template, it
 * keeps trying.
 */
static int
create_database(goes_store *store, const Deadline *deadline, goes_error **err)
{
	PGconn	   *connection = NULL;
	goes_error *error = NULL;
	int			status = connect_to_any(&connection, store, deadline, err);

	if (status != GOES_OK)
		return status;
	while ((status = create_database_once(connection, store->database, deadline, &error)) !=
			   GOES_OK &&
		   has_sqlstate(error, OBJECT_IN_USE) && !deadline_passed(deadline) &&
		   !is_cancelled(deadline->cancel))
	{
		goes_error_free(error);
		error = NULL;
		(void) poll(NULL, 0, TRY_AGAIN_MS);
	}
	PQfinish(connection);
	if (status == GOES_OK)
		return GOES_OK;
	if (has_sqlstate(error, INSUFFICIENT_PRIVILEGE))
	{
		goes_error_free(error);
		return fail_sqlstate(
			err, GOES_ERR_PERMISSION, INSUFFICIENT_PRIVILEGE,
			"the database \"%s\" does not exist, and the role may not create it: "
			"have an administrator run CREATE DATABASE, or ALTER ROLE ... CREATEDB",
			store->database);
	}
	return pass_error(err, error, goes_error_status(error));
}

/*
 * fail_behind_pooler makes the error for a pooler's message about the store's database, which may
 * be missing. Creating it now would not help: pgbouncer would notice it only after 15 seconds.
 */
static int
fail_behind_pooler(const goes_error *error, goes_error **err)
{
	return fail_detailed(
		err, GOES_ERR_CONNECT,
		(ErrorDetails){.sqlstate = PROTOCOL_VIOLATION, .event_index = -1, .is_final = true},
		"%s (libgoes cannot create a database through a pooler: create it on the server itself)",
		goes_error_message(error));
}

/*
 * take_first_connection takes a connection to the store's database, and creates the database if it
 * is missing; `creation` is the deadline for that.
 */
static int
take_first_connection(goes_store *store, Connection **out, const Deadline *deadline,
					  const Deadline *creation, goes_error **err)
{
	goes_error *error = NULL;
	int			status = pool_take(store->pool, out, deadline, &error);

	if (status == GOES_OK)
		return GOES_OK;
	if (has_sqlstate(error, PROTOCOL_VIOLATION) &&
		strstr(goes_error_message(error), store->database) != NULL)
	{
		status = fail_behind_pooler(error, err);
		goes_error_free(error);
		return status;
	}
	if (!store->is_own_pool || !has_sqlstate(error, INVALID_CATALOG_NAME))
		return pass_error(err, error, goes_error_status(error));
	if (store->no_create)
	{
		goes_error_free(error);
		return fail_sqlstate(err, GOES_ERR_SCHEMA, INVALID_CATALOG_NAME,
							 "the database \"%s\" does not exist, and no_create is set",
							 store->database);
	}
	goes_error_free(error);
	status = create_database(store, creation, err);
	if (status != GOES_OK)
		return status;
	return pool_take(store->pool, out, creation, err);
}

/*
 * check_search_path fails if the search_path of the connection string did not reach the server: a pooler
 * may ignore it, and the table would be made and used in another schema.
 */
static int
check_search_path(Call *call, goes_error **err)
{
	const char *wanted = pool_conninfo(call->store->pool)->search_path;
	Statement	statement = {.text = "SELECT pg_catalog.current_setting('search_path')",
							 .is_text_result = true};
	PGresult   *result = NULL;
	int			status;

	if (wanted == NULL)
		return GOES_OK;
	status = exec_statement(call->connection->pg, &statement, &result, &call->deadline, err);
	if (status == GOES_OK && strcmp(PQgetvalue(result, 0, 0), wanted) != 0)
		status =
			fail(err, GOES_ERR_SCHEMA,
				 "the search_path of the connection string did not reach the server, which has %s; "
				 "a pooler may ignore it: leave it out, and name the table with its schema",
				 PQgetvalue(result, 0, 0));
	PQclear(result);
	return status;
}

/*
 * fail_extension makes the error for an extension that cannot be created.
 */
static int
fail_extension(PGconn *connection, const goes_error *error, goes_error **err)
{
	int major = PQserverVersion(connection) / 10000;

	if (has_sqlstate(error, FEATURE_NOT_SUPPORTED " " UNDEFINED_FILE))
		return fail_sqlstate(err, GOES_ERR_EXTENSION, goes_error_sqlstate(error),
							 "the server lacks the extension goes_store: install goes_store for "
							 "PostgreSQL %d on it (from its sources: make, then make install with "
							 "PG_CONFIG of that server)",
							 major);
	if (goes_error_status(error) == GOES_ERR_PERMISSION)
		return fail_sqlstate(
			err, GOES_ERR_PERMISSION, goes_error_sqlstate(error),
			"the database has no extension goes_store, and the role may not create "
			"it: have the database's owner run CREATE EXTENSION goes_store (%s)",
			goes_error_message(error));
	return fail_sqlstate(err, goes_error_status(error), goes_error_sqlstate(error),
						 "CREATE EXTENSION goes_store failed: %s", goes_error_message(error));
}

/*
 * create_extension creates the extension, unless another session was faster.
 */
static int
create_extension(Call *call, goes_error **err)
{
	PGconn	   *connection = call->connection->pg;
	goes_error *error = NULL;
	int status = exec_discard(connection, "CREATE EXTENSION goes_store", &call->deadline, &error);

	if (status != GOES_OK &&
		!has_sqlstate(error, DUPLICATE_OBJECT " " UNIQUE_VIOLATION " " DUPLICATE_FUNCTION
											  " " DUPLICATE_TABLE))
	{
		status = fail_extension(connection, error, err);
		goes_error_free(error);
		return status;
	}
	goes_error_free(error);
	return session_look_up(call, err);
}

/*
 * require_extension looks up the extension, and creates it if it is missing.
 */
static int
require_extension(Call *call, goes_error **err)
{
	goes_error *error = NULL;
	int			status = session_look_up(call, &error);

	if (status != GOES_ERR_EXTENSION || call->store->no_create)
		return status == GOES_OK ? GOES_OK : pass_error(err, error, goes_error_status(error));
	goes_error_free(error);
	return create_extension(call, err);
}

/*
 * run_on_table calls a function of the extension with the table's name. `before` and `behind` are
 * the text around the extension's schema.
 */
static int
run_on_table(Call *call, const char *before, const char *behind, PGresult **out, goes_error **err)
{
	Oid			type = TEXT_TYPE;
	const char *value = call->store->table;
	Buffer		text = {0};
	Statement	statement = {.count = 1, .types = &type, .values = &value, .is_text_result = true};
	int			status;

	buffer_format(&text, "%s%s%s", before, call->connection->session.schema, behind);
	statement.text = buffer_string(&text);
	if (statement.text == NULL)
		return fail_memory(err);
	status = exec_statement(call->connection->pg, &statement, out, &call->deadline, err);
	buffer_free(&text);
	return status;
}

/*
 * check_table fails with a list of everything that is wrong with the table. Guards and the feed are
 * left out: they are for the table's owner to mend, and no reason not to use it.
 */
static int
check_table(Call *call, goes_error **err)
{
	PGresult *result = NULL;
	Buffer	  problems = {0};
	int		  status =
		run_on_table(call, "SELECT problem FROM ", ".goes_check_store($1, true)", &result, err);

	for (int i = 0; status == GOES_OK && i < PQntuples(result); i++)
		buffer_format(&problems, "%s%s", i > 0 ? "; " : "", PQgetvalue(result, i, 0));
	if (status == GOES_OK && (problems.length > 0 || problems.failed))
		status = buffer_string(&problems) == NULL
					 ? fail_memory(err)
					 : fail(err, GOES_ERR_SCHEMA,
							"table \"%s\" is not a store, and no_create is set: %s",
							call->store->table, problems.data);
	buffer_free(&problems);
	PQclear(result);
	return status;
}

/*
 * refine_bad_name passes on why the table cannot be used. If that is because it is no name of a table, the
 * look-up says what one looks like.
 */
static int
refine_bad_name(Call *call, int status, goes_error *error, goes_error **err)
{
	goes_error *bad_name = NULL;

	if (!has_sqlstate(error, INVALID_NAME " " FEATURE_NOT_SUPPORTED) ||
		table_names_look_up(call, &bad_name) != GOES_ERR_INVALID)
	{
		goes_error_free(bad_name);
		return pass_error(err, error, status);
	}
	goes_error_free(error);
	return pass_error(err, bad_name, GOES_ERR_INVALID);
}

/*
 * require_table creates the table, or checks and completes it. With no_create it only checks it.
 */
static int
require_table(Call *call, goes_error **err)
{
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status;

	if (call->store->no_create)
		status = check_table(call, &error);
	else
		status = run_on_table(call, "SELECT ", ".goes_create_store($1)", &result, &error);
	PQclear(result);
	return status == GOES_OK ? GOES_OK : refine_bad_name(call, status, error, err);
}

/*
 * set_up connects until one deadline, and has until the other to create what is missing.
 */
static int
set_up(goes_store *store, const Deadline *connecting, const Deadline *creation, goes_error **err)
{
	Call call = {.store = store, .deadline = *creation};
	int	 status = take_first_connection(store, &call.connection, connecting, creation, err);

	if (status != GOES_OK)
		return status;
	status = check_search_path(&call, err);
	if (status == GOES_OK)
		status = require_extension(&call, err);
	if (status == GOES_OK)
		status = require_table(&call, err);
	pool_give(store->pool, call.connection);
	return status;
}

/*
 * wait_for_attempt waits while another thread connects, and fails with the same error; the lock is
 * held.
 */
static int
wait_for_attempt(goes_store *store, const Deadline *deadline, goes_error **err)
{
	unsigned failures = store->failures;

	while (store->state == STORE_CONNECTING && store->failures == failures)
	{
		int status = deadline_check(deadline, err);

		if (status != GOES_OK)
			return status;
		lock_wait(&store->lock, &store->changed, deadline);
	}
	return store->failures == failures ? GOES_OK : copy_error(err, store->failure);
}

/*
 * end_attempt tells the threads that wait for an attempt to connect how it ended.
 */
static void
end_attempt(goes_store *store, int status, const goes_error *error, bool is_for_all)
{
	pthread_mutex_lock(&store->lock);
	store->state = status == GOES_OK ? STORE_CONNECTED : STORE_NEW;
	if (status != GOES_OK && is_for_all)
	{
		goes_error_free(store->failure);
		store->failure = NULL;
		(void) fail_detailed(&store->failure, status, error_details(error), "%s",
							 goes_error_message(error));
		store->failures++;
	}
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

/*
 * bounded_by makes a deadline in so many milliseconds that is no later than the call's.
 */
static Deadline
bounded_by(int64_t timeout_ms, const Deadline *deadline)
{
	Deadline bounded = deadline_in(timeout_ms, deadline->cancel);

	if (deadline->at < bounded.at)
		bounded.at = deadline->at;
	return bounded;
}

/*
 * require_connected connects a store that is not yet connected. If it fails only because this
 * call's own timeout or cancel ended it, the threads that wait do not fail, but try themselves.
 */
int
require_connected(goes_store *store, const Deadline *deadline, goes_error **err)
{
	goes_error *error = NULL;
	Deadline	connecting, creation;
	int			status;

	pthread_mutex_lock(&store->lock);
	status = wait_for_attempt(store, deadline, err);
	if (status != GOES_OK || store->state == STORE_CONNECTED)
	{
		pthread_mutex_unlock(&store->lock);
		return status;
	}
	store->state = STORE_CONNECTING;
	pthread_mutex_unlock(&store->lock);

	connecting = bounded_by(store->connect_timeout_ms, deadline);
	creation = bounded_by(store->creation_timeout_ms, deadline);
	status = set_up(store, &connecting, &creation, &error);
	end_attempt(store, status, error,
				status != GOES_ERR_CANCELLED &&
					(status != GOES_ERR_TIMEOUT || !deadline_passed(deadline)));
	return pass_error(err, error, status);
}
