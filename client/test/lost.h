/*
 * lost.h
 *    What the tests of lost connections share. A program of them ends with
 *
 *        return RUN_LOST_TESTS(tests);
 *
 *    which gives its tests the proxy.
 */
#ifndef GOES_TEST_LOST_H
#define GOES_TEST_LOST_H

#include <signal.h>
#include <sys/time.h>

#include "proxy.h"

#define PATIENCE_MS 2000
#define LITTLE_PATIENCE_MS 200
#define WITHIN_MS 1000 /* goes.h: a call that is late or cancelled returns within a second */

static Proxy *proxy;

/*
 * make_database makes the database and its extension, which takes longer on a busy machine than the
 * stores of a test have patience.
 */
static inline void
make_database(void)
{
	goes_store *store = open_store("events");
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	goes_store_close(store);
}

static inline int
start_proxy(void **state)
{
	(void) paced_ms(0); /* measured before there are other threads */
	make_database();
	proxy = proxy_start();
	return 0;
}

static inline int
stop_proxy(void **state)
{
	proxy_stop(proxy);
	return 0;
}

#define RUN_LOST_TESTS(tests) RUN_GROUP(tests, start_proxy, stop_proxy)

/* No plan is carried out from here on, and messages are counted anew. */
static inline void
leave_in_peace(void)
{
	proxy_plan(proxy, NULL, 0);
}

/* ---- Where a connection breaks */

#define PLACES_FROM_THE_FIRST                                \
	{                                                        \
		.direction = TO_SERVER, .number = 1, .fate = DROPPED \
	}

/*
 * next_place moves a plan to the next place for a cut: before, in and behind each message to the
 * server, and then to the client. A plan that was not carried out was beyond the last message.
 * Returns false when there are no more places.
 */
static inline bool
next_place(Plan *plan)
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
 * next_message does the same with one place for each message, in turn before it, in it and behind
 * it.
 */
static inline bool
next_message(Plan *plan)
{
	if (proxy_struck(proxy) == 0)
		return next_place(plan);
	plan->fate = (plan->fate + 1) % FATES;
	plan->number++;
	return true;
}

/* Where a test was when it failed. */
#define PLACE "message %d to the %s, %s"
#define PLACE_OF(plan)                                                    \
	(plan)->number, (plan)->direction == TO_SERVER ? "server" : "client", \
		((const char *const[]){"dropped", "torn", "delivered", "delayed"})[(plan)->fate]

/* expect_soon expects something that was begun then to be over within so many ms. */
static inline void
expect_soon(const Plan *plan, int64_t begun, int64_t most_ms)
{
	int64_t taken = milliseconds() - begun;

	if (!is_short(taken, most_ms))
		fail_msg(PLACE ": it took %lld ms", PLACE_OF(plan), (long long) taken);
}

/* ---- Stores, and what is in them */

/* open_by_proxy opens a store by way of the proxy; patience_ms, paced, is its connect_timeout_ms. */
static inline goes_store *
open_by_proxy(const char *table, int64_t patience_ms, int max_connections)
{
	goes_store_options options = options_of(table);

	options.url = proxy_url(proxy);
	options.connect_timeout_ms = paced_ms(patience_ms);
	options.max_connections = max_connections;
	return open_with(&options);
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

/* count_stored counts how many of some events are in a table. */
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
settle(void)
{
	proxy_cut(proxy);
	while (number_of("SELECT 1 FROM pg_stat_activity WHERE application_name = '" PROXY_NAME
					 "' LIMIT 1") == 1)
		usleep(500);
}

/*
 * reach_server leaves the store a connection. One with little patience tries again: on a busy machine
 * connecting may take longer than that.
 */
static inline void
reach_server(goes_store *store)
{
	const goes_uuid unknown = {{1}};
	int				status = GOES_ERR_TIMEOUT;

	leave_in_peace();
	for (int tries = 0; tries < 20 && status == GOES_ERR_TIMEOUT; tries++)
	{
		goes_event *found = NULL;

		status = goes_find(store, &unknown, &found, NULL, NULL);
	}
	assert_int_equal(status, GOES_ERR_NOT_FOUND);
}

/*
 * warm_up leaves the store a connection that has inserted before.
 */
static inline void
warm_up(goes_store *store)
{
	goes_event	event;
	goes_error *error = NULL;

	reach_server(store);
	goes_event_init(&event, "warm.up", NULL);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
}

/* ---- Hooks that count how often they run */

static inline int
count_runs(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	int *runs = user;

	++*runs;
	return 0;
}

static inline void
add_counting_hooks(goes_store *store, int *runs)
{
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, count_runs, runs), GOES_OK);
	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, count_runs, runs), GOES_OK);
}

/* ---- What goes on meanwhile */

/* A rival's statement, to be run at a cut: Plan.then. */
static inline void
run_directly(void *statement)
{
	PGconn *connection = admin_connection(TEST_DATABASE);

	PQclear(PQexec(connection, statement));
	PQfinish(connection);
}

/* linger_at_commit makes every commit of an insert into a table take so long. */
static inline void
linger_at_commit(const char *table, int64_t ms)
{
	admin_do(TEST_DATABASE,
			 "CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
			 "$$BEGIN PERFORM pg_sleep(%g); RETURN NULL; END$$;"
			 "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED "
			 "FOR EACH ROW EXECUTE FUNCTION linger()",
			 (double) ms / 1000, table);
}

static goes_cancel *alarmed;

static inline void
trigger_alarmed(int signal)
{
	goes_cancel_trigger(alarmed);
}

/* cancel_in has a signal handler trigger a cancel soon; 0: not any more. */
static inline void
cancel_in(goes_cancel *cancel, int64_t milliseconds)
{
	const struct itimerval soon = {.it_value.tv_sec = milliseconds / 1000,
								   .it_value.tv_usec = milliseconds % 1000 * 1000};

	alarmed = cancel;
	signal(SIGALRM, trigger_alarmed);
	setitimer(ITIMER_REAL, &soon, NULL);
}

#endif
