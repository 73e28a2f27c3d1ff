/*
 * goes_bench_libgoes.c
 *	  The store from C, by libgoes.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

typedef struct Stores
{
	goes_store *events;
	goes_store *followed;
	goes_feed  *feed;
} Stores;

/*
 * require ends the program when libgoes failed.
 */
void
require(int status, goes_error *error)
{
	if (status < 0)
		die("libgoes: %s", goes_error_message(error));
}

/*
 * open_table opens a store of the database that the URL names. One whose appends share commits has as many
 * connections as a store has by default, others have one.
 */
goes_store *
open_table(const char *url, const char *table, bool coalesces)
{
	PQconninfoOption  *parts = PQconninfoParse(url, NULL);
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = url;
	options.table = table;
	options.max_connections = coalesces ? 0 : 1;
	options.coalesce_appends = coalesces;
	for (PQconninfoOption *part = parts; part != NULL && part->keyword != NULL; part++)
	{
		if (strcmp(part->keyword, "dbname") == 0)
			options.database = part->val;
	}
	require(goes_store_open(&store, &options, &error), error);
	PQconninfoFree(parts);
	require(goes_store_connect(store, NULL, &error), error);
	return store;
}

static void *
connect_libgoes(const char *url)
{
	Stores *stores = calloc(1, sizeof(Stores));

	if (stores == NULL)
		die("out of memory");
	stores->events = open_table(url, "events", false);
	stores->followed = open_table(url, "followed", false);
	return stores;
}

/*
 * append_events appends events of data that was made beforehand.
 */
long
append_events(goes_store *store, const goes_uuid *aggregate, const Event *made, int count,
			  int expected)
{
	goes_event	events[MOST_COUNT];
	goes_error *error = NULL;

	for (int i = 0; i < count; i++)
		goes_event_init(&events[i], COMMON_NAME, made[i].data);
	require(goes_append(store, AGGREGATE_NAME, aggregate, events, (size_t) count, expected, NULL,
						&error),
			error);
	return count;
}

static long
append_libgoes(Client *client)
{
	Stores *stores = client->link;
	bool	is_followed = strcmp(client->turn->scenario, "follow") == 0;
	int		expected = client->version;
	Event	event;

	make_events(client, &event, 1);
	return append_events(is_followed ? stores->followed : stores->events, &client->stream, &event,
						 1, expected);
}

static long
append_hot(Client *client)
{
	Stores *stores = client->link;
	Event	event;

	make_events(client, &event, 1);
	return append_events(stores->events, &client->turn->hot, &event, 1, GOES_EXPECT_ANY);
}

static long
append_batch(Client *client)
{
	Stores *stores = client->link;
	Event	events[MOST_COUNT];

	make_aggregate(client, events);
	return append_events(stores->events, &client->stream, events, client->turn->count, 0);
}

/*
 * read_query reads what a query leaves, and frees it.
 */
static long
read_query(Client *client, goes_query *query)
{
	Stores			 *stores = client->link;
	const goes_event *event;
	goes_cursor		 *cursor;
	goes_error		 *error = NULL;
	long			  count = 0;
	int				  status;

	require(goes_query_run(stores->events, query, &cursor, NULL, &error), error);
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
		count++;
	require(status, error);
	goes_cursor_close(cursor);
	goes_query_free(query);
	return count;
}

static long
load_libgoes(Client *client)
{
	long	  there = stored_aggregates(client->turn->size, client->turn->count);
	goes_uuid id =
		stored_aggregate(client->turn->count, (long) (next_random(client) % (uint64_t) there));
	goes_query *query = goes_query_new();

	goes_query_aggregate(query, AGGREGATE_NAME, &id);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	return read_query(client, query);
}

static long
find_libgoes(Client *client)
{
	Stores	   *stores = client->link;
	goes_uuid	id = stored_id((long) (next_random(client) % (uint64_t) client->turn->size));
	goes_event *event;
	goes_error *error = NULL;

	require(goes_find(stores->events, &id, &event, NULL, &error), error);
	goes_event_free(event);
	return 1;
}

/*
 * in_order makes the query that reads in the system's order.
 */
static goes_query *
in_order(long most)
{
	goes_query *query = goes_query_new();

	goes_query_sort(query, GOES_SORT_TIME, GOES_ASC);
	goes_query_limit(query, most);
	return query;
}

static long
read_named(Client *client, const char *name)
{
	goes_query *query = in_order(COMMON_READ);

	goes_query_name(query, name);
	return read_query(client, query);
}

static long
common_libgoes(Client *client)
{
	return read_named(client, COMMON_NAME);
}

static long
rare_libgoes(Client *client)
{
	return read_named(client, RARE_NAME);
}

static long
everything_libgoes(Client *client)
{
	return read_query(client, in_order(MOST_READ));
}

/*
 * begin_following opens a feed behind all events that are there.
 */
static void
begin_following(void *link)
{
	Stores			 *stores = link;
	goes_feed_options options;
	goes_tx			 *tx;
	goes_error		 *error = NULL;
	PGresult		 *result;

	goes_feed_options_init(&options, sizeof options);
	require(goes_tx_begin(stores->followed, &tx, NULL, &error), error);
	result = PQexec(goes_tx_conn(tx), "SELECT goes_feed_position(0, store => 'followed')");
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(goes_tx_conn(tx)));
	options.after = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	require(goes_tx_commit(tx, NULL, &error), error);
	options.wait_ms = 20;
	goes_feed_close(stores->feed);
	require(goes_feed_open(stores->followed, &options, &stores->feed, &error), error);
}

/*
 * follow_libgoes takes the next event.
 */
static long
follow_libgoes(void *link, Numbers *latencies)
{
	Stores			 *stores = link;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status = goes_feed_next(stores->feed, &event, NULL, &error);

	require(status, error);
	if (status == GOES_END)
		return 0;
	keep_delay(latencies, event->data);
	return 1;
}

const Participant with_libgoes = {"libgoes",
								  connect_libgoes,
								  begin_following,
								  follow_libgoes,
								  {{"append", append_libgoes},
								   {"follow", append_libgoes},
								   {"hot", append_hot},
								   {"batch", append_batch},
								   {"load", load_libgoes},
								   {"find", find_libgoes},
								   {"common", common_libgoes},
								   {"rare", rare_libgoes},
								   {"everything", everything_libgoes}}};
