/*
 * proxy.h
 *    A proxy between libgoes and the server, in a thread of the test program, which counts the
 *    messages that pass, and breaks or delays a connection at the one that a test chooses.
 *
 * Messages are counted from 1 in each direction, over all connections, from proxy_plan on. The
 * first one of a connection, its start-up packet, counts; Terminate and requests to cancel do not.
 */
#ifndef GOES_TEST_PROXY_H
#define GOES_TEST_PROXY_H

#include <time.h>

#include "server.h"

/* The application_name of sessions that come by way of a proxy. */
#define PROXY_NAME "goes_proxy"

typedef enum Direction
{
	TO_SERVER,
	TO_CLIENT,
	DIRECTIONS
} Direction;

/* What befalls a message. */
typedef enum Fate
{
	DROPPED,   /* the connection is cut before it */
	TORN,	   /* half of it arrives, then the connection is cut */
	DELIVERED, /* it arrives, then the connection is cut */
	FATES,
	DELAYED = FATES /* it arrives, and all that is behind it, delay_ms later */
} Fate;

typedef struct Plan
{
	Direction direction;
	int		  number; /* of the message; 0: nothing happens */
	Fate	  fate;
	bool	  keeps_server; /* the client's side is cut, the server's stays open */
	bool	  refuses;		/* later connections are refused */
	int		  delay_ms;
	/* done right after the cut, before any later connection is served */
	void (*then)(void *argument);
	void *argument;
} Plan;

typedef struct Proxy Proxy;

/* proxy_start makes a proxy before the server of GOES_TEST_URL. */
Proxy *proxy_start(void);
void   proxy_stop(Proxy *proxy);

/* proxy_url returns the keywords that lead to the proxy, which live as long as it does. */
const char *proxy_url(const Proxy *proxy);

/* proxy_plan counts anew from here, and has up to three plans carried out, each once. */
void proxy_plan(Proxy *proxy, const Plan *plans, int count);

/* proxy_cut cuts every connection, those too whose server's side was kept. */
void proxy_cut(Proxy *proxy);

/* Of the time since proxy_plan: messages, connections, plans carried out so far. */
int proxy_messages(Proxy *proxy, Direction direction);
int proxy_connections(Proxy *proxy);
int proxy_struck(Proxy *proxy);

/* Had the connection that a plan last struck not yet been ready for its first statement? */
bool proxy_struck_early(Proxy *proxy);

/* ---- What the tests of lost connections share */

#define PLACES_FROM_THE_FIRST                                \
	{                                                        \
		.direction = TO_SERVER, .number = 1, .fate = DROPPED \
	}

/*
 * proxy_next moves a plan that was carried out, or was not since there were fewer messages, to the
 * next place for a cut: before, in and behind every message to the server, then every one to the
 * client. false when there are no more.
 */
static inline bool
proxy_next(Proxy *proxy, Plan *plan)
{
	if (proxy_struck(proxy) == 0)
	{
		plan->number = 1;
		plan->fate = DROPPED;
		return ++plan->direction < DIRECTIONS;
	}
	if (++plan->fate == FATES)
	{
		plan->fate = DROPPED;
		plan->number++;
	}
	return true;
}

/*
 * proxy_next_message does so with one place at each message, in turn before it, in it and behind it.
 */
static inline bool
proxy_next_message(Proxy *proxy, Plan *plan)
{
	if (proxy_struck(proxy) == 0)
		return proxy_next(proxy, plan);
	plan->fate = (plan->fate + 1) % FATES;
	plan->number++;
	return true;
}

/* Where a test was when it failed. */
#define PLACE "message %d to the %s, %s"
#define PLACE_OF(plan)                                                    \
	(plan)->number, (plan)->direction == TO_SERVER ? "server" : "client", \
		((const char *const[]){"dropped", "torn", "delivered", "delayed"})[(plan)->fate]

/* proxy_open opens a store by way of the proxy; patience_ms is its connect_timeout_ms. */
static inline goes_store *
proxy_open(const Proxy *proxy, const char *table, int64_t patience_ms, int max_connections)
{
	goes_store_options options;
	goes_store		  *store = NULL;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = proxy_url(proxy);
	options.database = TEST_DATABASE;
	options.table = table;
	options.connect_timeout_ms = patience_ms;
	options.max_connections = max_connections;
	assert_ok(goes_store_open(&store, &options, &error));
	return store;
}

/* fill_events makes versions of one aggregate, and events that have none or only its name. */
static inline void
fill_events(goes_event *events, size_t n)
{
	goes_uuid aggregate;

	goes_uuid_v7(&aggregate);
	for (size_t i = 0; i < n; i++)
	{
		goes_event_init(&events[i], "order.placed", "{\"total\": 30.0, \"items\": [1, 2]}");
		if (i % 4 == 2)
			continue;
		events[i].aggregate_name = "order";
		if (i % 4 == 3)
			continue;
		events[i].aggregate_id = aggregate;
		events[i].aggregate_version = (int32_t) i + 1;
	}
}

/* number_of runs a statement directly on the server, which returns a number. */
#define number_of(...) number_in(admin(TEST_DATABASE, __VA_ARGS__))

static inline int64_t
number_in(char *text)
{
	int64_t number = text == NULL ? -1 : strtoll(text, NULL, 10);

	free(text);
	return number;
}

/* count_stored counts those of some events that are in a table, each at most once. */
static inline size_t
count_stored(const char *table, const goes_event *events, size_t n)
{
	size_t stored = 0;
	char   text[8192] = "";

	assert_true(n * 39 < sizeof text - 200);
	for (size_t i = 0, used = 0; i < n; i++)
	{
		char id[37];

		goes_uuid_format(&events[i].id, id);
		used += (size_t) sprintf(text + used, "%s'%s'", i > 0 ? "," : "", id);
	}
	stored = (size_t) number_of("SELECT count(*) FROM %s WHERE id IN (%s)", table, text);
	return stored;
}

/* settle cuts every connection of the proxy and waits until the server is done with them. */
static inline void
settle(Proxy *proxy)
{
	PGconn *connection = admin_connection(TEST_DATABASE);
	bool	is_done = false;

	proxy_cut(proxy);
	while (!is_done)
	{
		PGresult *result = PQexec(connection, "SELECT 1 FROM pg_stat_activity WHERE "
											  "application_name = '" PROXY_NAME "' LIMIT 1");

		assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
		is_done = PQntuples(result) == 0;
		PQclear(result);
	}
	PQfinish(connection);
}

/* milliseconds returns the time of a clock that only goes forward. */
static inline int64_t
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
