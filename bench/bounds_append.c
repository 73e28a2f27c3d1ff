/*
 * bounds_append.c
 *	  What goes_append and the guard "sequential" cost.
 *
 * An append of one event is held against the bare prepared INSERT of the same event,
 * which knows its version beforehand. A guard is held against the same inserts into a
 * table without one. The two take turns, each with a table of its own, so that both
 * tables grow alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define PAIRS 4000
#define WARM_UP 200 /* pairs that do not count */
#define MOST_BATCH 100
#define AGGREGATES 10 /* of batches that are about one; make_batch has as many ids */
#define APPEND_TARGET 1.30

#define EVENT_NAME "shop.order.item_added"
#define AGGREGATE_NAME "shop.order"

#define BARE_INSERT                                                                               \
	"INSERT INTO %s (id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7)"

enum
{
	EVENT_COLUMNS = 7
};

/* What a batch is: so many events, all of one aggregate or each of another. */
typedef struct Shape
{
	const char *label;
	int			count;
	bool		is_one_aggregate;
	bool		is_bare; /* by the INSERT of a goes application, not by goes_insert_batch */
	double		target;
} Shape;

/* How long the two that took turns took, in seconds. */
typedef struct Medians
{
	double ours;
	double theirs;
} Medians;

static const Shape shapes[] = {
	{"sequential, an event", 1, true, true, 1.10},
	{"sequential, 100 events of an aggregate", 100, true, false, 1.10},
	{"sequential, 100 events of 100 aggregates", 100, false, false, 1.15},
};

/*
 * make_next_batch makes the next events of their aggregates.
 */
static void
make_next_batch(Event *events, const Shape *shape, int batch)
{
	make_batch(events, shape->count, batch);
	for (int i = 0; shape->is_one_aggregate && i < shape->count; i++)
	{
		memcpy(events[i].aggregate_id, events[0].aggregate_id, UUID_LENGTH);
		events[i].aggregate_version = batch / AGGREGATES * shape->count + i + 1;
	}
}

/*
 * big_endian writes a number as the wire has it.
 */
static const char *
big_endian(char *bytes, int size, uint64_t number)
{
	for (int i = size - 1; i >= 0; i--)
	{
		bytes[i] = (char) (number & 0xff);
		number >>= 8;
	}
	return bytes;
}

/*
 * time_prepared runs a prepared statement with binary parameters and returns how long
 * that took.
 */
static double
time_prepared(PGconn *connection, const char *statement, int count, const char *const *values,
			  const int *lengths, ExecStatusType expected)
{
	static const int formats[] = {1, 1, 1, 1, 1, 1, 1};
	double			 start = seconds_now();

	check_result(connection,
				 PQexecPrepared(connection, statement, count, values, lengths, formats, 1),
				 expected);
	return seconds_now() - start;
}

/*
 * time_bare stores an event with a bare INSERT.
 */
static double
time_bare(PGconn *connection, const char *statement, const Event *event)
{
	char		time[8];
	char		version[4];
	char		data[1 + sizeof(event->data)];
	const char *values[EVENT_COLUMNS] = {
		(const char *) event->id,
		EVENT_NAME,
		big_endian(time, 8, (uint64_t) event->time),
		(const char *) event->aggregate_id,
		AGGREGATE_NAME,
		big_endian(version, 4, (uint64_t) event->aggregate_version),
		data};
	int lengths[EVENT_COLUMNS] = {
		UUID_LENGTH, (int) strlen(EVENT_NAME),	   8, UUID_LENGTH, (int) strlen(AGGREGATE_NAME),
		4,			 1 + (int) strlen(event->data)};

	data[0] = 1; /* version of jsonb's binary form */
	memcpy(data + 1, event->data, strlen(event->data));
	return time_prepared(connection, statement, EVENT_COLUMNS, values, lengths, PGRES_COMMAND_OK);
}

/*
 * time_append stores an event with goes_append, which expects the version before it or
 * any.
 */
static double
time_append(PGconn *connection, Oid event_type, Buffer *buffer, const Event *event,
			bool expects_any)
{
	char		version[4];
	const char *values[] = {AGGREGATE_NAME, (const char *) event->aggregate_id, NULL, NULL};
	int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH, 0, 4};

	encode_array(buffer, event_type, event, 1);
	values[2] = buffer->data;
	lengths[2] = (int) buffer->length;
	if (!expects_any)
		values[3] = big_endian(version, 4, (uint64_t) event->aggregate_version - 1);
	return time_prepared(connection, "append", 4, values, lengths, PGRES_TUPLES_OK);
}

/*
 * time_batch stores events in the way of a shape.
 */
static double
time_batch(PGconn *connection, const char *statement, const Shape *shape, const Buffer *array,
		   const Event *events)
{
	const char *values[] = {array->data};
	int			lengths[] = {(int) array->length};

	if (shape->is_bare)
		return time_bare(connection, statement, events);
	return time_prepared(connection, statement, 1, values, lengths, PGRES_TUPLES_OK);
}

/*
 * prepare_bare prepares a bare INSERT into a table.
 */
static void
prepare_bare(PGconn *connection, const char *name, const char *table)
{
	static const Oid types[EVENT_COLUMNS] = {UUID_OID, TEXT_OID, INT8_OID, UUID_OID,
											 TEXT_OID, INT4_OID, JSONB_OID};
	char			 text[512];

	snprintf(text, sizeof(text), BARE_INSERT, table);
	prepare(connection, name, text, EVENT_COLUMNS, types);
}

/*
 * time_appends stores events with goes_append and with a bare INSERT in turns, from a
 * batch on.
 */
static Medians
time_appends(PGconn *connection, int first, bool expects_any)
{
	static double	   with_append[PAIRS];
	static double	   bare[PAIRS];
	static const Shape one = {.count = 1, .is_one_aggregate = true};
	Oid				   event_type = type_oid(connection, "goes_event");
	Buffer			   buffer = {0};
	Event			   event;

	for (int i = 0; i < WARM_UP + PAIRS; i++)
	{
		int place = i < WARM_UP ? 0 : i - WARM_UP;

		make_next_batch(&event, &one, first + i);
		if (i % 2 == 0)
			with_append[place] = time_append(connection, event_type, &buffer, &event, expects_any);
		bare[place] = time_bare(connection, "insert", &event);
		if (i % 2 != 0)
			with_append[place] = time_append(connection, event_type, &buffer, &event, expects_any);
	}
	free(buffer.data);
	return (Medians){median_of_turns(with_append, PAIRS), median_of_turns(bare, PAIRS)};
}

/*
 * detail_turns says what a ratio was made of, and what it is where waking a backend on
 * another processor counts for nothing, as on a machine that is busy.
 */
static void
detail_turns(const char *ours, const char *theirs, const Medians *medians, const Medians *shared,
			 int pairs)
{
	detail("%s %.1f us, %s %.1f us (medians of %d pairs); on one processor %.1f us and %.1f us, "
		   "%.2f x",
		   ours, 1e6 * medians->ours, theirs, 1e6 * medians->theirs, pairs, 1e6 * shared->ours,
		   1e6 * shared->theirs, shared->ours / shared->theirs);
}

/*
 * measure_one_append prints a line for goes_append.
 */
static void
measure_one_append(const char *label, bool expects_any)
{
	PGconn *connection = connect_to_server();
	Oid		types[] = {TEXT_OID, UUID_OID, type_oid(connection, "goes_event[]"), INT4_OID};
	Medians medians;
	Medians shared;
	char	measured[64];

	run(connection, "SELECT goes_create_store('appended'), goes_create_store('inserted')");
	prepare(connection, "append", "SELECT goes_append($1, $2, $3, $4, store => 'appended')", 4,
			types);
	prepare_bare(connection, "insert", "inserted");
	medians = time_appends(connection, 0, expects_any);
	share_processor(connection, true);
	shared = time_appends(connection, WARM_UP + PAIRS, expects_any);
	share_processor(connection, false);
	run(connection, "DROP TABLE appended, inserted");
	PQfinish(connection);
	snprintf(measured, sizeof(measured), "%.2f x bare INSERT", medians.ours / medians.theirs);
	report(label, measured, "at most 1.30 x", medians.ours / medians.theirs <= APPEND_TARGET);
	detail_turns("goes_append", "prepared INSERT", &medians, &shared, PAIRS);
}

/*
 * prepare_guarded makes the two tables and prepares what stores in them.
 */
static void
prepare_guarded(PGconn *connection, const Shape *shape)
{
	Oid types[] = {type_oid(connection, "goes_event[]")};

	run(connection, "SELECT goes_create_store('guarded'), goes_create_store('free')");
	run(connection, "SELECT goes_alter_store('guarded', validate_versions => 'sequential')");
	if (shape->is_bare)
	{
		prepare_bare(connection, "guarded", "guarded");
		prepare_bare(connection, "free", "free");
		return;
	}
	prepare(connection, "guarded", "SELECT goes_insert_batch($1, 'guarded')", 1, types);
	prepare(connection, "free", "SELECT goes_insert_batch($1, 'free')", 1, types);
}

/*
 * time_guard stores batches in the guarded table and in the other in turns, from a batch on.
 */
static Medians
time_guard(PGconn *connection, const Shape *shape, int first, int pairs)
{
	static Event  events[MOST_BATCH];
	static double guarded[PAIRS];
	static double unguarded[PAIRS];
	Oid			  event_type = type_oid(connection, "goes_event");
	Buffer		  array = {0};

	for (int i = 0; i < WARM_UP + pairs; i++)
	{
		int place = i < WARM_UP ? 0 : i - WARM_UP;

		make_next_batch(events, shape, first + i);
		encode_array(&array, event_type, events, shape->count);
		if (i % 2 == 0)
			guarded[place] = time_batch(connection, "guarded", shape, &array, events);
		unguarded[place] = time_batch(connection, "free", shape, &array, events);
		if (i % 2 != 0)
			guarded[place] = time_batch(connection, "guarded", shape, &array, events);
	}
	free(array.data);
	return (Medians){median_of_turns(guarded, pairs), median_of_turns(unguarded, pairs)};
}

/*
 * measure_guard prints the line for the guard and one shape of batches.
 */
static void
measure_guard(const Shape *shape)
{
	PGconn *connection = connect_to_server();
	int		pairs = shape->count > 1 ? PAIRS / 4 : PAIRS;
	Medians medians;
	Medians shared;
	char	measured[64];
	char	target[64];

	prepare_guarded(connection, shape);
	medians = time_guard(connection, shape, 0, pairs);
	share_processor(connection, true);
	shared = time_guard(connection, shape, WARM_UP + pairs, pairs);
	share_processor(connection, false);
	run(connection, "DROP TABLE guarded, free");
	PQfinish(connection);
	snprintf(measured, sizeof(measured), "%.2f x unguarded", medians.ours / medians.theirs);
	snprintf(target, sizeof(target), "at most %.2f x", shape->target);
	report(shape->label, measured, target, medians.ours / medians.theirs <= shape->target);
	detail_turns("guarded", "unguarded", &medians, &shared, pairs);
}

/*
 * measure_appends measures and reports these bounds.
 */
void
measure_appends(void)
{
	measure_one_append("goes_append of 1 event, any version", true);
	measure_one_append("goes_append of 1 event, expected version", false);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		measure_guard(&shapes[i]);
}
