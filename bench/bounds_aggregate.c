/*
 * bounds_aggregate.c
 *	  Reading one aggregate of 100 events through goes_query against the bare SELECT.
 *
 * All statements are prepared and give binary rows. They take turns call by call, each
 * time with another aggregate, so that none finds in the processor's caches what the
 * one before it left there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define AGGREGATES 2000
#define AGGREGATE_NAME "shop.order"
#define VERSIONS 100
#define CALLS 20000
#define WARM_UP 200 /* rounds; a prepared statement has its lasting plan after five */
#define TARGET 1.10

enum Reader
{
	BARE,
	BY_NAME_AND_ID,
	BY_REFERENCE,
	READERS
};

#define EVENT_COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data "

static const char *const statements[READERS] = {
	[BARE] = "SELECT " EVENT_COLUMNS "FROM history "
			 "WHERE aggregate_name = $1 AND aggregate_id = $2 ORDER BY aggregate_version",
	[BY_NAME_AND_ID] = "SELECT " EVENT_COLUMNS "FROM goes_query(aggregate_names => ARRAY[$1], "
					   "aggregate_ids => ARRAY[$2], sort => '{aggregate_version}', "
					   "store => 'history')",
	[BY_REFERENCE] = "SELECT " EVENT_COLUMNS "FROM goes_query("
					 "aggregates => ARRAY[ROW($1, $2)::goes_aggregate_ref], "
					 "sort => '{aggregate_version}', store => 'history')",
};

/* How the events of an aggregate lie in the table, by what the table is filled in order of. */
static const struct
{
	const char *label;
	const char *order;
} layouts[] = {
	{"events as they came", "version, aggregate"},
	{"each aggregate's together", "aggregate, version"},
};

enum
{
	LAYOUTS = sizeof(layouts) / sizeof(layouts[0])
};

/*
 * fill makes a store with the events of all aggregates.
 */
static void
fill(PGconn *connection, const char *order)
{
	run(connection, "SELECT goes_create_store('history')");
	run(connection,
		"INSERT INTO history SELECT goes_uuid_v7(), 'shop.order.item_added', goes_now(), "
		"md5(aggregate::text)::uuid, '" AGGREGATE_NAME "', version, "
		"jsonb_build_object('sku', md5(version::text), 'quantity', version %% 7, 'customer', "
		"md5(aggregate::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(1, %d) AS aggregate, generate_series(1, %d) AS version ORDER BY %s",
		AGGREGATES, VERSIONS, order);
	run(connection, "VACUUM ANALYZE history");
	run(connection, "CHECKPOINT");
}

/*
 * read_aggregate reads an aggregate and returns how long that took.
 */
static double
read_aggregate(PGconn *connection, const char *statement, const char *id)
{
	const char *values[] = {AGGREGATE_NAME, id};
	int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH};
	int			formats[] = {1, 1};
	double		start = seconds_now();
	PGresult   *result = PQexecPrepared(connection, statement, 2, values, lengths, formats, 1);
	double		duration = seconds_now() - start;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) != VERSIONS)
		die("an aggregate has %d events in place of %d", PQntuples(result), VERSIONS);
	check_result(connection, result, PGRES_TUPLES_OK);
	return duration;
}

/*
 * time_readers reads aggregates with all statements in turn. Who comes first changes
 * from round to round.
 */
static void
time_readers(PGconn *connection, double times[READERS][CALLS])
{
	PGresult *ids = query(connection, "SELECT DISTINCT aggregate_id FROM history");
	char	  names[READERS][16];

	for (int i = 0; i < READERS; i++)
	{
		snprintf(names[i], sizeof(names[i]), "reader_%d", i);
		prepare(connection, names[i], statements[i], 2, (Oid[]){TEXT_OID, UUID_OID});
	}
	for (int i = 0; i < WARM_UP + CALLS; i++)
	{
		for (int k = 0; k < READERS; k++)
		{
			int reader = (i + k) % READERS;
			int aggregate = (int) (random_number() % AGGREGATES);

			times[reader][i < WARM_UP ? 0 : i - WARM_UP] =
				read_aggregate(connection, names[reader], PQgetvalue(ids, aggregate, 0));
		}
	}
	PQclear(ids);
}

/*
 * measure_layout finds the median durations of the statements.
 */
static void
measure_layout(const char *order, double *medians)
{
	static double times[READERS][CALLS];
	PGconn		 *connection = connect_to_server();

	fill(connection, order);
	time_readers(connection, times);
	run(connection, "DROP TABLE history");
	PQfinish(connection);
	for (int i = 0; i < READERS; i++)
		medians[i] = median(times[i], CALLS);
}

/*
 * measure_aggregate measures and reports the bound, which the worst case decides.
 */
void
measure_aggregate(void)
{
	double medians[LAYOUTS][READERS];
	double worst = 0;
	char   measured[64];

	for (int i = 0; i < LAYOUTS; i++)
	{
		double ratio;

		measure_layout(layouts[i].order, medians[i]);
		ratio = medians[i][BY_NAME_AND_ID] / medians[i][BARE];
		worst = ratio > worst ? ratio : worst;
	}
	snprintf(measured, sizeof(measured), "%.2f x bare SELECT", worst);
	report("goes_query of one aggregate of 100 events", measured, "at most 1.10 x",
		   worst <= TARGET);
	for (int i = 0; i < LAYOUTS; i++)
		detail("%s: SELECT %.1f us, goes_query by name and id %.1f us (%.2f x), "
			   "by reference %.1f us (%.2f x)",
			   layouts[i].label, medians[i][BARE] * 1e6, medians[i][BY_NAME_AND_ID] * 1e6,
			   medians[i][BY_NAME_AND_ID] / medians[i][BARE], medians[i][BY_REFERENCE] * 1e6,
			   medians[i][BY_REFERENCE] / medians[i][BARE]);
	detail("medians of %d calls each, in turn", CALLS);
}
