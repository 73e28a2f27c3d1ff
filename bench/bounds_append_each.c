/*
 * bounds_append_each.c
 *	  goes_append_each of one event for each of many aggregates, beside goes_insert_batch of the same
 *	  events, which says their versions itself and has one outcome for all of them.
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
#define MOST_ITEMS 500
#define AGGREGATES 1000

static Event  events[MOST_ITEMS];
static Buffer array;
static Oid	  event_type;
static Oid	  event_array_type;
static Oid	  item_type;

/*
 * make_next makes the next event of each of some aggregates, which take turns.
 */
static void
make_next(const Side *side, int turn, int call)
{
	int batch = turn * side->calls + call;

	make_batch(events, side->count, batch);
	for (int i = 0; i < side->count; i++)
	{
		uint64_t number = (uint64_t) batch * side->count + i;

		(void) big_endian((char *) events[i].aggregate_id, 8,
						  (number % AGGREGATES + 1) * 0x9e3779b97f4a7c15);
		(void) big_endian((char *) events[i].aggregate_id + 8, 8, number % AGGREGATES);
		events[i].aggregate_version = (int32_t) (number / AGGREGATES) + 1;
	}
}

/*
 * put copies bytes to a place and returns where they end.
 */
static char *
put(char *place, const void *bytes, size_t count)
{
	memcpy(place, bytes, count);
	return place + count;
}

/*
 * put_number and put_head write a number of four bytes; what comes before a value.
 */
static char *
put_number(char *place, uint32_t number)
{
	return (char *) big_endian(place, 4, number) + 4;
}

static char *
put_head(char *place, Oid type, size_t length)
{
	return put_number(put_number(place, type), (uint32_t) length);
}

/*
 * put_item writes the item of one event, which expects the version before it.
 */
static char *
put_item(char *start, const Event *event)
{
	char *place = put_number(start + 4, 4);

	encode_array(&array, event_type, event, 1);
	place = put_head(place, TEXT_OID, strlen(AGGREGATE_NAME));
	place = put(place, AGGREGATE_NAME, strlen(AGGREGATE_NAME));
	place = put(put_head(place, UUID_OID, UUID_LENGTH), event->aggregate_id, UUID_LENGTH);
	place = put(put_head(place, event_array_type, array.length), array.data, array.length);
	place = put_number(put_head(place, INT4_OID, 4), (uint32_t) event->aggregate_version - 1);
	(void) put_number(start, (uint32_t) (place - start - 4));
	return place;
}

/*
 * append_items makes calls of goes_append_each.
 */
static void
append_items(PGconn *connection, const Side *side, int turn)
{
	static char room[MOST_ITEMS * 1024];

	for (int i = 0; i < side->calls; i++)
	{
		char *place = put_number(put_number(put_number(room, 1), 0), item_type);

		make_next(side, turn, i);
		place = put_number(put_number(place, (uint32_t) side->count), 1);
		for (int k = 0; k < side->count; k++)
			place = put_item(place, &events[k]);
		{
			const char *values[] = {room};
			int			lengths[] = {(int) (place - room)};

			(void) time_prepared(connection, side->statement, 1, values, lengths, PGRES_TUPLES_OK);
		}
	}
}

/*
 * insert_batches inserts the same events.
 */
static void
insert_batches(PGconn *connection, const Side *side, int turn)
{
	for (int i = 0; i < side->calls; i++)
	{
		make_next(side, turn, i);
		encode_array(&array, event_type, events, side->count);
		{
			const char *values[] = {array.data};
			int			lengths[] = {(int) array.length};

			(void) time_prepared(connection, side->statement, 1, values, lengths, PGRES_TUPLES_OK);
		}
	}
}

/*
 * require_stored makes sure that every item was stored.
 */
static void
require_stored(PGconn *connection)
{
	/* ids end at random, and each way has its own */
	PGresult *result =
		query(connection, "SELECT FROM appended FULL JOIN inserted USING (aggregate_id, "
						  "aggregate_version) WHERE appended.id IS NULL OR inserted.id IS NULL "
						  "LIMIT 1");

	if (PQntuples(result) != 0)
		die("goes_append_each and goes_insert_batch did not store the same events");
	PQclear(result);
}

/*
 * measure_items prints the line for calls of so many items.
 */
static void
measure_items(int count, double most)
{
	Side	ours = {append_items, "append", count, EVENTS_OF_TURN / count};
	Side	theirs = {insert_batches, "insert", count, EVENTS_OF_TURN / count};
	PGconn *connection = connect_to_server();
	Oid		item_array_type = type_oid(connection, "goes_append_item[]");
	Cost	cost;
	char	what[64];

	event_type = type_oid(connection, "goes_event");
	event_array_type = type_oid(connection, "goes_event[]");
	item_type = type_oid(connection, "goes_append_item");
	run(connection, "SELECT goes_create_store('appended'), goes_create_store('inserted')");
	prepare(connection, "append", "SELECT * FROM goes_append_each($1, 'appended')", 1,
			&item_array_type);
	prepare(connection, "insert", "SELECT goes_insert_batch($1, 'inserted')", 1, &event_array_type);
	cost = compare_sides(connection, cpu_of, &ours, &theirs, TURNS);
	require_stored(connection);
	snprintf(what, sizeof(what), "goes_append_each of %d items", count);
	report_cost(what, cost, "goes_insert_batch, CPU", most);
	detail("goes_append_each %.1f us, goes_insert_batch %.1f us of a processor an event",
		   1e6 * cost.ours / count, 1e6 * cost.theirs / count);
	run(connection, "DROP TABLE appended, inserted");
	PQfinish(connection);
}

/*
 * measure_append_each measures and reports these bounds.
 */
void
measure_append_each(void)
{
	measure_items(50, 1.25);
	measure_items(500, 1.15);
}
