/*
 * bounds_load.c
 *	  Loading an aggregate of 10,000 events with a snapshot against replaying all of them.
 *
 * Both give binary rows over the wire and take turns call by call. Applying an event costs
 * an application more than reading it, so the ratio is the least that a snapshot saves.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define AGGREGATES 20
#define VERSIONS 10000
#define SNAPSHOT_VERSION 9900
#define STATE_BYTES 8192
#define LOADED (1 + VERSIONS - SNAPSHOT_VERSION) /* the snapshot and what came later */
#define PAIRS 300
#define WARM_UP 20 /* pairs that do not count */
#define TARGET 20.0

static const char replay_text[] =
	"SELECT id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data "
	"FROM goes_query(aggregate_names => ARRAY[$1], aggregate_ids => ARRAY[$2], "
	"sort => '{aggregate_version}', store => 'replayed')";

static const char load_text[] = "SELECT aggregate_version, \"time\", state, id, name, data "
								"FROM goes_load($1, $2, 'replayed_snapshots', 'replayed')";

/*
 * fill makes a store of events that lie in the table as they came, and snapshots, one
 * every 100 versions.
 */
static void
fill(PGconn *connection)
{
	run(connection, "SELECT goes_create_store('replayed'), "
					"goes_create_snapshot_store('replayed_snapshots')");
	run(connection,
		"INSERT INTO replayed SELECT goes_uuid_v7(), 'shop.order.item_added', goes_now(), "
		"md5(aggregate::text)::uuid, '" AGGREGATE_NAME "', version, "
		"jsonb_build_object('sku', md5(version::text), 'quantity', version %% 7, 'customer', "
		"md5(aggregate::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(1, %d) AS version, generate_series(1, %d) AS aggregate",
		VERSIONS, AGGREGATES);
	run(connection,
		"INSERT INTO replayed_snapshots SELECT md5(aggregate::text)::uuid, '" AGGREGATE_NAME "', "
		"version, 0, (SELECT string_agg(sha512((version * n)::text::bytea), '') "
		"FROM generate_series(1, %d / 64) AS n) "
		"FROM generate_series(100, %d, 100) AS version, generate_series(1, %d) AS aggregate",
		STATE_BYTES, SNAPSHOT_VERSION, AGGREGATES);
	run(connection, "VACUUM ANALYZE replayed, replayed_snapshots");
	run(connection, "CHECKPOINT");
}

/*
 * time_call runs a statement on an aggregate and returns how long that took.
 */
static double
time_call(PGconn *connection, const char *statement, const char *id, int expected)
{
	const char *values[] = {AGGREGATE_NAME, id};
	int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH};
	int			formats[] = {1, 1};
	double		start = seconds_now();
	PGresult   *result = PQexecPrepared(connection, statement, 2, values, lengths, formats, 1);
	double		duration = seconds_now() - start;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) != expected)
		die("\"%s\" gives %d rows in place of %d", statement, PQntuples(result), expected);
	check_result(connection, result, PGRES_TUPLES_OK);
	return duration;
}

/*
 * measure_load measures and reports the bound.
 */
void
measure_load(void)
{
	static const Oid types[] = {TEXT_OID, UUID_OID};
	static double	 replay[PAIRS];
	static double	 load[PAIRS];
	PGconn			*connection = connect_to_server();
	PGresult		*ids;
	double			 ratio;
	char			 measured[64];

	fill(connection);
	ids = query(connection, "SELECT DISTINCT aggregate_id FROM replayed_snapshots");
	prepare(connection, "replay", replay_text, 2, types);
	prepare(connection, "load", load_text, 2, types);
	for (int i = 0; i < WARM_UP + PAIRS; i++)
	{
		int			place = i < WARM_UP ? 0 : i - WARM_UP;
		const char *id = PQgetvalue(ids, (int) (random_number() % AGGREGATES), 0);

		replay[place] = time_call(connection, "replay", id, VERSIONS);
		load[place] = time_call(connection, "load", id, LOADED);
	}
	PQclear(ids);
	run(connection, "DROP TABLE replayed, replayed_snapshots");
	PQfinish(connection);

	ratio = median(replay, PAIRS) / median(load, PAIRS);
	snprintf(measured, sizeof(measured), "%.1f x faster", ratio);
	report("goes_load, snapshot at 9,900 of 10,000 events", measured, "at least 20 x",
		   ratio >= TARGET);
	detail("goes_load %.3f ms, goes_query of all events %.3f ms (medians of %d pairs)",
		   median(load, PAIRS) * 1e3, median(replay, PAIRS) * 1e3, PAIRS);
}
