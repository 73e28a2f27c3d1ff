/*
 * bounds_drivers.c
 *	  What the functions that every driver can call cost: goes_append_json beside goes_append of
 *	  goes_events_from_json, and goes_history beside the bare prepared SELECT.
 *
 * It is the backend's time of a processor that counts. The two sides take turns in one backend,
 * with generic plans, and with a table each where they store events.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define TURNS 200
#define CALLS_OF_TURN 50
#define MOST_EVENTS 100
#define AGGREGATES 2000
#define VERSIONS 100
#define MOST_RATIO 1.10

#define EVENT_COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data "

/*
 * aggregate_of writes the id of the aggregate that a call is about.
 */
static const char *
aggregate_of(char *id, int turn, const Side *side, int call)
{
	int number = (turn * side->calls + call) % AGGREGATES + 1; /* none is nil */

	(void) big_endian(id, 8, 0);
	(void) big_endian(id + 8, 8, (uint64_t) number);
	return id;
}

/*
 * write_events writes events as a program does that sends JSON, in jsonb's binary form.
 */
static int
write_events(char *text, size_t size, int count)
{
	int length = 0;

	text[length++] = 1; /* the form's version */
	for (int i = 0; i < count; i++)
		length +=
			snprintf(text + length, size - length,
					 "%c{\"name\": \"shop.order.item_added\", \"data\": {\"sku\": \"%016llx\", "
					 "\"quantity\": %d, \"note\": \"leave it at the back door, please\"}}",
					 i == 0 ? '[' : ',', (unsigned long long) random_number(), i % 7);
	text[length++] = ']';
	return length;
}

/*
 * append_events appends events that are JSON.
 */
static void
append_events(PGconn *connection, const Side *side, int turn)
{
	static char events[1 + MOST_EVENTS * 256];

	for (int i = 0; i < side->calls; i++)
	{
		char		id[UUID_LENGTH];
		const char *values[] = {AGGREGATE_NAME, aggregate_of(id, turn, side, i), events};
		int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH,
								 write_events(events, sizeof(events), side->count)};

		(void) time_prepared(connection, side->statement, 3, values, lengths, PGRES_TUPLES_OK);
	}
}

/*
 * read_histories reads one aggregate after the other.
 */
static void
read_histories(PGconn *connection, const Side *side, int turn)
{
	for (int i = 0; i < side->calls; i++)
	{
		char		id[UUID_LENGTH];
		const char *values[] = {AGGREGATE_NAME, aggregate_of(id, turn, side, i)};
		int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH};

		(void) time_prepared(connection, side->statement, 2, values, lengths, PGRES_TUPLES_OK);
	}
}

/*
 * measure_append prints the line for appends of so many events.
 */
static void
measure_append(int count)
{
	Side	ours = {append_events, "json", count, CALLS_OF_TURN};
	Side	theirs = {append_events, "converted", count, CALLS_OF_TURN};
	Oid		types[] = {TEXT_OID, UUID_OID, JSONB_OID};
	PGconn *connection = connect_to_server();
	Cost	cost;
	char	what[64];

	run(connection, "SET plan_cache_mode = force_generic_plan");
	run(connection, "SELECT goes_create_store('appended'), goes_create_store('converted')");
	prepare(connection, "json", "SELECT goes_append_json($1, $2, $3, store => 'appended')", 3,
			types);
	prepare(connection, "converted",
			"SELECT goes_append($1, $2, goes_events_from_json($3), store => 'converted')", 3,
			types);
	cost = compare_sides(connection, cpu_of, &ours, &theirs, TURNS);
	snprintf(what, sizeof(what), "goes_append_json of %d event%s", count, count == 1 ? "" : "s");
	report_cost(what, cost, "goes_append, CPU", MOST_RATIO);
	detail("goes_append_json %.1f us, goes_append of goes_events_from_json %.1f us of a processor",
		   1e6 * cost.ours, 1e6 * cost.theirs);
	run(connection, "DROP TABLE appended, converted");
	PQfinish(connection);
}

/*
 * fill makes a store with the events of all aggregates.
 */
static void
fill(PGconn *connection)
{
	run(connection, "SELECT goes_create_store('history')");
	run(connection,
		"INSERT INTO history SELECT goes_uuid_v7(), 'shop.order.item_added', goes_now(), "
		"lpad(to_hex(aggregate), 32, '0')::uuid, '" AGGREGATE_NAME "', version, "
		"jsonb_build_object('sku', md5(version::text), 'quantity', version %% 7, 'customer', "
		"md5(aggregate::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(1, %d) AS aggregate, generate_series(1, %d) AS version "
		"ORDER BY version, aggregate",
		AGGREGATES, VERSIONS);
	run(connection, "VACUUM ANALYZE history");
}

/*
 * measure_history prints the line for reading an aggregate.
 */
static void
measure_history(void)
{
	Side	ours = {read_histories, "function", VERSIONS, CALLS_OF_TURN};
	Side	theirs = {read_histories, "bare", VERSIONS, CALLS_OF_TURN};
	Oid		types[] = {TEXT_OID, UUID_OID};
	PGconn *connection = connect_to_server();
	Cost	cost;

	run(connection, "SET plan_cache_mode = force_generic_plan");
	fill(connection);
	prepare(connection, "function",
			"SELECT " EVENT_COLUMNS "FROM goes_history($1, $2, store => 'history')", 2, types);
	prepare(connection, "bare",
			"SELECT " EVENT_COLUMNS "FROM history "
			"WHERE aggregate_name = $1 AND aggregate_id = $2 ORDER BY aggregate_version",
			2, types);
	cost = compare_sides(connection, cpu_of, &ours, &theirs, TURNS);
	report_cost("goes_history of one aggregate of 100 events", cost, "bare SELECT, CPU",
				MOST_RATIO);
	detail("goes_history %.1f us, SELECT %.1f us of a processor", 1e6 * cost.ours,
		   1e6 * cost.theirs);
	run(connection, "DROP TABLE history");
	PQfinish(connection);
}

/*
 * measure_drivers measures and reports these bounds.
 */
void
measure_drivers(void)
{
	measure_append(1);
	measure_append(MOST_EVENTS);
	measure_history();
}
