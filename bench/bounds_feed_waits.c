/*
 * bounds_feed_waits.c
 *	  What it takes to wait for events, and how soon they come.
 *
 * Those who wait are held against those who poll: for what they take of a processor while nothing
 * happens, and for how long a committed event is on its way.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounds.h"

#define READERS 100
#define IDLE_SECONDS 12
#define IDLE_TURNS 2
#define POLL_MILLISECONDS 20
#define MOST_IDLE 0.1

#define EVENTS 4000
#define EVENTS_OF_TURN 50
#define QUICK_POLL_MILLISECONDS 1

#define WAIT_MILLISECONDS 60000

/* The events of the latency's measure, by position. */
typedef struct Delivery
{
	double		   committed;
	_Atomic double delivered;
	bool		   is_by_wait; /* was the waiting reader's turn? */
} Delivery;

static Delivery	   deliveries[EVENTS + 1];
static atomic_bool is_waiting; /* whose turn is it? */

/*
 * prepare_reader prepares a reader's page, with what it waits as a parameter.
 */
static void
prepare_reader(PGconn *connection)
{
	prepare(connection, "page", "SELECT \"position\" FROM goes_feed($1, wait_ms => $2)", 2,
			(Oid[]){INT8_OID, INT4_OID});
}

/*
 * send_page asks for the page behind a cursor.
 */
static void
send_page(PGconn *connection, uint64_t after, int wait_ms)
{
	char		cursor[8];
	char		wait[4];
	const char *values[] = {big_endian(cursor, 8, after), big_endian(wait, 4, (uint64_t) wait_ms)};

	if (!PQsendQueryPrepared(connection, "page", 2, values, (int[]){8, 4}, (int[]){1, 1}, 0))
		die("%s", PQerrorMessage(connection));
}

/*
 * take_page takes the page that was asked for.
 */
static PGresult *
take_page(PGconn *connection)
{
	PGresult *page = PQgetResult(connection);

	if (PQresultStatus(page) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(connection));
	PQclear(PQgetResult(connection));
	return page;
}

/*
 * cpu_of_all returns what all readers have taken so far, in seconds of a processor.
 */
static double
cpu_of_all(PGconn **readers)
{
	double sum = 0;

	for (int i = 0; i < READERS; i++)
		sum += cpu_of(readers[i]);
	return sum;
}

/*
 * poll_for lets all readers poll for some seconds.
 */
static double
poll_for(PGconn **readers, int seconds)
{
	double before = cpu_of_all(readers);
	double end = seconds_now() + seconds;

	while (seconds_now() < end)
	{
		double next = seconds_now() + POLL_MILLISECONDS / 1e3;

		for (int i = 0; i < READERS; i++)
			send_page(readers[i], 0, 0);
		for (int i = 0; i < READERS; i++)
			PQclear(take_page(readers[i]));
		if (seconds_now() < next)
			pause_for((int) (1e3 * (next - seconds_now())) + 1);
	}
	return (cpu_of_all(readers) - before) / seconds;
}

/*
 * wait_for lets all readers wait for some seconds, and then ends their waits by an event.
 */
static double
wait_for(PGconn *writer, PGconn **readers, int seconds)
{
	double before = cpu_of_all(readers);
	double taken;

	for (int i = 0; i < READERS; i++)
		send_page(readers[i], 0, WAIT_MILLISECONDS);
	pause_for(1000 * seconds);
	taken = cpu_of_all(readers) - before;
	run(writer, "INSERT INTO events (id, name, \"time\") VALUES (gen_random_uuid(), 'end', 1)");
	for (int i = 0; i < READERS; i++)
		PQclear(take_page(readers[i]));
	run(writer, "TRUNCATE events RESTART IDENTITY");
	run(writer, "SELECT goes_alter_store(feed => true)");
	return taken / seconds;
}

/*
 * measure_idle prints the line for readers while nothing happens.
 */
static void
measure_idle(PGconn *writer)
{
	PGconn *readers[READERS];
	double	waiting = 0;
	double	polling = 0;
	char	measured[64];
	char	target[64];

	for (int i = 0; i < READERS; i++)
		prepare_reader(readers[i] = connect_to_server());
	(void) poll_for(readers, 1);
	for (int i = 0; i < IDLE_TURNS; i++)
	{
		waiting += wait_for(writer, readers, IDLE_SECONDS) / IDLE_TURNS;
		polling += poll_for(readers, IDLE_SECONDS) / IDLE_TURNS;
	}
	for (int i = 0; i < READERS; i++)
		PQfinish(readers[i]);
	snprintf(measured, sizeof(measured), "%.3f x polling, CPU", waiting / polling);
	snprintf(target, sizeof(target), "at most %.1f x", MOST_IDLE);
	report("100 readers wait while nothing happens", measured, target,
		   waiting <= MOST_IDLE * polling);
	detail("waiting %.2f %%, polling every %d ms %.1f %% of a processor", 100 * waiting,
		   POLL_MILLISECONDS, 100 * polling);
}

/*
 * note_delivered notes the events of a page, and returns the reader's new cursor.
 */
static uint64_t
note_delivered(const PGresult *page)
{
	double now = seconds_now();
	int	   last = PQntuples(page) - 1;

	for (int row = 0; row < last; row++)
		atomic_store(&deliveries[strtoll(PQgetvalue(page, row, 0), NULL, 10)].delivered, now);
	return strtoull(PQgetvalue(page, last, 0), NULL, 10);
}

/*
 * follow is the reader, which waits in one turn and polls in the next.
 */
static void *
follow(void *argument)
{
	PGconn	*connection = argument;
	uint64_t after = 0;

	while (after < EVENTS)
	{
		bool	  waits = atomic_load(&is_waiting);
		PGresult *page;

		send_page(connection, after, waits ? WAIT_MILLISECONDS : 0);
		page = take_page(connection);
		after = note_delivered(page);
		PQclear(page);
		if (!waits)
			pause_for(QUICK_POLL_MILLISECONDS);
	}
	return NULL;
}

/*
 * store_event stores an event, notes when its commit was acknowledged, and waits until it is
 * delivered.
 */
static void
store_event(PGconn *writer, bool is_by_wait)
{
	PGresult *result = PQexecPrepared(writer, "insert", 0, NULL, NULL, NULL, 0);
	double	  now = seconds_now();
	Delivery *delivery;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(writer));
	delivery = &deliveries[strtoll(PQgetvalue(result, 0, 0), NULL, 10)];
	PQclear(result);
	delivery->committed = now;
	delivery->is_by_wait = is_by_wait;
	while (atomic_load(&delivery->delivered) == 0)
		pause_for(1);
	/* at another moment of the poll each time */
	nanosleep(&(struct timespec){0, (long) (random_number() % 2000000)}, NULL);
}

/*
 * store_events stores the events that are followed, in turns.
 */
static void
store_events(PGconn *writer)
{
	prepare(writer, "insert",
			"INSERT INTO events (id, name, \"time\") VALUES (gen_random_uuid(), 'event', 1) "
			"RETURNING \"position\"",
			0, NULL);
	for (int i = 1; i <= EVENTS; i++)
	{
		bool is_by_wait = (i - 1) / EVENTS_OF_TURN % 2 == 0;

		/* the last event of a turn ends the reader's last wait */
		atomic_store(&is_waiting, i % EVENTS_OF_TURN == 0 ? !is_by_wait : is_by_wait);
		store_event(writer, is_by_wait);
	}
}

/*
 * collect returns how long events were on their way to one of the readers, in order. The first of a turn
 * do not count.
 */
static int
collect(bool is_by_wait, double *times)
{
	int count = 0;

	for (int i = 1; i < EVENTS; i++)
	{
		if (deliveries[i].is_by_wait == is_by_wait && i % EVENTS_OF_TURN > 1)
			times[count++] = deliveries[i].delivered - deliveries[i].committed;
	}
	qsort(times, (size_t) count, sizeof(double), compare_numbers);
	return count;
}

/*
 * report_share prints the line of a share of the events: how long they were on their way at most.
 */
static void
report_share(int percent, const double *waited, const double *polled, int count)
{
	double ours = waited[count * percent / 100];
	double theirs = polled[count * percent / 100];
	char   what[64];
	char   measured[64];
	char   target[64];

	snprintf(what, sizeof(what), "from commit to a waiting reader, p%d", percent);
	snprintf(measured, sizeof(measured), "%.3f ms", 1e3 * ours);
	snprintf(target, sizeof(target), "polling: %.3f ms", 1e3 * theirs);
	report(what, measured, target, ours <= theirs);
}

/*
 * measure_latency prints the lines for how soon events come.
 */
static void
measure_latency(PGconn *writer)
{
	static double waited[EVENTS];
	static double polled[EVENTS];
	PGconn		 *connection = connect_to_server();
	pthread_t	  reader;
	int			  count;

	prepare_reader(connection);
	atomic_store(&is_waiting, true);
	if (pthread_create(&reader, NULL, follow, connection) != 0)
		die("cannot start a thread");
	store_events(writer);
	pthread_join(reader, NULL);
	PQfinish(connection);
	(void) collect(true, waited);
	count = collect(false, polled);
	report_share(50, waited, polled, count);
	report_share(99, waited, polled, count);
	detail("%d events each, in turns of %d; the poll is every ms; from the commit's "
		   "acknowledgement to "
		   "the reader",
		   count, EVENTS_OF_TURN);
}

/*
 * measure_feed_waits measures and reports these bounds.
 */
void
measure_feed_waits(void)
{
	PGconn *writer = connect_to_server();

	run(writer, "SELECT goes_create_store(), goes_alter_store(feed => true)");
	measure_idle(writer);
	measure_latency(writer);
	run(writer, "DROP TABLE events");
	PQfinish(writer);
}
