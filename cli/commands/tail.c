/*
 * tail.c
 *    goes tail: the newest events of a store, and those that come.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

enum
{
	KEY_AFTER = 0x300
};

/* Between attempts to reach a server that is away. */
#define PAUSE_MS 500

static struct
{
	bool	follows;
	int64_t after; /* below 0: not given */
	int64_t last;
} tail = {.after = -1, .last = 10};

static const struct argp_option options[] = {
	{"follow", 'f', NULL, 0, "Go on, and show events as they are stored", 1},
	{"after", KEY_AFTER, "POSITION", 0, "Begin behind this position; 0: with the first event", 1},
	{"lines", 'n', "N", 0, "Begin with the last N events (10)", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case 'f':
			tail.follows = true;
			return 0;
		case KEY_AFTER:
			tail.after = number_between(state, argument, 0, INT64_MAX);
			return 0;
		case 'n':
			tail.last = number_between(state, argument, 0, INT64_MAX);
			return 0;
		case ARGP_KEY_ARG:
			argp_error(state, "tail takes no argument; filters begin with --");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc =
		"Shows the newest events in the order of the store's feed, which \"goes init --feed\" "
		"switches "
		"on. With --follow it waits for more until ctrl-C, also while the server is away. Filters "
		"leave out some of the last N events.\v"
		"Example:\n\n"
		"  goes tail --follow --name order.placed --json",
	.children = filter_children};

/*
 * int64_at returns a number of a result.
 */
static int64_t
int64_at(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/*
 * What -n 0 leaves out: events that are there when the tail begins, and that the feed has yet to give out,
 * since a writer is open that may store one before them. After a crash all of them may be held back that
 * are new since.
 */
static struct
{
	PGresult *rows; /* positions, in ascending order, and ids */
	int		  next;
} old;

/*
 * is_old tells whether an event that the feed gives out, each behind the last, was there before.
 */
static bool
is_old(const goes_event *event, int64_t position)
{
	goes_uuid id;

	while (old.next < PQntuples(old.rows) && int64_at(old.rows, old.next, 0) < position)
		old.next++;
	return old.next < PQntuples(old.rows) && int64_at(old.rows, old.next, 0) == position &&
		   goes_uuid_parse(PQgetvalue(old.rows, old.next, 1), &id) == GOES_OK &&
		   memcmp(&id, &event->id, sizeof id) == 0;
}

/*
 * ask_events asks for the event before the last ones, and for none of those for the events behind the
 * position up to which the feed is settled, which *settled is set to.
 */
static PGresult *
ask_events(goes_pool *pool, int64_t last, int64_t *settled)
{
	char		number[24];
	const char *values[] = {store_table(), number};
	PGresult   *result;
	char	   *text = NULL;
	size_t		length;
	FILE	   *file;

	/* the name is written as in SQL; the server says it in a form that is safe to put into one */
	result = ask(pool,
				 "SELECT $1::text::pg_catalog.regclass::pg_catalog.text, @goes_feed_position(store "
				 "=> $1::text)",
				 1, values);
	*settled = int64_at(result, 0, 1);
	file = allocated(open_memstream(&text, &length));
	fprintf(file,
			last == 0 ? "SELECT position, id FROM %s WHERE position > %s ORDER BY position"
					  : "SELECT position FROM %s WHERE position <= %s ORDER BY position DESC "
						"OFFSET $1 LIMIT 1",
			PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	fclose(file);
	PQclear(result);
	snprintf(number, sizeof number, "%lld", (long long) last);
	result = ask(pool, allocated(text), last == 0 ? 0 : 1, values + 1);
	free(text);
	return result;
}

/*
 * position_before returns the position behind which the last events begin.
 */
static int64_t
position_before(goes_pool *pool, int64_t last)
{
	int64_t	  position;
	PGresult *events = ask_events(pool, last, &position);

	if (last == 0)
	{
		old.rows = events;
		return position;
	}
	position = PQntuples(events) == 0 ? 0 : int64_at(events, 0, 0);
	PQclear(events);
	return position;
}

static goes_feed *
open_feed(goes_store *store)
{
	goes_feed_options feed_options;
	goes_feed		 *feed;
	goes_error		 *error = NULL;

	goes_feed_options_init(&feed_options, sizeof feed_options);
	feed_options.after =
		tail.after >= 0 ? tail.after : position_before(goes_store_pool(store), tail.last);
	feed_options.filter = has_filters() ? chosen_query() : NULL;
	feed_options.wait_ms = tail.follows ? 0 : -1;
	require(goes_feed_open(store, &feed_options, &feed, &error), &error);
	return feed;
}

/*
 * waits_again tells whether a server that is away is waited for, and says so once.
 */
static bool
waits_again(int status, goes_error *error)
{
	static bool is_told = false;

	if (status >= GOES_OK)
		is_told = false;
	if (status != GOES_ERR_CONNECT || !tail.follows || is_interrupted())
		return false;
	if (!is_told)
		fprintf(stderr, "goes: %s\ngoes: waiting for the server\n", goes_error_message(error));
	is_told = true;
	goes_error_free(error);
	(void) poll(NULL, 0, PAUSE_MS);
	return true;
}

/*
 * show_until_end shows events, and when none is at hand for the moment all of them are on the screen. A
 * tail that does not follow asks by goes_feed_next() alone: goes_feed_process() has the server wait for news.
 */
static int
show_until_end(goes_feed *feed, EventRows *rows, goes_error **error)
{
	/* a wait for news is none for an answer, so --timeout does not bound it */
	goes_context	  context = {.size = sizeof context, .cancel = call_context()->cancel};
	const goes_event *event;
	int				  status;

	for (;;)
	{
		status = tail.follows ? goes_feed_process(feed, &event, error)
							  : goes_feed_next(feed, &event, call_context(), error);
		if (status == GOES_END && tail.follows)
		{
			event_rows_flush(rows);
			status = goes_feed_next(feed, &event, &context, error);
		}
		if (status == GOES_EVENT && !is_old(event, goes_feed_position(feed, NULL)))
			event_rows_add(rows, event, goes_feed_position(feed, NULL));
		if (status < GOES_OK || (status == GOES_END && !tail.follows))
			return status;
		(void) waits_again(status, NULL);
	}
}

static int
run(void)
{
	goes_store *store = open_store(false);
	goes_feed  *feed = open_feed(store);
	EventRows  *rows = event_rows_new(chosen_format(), EVENTS_OF_FEED);
	goes_error *error = NULL;
	int			status;

	do
	{
		status = show_until_end(feed, rows, &error);
		event_rows_flush(rows);
	} while (waits_again(status, error));
	require(status, &error);
	goes_feed_close(feed);
	goes_store_close(store);
	PQclear(old.rows);
	event_rows_end(rows);
	return EXIT_FINE;
}

const Command tail_command = {"tail", "show the newest events, and follow the store", &argp, run};
