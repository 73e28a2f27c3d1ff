/*
 * bounds_memory.c
 *	  How much memory a goes_query over 1,000,000 events takes.
 *
 * The backend is watched from outside while it works, so the peak counts and not what
 * is left at the end. The settings are PostgreSQL's defaults, work_mem of 4 MB above
 * all.
 */
#include <stdio.h>

#include "bounds.h"

#define EVENTS 1000000
#define SAMPLE_MILLISECONDS 2
#define KILOBYTES_OF_MEGABYTE 1024.0
#define TARGET 32.0

static const struct
{
	const char *label;
	const char *text;
} queries[] = {
	{"all events", "SELECT count(*) FROM goes_query(store => 'million')"},
	{"all events by time", "SELECT count(*), sum(length(data::text)) FROM "
						   "goes_query(sort => '{time}', store => 'million')"},
};

enum
{
	QUERIES = sizeof(queries) / sizeof(queries[0])
};

/*
 * fill makes a store of 1,000,000 events. Their times are in no order, so that there
 * is something to sort.
 */
static void
fill(PGconn *connection)
{
	run(connection, "SELECT goes_create_store('million')");
	run(connection,
		"INSERT INTO million SELECT goes_uuid_v7(), 'shop.order.item_added', "
		"hashint8extended(i, 0), md5((i %% 10000)::text)::uuid, 'shop.order', i / 10000 + 1, "
		"jsonb_build_object('sku', md5(i::text), 'quantity', i %% 7, 'customer', "
		"md5((i %% 10000)::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(0, %d) AS i",
		EVENTS - 1);
	run(connection, "VACUUM ANALYZE million");
}

/*
 * watch_query runs a query and returns the most memory that was seen meanwhile.
 */
static long
watch_query(PGconn *connection, const char *text)
{
	long	  peak = 0;
	PGresult *result;

	if (!PQsendQuery(connection, text))
		die("%s", PQerrorMessage(connection));
	while (PQisBusy(connection))
	{
		long memory = memory_of(connection);

		peak = memory > peak ? memory : peak;
		pause_for(SAMPLE_MILLISECONDS);
		if (!PQconsumeInput(connection))
			die("%s", PQerrorMessage(connection));
	}
	while ((result = PQgetResult(connection)) != NULL)
		check_result(connection, result, PGRES_TUPLES_OK);
	return peak;
}

/*
 * growth_of returns by how many MB a query makes a fresh backend grow, which has run
 * a tiny one before.
 */
static double
growth_of(const char *text, double *duration)
{
	PGconn *connection = connect_to_server();
	long	idle;
	long	peak;
	double	start;

	run(connection, "SELECT count(*) FROM goes_query(max_events => 1, store => 'million')");
	idle = memory_of(connection);
	start = seconds_now();
	peak = watch_query(connection, text);
	*duration = seconds_now() - start;
	PQfinish(connection);
	return (peak - idle) / KILOBYTES_OF_MEGABYTE;
}

/*
 * measure_memory measures and reports the bound.
 */
void
measure_memory(void)
{
	PGconn *connection = connect_to_server();
	double	growths[QUERIES];
	double	durations[QUERIES];
	double	most = 0;
	char	measured[64];

	fill(connection);
	for (int i = 0; i < QUERIES; i++)
	{
		growths[i] = growth_of(queries[i].text, &durations[i]);
		most = growths[i] > most ? growths[i] : most;
	}
	run(connection, "DROP TABLE million");
	PQfinish(connection);

	snprintf(measured, sizeof(measured), "idle + %.1f MB", most);
	report("memory of a goes_query over 1,000,000 events", measured, "at most idle + 32 MB",
		   most <= TARGET);
	for (int i = 0; i < QUERIES; i++)
		detail("%s: idle + %.1f MB in %.1f s", queries[i].label, growths[i], durations[i]);
}
