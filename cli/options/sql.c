/*
 * sql.c
 *    Statements that libgoes has no call for, on a connection that it lends.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

#define LOOK_EVERY_MS 200

static PGconn *lent = NULL;
static char	  *schema = NULL;

/*
 * code_of says which of our codes stands for the server's error.
 */
static ExitCode
code_of(const char *sqlstate)
{
	static const struct
	{
		const char *start;
		ExitCode	code;
	} codes[] = {{"42704", EXIT_NOT_FOUND}, {"42P01", EXIT_UNSOUND},  {"42883", EXIT_UNSOUND},
				 {"VE004", EXIT_UNSOUND},	{"VE006", EXIT_UNSOUND},  {"55000", EXIT_UNSOUND},
				 {"22", EXIT_USAGE},		{"08", EXIT_CONNECTION},  {"57P", EXIT_CONNECTION},
				 {"VE001", EXIT_CONFLICT},	{"23505", EXIT_CONFLICT}, {"42602", EXIT_USAGE}};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
	{
		if (strncmp(sqlstate, codes[i].start, strlen(codes[i].start)) == 0)
			return codes[i].code;
	}
	return EXIT_OTHER;
}

/*
 * with_schema puts the extension's schema in the place of each @.
 */
static char *
with_schema(const char *text)
{
	char  *copy = NULL;
	size_t length;
	FILE  *file = allocated(open_memstream(&copy, &length));

	for (; *text != '\0'; text++)
	{
		if (*text == '@')
			fprintf(file, "%s.", schema);
		else
			putc(*text, file);
	}
	fclose(file);
	return allocated(copy);
}

/*
 * cancel asks the server to stop what it is doing for us.
 */
static void
cancel(void)
{
	char	  text[256];
	PGcancel *request = PQgetCancel(lent);

	if (request != NULL)
		(void) PQcancel(request, text, sizeof text);
	PQfreeCancel(request);
}

/*
 * run waits for the answer in short steps, in which an interrupt is noticed.
 */
static PGresult *
run(const char *text, int count, const char *const *parameters)
{
	PGresult *result = NULL;
	PGresult *next;

	if (!PQsendQueryParams(lent, text, count, NULL, parameters, NULL, NULL, 0))
		return NULL;
	while (PQconsumeInput(lent) && PQisBusy(lent))
	{
		struct pollfd socket = {.fd = PQsocket(lent), .events = POLLIN};

		(void) poll(&socket, 1, LOOK_EVERY_MS);
		if (is_interrupted())
		{
			cancel();
			fail(EXIT_INTERRUPTED, "interrupted");
		}
	}
	while ((next = PQgetResult(lent)) != NULL)
	{
		PQclear(result);
		result = next;
	}
	return result;
}

/*
 * has_failed tells whether a statement has failed; a result is none before.
 */
static bool
has_failed(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
}

/*
 * explain writes what the server has said, with its detail and its hint. They are labelled if the hint
 * speaks of the detail.
 */
static char *
explain(const PGresult *result)
{
	static char text[2000];
	const char *message =
		result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	bool		is_labelled = detail != NULL && hint != NULL && strstr(hint, "DETAIL") != NULL;

	snprintf(text, sizeof text, "%s%s%s%s%s", message != NULL ? message : PQerrorMessage(lent),
			 detail == NULL ? ""
			 : is_labelled	? "\nDETAIL: "
							: "\n",
			 detail == NULL ? "" : detail,
			 hint == NULL  ? ""
			 : is_labelled ? "\nHINT: "
						   : "\n",
			 hint == NULL ? "" : hint);
	/* libpq's own messages have a newline at their end */
	if (*text != '\0' && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	return text;
}

static _Noreturn void
fail_with(const PGresult *result)
{
	const char *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (PQstatus(lent) == CONNECTION_BAD)
		sqlstate = "08006";
	fail(code_of(sqlstate == NULL ? "" : sqlstate), "%s", explain(result));
}

/*
 * borrow takes the connection, and looks where the extension is.
 */
static void
borrow(goes_pool *pool)
{
	goes_error *error = NULL;
	PGresult   *result;

	if (lent != NULL)
		return;
	require(goes_pool_acquire(pool, &lent, call_context(), &error), &error);
	result = run("SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
				 "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
				 "WHERE e.extname = 'goes_store'",
				 0, NULL);
	if (has_failed(result))
		fail_with(result);
	if (PQntuples(result) == 0)
		fail(EXIT_UNSOUND,
			 "the database \"%s\" has no extension goes_store\nRun \"goes init\" to "
			 "create it.",
			 PQdb(lent));
	schema = allocated(strdup(PQgetvalue(result, 0, 0)));
	PQclear(result);
}

PGresult *
ask(goes_pool *pool, const char *text, int count, const char *const *parameters)
{
	PGresult *result;
	char	 *copy;

	borrow(pool);
	copy = with_schema(text);
	result = run(copy, count, parameters);
	if (has_failed(result))
		fail_with(result);
	free(copy);
	return result;
}

bool
try_to_run(goes_pool *pool, const char *text)
{
	PGresult *result;
	bool	  is_done;

	borrow(pool);
	result = PQexec(lent, text);
	is_done = !has_failed(result);
	if (!is_done)
		fprintf(stderr, "goes: %s\n", explain(result));
	PQclear(result);
	return is_done;
}
