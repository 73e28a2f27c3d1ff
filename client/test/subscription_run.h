/*
 * subscription_run.h
 *    What the processes of a run share in which workers follow a store while others write to it: what
 *    was done so far and how much of it has to be done, who holds events, what went wrong.
 */
#ifndef GOES_TEST_SUBSCRIPTION_RUN_H
#define GOES_TEST_SUBSCRIPTION_RUN_H

#include <stdatomic.h>
#include <sys/mman.h>

#include "session.h"

#define WORKERS 8
#define WRITERS 16
#define PARTITIONS 16

/* How long a worker has events to itself, in milliseconds. */
#define LEASE_MS 1500

/* Aggregates are numbered; the first few of them have an event that cannot be done. */
#define AGGREGATES 300
#define POISONED 5
#define AGGREGATE_ID "00000000-0000-4000-8000-%012d"

/* What a run does. */
typedef enum Deed
{
	STORED,
	ROLLED_BACK,
	FAILED,
	IN_PARTS,
	RELEASED,
	RENEWED,
	KILLED,
	LOST,
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
	[FAILED] = {"events that failed once", 300},
	[IN_PARTS] = {"batches done in parts", 50},
	[RELEASED] = {"partitions given back", 20},
	[RENEWED] = {"leases renewed", 50},
	[KILLED] = {"workers killed", 40},
	[LOST] = {"workers stopped beyond their lease, whose effects were undone", 8},
};

typedef struct Run
{
	atomic_long done[DEEDS];
	atomic_bool is_written; /* writers end */
	atomic_bool is_over;	/* workers end */
	atomic_bool is_cured;	/* the poisoned events can be done */
	atomic_int	failures;
	atomic_bool holds[WORKERS]; /* has the worker events? */
} Run;

static Run *run;

/*
 * share_run makes what the processes share, before they are forked.
 */
static inline void
share_run(void)
{
	run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(run != MAP_FAILED);
}

static inline void
note(Deed deed, long count)
{
	atomic_fetch_add(&run->done[deed], count);
}

static inline bool
is_enough(Deed deed)
{
	return atomic_load(&run->done[deed]) >= floors[deed].least;
}

/*
 * give_up says what went wrong, and ends the run.
 */
static inline void
give_up(const char *text, PGconn *connection)
{
	fprintf(stderr, "# %s: %s\n", text, PQerrorMessage(connection));
	atomic_fetch_add(&run->failures, 1);
	atomic_store(&run->is_written, true);
	atomic_store(&run->is_over, true);
}

/*
 * has_state tells whether a statement failed with an SQLSTATE.
 */
static inline bool
has_state(const PGresult *result, const char *sqlstate)
{
	const char *got = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return got != NULL && strcmp(got, sqlstate) == 0;
}

static inline bool
is_good(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

/*
 * must runs statements that have to succeed; false if they did not.
 */
static inline bool
must(Session *session, const char *format, ...)
{
	char	  text[16384];
	va_list	  arguments;
	PGresult *result;
	bool	  succeeded;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	result = PQexec(session->connection, text);
	succeeded = is_good(result);
	if (!succeeded)
		give_up(text, session->connection);
	PQclear(result);
	return succeeded;
}

#endif
