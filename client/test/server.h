/*
 * server.h
 *    What the tests with a server have in common. t/010_client.pl starts the server and says where it
 *    is:
 *
 *        GOES_TEST_URL   keywords of a superuser's connection, without a database
 *        GOES_TEST_DATA  the server's data directory, for pg_ctl, whose user we are
 */
#ifndef GOES_TEST_SERVER_H
#define GOES_TEST_SERVER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "goes.h"
#include "pace.h"
#include "unit.h"

#define TEST_DATABASE "goes_test"

/* An environment variable that has to be there. */
static inline const char *
environment(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
	{
		fprintf(stderr, "%s is not set: run this test by tools/test 010_client\n", name);
		exit(1);
	}
	return value;
}

static inline const char *
server_url(void)
{
	return environment("GOES_TEST_URL");
}

/* A connection of libpq's own to a database. */
static inline PGconn *
admin_connection(const char *database)
{
	char	url[1024];
	PGconn *connection;

	snprintf(url, sizeof url, "%s dbname=%s", server_url(), database);
	connection = PQconnectdb(url);
	if (PQstatus(connection) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		exit(1);
	}
	return connection;
}

/* The connection that admin keeps, to the database it was last asked about. */
typedef struct AdminSession
{
	PGconn *connection;
	char   *database;
	pid_t	process; /* a child's copy is its parent's */
} AdminSession;

/*
 * admin_session returns admin's connection to a database. There is one at a time, so that a database
 * which another one's statement drops or copies has no session of admin's.
 */
static inline PGconn *
admin_session(AdminSession *session, const char *database)
{
	if (session->connection != NULL && session->process == getpid() &&
		strcmp(session->database, database) == 0)
		return session->connection;
	if (session->process == getpid())
	{
		PQfinish(session->connection);
		free(session->database);
	}
	session->connection = admin_connection(database);
	session->database = strdup(database);
	session->process = getpid();
	return session->connection;
}

/*
 * run_admin runs a statement on admin's connection, and leaves no setting behind. A connection whose
 * server was stopped or was told to end it is replaced.
 */
static inline PGresult *
run_admin(const char *database, const char *text)
{
	static AdminSession session;
	PGconn			   *connection = admin_session(&session, database);
	PGresult		   *result;

	PQclear(PQexec(connection, "DISCARD ALL"));
	if (PQstatus(connection) != CONNECTION_OK)
	{
		PQreset(connection);
		assert_int_equal(PQstatus(connection), CONNECTION_OK);
	}
	result = PQexec(connection, text);
	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", text, PQerrorMessage(connection));
	return result;
}

/*
 * admin runs a statement in a database and returns the first value of its result as text, to be
 * freed, or NULL if it has none. For one thread of a program.
 */
static inline char *
admin(const char *database, const char *format, ...)
{
	char	  text[8192];
	va_list	  arguments;
	PGresult *result;
	char	 *value = NULL;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	result = run_admin(database, text);
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		value = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

/* admin for a statement whose result does not matter. */
#define admin_do(database, ...) free(admin(database, __VA_ARGS__))

/* number_of runs a statement in TEST_DATABASE that returns a number; -1: it returned none. */
#define number_of(...) number_in(admin(TEST_DATABASE, __VA_ARGS__))

static inline int64_t
number_in(char *text)
{
	int64_t number = text == NULL ? -1 : strtoll(text, NULL, 10);

	free(text);
	return number;
}

/* count_rows counts a table's rows; a WHERE may follow its name. */
#define count_rows(table) number_of("SELECT count(*) FROM %s", table)

/* Fails the test with the error's text unless the call succeeded. */
#define assert_ok(call)                                                                          \
	do                                                                                           \
	{                                                                                            \
		int status_ = (call);                                                                    \
		if (status_ < 0)                                                                         \
			fail_msg("%s: %s: %s", #call, goes_status_text(status_), goes_error_message(error)); \
	} while (0)

/* Options for a store in TEST_DATABASE, for those who change some. Connecting may take long here. */
static inline goes_store_options
options_of(const char *table)
{
	goes_store_options options;

	goes_store_options_init(&options, sizeof options);
	options.url = server_url();
	options.database = TEST_DATABASE;
	options.table = table;
	options.connect_timeout_ms = 20000;
	return options;
}

static inline goes_store *
open_with(const goes_store_options *options)
{
	goes_store *store = NULL;
	goes_error *error = NULL;

	assert_ok(goes_store_open(&store, options, &error));
	return store;
}

static inline goes_store *
open_store(const char *table)
{
	goes_store_options options = options_of(table);

	return open_with(&options);
}

/* A function for goes_model_use that leaves the model as it is. */
static inline int
keep_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return GOES_OK;
}

/* A thread that triggers a goes_cancel after 100 ms. */
static inline void *
cancel_soon(void *cancel)
{
	usleep(100 * 1000);
	goes_cancel_trigger(cancel);
	return NULL;
}

#endif
