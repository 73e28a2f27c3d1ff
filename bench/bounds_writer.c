/*
 * bounds_writer.c
 *	  Appends that share commits: a writer, and threads with coalesce_appends.
 *
 * Commits are durable here, and are what all of it waits for. Two ways take turns, and the median of
 * the turns counts. Each append is to an aggregate of its own, but for those of one hot stream.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "goes.h"

#define TURNS 5
#define CONNECT_MS 60000 /* that many at once take a while */
#define MOST_THREADS 64
#define SECONDS 2.0
#define MOST_SAMPLES 400000

#define WRITTEN 40000
#define UNDER_WAY 5000
#define BATCH 1000

/* How fast appends are. */
typedef struct Pace
{
	double rate; /* a second */
	double p99;	 /* in seconds */
} Pace;

/* Threads that append, and how long each append took. */
typedef struct Crowd
{
	goes_store *store;
	goes_uuid	stream;
	bool		is_one_stream;
	double		end;
	atomic_long count;
	double		samples[MOST_SAMPLES];
} Crowd;

static Crowd crowd;

/*
 * require ends the program when libgoes failed.
 */
static void
require(int status, goes_error **error)
{
	if (status < 0)
		die("libgoes: %s: %s", goes_status_text(status), goes_error_message(*error));
}

static void
require_outcome(const goes_outcome *outcome)
{
	if (outcome->status != GOES_OK)
		die("libgoes: %s: %s", goes_status_text(outcome->status),
			goes_error_message(outcome->error));
}

/*
 * open_store opens a store in the connection's database.
 */
static goes_store *
open_store(PGconn *connection, bool coalesces, int connections)
{
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = "postgres://?sslmode=disable"; /* the environment says the rest */
	options.database = PQdb(connection);
	options.max_connections = connections;
	options.connect_timeout_ms = CONNECT_MS;
	options.coalesce_appends = coalesces;
	require(goes_store_open(&store, &options, &error), &error);
	require(goes_store_connect(store, NULL, &error), &error);
	return store;
}

static goes_event
make_event(void)
{
	goes_event event;

	goes_event_init(&event, "counted",
					"{\"article\": 4711, \"pieces\": 3, \"note\": \"as before\"}");
	return event;
}

/*
 * append_on appends until the time is over.
 */
static void *
append_on(void *unused)
{
	(void) unused;
	while (seconds_now() < crowd.end)
	{
		goes_event	event = make_event();
		goes_error *error = NULL;
		goes_uuid	id = crowd.stream;
		double		start = seconds_now();
		long		place;

		if (!crowd.is_one_stream)
			goes_uuid_v7(&id);
		require(goes_append(crowd.store, "counted", &id, &event, 1, GOES_EXPECT_ANY, NULL, &error),
				&error);
		place = atomic_fetch_add(&crowd.count, 1);
		if (place < MOST_SAMPLES)
			crowd.samples[place] = seconds_now() - start;
	}
	return NULL;
}

/*
 * pace_of has so many threads append for a while.
 */
static Pace
pace_of(goes_store *store, int threads, bool is_one_stream, double seconds)
{
	pthread_t ids[MOST_THREADS];
	double	  start = seconds_now();
	long	  count;

	crowd.store = store;
	crowd.is_one_stream = is_one_stream;
	crowd.end = start + seconds;
	goes_uuid_v7(&crowd.stream);
	atomic_store(&crowd.count, 0);
	for (int i = 0; i < threads; i++)
	{
		if (pthread_create(&ids[i], NULL, append_on, NULL) != 0)
			die("cannot start a thread");
	}
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	count = atomic_load(&crowd.count);
	if (count > MOST_SAMPLES)
		count = MOST_SAMPLES;
	qsort(crowd.samples, (size_t) count, sizeof(double), compare_numbers);
	return (Pace){(double) count / (seconds_now() - start), crowd.samples[count * 99 / 100]};
}

/*
 * compare_crowds has threads append in turns, with shared commits and without.
 */
static void
compare_crowds(PGconn *connection, int threads, bool is_one_stream, Pace *ours, Pace *theirs)
{
	goes_store *with = open_store(connection, true, threads);
	goes_store *without = open_store(connection, false, threads);
	double		values[4][TURNS];

	(void) pace_of(with, threads, is_one_stream, SECONDS / 4);
	(void) pace_of(without, threads, is_one_stream, SECONDS / 4);
	for (int turn = 0; turn < TURNS; turn++)
	{
		Pace shared = pace_of(with, threads, is_one_stream, SECONDS);
		Pace alone = pace_of(without, threads, is_one_stream, SECONDS);

		values[0][turn] = shared.rate;
		values[1][turn] = shared.p99;
		values[2][turn] = alone.rate;
		values[3][turn] = alone.p99;
	}
	*ours = (Pace){median(values[0], TURNS), median(values[1], TURNS)};
	*theirs = (Pace){median(values[2], TURNS), median(values[3], TURNS)};
	goes_store_close(with);
	goes_store_close(without);
}

/*
 * measure_threads prints the lines for so many threads. most_p99 0: that does not matter.
 */
static void
measure_threads(PGconn *connection, int threads, bool is_one_stream, double least, double most_p99)
{
	Pace ours;
	Pace theirs;
	char what[64];
	char measured[64];
	char target[64];

	compare_crowds(connection, threads, is_one_stream, &ours, &theirs);
	snprintf(what, sizeof(what), "coalesce_appends, %d thread%s%s", threads, threads > 1 ? "s" : "",
			 is_one_stream ? ", one stream" : "");
	snprintf(measured, sizeof(measured), "%.2f x without it", ours.rate / theirs.rate);
	snprintf(target, sizeof(target), "at least %.2f x", least);
	report(what, measured, target, ours.rate >= least * theirs.rate);
	if (most_p99 > 0)
	{
		snprintf(what, sizeof(what), "the same, p99");
		snprintf(measured, sizeof(measured), "%.2f x without it", ours.p99 / theirs.p99);
		snprintf(target, sizeof(target), "at most %.2f x", most_p99);
		report(what, measured, target, ours.p99 <= most_p99 * theirs.p99);
	}
	detail("%.0f and %.0f appends a second, p99 %.1f ms and %.1f ms (medians of %d turns)",
		   ours.rate, theirs.rate, 1e3 * ours.p99, 1e3 * theirs.p99, TURNS);
}

/*
 * write_appends has a writer make appends, with as many under way as it accepts, and returns how many a
 * second that are.
 */
static double
write_appends(goes_store *store)
{
	goes_writer_options options = {.size = sizeof options, .max_pending = UNDER_WAY};
	goes_error		   *error = NULL;
	goes_writer		   *writer;
	const goes_outcome *outcome;
	double				start = seconds_now();
	int					taken = 0;

	require(goes_writer_open(&writer, store, &options, &error), &error);
	for (int i = 0; i < WRITTEN; i++)
	{
		goes_event event = make_event();
		goes_uuid  id;

		goes_uuid_v7(&id);
		require(goes_writer_append(writer, "counted", &id, &event, 1, 0, NULL, NULL, &error),
				&error);
		for (; goes_writer_process(writer, &outcome, &error) == GOES_OUTCOME; taken++)
			require_outcome(outcome);
	}
	for (; goes_writer_next(writer, &outcome, NULL, &error) == GOES_OUTCOME; taken++)
		require_outcome(outcome);
	if (taken != WRITTEN)
		die("%d of %d appends have an outcome", taken, WRITTEN);
	goes_writer_close(writer, NULL, NULL);
	return WRITTEN / (seconds_now() - start);
}

/*
 * insert_batches inserts as many events by goes_insert, and returns how many a second that are.
 */
static double
insert_batches(goes_store *store)
{
	static goes_event events[BATCH];
	goes_error		 *error = NULL;
	double			  start = seconds_now();

	for (int i = 0; i < WRITTEN / BATCH; i++)
	{
		for (int k = 0; k < BATCH; k++)
		{
			events[k] = make_event();
			events[k].aggregate_name = "counted";
			goes_uuid_v7(&events[k].aggregate_id);
			events[k].aggregate_version = 1;
		}
		require(goes_insert(store, events, BATCH, NULL, &error), &error);
	}
	return WRITTEN / (seconds_now() - start);
}

/*
 * measure_a_writer prints the line for a writer beside goes_insert of batches.
 */
static void
measure_a_writer(PGconn *connection)
{
	goes_store *store = open_store(connection, false, 2);
	double		ours[TURNS];
	double		theirs[TURNS];
	double		ratio;
	char		measured[64];

	(void) write_appends(store);
	for (int turn = 0; turn < TURNS; turn++)
	{
		ours[turn] = write_appends(store);
		theirs[turn] = insert_batches(store);
	}
	ratio = median(ours, TURNS) / median(theirs, TURNS);
	snprintf(measured, sizeof(measured), "%.2f x goes_insert", ratio);
	report("a writer, 5,000 appends under way", measured, "at least 0.60 x", ratio >= 0.6);
	detail("%.0f appends a second, %.0f events a second in batches of %d", median(ours, TURNS),
		   median(theirs, TURNS), BATCH);
	goes_store_close(store);
}

/*
 * measure_writer measures and reports these bounds.
 */
void
measure_writer(void)
{
	PGconn *connection = connect_to_server();

	/* pg_virtualenv has no durable commits, which are what this is about */
	run(connection, "ALTER SYSTEM SET fsync = on");
	run(connection, "ALTER SYSTEM SET synchronous_commit = on");
	run(connection, "SELECT pg_reload_conf()");
	measure_threads(connection, 64, false, 3.0, 0.5);
	measure_threads(connection, 1, false, 1.0, 0);
	measure_threads(connection, 8, true, 1.0, 0);
	measure_threads(connection, 32, true, 1.0, 0);
	measure_a_writer(connection);
	run(connection, "ALTER SYSTEM RESET fsync");
	run(connection, "ALTER SYSTEM RESET synchronous_commit");
	run(connection, "SELECT pg_reload_conf()");
	PQfinish(connection);
}
