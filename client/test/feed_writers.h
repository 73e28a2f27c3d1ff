/*
 * feed_writers.h
 *    Threads that write to a store in all ways that there are, and leave gaps in its positions in all
 *    ways that there are.
 */
#ifndef GOES_TEST_FEED_WRITERS_H
#define GOES_TEST_FEED_WRITERS_H

#include "feed.h"

#define WRITERS 16
#define MOST_PREPARED 8 /* at a time */

/* What the writers need in the database. store_or_fail raises an exception for 2. */
#define WRITERS_SCHEMA                                                                            \
	"CREATE FUNCTION store_or_fail(n integer) RETURNS integer LANGUAGE plpgsql AS $$ "            \
	"BEGIN IF n = 2 THEN RAISE 'two'; END IF; "                                                   \
	"INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'portal', n); RETURN n; END " \
	"$$; "                                                                                        \
	"INSERT INTO events (id, name, time) VALUES ('" TAKEN_ID "', 'first', 0)"

#define TAKEN_ID "019a0000-0000-7000-8000-000000000001"

#define INSERT_SOME                        \
	"INSERT INTO events (id, name, time) " \
	"SELECT gen_random_uuid(), 'inserted', n FROM generate_series(1, %d) AS n"

/* A writer, and its transaction. */
typedef struct FeedWriter
{
	Session session;
	int		number;
	int		prepared_count; /* so far, for their names */
	long	rows;			/* stored by the open transaction */
} FeedWriter;

/* The transactions that are prepared: whoever comes by ends one. */
typedef struct PreparedTransaction
{
	char name[32];
	long rows;
} PreparedTransaction;

static PreparedTransaction waiting[MOST_PREPARED];
static int				   waiting_count;
static pthread_mutex_t	   waiting_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * insert_some stores up to so many events.
 */
static inline void
insert_some(FeedWriter *writer, int most)
{
	int count = 1 + below(&writer->session, most);

	act(&writer->session, INSERT_SOME, count);
	writer->rows += count;
}

/*
 * insert_in_savepoint stores events in a subtransaction, which lives on or not.
 */
static inline void
insert_in_savepoint(FeedWriter *writer)
{
	long before = writer->rows;

	act(&writer->session, "SAVEPOINT inner_one");
	insert_some(writer, 3);
	rest(&writer->session, 5);
	if (happens(&writer->session, 50))
		act(&writer->session, "RELEASE inner_one");
	else
	{
		act(&writer->session, "ROLLBACK TO inner_one");
		writer->rows = before;
	}
	atomic_fetch_add(&done[SAVEPOINTS], 1);
}

/*
 * fail_in_portal stores an event through a cursor that fails in a savepoint afterwards, and so gives
 * up the lock on the table that it took outside of the savepoint.
 */
static inline void
fail_in_portal(FeedWriter *writer)
{
	Session *session = &writer->session;

	act(session, "DECLARE k CURSOR FOR SELECT store_or_fail(n) FROM generate_series(1, 2) AS n");
	act(session, "FETCH k");
	act(session, "SAVEPOINT inner_one");
	act_in_vain(session, "FETCH k");
	act(session, "ROLLBACK TO inner_one");
	act(session, "CLOSE k");
	writer->rows++;
	atomic_fetch_add(&done[PORTALS], 1);
}

/*
 * fail_in_block does the same by a refcursor, in one statement.
 */
static inline void
fail_in_block(FeedWriter *writer)
{
	act(&writer->session,
		"DO $$ DECLARE k refcursor; n integer; BEGIN "
		"OPEN k FOR SELECT store_or_fail(i) FROM generate_series(1, 2) AS i; FETCH k INTO n; "
		"BEGIN FETCH k INTO n; EXCEPTION WHEN raise_exception THEN NULL; END; END $$");
	writer->rows++;
	atomic_fetch_add(&done[PORTALS], 1);
}

/*
 * copy_some stores up to so many events by COPY.
 */
static inline void
copy_some(FeedWriter *writer, int most)
{
	Session *session = &writer->session;
	int		 count = 1 + below(session, most);

	if (has_failed())
		return;
	PQclear(PQexec(session->connection, "COPY events (id, name, time) FROM STDIN"));
	for (int i = 0; i < count; i++)
	{
		char line[128];
		int	 length = snprintf(line, sizeof line, "%016llx%016llx\tcopied\t%d\n",
							   (unsigned long long) random_bits(session),
							   (unsigned long long) random_bits(session), i);

		PQputCopyData(session->connection, line, length);
	}
	PQputCopyEnd(session->connection, NULL);
	for (PGresult *result; (result = PQgetResult(session->connection)) != NULL; PQclear(result))
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			report_failure("COPY: %s", PQerrorMessage(session->connection));
	}
	writer->rows += count;
	atomic_fetch_add(&done[COPIES], 1);
}

/*
 * store_nothing draws numbers, or locks rows and the table, without storing an event. Whom it meets
 * there does not wait.
 */
static inline void
store_nothing(FeedWriter *writer)
{
	static const char *const ways[] = {
		"SELECT nextval('events_position_seq')",
		"INSERT INTO events (id, name, time) VALUES ('" TAKEN_ID "', 'again', 0) "
		"ON CONFLICT DO NOTHING",
		"DELETE FROM events WHERE false",
		"LOCK TABLE events IN ROW EXCLUSIVE MODE",
		"UPDATE events SET data = '{}' WHERE id IN (SELECT id FROM events "
		"ORDER BY position DESC LIMIT 3 FOR UPDATE SKIP LOCKED)",
		"SELECT FROM (SELECT FROM events ORDER BY position DESC LIMIT 3 FOR UPDATE SKIP LOCKED) AS "
		"e",
	};

	act(&writer->session, "%s", ways[below(&writer->session, sizeof ways / sizeof ways[0])]);
}

/*
 * take_step does one thing of a transaction.
 */
static inline void
take_step(FeedWriter *writer)
{
	int step = below(&writer->session, 100);

	if (step < 40)
		insert_some(writer, 3);
	else if (step < 54)
		insert_in_savepoint(writer);
	else if (step < 60)
		fail_in_portal(writer);
	else if (step < 64)
		fail_in_block(writer);
	else if (step < 72)
		copy_some(writer, 40);
	else if (step < 84)
		store_nothing(writer);
	else
		rest(&writer->session, 40);
}

/*
 * end_prepared ends a transaction that somebody has prepared; false if there is none.
 */
static inline bool
end_prepared(FeedWriter *writer)
{
	Session			   *session = &writer->session;
	PreparedTransaction taken = {.rows = -1};
	bool				is_committed = happens(session, 80);

	pthread_mutex_lock(&waiting_lock);
	if (waiting_count > 0)
	{
		int place = below(session, waiting_count);

		taken = waiting[place];
		waiting[place] = waiting[--waiting_count];
	}
	pthread_mutex_unlock(&waiting_lock);
	if (taken.rows < 0)
		return false;
	act(session, "%s PREPARED '%s'", is_committed ? "COMMIT" : "ROLLBACK", taken.name);
	atomic_fetch_add(&done[STORED], is_committed ? taken.rows : 0);
	atomic_fetch_add(&done[PREPARED], 1);
	return true;
}

/*
 * prepare leaves the transaction to whoever comes by; false if there are too many of them.
 */
static inline bool
prepare(FeedWriter *writer)
{
	PreparedTransaction prepared = {.rows = writer->rows};
	bool				has_room;

	pthread_mutex_lock(&waiting_lock);
	has_room = waiting_count < MOST_PREPARED;
	if (has_room)
	{
		snprintf(prepared.name, sizeof prepared.name, "w%d_%d", writer->number,
				 writer->prepared_count++);
		act(&writer->session, "PREPARE TRANSACTION '%s'", prepared.name);
		waiting[waiting_count++] = prepared;
	}
	pthread_mutex_unlock(&waiting_lock);
	return has_room;
}

/*
 * commit commits the open transaction.
 */
static inline void
commit(FeedWriter *writer)
{
	act(&writer->session, "COMMIT");
	atomic_fetch_add(&done[STORED], writer->rows);
}

/*
 * write_transaction stores events in several statements. In some transactions a rest follows.
 */
static inline void
write_transaction(FeedWriter *writer)
{
	Session *session = &writer->session;
	int		 steps = 1 + below(session, 8);
	int		 end = below(session, 100);

	writer->rows = 0;
	act(session, "BEGIN");
	if (happens(session, 30))
		act(session, "SET LOCAL synchronous_commit = off");
	for (int i = 0; i < steps; i++)
		take_step(writer);
	if (end < 12)
	{
		act(session, "ROLLBACK");
		atomic_fetch_add(&done[ROLLED_BACK], 1);
	}
	else if (end >= 30 || !prepare(writer))
		commit(writer);
}

/*
 * write_at_once stores events in one statement, or in many that are a transaction each.
 */
static inline void
write_at_once(FeedWriter *writer)
{
	int single = below(&writer->session, 3);

	writer->rows = 0;
	if (single == 0)
		insert_some(writer, 100);
	else if (single == 1)
		copy_some(writer, 100);
	else
	{
		for (int i = 0; i < 20; i++)
			insert_some(writer, 1);
	}
	atomic_fetch_add(&done[STORED], writer->rows);
}

static inline void *
write_events(void *argument)
{
	FeedWriter *writer = argument;

	while (!atomic_load(&is_over))
	{
		int way = below(&writer->session, 100);

		if (way < 60)
			write_transaction(writer);
		else if (way < 80)
			write_at_once(writer);
		else
			(void) end_prepared(writer);
	}
	while (!has_failed() && end_prepared(writer))
		;
	atomic_fetch_sub(&writing, 1);
	PQfinish(writer->session.connection);
	return NULL;
}

#endif
