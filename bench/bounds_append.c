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

/* What a batch is: so many events, all of one aggregate or each of another. */
typedef struct Shape
{
	const char *label;
	int			count;
	bool		is_one_aggregate;
	bool		is_bare; /* by the INSERT of a goes application, not by goes_insert_batch */
	double		target;
} Shape;

/* A batch to be stored both ways. */
typedef struct Turn
{
	PGconn		*connection;
	const Shape *shape;
	Event		 events[MOST_BATCH];
	Buffer		 array; /* of them, for the functions */
} Turn;

/* Two ways to store the same batches, in tables of their own. Each returns how long it took. */
typedef struct Ways
{
	const char *ours_name;
	const char *theirs_name;
	const char *against; /* what the ratio is of */
	double (*ours)(const Turn *turn);
	double (*theirs)(const Turn *turn);
} Ways;

/* How long the two took, in seconds. */
typedef struct Medians
{
	double ours;
	double theirs;
} Medians;

static const Shape any_version = {"goes_append of 1 event, any version", 1, true, true, 1.30};
static const Shape expected_version = {"goes_append of 1 event, expected version", 1, true, true,
									   1.30};

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
 * time_append stores an event with goes_append, which expects the version before it or
 * any.
 */
static double
time_append(const Turn *turn, bool expects_any)
{
	const Event *event = turn->events;
	char		 version[4];
	const char	*values[] = {AGGREGATE_NAME, (const char *) event->aggregate_id, turn->array.data,
							 NULL};
	int lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH, (int) turn->array.length, 4};

	if (!expects_any)
		values[3] = big_endian(version, 4, (uint64_t) event->aggregate_version - 1);
	return time_prepared(turn->connection, "append", 4, values, lengths, PGRES_TUPLES_OK);
}

/*
 * time_append_any and the next are the two ways to append.
 */
static double
time_append_any(const Turn *turn)
{
	return time_append(turn, true);
}

static double
time_append_expected(const Turn *turn)
{
	return time_append(turn, false);
}

/*
 * time_insert stores the event of an append with a bare INSERT.
 */
static double
time_insert(const Turn *turn)
{
	return time_bare(turn->connection, "insert", turn->events);
}

/*
 * time_batch stores events in the way of a shape.
 */
static double
time_batch(const Turn *turn, const char *statement)
{
	const char *values[] = {turn->array.data};
	int			lengths[] = {(int) turn->array.length};

	if (turn->shape->is_bare)
		return time_bare(turn->connection, statement, turn->events);
	return time_prepared(turn->connection, statement, 1, values, lengths, PGRES_TUPLES_OK);
}

/*
 * time_guarded and the next store them in the one table and in the other.
 */
static double
time_guarded(const Turn *turn)
{
	return time_batch(turn, "guarded");
}

static double
time_unguarded(const Turn *turn)
{
	return time_batch(turn, "free");
}

/*
 * take_turns stores batches both ways in turns, from a batch on.
 */
static Medians
take_turns(PGconn *connection, const Shape *shape, const Ways *ways, int first, int pairs)
{
	static double ours[PAIRS];
	static double theirs[PAIRS];
	static Turn	  turn;
	Oid			  event_type = type_oid(connection, "goes_event");

	turn = (Turn){.connection = connection, .shape = shape};
	for (int i = 0; i < WARM_UP + pairs; i++)
	{
		int place = i < WARM_UP ? 0 : i - WARM_UP;

		make_next_batch(turn.events, shape, first + i);
		encode_array(&turn.array, event_type, turn.events, shape->count);
		if (i % 2 == 0)
			ours[place] = ways->ours(&turn);
		theirs[place] = ways->theirs(&turn);
		if (i % 2 != 0)
			ours[place] = ways->ours(&turn);
	}
	free(turn.array.data);
	return (Medians){median_of_turns(ours, pairs), median_of_turns(theirs, pairs)};
}

/*
 * measure_ways prints the line for a shape. The detail also says what the ratio is where
 * waking a backend on another processor counts for nothing, as on a machine that is busy.
 */
static void
measure_ways(PGconn *connection, const Shape *shape, const Ways *ways)
{
	int		pairs = shape->count > 1 ? PAIRS / 4 : PAIRS;
	Medians medians = take_turns(connection, shape, ways, 0, pairs);
	Medians shared;
	double	ratio = medians.ours / medians.theirs;
	char	measured[64];
	char	target[64];

	share_processor(connection, true);
	shared = take_turns(connection, shape, ways, WARM_UP + pairs, pairs);
	share_processor(connection, false);
	snprintf(measured, sizeof(measured), "%.2f x %s", ratio, ways->against);
	snprintf(target, sizeof(target), "at most %.2f x", shape->target);
	report(shape->label, measured, target, ratio <= shape->target);
	detail("%s %.1f us, %s %.1f us (medians of %d pairs); on one processor %.1f us and %.1f us, "
		   "%.2f x",
		   ways->ours_name, 1e6 * medians.ours, ways->theirs_name, 1e6 * medians.theirs, pairs,
		   1e6 * shared.ours, 1e6 * shared.theirs, shared.ours / shared.theirs);
}

/*
 * measure_append prints a line for goes_append.
 */
static void
measure_append(const Shape *shape, double (*append)(const Turn *turn))
{
	Ways	ways = {"goes_append", "prepared INSERT", "bare INSERT", append, time_insert};
	PGconn *connection = connect_to_server();
	Oid		types[] = {TEXT_OID, UUID_OID, type_oid(connection, "goes_event[]"), INT4_OID};

	run(connection, "SELECT goes_create_store('appended'), goes_create_store('inserted')");
	prepare(connection, "append", "SELECT goes_append($1, $2, $3, $4, store => 'appended')", 4,
			types);
	prepare_bare(connection, "insert", "inserted");
	measure_ways(connection, shape, &ways);
	run(connection, "DROP TABLE appended, inserted");
	PQfinish(connection);
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
 * measure_guard prints the line for the guard and one shape of batches.
 */
static void
measure_guard(const Shape *shape)
{
	static const Ways ways = {"guarded", "unguarded", "unguarded", time_guarded, time_unguarded};
	PGconn			 *connection = connect_to_server();

	prepare_guarded(connection, shape);
	measure_ways(connection, shape, &ways);
	run(connection, "DROP TABLE guarded, free");
	PQfinish(connection);
}

/*
 * measure_appends measures and reports these bounds.
 */
void
measure_appends(void)
{
	measure_append(&any_version, time_append_any);
	measure_append(&expected_version, time_append_expected);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		measure_guard(&shapes[i]);
}
