/*
 * bounds_loops.c
 *	  Whether a backend grows when it runs a statement 1,000,000 times.
 *
 * Each kind of statement runs in a DO block in a backend of its own, two of them at a
 * time, and is watched from outside. The block gives notice when its first calls are
 * done: from then on the backend's memory must not grow, not even for a moment. Kinds
 * that only read run in one transaction, so that what stays until its end counts, too;
 * the others commit after every 1,000 calls, because the locks and subtransactions of
 * a long transaction are PostgreSQL's.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define CALLS 1000000
#define WARM_UP 20000
#define CALLS_OF_TRANSACTION 1000
#define LANES 2
#define SAMPLE_MILLISECONDS 5
#define KILOBYTES_OF_MEGABYTE 1024.0
#define TARGET 1.0

typedef struct Kind
{
	const char *label;
	const char *store;
	bool		writes;
	const char *call; /* the i-th of them */
} Kind;

#define AN_AGGREGATE "md5((i % 1000)::text)::uuid"

/* The longest first, so that the lanes end at about the same time. */
static const Kind kinds[] = {
	{"goes_query of several ranges and references", "looping", false,
	 "PERFORM FROM goes_query(time_ranges => ARRAY[int8range(i, i + 2), int8range(-i, -1)], "
	 "aggregates => ARRAY[ROW('loop', " AN_AGGREGATE ")::goes_aggregate_ref, "
	 "ROW('other', " AN_AGGREGATE ")::goes_aggregate_ref]);"},
	{"goes_query_cursor, FETCH, CLOSE", "looping", false,
	 "cursor := goes_query_cursor(aggregate_ids => ARRAY[" AN_AGGREGATE "]); "
	 "FETCH cursor INTO event; CLOSE cursor;"},
	{"goes_insert_batch that fails", "looping", true,
	 "BEGIN "
	 "PERFORM goes_insert_batch(ARRAY[CASE WHEN i % 2 = 0 "
	 "THEN goes_new_event('looped', '{}', 'loop', " AN_AGGREGATE ", 1) END]); "
	 "RAISE 'it did not fail'; "
	 "EXCEPTION WHEN unique_violation OR null_value_not_allowed THEN NULL; END;"},
	{"goes_query of one aggregate", "looping", false,
	 "PERFORM FROM goes_query(aggregate_names => '{loop}', aggregate_ids => ARRAY[" AN_AGGREGATE
	 "], sort => '{aggregate_version}');"},
	{"goes_query, 20,000 calls in a statement", "looping", false,
	 "IF i % 20000 = 0 THEN "
	 "PERFORM count(*) FROM (SELECT generate_series(1, 20000) AS n) AS calls, "
	 "goes_query(aggregate_ids => ARRAY[md5((n % 1000)::text)::uuid]); "
	 "END IF;"},
	{"goes_insert_batch of one event", "inserting", true,
	 "PERFORM goes_insert_batch(ARRAY[goes_new_event('looped', '{\"n\": 1}', 'loop', " AN_AGGREGATE
	 ", i)]);"},
	{"goes_count", "looping", false,
	 "PERFORM goes_count(aggregate_names => '{loop}', aggregate_ids => ARRAY[" AN_AGGREGATE "]);"},
	{"goes_delete", "deleting", true,
	 "ASSERT goes_delete(ARRAY[lpad(i::text, 32, '0')::uuid]) = 1;"},
	{"goes_model_lock and goes_model_save", "looping", true,
	 "PERFORM goes_model_save(m, to_jsonb(goes_model_lock(m, '0')::integer + 1)) "
	 "FROM (SELECT (i % 1000)::text AS m) AS models;"},
	{"goes_load", "looping", false, "PERFORM FROM goes_load('loop', " AN_AGGREGATE ");"},
	{"goes_snapshot_save", "looping", true,
	 "PERFORM goes_snapshot_save('saved', " AN_AGGREGATE ", i % 10, 'the state');"},
	{"goes_snapshot_latest", "looping", false,
	 "PERFORM FROM goes_snapshot_latest('loop', " AN_AGGREGATE ");"},
	{"goes_aggregate_version", "looping", false,
	 "PERFORM goes_aggregate_version('loop', " AN_AGGREGATE ");"},
	{"goes_find", "looping", false,
	 "PERFORM FROM goes_find(lpad((i % 20000)::text, 32, '0')::uuid);"},
	{"goes_events_from_json", "looping", false,
	 "PERFORM goes_events_from_json('[{\"name\": \"looped\", \"data\": {\"n\": [1, 2]}}, "
	 "{\"name\": \"looped\", \"time\": \"17\"}]');"},
	{"goes_new_event", "looping", false,
	 "PERFORM goes_new_event('looped', '{\"n\": 1}', 'loop', " AN_AGGREGATE ", i);"},
	{"goes_check_store", "looping", false, "PERFORM FROM goes_check_store();"},
	{"goes_now, goes_time, goes_timestamp, goes_uuid_v7", "looping", false,
	 "PERFORM goes_now(), goes_time(goes_timestamp(i)), goes_uuid_v7();"},
	{"goes_create_store, which exists", "looping", false, "PERFORM goes_create_store();"},
};

enum
{
	KINDS = sizeof(kinds) / sizeof(kinds[0])
};

/* A backend that runs a kind. */
typedef struct Lane
{
	int		kind;
	PGconn *connection; /* NULL: idle */
	double	start;
	long	warm; /* its memory after the first calls, in kB; 0: not there yet */
	long	peak;
} Lane;

typedef struct Measurement
{
	double growth; /* in MB */
	double duration;
} Measurement;

/*
 * fill makes the stores: 10 events in each of 1,000 aggregates to read, none to insert
 * to, as many as there are calls to delete, and a snapshot of each aggregate.
 */
static void
fill(PGconn *connection)
{
	static const struct
	{
		const char *store;
		int			events;
	} stores[] = {{"looping", 10000}, {"inserting", 0}, {"deleting", WARM_UP + CALLS + 1}};

	run(connection, "SELECT goes_create_snapshot_store(), goes_create_model_store()");
	run(connection, "SELECT goes_snapshot_save('loop', md5(i::text)::uuid, 5, 'the state') "
					"FROM generate_series(0, 999) AS i");
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
	{
		run(connection, "SELECT goes_create_store('%s')", stores[i].store);
		run(connection,
			"INSERT INTO %s SELECT lpad(i::text, 32, '0')::uuid, 'looped', i, "
			"md5((i %% 1000)::text)::uuid, 'loop', i / 1000 + 1, '{\"n\": 1}' FROM "
			"generate_series(0, %d - 1) AS i",
			stores[i].store, stores[i].events);
		run(connection, "VACUUM ANALYZE %s", stores[i].store);
	}
}

/*
 * notice_warm notes the memory of a backend that gives notice of being warm.
 */
static void
notice_warm(void *argument, const char *message)
{
	Lane *lane = argument;

	if (strstr(message, "warm") != NULL)
		lane->warm = lane->peak = memory_of(lane->connection);
}

/*
 * start_loop starts a kind in a backend of its own.
 */
static void
start_loop(Lane *lane, int kind)
{
	char command[2048];
	int	 length =
		snprintf(command, sizeof(command),
				 "DO $do$ DECLARE cursor refcursor; event goes_event; BEGIN "
				 "FOR i IN 1 .. %d LOOP %s "
				 "IF i %% %d = 0 THEN %s IF i = %d THEN RAISE NOTICE 'warm'; END IF; END IF; "
				 "END LOOP; END $do$",
				 WARM_UP + CALLS, kinds[kind].call, CALLS_OF_TRANSACTION,
				 kinds[kind].writes ? "COMMIT;" : "", WARM_UP);

	if (length >= (int) sizeof(command))
		die("command is too long: %s", command);
	memset(lane, 0, sizeof *lane);
	lane->kind = kind;
	lane->connection = connect_to_server();
	PQsetNoticeProcessor(lane->connection, notice_warm, lane);
	run(lane->connection, "SET goes_store.\"table\" = %s", kinds[kind].store);
	lane->start = seconds_now();
	if (!PQsendQuery(lane->connection, command))
		die("%s", PQerrorMessage(lane->connection));
}

/*
 * watch_loop samples the memory of a backend at work. It tells whether the work is
 * done.
 */
static bool
watch_loop(Lane *lane)
{
	if (!PQconsumeInput(lane->connection))
		die("%s", PQerrorMessage(lane->connection));
	if (lane->warm != 0)
	{
		long memory = memory_of(lane->connection);

		lane->peak = memory > lane->peak ? memory : lane->peak;
	}
	return !PQisBusy(lane->connection);
}

/*
 * end_loop returns what was measured and makes the lane idle.
 */
static Measurement
end_loop(Lane *lane)
{
	Measurement measurement;
	PGresult   *result;

	while ((result = PQgetResult(lane->connection)) != NULL)
		check_result(lane->connection, result, PGRES_COMMAND_OK);
	if (lane->warm == 0)
		die("%s: no notice that the first calls are done", kinds[lane->kind].label);
	measurement.growth = (lane->peak - lane->warm) / KILOBYTES_OF_MEGABYTE;
	measurement.duration = seconds_now() - lane->start;
	PQfinish(lane->connection);
	lane->connection = NULL;
	return measurement;
}

/*
 * run_loops runs all kinds: a lane that is idle takes the next one.
 */
static void
run_loops(Measurement *measurements)
{
	Lane lanes[LANES] = {{0}};
	int	 started = 0;
	int	 done = 0;

	while (done < KINDS)
	{
		for (int i = 0; i < LANES; i++)
		{
			Lane *lane = &lanes[i];

			if (lane->connection != NULL && watch_loop(lane))
			{
				measurements[lane->kind] = end_loop(lane);
				done++;
			}
			if (lane->connection == NULL && started < KINDS)
				start_loop(lane, started++);
		}
		pause_for(SAMPLE_MILLISECONDS);
	}
}

/*
 * measure_loops measures and reports the bound.
 */
void
measure_loops(void)
{
	PGconn	   *connection = connect_to_server();
	Measurement measurements[KINDS];
	double		most = 0;
	char		measured[64];

	fill(connection);
	run_loops(measurements);
	run(connection, "DROP TABLE looping, inserting, deleting, snapshots, models");
	PQfinish(connection);

	for (int i = 0; i < KINDS; i++)
		most = measurements[i].growth > most ? measurements[i].growth : most;
	snprintf(measured, sizeof(measured), "%.2f MB at most", most);
	report("growth of a backend in a loop of 1,000,000 calls", measured, "below 1 MB",
		   most < TARGET);
	for (int i = 0; i < KINDS; i++)
		detail("%-50s %.2f MB (%.0f s)", kinds[i].label, measurements[i].growth,
			   measurements[i].duration);
}
