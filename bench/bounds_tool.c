/*
 * bounds_tool.c
 *	  Exporting and importing 1,000,000 events by the tool goes, beside COPY of the same columns by psql
 *	  from and into tables that have the same indexes and a feed, too.
 *
 * They take turns. Each import fills an empty store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bounds.h"

#define EXPORTED 1000000
#define ROUNDS 3
#define RATE_TARGET 0.50

#define GOES "POSTGRES_EVENTSTORE='postgres://?sslmode=disable' cli/build/goes -d %s -t "
#define COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"

/*
 * time_command runs a line of shell, in which %s stands for the database and then for a file, and
 * returns the seconds that it took.
 */
static double
time_command(const char *format, const char *database, const char *file)
{
	char   command[512];
	double start = seconds_now();

	/* all formats are ours, and have both places */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof command, format, database, file);
	if (system(command) != 0)
		die("%s: failed", command);
	return seconds_now() - start;
}

/*
 * empty_store makes a store with a feed anew.
 */
static void
empty_store(PGconn *connection, const char *table)
{
	run(connection, "DROP TABLE IF EXISTS %s", table);
	run(connection, "SELECT goes_create_store('%s'), goes_alter_store('%s', feed => true)", table,
		table);
}

/*
 * report_rate prints how fast the tool is beside COPY.
 */
static void
report_rate(const char *what, double *ours, double *theirs)
{
	double ratio = median(theirs, ROUNDS) / median(ours, ROUNDS);
	char   measured[64];

	snprintf(measured, sizeof measured, "%.2f x COPY", ratio);
	report(what, measured, "at least 0.50 x", ratio >= RATE_TARGET);
	detail("%.1f s, and COPY %.1f s (medians of %d turns)", median(ours, ROUNDS),
		   median(theirs, ROUNDS), ROUNDS);
}

void
measure_tool(void)
{
	PGconn	   *connection = connect_to_server();
	const char *database = PQdb(connection);
	char		lines[] = "/tmp/goes_bounds.XXXXXX";
	char		copied[] = "/tmp/goes_bounds.XXXXXX";
	double		exported[ROUNDS], copied_out[ROUNDS], imported[ROUNDS], copied_in[ROUNDS];

	close(mkstemp(lines));
	close(mkstemp(copied));
	empty_store(connection, "exported");
	run(connection,
		"INSERT INTO exported SELECT goes_uuid_v7(), 'counted', n, gen_random_uuid(), 'aggregate', "
		"1, "
		"jsonb_build_object('n', n, 'text', repeat('x', 180)) FROM generate_series(1, %d) AS n",
		EXPORTED);
	run(connection, "VACUUM ANALYZE exported");
	for (int i = 0; i < ROUNDS; i++)
	{
		exported[i] = time_command(GOES "exported export >%s", database, lines);
		copied_out[i] = time_command(
			"psql -X -q -d %s -c 'COPY exported (" COLUMNS ") TO STDOUT' >%s", database, copied);
		empty_store(connection, "imported");
		imported[i] = time_command(GOES "imported import %s 2>/dev/null", database, lines);
		empty_store(connection, "imported");
		copied_in[i] = time_command(
			"psql -X -q -d %s -c 'COPY imported (" COLUMNS ") FROM STDIN' <%s", database, copied);
	}
	report_rate("exporting 1,000,000 events by the tool", exported, copied_out);
	report_rate("importing 1,000,000 events by the tool", imported, copied_in);
	unlink(lines);
	unlink(copied);
	run(connection, "DROP TABLE exported, imported");
	PQfinish(connection);
}
