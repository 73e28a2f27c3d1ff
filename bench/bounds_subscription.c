/*
 * bounds_subscription.c
 *	  What workers that share a subscription pay, and those who look after it.
 *
 * Workers whose handlers do nothing take turns with a plain reader of the same feed: both get every
 * event once, with all its columns.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define EVENTS 200000
#define WORKERS 8
#define PARTITIONS 16
#define BATCH 1000
#define ROUNDS 5
#define LEAST_RATE 0.5
#define CALLS_OF_TURN 100
#define MOST_CLAIM 3.0

#define MANY_PARTITIONS 1000
#define HELD 1000
#define LOOKS 9
#define MOST_LOOK 0.01 /* seconds of a processor */

static atomic_int done; /* events, by all workers of a round */

/*
 * number_in returns a number of a row.
 */
static uint64_t
number_in(const PGresult *result, int row, int column)
{
	const unsigned char *bytes = (const unsigned char *) PQgetvalue(result, row, column);
	uint64_t			 number = 0;

	for (int i = 0; i < PQgetlength(result, row, column); i++)
		number = number << 8 | bytes[i];
	return number;
}

/*
 * follow_feed reads all events as a plain reader, and returns how many a second.
 */
static double
follow_feed(PGconn *connection)
{
	double	 start = seconds_now();
	uint64_t after = 0;
	int		 rows;

	do
	{
		char		cursor[8];
		const char *values[] = {big_endian(cursor, 8, after)};
		PGresult *page = PQexecPrepared(connection, "pages", 1, values, (int[]){8}, (int[]){1}, 1);

		if (PQresultStatus(page) != PGRES_TUPLES_OK)
			die("%s", PQerrorMessage(connection));
		rows = PQntuples(page);
		after = number_in(page, rows - 1, 0);
		PQclear(page);
	} while (rows > 1);
	if (after != EVENTS)
		die("the feed ends at %d, not at %d", (int) after, EVENTS);
	return EVENTS / (seconds_now() - start);
}

/* The events of one partition in a claim, as goes_done takes them. */
typedef struct Part
{
	uint64_t epoch;
	int		 count;
	int		 length;
	char	 positions[BATCH * 21 + 3];
} Part;

/*
 * say_done says that the events of a partition are done.
 */
static void
say_done(PGconn *connection, int number, Part *part)
{
	char		partition[4];
	char		epoch[8];
	const char *values[] = {big_endian(partition, 4, (uint64_t) number),
							big_endian(epoch, 8, part->epoch), part->positions};

	strcpy(part->positions + part->length, "}");
	check_result(
		connection,
		PQexecPrepared(connection, "done", 3, values, (int[]){4, 8, 0}, (int[]){1, 1, 0}, 1),
		PGRES_TUPLES_OK);
	atomic_fetch_add(&done, part->count);
	part->count = part->length = 0;
}

/*
 * work_off says for each partition of a claim that its events are done.
 */
static void
work_off(PGconn *connection, const PGresult *claimed, Part *parts)
{
	for (int row = 0; row < PQntuples(claimed); row++)
	{
		Part *part = &parts[number_in(claimed, row, 0)];

		part->epoch = number_in(claimed, row, 1);
		part->length +=
			sprintf(part->positions + part->length, "%c%llu", part->count > 0 ? ',' : '{',
					(unsigned long long) number_in(claimed, row, 2));
		part->count++;
	}
	for (int number = 0; number < PARTITIONS; number++)
	{
		if (parts[number].count > 0)
			say_done(connection, number, &parts[number]);
	}
}

/*
 * work is a worker.
 */
static void *
work(void *argument)
{
	PGconn *connection = argument;
	Part   *parts = calloc(PARTITIONS, sizeof(Part));

	if (parts == NULL)
		die("out of memory");
	while (atomic_load(&done) < EVENTS)
	{
		PGresult *claimed = PQexecPrepared(connection, "claim", 0, NULL, NULL, NULL, 1);

		if (PQresultStatus(claimed) != PGRES_TUPLES_OK)
			die("%s", PQerrorMessage(connection));
		work_off(connection, claimed, parts);
		PQclear(claimed);
	}
	free(parts);
	return NULL;
}

/*
 * share_feed lets all workers share the events, and returns how many a second they have done
 * together.
 */
static double
share_feed(PGconn *connection, PGconn **workers)
{
	pthread_t threads[WORKERS];
	double	  start;

	run(connection, "SELECT goes_rewind('shared', 0)");
	run(connection, "VACUUM subscriptions_partitions");
	atomic_store(&done, 0);
	start = seconds_now();
	for (int i = 0; i < WORKERS; i++)
	{
		if (pthread_create(&threads[i], NULL, work, workers[i]) != 0)
			die("cannot start a thread");
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return EVENTS / (seconds_now() - start);
}

/*
 * make_store makes a store with a feed, and a subscription to it.
 */
static void
make_store(PGconn *connection)
{
	run(connection, "SELECT goes_create_store()");
	run(connection,
		"INSERT INTO events SELECT goes_uuid_v7(), 'shop.order.item_added', i, "
		"md5((i %% 10000)::text)::uuid, 'shop.order', i / 10000 + 1, "
		"jsonb_build_object('sku', md5(i::text), 'quantity', i %% 7, 'customer', "
		"md5((i %% 10000)::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(0, %d) AS i",
		EVENTS - 1);
	run(connection, "SELECT goes_alter_store(feed => true), goes_create_subscription_store()");
	run(connection, "VACUUM ANALYZE events");
	run(connection, "SELECT goes_subscribe('shared', partitions => %d)", PARTITIONS);
	prepare(connection, "pages", "SELECT * FROM goes_feed($1)", 1, (Oid[]){INT8_OID});
	prepare(connection, "one", "SELECT 1", 0, NULL);
}

/*
 * connect_worker connects a worker.
 */
static PGconn *
connect_worker(void)
{
	PGconn *connection = connect_to_server();

	prepare(connection, "claim", "SELECT * FROM goes_claim('shared', 'worker', 1000)", 0, NULL);
	prepare(connection, "done", "SELECT goes_done('shared', $1, $2, done => $3)", 3,
			(Oid[]){INT4_OID, INT8_OID, 0});
	return connection;
}

/*
 * cpu_of_workers returns what all workers have taken so far, in seconds of a processor.
 */
static double
cpu_of_workers(PGconn **workers)
{
	double sum = 0;

	for (int i = 0; i < WORKERS; i++)
		sum += cpu_of(workers[i]);
	return sum;
}

/*
 * measure_workers prints the line for workers whose handlers do nothing.
 */
static void
measure_workers(PGconn *connection)
{
	PGconn *workers[WORKERS];
	double	shared[ROUNDS];
	double	plain[ROUNDS];
	double	shared_cpu = 0;
	double	plain_cpu = 0;
	char	measured[64];
	char	target[64];
	double	ratio;

	for (int i = 0; i < WORKERS; i++)
		workers[i] = connect_worker();
	(void) share_feed(connection, workers);
	for (int i = 0; i < ROUNDS; i++)
	{
		double cpu = cpu_of(connection);

		plain[i] = follow_feed(connection);
		plain_cpu += cpu_of(connection) - cpu;
		cpu = cpu_of_workers(workers);
		shared[i] = share_feed(connection, workers);
		shared_cpu += cpu_of_workers(workers) - cpu;
	}
	for (int i = 0; i < WORKERS; i++)
		PQfinish(workers[i]);
	ratio = median(shared, ROUNDS) / median(plain, ROUNDS);
	snprintf(measured, sizeof(measured), "%.2f x the feed's rate", ratio);
	snprintf(target, sizeof(target), "at least %.1f x", LEAST_RATE);
	report("8 workers of a subscription, empty handlers", measured, target, ratio >= LEAST_RATE);
	detail(
		"workers %.0f events/s, one reader of goes_feed %.0f; %.2f and %.2f us of a processor an "
		"event",
		median(shared, ROUNDS), median(plain, ROUNDS), 1e6 * shared_cpu / ROUNDS / EVENTS,
		1e6 * plain_cpu / ROUNDS / EVENTS);
}

/*
 * measure_claim prints the line for a claim with nothing to do.
 */
static void
measure_claim(PGconn *connection)
{
	static const Side claim = {run_prepared, "claim", 0, CALLS_OF_TURN};
	static const Side one = {run_prepared, "one", 0, CALLS_OF_TURN};
	Cost			  cost;

	prepare(connection, "claim", "SELECT * FROM goes_claim('shared', 'worker', 1000)", 0, NULL);
	share_processor(connection, true);
	cost = compare_sides(connection, cpu_of, &claim, &one, MOST_TURNS);
	share_processor(connection, false);
	report_cost("goes_claim, nothing to do", cost, "SELECT 1, CPU", MOST_CLAIM);
	detail("goes_claim %.1f us, prepared SELECT 1 %.1f us of a processor", 1e6 * cost.ours,
		   1e6 * cost.theirs);
}

/*
 * report_look prints the line for a call that shows how a subscription is.
 */
static void
report_look(PGconn *connection, const char *what, const char *statement)
{
	Side   look = {run_prepared, statement, 0, 1};
	double costs[LOOKS];
	char   measured[64];
	char   target[64];

	for (int i = 0; i < LOOKS; i++)
		costs[i] = cost_of(connection, cpu_of, &look, i);
	snprintf(measured, sizeof(measured), "%.2f ms of a processor", 1e3 * median(costs, LOOKS));
	snprintf(target, sizeof(target), "at most %.0f ms", 1e3 * MOST_LOOK);
	report(what, measured, target, median(costs, LOOKS) <= MOST_LOOK);
}

/*
 * measure_looks prints the lines for those who look after a subscription of many partitions, with
 * events that are parked.
 */
static void
measure_looks(PGconn *connection)
{
	run(connection, "SELECT goes_subscribe('many', partitions => %d, max_attempts => 1)",
		MANY_PARTITIONS);
	run(connection, "CREATE TABLE claimed AS SELECT * FROM goes_claim('many', 'worker', %d)", HELD);
	run(connection,
		"SELECT count(goes_done('many', \"partition\", epoch, failed => ARRAY[first])) FROM "
		"(SELECT "
		"\"partition\", epoch, min(position) AS first FROM claimed GROUP BY 1, 2) AS firsts");
	prepare(connection, "lag", "SELECT * FROM goes_subscription_lag()", 0, NULL);
	prepare(connection, "parked", "SELECT * FROM goes_parked('many')", 0, NULL);
	report_look(connection, "goes_subscription_lag, 1,000 partitions", "lag");
	report_look(connection, "goes_parked, 1,000 partitions", "parked");
	PQclear(query(connection, "SELECT goes_unsubscribe('many')"));
	run(connection, "DROP TABLE claimed");
}

/*
 * measure_subscriptions measures and reports these bounds.
 */
void
measure_subscriptions(void)
{
	PGconn *connection = connect_to_server();

	make_store(connection);
	measure_workers(connection);
	measure_claim(connection);
	measure_looks(connection);
	run(connection, "DROP TABLE events, subscriptions, subscriptions_partitions, "
					"subscriptions_retries");
	PQfinish(connection);
}
