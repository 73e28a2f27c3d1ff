/*
 * bounds_follow.c
 *	  Following 2,000,000 events by goes_feed_next: how fast beside goes_query_run over the same
 *	  events, and how much memory it takes.
 *
 * The two take turns.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "goes.h"

#define FOLLOWED 2000000
#define ROUNDS 3
#define RATE_TARGET 0.80
#define MOST_GROWTH_KB (8 * 1024)

/*
 * require ends the program when libgoes failed.
 */
static void
require(int status, goes_error *error)
{
	if (status < 0)
		die("libgoes: %s", goes_error_message(error));
}

/*
 * own_memory returns the kilobytes that this program has.
 */
static long
own_memory(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char  line[256];
	long  kilobytes = -1;

	while (file != NULL && kilobytes < 0 && fgets(line, sizeof line, file) != NULL)
		(void) sscanf(line, "RssAnon: %ld", &kilobytes);
	if (file != NULL)
		fclose(file);
	return kilobytes;
}

/*
 * follow_all follows the whole store and returns the events of a second. *growth gets the memory that
 * it took.
 */
static double
follow_all(goes_store *store, long *growth)
{
	goes_feed_options options;
	const goes_event *event;
	goes_feed		 *feed;
	goes_error		 *error = NULL;
	double			  start = seconds_now();
	long			  before = own_memory();
	int				  count = 0;
	int				  status;

	goes_feed_options_init(&options, sizeof options);
	options.wait_ms = -1;
	require(goes_feed_open(store, &options, &feed, &error), error);
	while ((status = goes_feed_next(feed, &event, NULL, &error)) == GOES_EVENT)
		count++;
	require(status, error);
	if (own_memory() - before > *growth)
		*growth = own_memory() - before;
	goes_feed_close(feed);
	if (count != FOLLOWED)
		die("%d events were followed in place of %d", count, FOLLOWED);
	return count / (seconds_now() - start);
}

/*
 * query_all reads the same events by a query.
 */
static double
query_all(goes_store *store)
{
	const goes_event *event;
	goes_cursor		 *cursor;
	goes_error		 *error = NULL;
	double			  start = seconds_now();
	int				  count = 0;
	int				  status;

	require(goes_query_run(store, NULL, &cursor, NULL, &error), error);
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
		count++;
	require(status, error);
	goes_cursor_close(cursor);
	return count / (seconds_now() - start);
}

/*
 * make_store makes a store of so many events with a feed.
 */
static goes_store *
make_store(PGconn *connection)
{
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = "postgres://?sslmode=disable"; /* the environment says the rest */
	options.database = PQdb(connection);
	options.table = "followed";
	require(goes_store_open(&store, &options, &error), error);
	require(goes_store_connect(store, NULL, &error), error);
	run(connection,
		"INSERT INTO followed SELECT goes_uuid_v7(), 'counted', n, gen_random_uuid(), 'aggregate', "
		"1, "
		"jsonb_build_object('n', n, 'text', repeat('x', 180)) FROM generate_series(1, %d) AS n",
		FOLLOWED);
	run(connection, "SELECT goes_alter_store('followed', feed => true)");
	run(connection, "VACUUM ANALYZE followed");
	return store;
}

void
measure_follow(void)
{
	PGconn	   *connection = connect_to_server();
	goes_store *store = make_store(connection);
	double		followed[ROUNDS];
	double		queried[ROUNDS];
	double		ratio;
	char		measured[64];
	long		growth = 0;

	(void) query_all(store);
	for (int i = 0; i < ROUNDS; i++)
	{
		followed[i] = follow_all(store, &growth);
		queried[i] = query_all(store);
	}
	goes_store_close(store);
	ratio = median(followed, ROUNDS) / median(queried, ROUNDS);
	snprintf(measured, sizeof measured, "%.2f x goes_query_run", ratio);
	report("following 2,000,000 events", measured, "at least 0.80 x", ratio >= RATE_TARGET);
	detail("followed %.0f events/s, queried %.0f (medians of %d pairs)", median(followed, ROUNDS),
		   median(queried, ROUNDS), ROUNDS);
	snprintf(measured, sizeof measured, "%ld kB more memory", growth);
	report("memory for following 2,000,000 events", measured, "at most 8 MB",
		   growth <= MOST_GROWTH_KB);
	run(connection, "DROP TABLE followed");
	PQfinish(connection);
}
