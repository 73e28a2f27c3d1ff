/*
 * feed.h
 *    What the threads of a run share that follow a store while others write to it: sessions, what was
 *    done so far and how much of it has to be done, the first thing that went wrong.
 */
#ifndef GOES_TEST_FEED_H
#define GOES_TEST_FEED_H

#include <pthread.h>
#include <stdatomic.h>

#include "server_control.h"
#include "session.h"

/* What a run does. */
typedef enum Deed
{
	STORED,
	ROLLED_BACK,
	SAVEPOINTS,
	PORTALS,
	COPIES,
	PREPARED,
	HELD,
	RESTARTS,
	READ_ANEW,
	DEEDS
} Deed;

/* A run that did less of something has shown nothing. */
static const struct
{
	const char *what;
	long		least;
} floors[DEEDS] = {
	[STORED] = {"events", 50000},
	[ROLLED_BACK] = {"transactions rolled back", 200},
	[SAVEPOINTS] = {"savepoints", 200},
	[PORTALS] = {"portals that failed", 100},
	[COPIES] = {"COPY", 100},
	[PREPARED] = {"prepared transactions", 200},
	[HELD] = {"looks at a feed that was held back", 200},
	[RESTARTS] = {"restarts of readers", 20},
	[READ_ANEW] = {"events read in sessions of one look", 5000},
};

static atomic_long done[DEEDS];
static atomic_bool is_over; /* who writes ends */
static atomic_int  writing; /* threads that have not ended: then the others read the rest */
static atomic_int  failures;

/*
 * report_failure says what went wrong, and ends the run.
 */
static inline void
report_failure(const char *format, ...)
{
	char	text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fprintf(stderr, "# %s\n", text);
	atomic_fetch_add(&failures, 1);
	atomic_store(&is_over, true);
}

static inline bool
has_failed(void)
{
	return atomic_load(&failures) > 0;
}

/*
 * is_enough tells whether everything was done that a run has to do.
 */
static inline bool
is_enough(void)
{
	for (int deed = 0; deed < DEEDS; deed++)
	{
		if (atomic_load(&done[deed]) < floors[deed].least)
			return false;
	}
	return true;
}

/*
 * ask runs a statement and returns its result, which has to be there, or NULL.
 */
static inline PGresult *
ask(Session *session, const char *format, ...)
{
	char	  text[4096];
	va_list	  arguments;
	PGresult *result;

	if (has_failed())
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	result = PQexec(session->connection, text);
	if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	report_failure("%s: %s", text, PQerrorMessage(session->connection));
	PQclear(result);
	return NULL;
}

/* ask for a statement whose result does not matter. */
#define act(...) PQclear(ask(__VA_ARGS__))

/*
 * ask_number runs a statement that returns one number.
 */
static inline int64_t
ask_number(Session *session, const char *text)
{
	PGresult *result = ask(session, "%s", text);
	int64_t	  number = result == NULL ? 0 : strtoll(PQgetvalue(result, 0, 0), NULL, 10);

	PQclear(result);
	return number;
}

/*
 * act_in_vain runs a statement that has to fail with an exception.
 */
static inline void
act_in_vain(Session *session, const char *text)
{
	PGresult   *result;
	const char *sqlstate;

	if (has_failed())
		return;
	result = PQexec(session->connection, text);
	sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (sqlstate == NULL || strcmp(sqlstate, "P0001") != 0)
		report_failure("%s did not raise its exception: %s", text,
					   PQerrorMessage(session->connection));
	PQclear(result);
}

#endif
