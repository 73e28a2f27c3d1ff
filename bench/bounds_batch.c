/*
 * bounds_batch.c
 *	  Batches of 100 and of 1,000 events against COPY BINARY into an identical table.
 *
 * The two take turns with the same events, each batch a transaction of its own, so
 * both tables grow alike and a noisy neighbour meets both. Encoding is the client's
 * business and is not timed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bounds.h"

#define MOST_EVENTS 1000
#define PAIRS 300
#define WARM_UP 20 /* pairs that do not count */

static const char copy_text[] =
	"COPY via_copy (id, name, time, aggregate_id, aggregate_name, aggregate_version, data) "
	"FROM STDIN (FORMAT binary)";

/*
 * set_up makes the two tables. All indexes are there from the start.
 */
static void
set_up(PGconn *connection)
{
	Oid types[] = {type_oid(connection, "goes_event[]")};

	run(connection, "SELECT goes_create_store('via_insert'), goes_create_store('via_copy')");
	prepare(connection, "insert_batch", "SELECT goes_insert_batch($1, 'via_insert')", 1, types);
	run(connection, "CHECKPOINT");
}

/*
 * time_insert stores a batch with goes_insert_batch and returns how long that took.
 */
static double
time_insert(PGconn *connection, const Buffer *batch)
{
	const char *values[] = {batch->data};
	int			lengths[] = {(int) batch->length};
	int			formats[] = {1};
	double		start = seconds_now();

	check_result(connection,
				 PQexecPrepared(connection, "insert_batch", 1, values, lengths, formats, 1),
				 PGRES_TUPLES_OK);
	return seconds_now() - start;
}

/*
 * time_copy stores a batch with COPY and returns how long that took.
 */
static double
time_copy(PGconn *connection, const Buffer *batch)
{
	double start = seconds_now();

	check_result(connection, PQexec(connection, copy_text), PGRES_COPY_IN);
	if (PQputCopyData(connection, batch->data, (int) batch->length) != 1 ||
		PQputCopyEnd(connection, NULL) != 1)
		die("%s", PQerrorMessage(connection));
	check_result(connection, PQgetResult(connection), PGRES_COMMAND_OK);
	if (PQgetResult(connection) != NULL)
		die("COPY did not end");
	return seconds_now() - start;
}

/*
 * time_pairs stores the same batches both ways. Who comes first changes from pair to
 * pair.
 */
static void
time_pairs(PGconn *connection, int count, double *insert_times, double *copy_times)
{
	static Event events[MOST_EVENTS];
	Oid			 event_type = type_oid(connection, "goes_event");
	Buffer		 array = {0};
	Buffer		 rows = {0};

	for (int i = 0; i < WARM_UP + PAIRS; i++)
	{
		int place = i < WARM_UP ? 0 : i - WARM_UP;

		make_batch(events, count, i);
		encode_array(&array, event_type, events, count);
		encode_copy(&rows, events, count);
		if (i % 2 == 0)
			insert_times[place] = time_insert(connection, &array);
		copy_times[place] = time_copy(connection, &rows);
		if (i % 2 != 0)
			insert_times[place] = time_insert(connection, &array);
	}
	free(array.data);
	free(rows.data);
}

/*
 * require_same_rows makes sure that both ways stored the same.
 */
static void
require_same_rows(PGconn *connection)
{
	PGresult *result = query(connection, "(TABLE via_insert EXCEPT TABLE via_copy) UNION ALL "
										 "(TABLE via_copy EXCEPT TABLE via_insert) LIMIT 1");

	if (PQntuples(result) != 0)
		die("goes_insert_batch and COPY did not store the same events");
	PQclear(result);
}

/*
 * measure_size measures and reports the bound for batches of so many events.
 */
static void
measure_size(int count, double least)
{
	static double insert_times[PAIRS];
	static double copy_times[PAIRS];
	PGconn		 *connection = connect_to_server();
	double		  insert_rate;
	double		  copy_rate;
	double		  ratio;
	char		  what[64];
	char		  measured[64];
	char		  target[64];

	set_up(connection);
	time_pairs(connection, count, insert_times, copy_times);
	require_same_rows(connection);
	run(connection, "DROP TABLE via_insert, via_copy");
	PQfinish(connection);

	insert_rate = count / median(insert_times, PAIRS);
	copy_rate = count / median(copy_times, PAIRS);
	ratio = insert_rate / copy_rate;
	snprintf(measured, sizeof(measured), "%.2f x COPY BINARY", ratio);
	snprintf(what, sizeof(what), "batches of %d events", count);
	snprintf(target, sizeof(target), "at least %.2f x", least);
	report(what, measured, target, ratio >= least);
	detail("goes_insert_batch %.0f events/s, COPY BINARY %.0f events/s (medians of %d pairs)",
		   insert_rate, copy_rate, PAIRS);
}

/*
 * measure_batches measures and reports these bounds.
 */
void
measure_batches(void)
{
	measure_size(100, 0.95);
	measure_size(1000, 0.97);
}
