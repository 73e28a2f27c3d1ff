/*
 * workers.c
 *    Eight threads that share the events of a store by a subscription, and count them exactly once.
 *
 *        cc -o workers workers.c $(pkg-config --cflags --libs libgoes libpq) -pthread
 *        POSTGRES_EVENTSTORE=postgres://localhost ./workers
 *
 * Each thread opens the subscription for itself. What it counts and what it says is done are one
 * transaction, so a worker that dies in between, or is too late, has counted nothing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <goes.h>
#include <libpq-fe.h>

#define WORKERS 8
#define ORDERS 50
#define EVENTS 20 /* of each order */

typedef struct Worker
{
	goes_store *store;
	pthread_t	thread;
	int			number;
	int			handled;
} Worker;

/* Ends the program unless a call succeeded. */
static void
require(int status, goes_error **error)
{
	if (status >= GOES_OK)
		return;
	fprintf(stderr, "workers: %s: %s\n", goes_status_text(status), goes_error_message(*error));
	exit(1);
}

/* Runs a statement of the program's own in a transaction. */
static void
run(goes_tx *tx, const char *text)
{
	PGresult *result = PQexec(goes_tx_conn(tx), text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "workers: %s", PQresultErrorMessage(result));
		exit(1);
	}
	PQclear(result);
}

/* Switches the feed on, and makes the table of what is counted. */
static void
set_up(goes_store *store)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	require(goes_tx_begin(store, &tx, NULL, &error), &error);
	run(tx, "SET LOCAL client_min_messages = warning");
	run(tx, "SELECT goes_alter_store(feed => true)");
	run(tx, "CREATE TABLE IF NOT EXISTS order_counts (worker integer, events integer)");
	run(tx, "TRUNCATE order_counts");
	require(goes_tx_commit(tx, NULL, &error), &error);
}

/* Stores what happened to some orders. */
static void
place_orders(goes_store *store)
{
	for (int order = 0; order < ORDERS; order++)
	{
		goes_event	events[EVENTS];
		goes_error *error = NULL;
		goes_uuid	id;

		goes_uuid_v7(&id);
		for (int i = 0; i < EVENTS; i++)
			goes_event_init(&events[i], i == 0 ? "order.placed" : "order.changed", "{}");
		require(goes_append(store, "order", &id, events, EVENTS, 0, NULL, &error), &error);
	}
}

/* Counts what is handed out until a batch is at its end, and commits. False: nothing came. */
static int
work_batch(Worker *worker, goes_subscription *subscription)
{
	const goes_delivery *delivery;
	goes_error			*error = NULL;
	goes_tx				*tx;
	char				 text[128];
	int					 count = 0;
	int					 status;

	require(goes_tx_begin(worker->store, &tx, NULL, &error), &error);
	while ((status = goes_subscription_next(subscription, &delivery, NULL, &error)) == GOES_EVENT)
	{
		require(goes_delivery_done(subscription, delivery, &error), &error);
		count++;
	}
	require(status, &error);
	snprintf(text, sizeof text, "INSERT INTO order_counts VALUES (%d, %d)", worker->number, count);
	run(tx, text);
	status = goes_subscription_commit(subscription, tx, NULL, &error);
	if (status == GOES_ERR_LEASE_LOST) /* somebody else does it: nothing was counted */
	{
		goes_error_free(error);
		return 1;
	}
	require(status, &error);
	worker->handled += count;
	return count > 0;
}

/* A thread: works until nothing has come for a second. */
static void *
work(void *argument)
{
	Worker					 *worker = argument;
	goes_subscription_options options;
	goes_subscription		 *subscription;
	goes_error				 *error = NULL;
	char					  name[32];

	snprintf(name, sizeof name, "worker %d", worker->number);
	goes_subscription_options_init(&options, sizeof options);
	options.worker = name;
	options.batch = 50;
	options.wait_ms = 1000;
	options.manual_commit = true;
	require(goes_subscription_open(worker->store, NULL, "order counts", &options, &subscription,
								   &error),
			&error);
	while (work_batch(worker, subscription))
		;
	goes_subscription_close(subscription);
	return NULL;
}

/* Prints what the threads did, and what was counted. */
static void
tell(goes_store *store, const Worker *workers)
{
	goes_error *error = NULL;
	goes_tx	   *tx;
	PGresult   *result;
	int			handled = 0;
	int			busy = 0;

	for (int i = 0; i < WORKERS; i++)
	{
		handled += workers[i].handled;
		busy += workers[i].handled > 0;
	}
	require(goes_tx_begin(store, &tx, NULL, &error), &error);
	result = PQexec(goes_tx_conn(tx), "SELECT sum(events) FROM order_counts");
	printf("%d events were handled by %s, and %s counted\n", handled,
		   busy > 1 ? "several workers" : "one worker", PQgetvalue(result, 0, 0));
	PQclear(result);
	goes_tx_rollback(tx);
}

int
main(void)
{
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;
	Worker			   workers[WORKERS] = {{0}};

	goes_store_options_init(&options, sizeof options);
	options.max_connections = WORKERS; /* one for the transaction of each */
	require(goes_store_open(&store, &options, &error), &error);
	require(goes_store_connect(store, NULL, &error), &error);
	set_up(store);
	place_orders(store);
	for (int i = 0; i < WORKERS; i++)
	{
		workers[i] = (Worker){.store = store, .number = i + 1};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
		{
			fprintf(stderr, "workers: no more threads\n");
			return 1;
		}
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	tell(store, workers);
	goes_store_close(store);
	return 0;
}
