/*
 * bounds_libgoes.c
 *	  libgoes against bare libpq: inserts of 1 and of 100 events, and a result that is
 *	  streamed.
 *
 * The two take turns. Encoding is part of both, since a program has to do it either
 * way; the bare program reads the fields of a row, too, as libgoes does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "goes.h"

#define MOST_BATCH 100
#define PAIRS 3000
#define WARM_UP 100 /* pairs that do not count */
#define INSERT_TARGET 1.10

#define STREAMED 1000000
#define ROUNDS 5
#define STREAM_TARGET 0.90
#define FIRST_TARGET_MS 20.0

#define EVENT_COLUMNS 7

/*
 * require ends the program when libgoes failed.
 */
static void
require(int status, goes_error *error)
{
	if (status < 0)
		die("libgoes: %s", goes_error_message(error));
}

/*
 * open_store opens a store in the connection's database.
 */
static goes_store *
open_store(PGconn *connection, const char *table)
{
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = "postgres://?sslmode=disable"; /* as bare; the environment says the rest */
	options.database = PQdb(connection);
	options.table = table;
	require(goes_store_open(&store, &options, &error), error);
	require(goes_store_connect(store, NULL, &error), error);
	return store;
}

/*
 * time_libgoes_insert stores events with libgoes and returns how long that took.
 */
static double
time_libgoes_insert(goes_store *store, const Event *events, int count)
{
	static goes_event converted[MOST_BATCH];
	goes_error		 *error = NULL;
	double			  start;

	for (int i = 0; i < count; i++)
	{
		converted[i] = (goes_event){.name = "counted",
									.time = events[i].time,
									.aggregate_name = "aggregate",
									.aggregate_version = events[i].aggregate_version,
									.data = events[i].data,
									.data_len = strlen(events[i].data)};
		memcpy(converted[i].id.bytes, events[i].id, UUID_LENGTH);
		memcpy(converted[i].aggregate_id.bytes, events[i].aggregate_id, UUID_LENGTH);
	}
	start = seconds_now();
	require(goes_insert(store, converted, (size_t) count, NULL, &error), error);
	return seconds_now() - start;
}

/*
 * time_bare_insert stores them with libpq alone.
 */
static double
time_bare_insert(PGconn *connection, Oid event_type, Buffer *buffer, const Event *events, int count)
{
	const char *values[1];
	int			lengths[1];
	int			formats[] = {1};
	double		start = seconds_now();

	buffer->length = 0;
	encode_array(buffer, event_type, events, count);
	values[0] = buffer->data;
	lengths[0] = (int) buffer->length;
	check_result(connection,
				 PQexecPrepared(connection, "bare_insert", 1, values, lengths, formats, 1),
				 PGRES_TUPLES_OK);
	return seconds_now() - start;
}

/*
 * measure_insert prints the line for inserts of so many events.
 */
static void
measure_insert(PGconn *connection, goes_store *store, int count, int first_batch)
{
	static Event  events[MOST_BATCH];
	static double with_libgoes[PAIRS];
	static double bare[PAIRS];
	Oid			  event_type = type_oid(connection, "goes_event");
	Buffer		  buffer = {0};
	static int	  version = 0; /* of all aggregates: make_batch counts for batches of 1,000 */
	char		  what[64];
	char		  measured[64];
	double		  ratio;

	for (int i = 0; i < WARM_UP + PAIRS; i++)
	{
		int place = i < WARM_UP ? 0 : i - WARM_UP;

		make_batch(events, count, first_batch + i);
		for (int k = 0; k < count; k++)
			events[k].aggregate_version = ++version;
		/* each goes first every other time: whoever comes second finds the processor awake */
		if (i % 2 == 0)
			with_libgoes[place] = time_libgoes_insert(store, events, count);
		bare[place] = time_bare_insert(connection, event_type, &buffer, events, count);
		if (i % 2 != 0)
			with_libgoes[place] = time_libgoes_insert(store, events, count);
	}
	free(buffer.data);
	ratio = median_of_turns(with_libgoes, PAIRS) / median_of_turns(bare, PAIRS);
	snprintf(what, sizeof what, "goes_insert of %d event%s", count, count > 1 ? "s" : "");
	snprintf(measured, sizeof measured, "%.2f x bare libpq", ratio);
	report(what, measured, "at most 1.10 x", ratio <= INSERT_TARGET);
	detail("libgoes %.1f us, libpq %.1f us (medians of %d pairs)",
		   1e6 * median_of_turns(with_libgoes, PAIRS), 1e6 * median_of_turns(bare, PAIRS), PAIRS);
}

/*
 * stream_libgoes reads every event, and returns events a second.
 */
static double
stream_libgoes(goes_store *store, double *first_ms)
{
	const goes_event *event;
	goes_cursor		 *cursor;
	goes_error		 *error = NULL;
	double			  start = seconds_now();
	size_t			  bytes = 0;
	int				  count = 0;
	int				  status;

	require(goes_query_run(store, NULL, &cursor, NULL, &error), error);
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		if (count++ == 0)
			*first_ms = 1e3 * (seconds_now() - start);
		bytes += event->data_len;
	}
	require(status, error);
	goes_cursor_close(cursor);
	if (count != STREAMED || bytes == 0)
		die("%d events were streamed in place of %d", count, STREAMED);
	return count / (seconds_now() - start);
}

/*
 * stream_bare reads the same rows with libpq, one at a time.
 */
static double
stream_bare(PGconn *connection)
{
	double	  start = seconds_now();
	size_t	  bytes = 0;
	int		  count = 0;
	PGresult *result;

	if (!PQsendQueryParams(connection,
						   "SELECT id, name, time, aggregate_id, aggregate_name, "
						   "aggregate_version, data FROM streamed",
						   0, NULL, NULL, NULL, NULL, 1) ||
		!PQsetSingleRowMode(connection))
		die("%s", PQerrorMessage(connection));
	while ((result = PQgetResult(connection)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			for (int column = 0; column < EVENT_COLUMNS; column++)
				bytes += (size_t) PQgetlength(result, 0, column);
			count++;
		}
		PQclear(result);
	}
	if (count != STREAMED || bytes == 0)
		die("%d rows were read in place of %d", count, STREAMED);
	return count / (seconds_now() - start);
}

/*
 * measure_stream prints the lines for a large result.
 */
static void
measure_stream(PGconn *connection)
{
	goes_store *store = open_store(connection, "streamed");
	double		with_libgoes[ROUNDS];
	double		bare[ROUNDS];
	double		slowest_ms = 0;
	double		ratio;
	char		measured[64];

	run(connection,
		"INSERT INTO streamed SELECT gen_random_uuid(), 'counted', n, gen_random_uuid(), "
		"'aggregate', "
		"1, jsonb_build_object('n', n, 'text', repeat('x', 180)) FROM generate_series(1, %d) AS n",
		STREAMED);
	run(connection, "VACUUM ANALYZE streamed");
	for (int i = 0; i < ROUNDS; i++)
	{
		double first_ms = 0;

		with_libgoes[i] = stream_libgoes(store, &first_ms);
		bare[i] = stream_bare(connection);
		if (first_ms > slowest_ms)
			slowest_ms = first_ms;
	}
	goes_store_close(store);
	ratio = median(with_libgoes, ROUNDS) / median(bare, ROUNDS);
	snprintf(measured, sizeof measured, "%.2f x bare SELECT", ratio);
	report("streaming 1,000,000 events", measured, "at least 0.90 x", ratio >= STREAM_TARGET);
	detail("libgoes %.0f events/s, libpq in single-row mode %.0f (medians of %d pairs)",
		   median(with_libgoes, ROUNDS), median(bare, ROUNDS), ROUNDS);
	snprintf(measured, sizeof measured, "%.1f ms", slowest_ms);
	report("first of 1,000,000 events", measured, "within 20 ms", slowest_ms <= FIRST_TARGET_MS);
}

void
measure_libgoes(void)
{
	PGconn	   *connection = connect_to_server();
	goes_store *store = open_store(connection, "with_libgoes");
	Oid			types[] = {type_oid(connection, "goes_event[]")};

	run(connection, "SELECT goes_create_store('bare')");
	prepare(connection, "bare_insert", "SELECT goes_insert_batch($1, 'bare')", 1, types);
	share_processor(connection, true);
	measure_insert(connection, store, 1, 0);
	measure_insert(connection, store, 100, WARM_UP + PAIRS);
	share_processor(connection, false);
	goes_store_close(store);
	measure_stream(connection);
	PQfinish(connection);
}
