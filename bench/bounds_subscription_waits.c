/*
 * bounds_subscription_waits.c
 *	  What many subscriptions cost while nothing happens.
 *
 * A worker of each waits; the same workers poll one after the other, which tells what a poll takes,
 * and so what polling all the time would.
 */
#include <stdio.h>

#include "bounds.h"

#define SUBSCRIPTIONS 1000
#define IDLE_SECONDS 20
#define SETTLE_SECONDS 12
#define POLLS 20 /* of each worker */
#define POLL_MILLISECONDS 20
#define MOST_IDLE 0.1

/*
 * cpu_of_all returns what all workers have taken so far, in seconds of a processor.
 */
static double
cpu_of_all(PGconn **workers)
{
	double sum = 0;

	for (int i = 0; i < SUBSCRIPTIONS; i++)
		sum += cpu_of(workers[i]);
	return sum;
}

/*
 * connect_workers connects a worker to each subscription.
 */
static void
connect_workers(PGconn **workers)
{
	for (int i = 0; i < SUBSCRIPTIONS; i++)
	{
		char text[128];

		workers[i] = connect_to_server();
		snprintf(text, sizeof(text), "SELECT * FROM goes_claim('idle %d', 'worker', 100)", i);
		prepare(workers[i], "poll", text, 0, NULL);
	}
}

/*
 * poll_all lets each worker poll, and returns what a second of that takes at the pace of the bound.
 */
static double
poll_all(PGconn **workers)
{
	static const Side poll = {run_prepared, "poll", 0, 1};
	double			  before;

	for (int i = 0; i < SUBSCRIPTIONS; i++)
		run_prepared(workers[i], &poll, 0);
	before = cpu_of_all(workers);
	for (int turn = 0; turn < POLLS; turn++)
	{
		for (int i = 0; i < SUBSCRIPTIONS; i++)
			run_prepared(workers[i], &poll, turn);
	}
	return (cpu_of_all(workers) - before) / POLLS * 1000 / POLL_MILLISECONDS;
}

/*
 * wait_all lets each worker wait, and returns what a second of that takes.
 */
static double
wait_all(PGconn **workers)
{
	double before;
	double taken;

	for (int i = 0; i < SUBSCRIPTIONS; i++)
	{
		char text[128];

		snprintf(text, sizeof(text),
				 "SELECT FROM goes_claim('idle %d', 'worker', 1, wait_ms => 60000)", i);
		if (!PQsendQuery(workers[i], text))
			die("%s", PQerrorMessage(workers[i]));
	}
	pause_for(1000 * SETTLE_SECONDS);
	before = cpu_of_all(workers);
	pause_for(1000 * IDLE_SECONDS);
	taken = cpu_of_all(workers) - before;
	return taken / IDLE_SECONDS;
}

/*
 * end_waits gives every worker an event.
 */
static double
end_waits(PGconn *writer, PGconn **workers)
{
	double before = cpu_of_all(workers);

	run(writer, "INSERT INTO events (id, name, \"time\") VALUES (gen_random_uuid(), 'event', 1)");
	for (int i = 0; i < SUBSCRIPTIONS; i++)
	{
		PGresult *claimed = PQgetResult(workers[i]);

		if (PQresultStatus(claimed) != PGRES_TUPLES_OK || PQntuples(claimed) != 1)
			die("worker %d did not get the event: %s", i, PQerrorMessage(workers[i]));
		PQclear(claimed);
		PQclear(PQgetResult(workers[i]));
	}
	return cpu_of_all(workers) - before;
}

/*
 * measure_subscription_waits measures and reports this bound.
 */
void
measure_subscription_waits(void)
{
	static PGconn *workers[SUBSCRIPTIONS];
	PGconn		  *writer = connect_to_server();
	double		   waiting;
	double		   polling;
	double		   event;
	char		   measured[64];
	char		   target[64];

	run(writer, "SELECT goes_create_store(), goes_alter_store(feed => true), "
				"goes_create_subscription_store()");
	run(writer,
		"SELECT count(goes_subscribe('idle ' || n, partitions => 1)) FROM generate_series(0, %d) "
		"AS n",
		SUBSCRIPTIONS - 1);
	run(writer, "VACUUM ANALYZE subscriptions, subscriptions_partitions");
	connect_workers(workers);
	polling = poll_all(workers);
	waiting = wait_all(workers);
	event = end_waits(writer, workers);
	for (int i = 0; i < SUBSCRIPTIONS; i++)
		PQfinish(workers[i]);
	snprintf(measured, sizeof(measured), "%.3f x polling, CPU", waiting / polling);
	snprintf(target, sizeof(target), "at most %.1f x", MOST_IDLE);
	report("1,000 idle subscriptions, a worker of each waits", measured, target,
		   waiting <= MOST_IDLE * polling);
	detail(
		"waiting %.1f %% of a processor, a poll %.1f us, so polling every %d ms %.0f %%; an event "
		"for all of them %.1f us each",
		100 * waiting, 1e6 * polling * POLL_MILLISECONDS / 1000 / SUBSCRIPTIONS, POLL_MILLISECONDS,
		100 * polling, 1e6 * event / SUBSCRIPTIONS);
	run(writer, "DROP TABLE events, subscriptions, subscriptions_partitions, "
				"subscriptions_retries");
	PQfinish(writer);
}
