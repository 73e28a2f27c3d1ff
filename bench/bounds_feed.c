/*
 * bounds_feed.c
 *	  What a feed costs those who write, and what those who follow it pay.
 *
 * All that is promised here is time that the backend has taken of a processor, which is the same
 * however busy the machine is otherwise. The two things that are compared take turns, in one backend.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define TURNS MOST_TURNS
#define CALLS_OF_TURN 100
#define MOST_BATCH 100
#define AGGREGATES 10 /* make_batch has as many for batches of one event */
#define CONNECTIONS 200
#define EVENTS 1000000
#define READS 3
#define MOST_INSERT 1.10
#define MOST_BATCH_INSERT 1.20
#define MOST_POLL 2.0
#define MOST_READ 1.5

/* The columns of goes_feed. */
#define FED_COLUMNS \
	"\"position\", id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"

/*
 * insert_events stores events one by one, as a goes application does.
 */
static void
insert_events(PGconn *connection, const Side *side, int turn)
{
	static Event event;

	for (int i = 0; i < side->calls; i++)
	{
		int number = turn * side->calls + i;

		make_batch(&event, 1, number);
		event.aggregate_version = number / AGGREGATES + 1;
		(void) time_bare(connection, side->statement, &event);
	}
}

/*
 * insert_batches stores events with goes_insert_batch.
 */
static void
insert_batches(PGconn *connection, const Side *side, int turn)
{
	static Event  events[MOST_BATCH];
	static Buffer array;
	static Oid	  event_type;

	if (event_type == 0)
		event_type = type_oid(connection, "goes_event");
	for (int i = 0; i < side->calls; i++)
	{
		make_batch(events, side->count, turn * side->calls + i);
		encode_array(&array, event_type, events, side->count);
		(void) time_prepared(connection, side->statement, 1, (const char *[]){array.data},
							 (int[]){(int) array.length}, PGRES_TUPLES_OK);
	}
}

/*
 * make_stores makes two equal stores, one of them with a feed, and prepares what stores in them.
 */
static void
make_stores(PGconn *connection)
{
	Oid types[] = {type_oid(connection, "goes_event[]")};

	run(connection, "SELECT goes_create_store('fed'), goes_create_store('unfed')");
	run(connection, "SELECT goes_alter_store('fed', feed => true)");
	prepare_bare(connection, "insert fed", "fed");
	prepare_bare(connection, "insert unfed", "unfed");
	prepare(connection, "batch fed", "SELECT goes_insert_batch($1, 'fed')", 1, types);
	prepare(connection, "batch unfed", "SELECT goes_insert_batch($1, 'unfed')", 1, types);
}

/*
 * measure_insert prints the line for inserts of one event and of several.
 */
static void
measure_insert(PGconn *connection, int count, double most)
{
	bool is_one = count == 1;
	int	 calls = is_one ? CALLS_OF_TURN : CALLS_OF_TURN / 10;
	Side fed = {is_one ? insert_events : insert_batches, is_one ? "insert fed" : "batch fed", count,
				calls};
	Side unfed = fed;
	Cost cost;

	unfed.statement = is_one ? "insert unfed" : "batch unfed";
	cost = compare_sides(connection, cpu_of, &fed, &unfed, is_one ? TURNS : TURNS / 2);
	report_cost(is_one ? "insert of 1 event, with a feed" : "insert of 100 events, with a feed",
				cost, "without, CPU", most);
	detail("with %.2f us, without %.2f us of a processor an event", 1e6 * cost.ours / count,
		   1e6 * cost.theirs / count);
}

/*
 * measure_inserts prints the lines for writers.
 */
static void
measure_inserts(PGconn *connection)
{
	make_stores(connection);
	measure_insert(connection, 1, MOST_INSERT);
	run(connection, "TRUNCATE fed, unfed");
	measure_insert(connection, MOST_BATCH, MOST_BATCH_INSERT);
	run(connection, "DROP TABLE fed, unfed");
}

/*
 * measure_poll prints the line for a call that finds nothing new, while others are connected.
 */
static void
measure_poll(PGconn *connection, int others)
{
	static const Side feed = {run_prepared, "poll", 0, CALLS_OF_TURN};
	static const Side one = {run_prepared, "one", 0, CALLS_OF_TURN};
	PGconn			 *idle[CONNECTIONS];
	Cost			  cpu;
	Cost			  answer;
	char			  what[64];

	for (int i = 0; i < others; i++)
		idle[i] = connect_to_server();
	share_processor(connection, true);
	answer = compare_sides(connection, answer_clock, &feed, &one, TURNS);
	cpu = compare_sides(connection, cpu_of, &feed, &one, TURNS);
	share_processor(connection, false);
	for (int i = 0; i < others; i++)
		PQfinish(idle[i]);
	snprintf(what, sizeof(what), "goes_feed, nothing new, %d other connections", others);
	report_cost(what, cpu, "SELECT 1, CPU", MOST_POLL);
	detail(
		"goes_feed %.1f us, prepared SELECT 1 %.1f us of a processor; until the answer is there, "
		"with the client on the same processor, %.1f us and %.1f us",
		1e6 * cpu.ours, 1e6 * cpu.theirs, 1e6 * answer.ours, 1e6 * answer.theirs);
}

/*
 * read_rows reads what a statement returns, row by row, and returns how many rows that were. The last row's
 * position goes to *last.
 */
static int
read_rows(PGconn *connection, uint64_t *last)
{
	int rows = 0;

	if (!PQsetSingleRowMode(connection))
		die("%s", PQerrorMessage(connection));
	for (PGresult *result; (result = PQgetResult(connection)) != NULL; PQclear(result))
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			const unsigned char *bytes = (const unsigned char *) PQgetvalue(result, 0, 0);

			rows++;
			for (int i = 0; i < 8; i++)
				*last = *last << 8 | bytes[i];
		}
		else if (PQresultStatus(result) != PGRES_TUPLES_OK)
			die("%s", PQerrorMessage(connection));
	}
	return rows;
}

/*
 * read_ordered reads all events in one statement.
 */
static void
read_ordered(PGconn *connection, const Side *side, int turn)
{
	uint64_t last = 0;

	(void) turn;
	if (!PQsendQueryPrepared(connection, side->statement, 0, NULL, NULL, NULL, 1))
		die("%s", PQerrorMessage(connection));
	if (read_rows(connection, &last) != EVENTS)
		die("there are not %d events", EVENTS);
}

/*
 * read_pages reads all events by goes_feed.
 */
static void
read_pages(PGconn *connection, const Side *side, int turn)
{
	uint64_t last = 0;
	int		 events = 0;
	int		 rows;
	char	 after[8];

	(void) turn;
	do
	{
		const char *values[] = {big_endian(after, 8, last)};

		if (!PQsendQueryPrepared(connection, side->statement, 1, values, (int[]){8}, (int[]){1}, 1))
			die("%s", PQerrorMessage(connection));
		rows = read_rows(connection, &last);
		events += rows - 1;
	} while (rows > 1);
	if (events != EVENTS)
		die("the feed has %d events, not %d", events, EVENTS);
}

/*
 * fill makes a store of a million events with a feed.
 */
static void
fill(PGconn *connection)
{
	run(connection, "SELECT goes_create_store('million')");
	run(connection,
		"INSERT INTO million SELECT goes_uuid_v7(), 'shop.order.item_added', i, "
		"md5((i %% 10000)::text)::uuid, 'shop.order', i / 10000 + 1, "
		"jsonb_build_object('sku', md5(i::text), 'quantity', i %% 7, 'customer', "
		"md5((i %% 10000)::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(0, %d) AS i",
		EVENTS - 1);
	run(connection, "SELECT goes_alter_store('million', feed => true)");
	run(connection, "VACUUM ANALYZE million");
	prepare(connection, "poll", "SELECT * FROM goes_feed(1000000, store => 'million')", 0, NULL);
	prepare(connection, "one", "SELECT 1", 0, NULL);
	prepare(connection, "pages", "SELECT * FROM goes_feed($1, store => 'million')", 1,
			(Oid[]){INT8_OID});
	prepare(connection, "ordered", "SELECT " FED_COLUMNS " FROM million ORDER BY \"position\"", 0,
			NULL);
}

/*
 * measure_read prints the line for reading the whole feed.
 */
static void
measure_read(PGconn *connection)
{
	static const Side pages = {read_pages, "pages", 0, 1};
	static const Side ordered = {read_ordered, "ordered", 0, 1};
	double			  page_cost[READS];
	double			  ordered_cost[READS];
	Cost			  cost;

	for (int i = 0; i < READS; i++)
	{
		page_cost[i] = cost_of(connection, cpu_of, &pages, i);
		ordered_cost[i] = cost_of(connection, cpu_of, &ordered, i);
	}
	cost = (Cost){median(page_cost, READS), median(ordered_cost, READS)};
	report_cost("1,000,000 events in pages of 1,000", cost, "one SELECT, CPU", MOST_READ);
	detail("pages %.2f s, SELECT %.2f s of a processor", cost.ours, cost.theirs);
}

/*
 * measure_feed measures and reports these bounds.
 */
void
measure_feed(void)
{
	PGconn *connection = connect_to_server();

	measure_inserts(connection);
	fill(connection);
	measure_poll(connection, 0);
	measure_poll(connection, CONNECTIONS);
	measure_read(connection);
	run(connection, "DROP TABLE million");
	PQfinish(connection);
}
