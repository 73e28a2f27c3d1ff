/*
 * bounds_append_batch.c
 *	  goes_append of several events beside goes_insert_batch of the same events, which says their
 *	  versions itself.
 *
 * It is the backend's time of a processor that counts. The two take turns in one backend, each with
 * a table of its own, so that both tables grow alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define TURNS 100
#define EVENTS_OF_TURN 1000
#define MOST_EVENTS 1000
#define AGGREGATES 10	 /* make_batch has as many ids for batches that are about one */
#define MOST_RATIO 1.053 /* at least 0.95 x the rate */

static Event  events[MOST_EVENTS];
static Buffer array;
static Oid	  event_type;

/*
 * make_next makes the next events of an aggregate and encodes them.
 */
static void
make_next(const Side *side, int turn, int call)
{
	int batch = turn * side->calls + call;

	make_batch(events, side->count, batch);
	for (int i = 0; i < side->count; i++)
	{
		memcpy(events[i].aggregate_id, events[0].aggregate_id, UUID_LENGTH);
		events[i].aggregate_version = batch / AGGREGATES * side->count + i + 1;
	}
	encode_array(&array, event_type, events, side->count);
}

/*
 * append_batches appends batches that expect the version before them.
 */
static void
append_batches(PGconn *connection, const Side *side, int turn)
{
	for (int i = 0; i < side->calls; i++)
	{
		char version[4];

		make_next(side, turn, i);
		{
			const char *values[] = {
				AGGREGATE_NAME, (const char *) events[0].aggregate_id, array.data,
				big_endian(version, 4, (uint64_t) events[0].aggregate_version - 1)};
			int lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH, (int) array.length, 4};

			(void) time_prepared(connection, side->statement, 4, values, lengths, PGRES_TUPLES_OK);
		}
	}
}

/*
 * insert_batches inserts the same batches.
 */
static void
insert_batches(PGconn *connection, const Side *side, int turn)
{
	for (int i = 0; i < side->calls; i++)
	{
		make_next(side, turn, i);
		{
			const char *values[] = {array.data};
			int			lengths[] = {(int) array.length};

			(void) time_prepared(connection, side->statement, 1, values, lengths, PGRES_TUPLES_OK);
		}
	}
}

/*
 * measure_size prints the line for batches of so many events.
 */
static void
measure_size(int count, const char *guard)
{
	Side	ours = {append_batches, "append", count, EVENTS_OF_TURN / count};
	Side	theirs = {insert_batches, "insert", count, EVENTS_OF_TURN / count};
	PGconn *connection = connect_to_server();
	Oid		types[] = {TEXT_OID, UUID_OID, type_oid(connection, "goes_event[]"), INT4_OID};
	Cost	cost;
	char	what[64];

	event_type = type_oid(connection, "goes_event");
	run(connection, "SELECT goes_create_store('appended'), goes_create_store('inserted')");
	run(connection, "SELECT goes_alter_store('appended', '%s'), goes_alter_store('inserted', '%s')",
		guard, guard);
	prepare(connection, "append", "SELECT goes_append($1, $2, $3, $4, 'appended')", 4, types);
	prepare(connection, "insert", "SELECT goes_insert_batch($1, 'inserted')", 1, types + 2);
	cost = compare_sides(connection, cpu_of, &ours, &theirs, TURNS);
	snprintf(what, sizeof(what), "goes_append of %d events, guard %s", count, guard);
	report_cost(what, cost, "goes_insert_batch, CPU", MOST_RATIO);
	detail("goes_append %.1f us, goes_insert_batch %.1f us of a processor an event",
		   1e6 * cost.ours / count, 1e6 * cost.theirs / count);
	run(connection, "DROP TABLE appended, inserted");
	PQfinish(connection);
}

/*
 * measure_append_batches measures and reports these bounds.
 */
void
measure_append_batches(void)
{
	static const char *const guards[] = {"off", "sequential"};

	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
	{
		measure_size(10, guards[i]);
		measure_size(100, guards[i]);
		measure_size(1000, guards[i]);
	}
}
