/*
 * export.c
 *    goes export: events as lines of JSON, for goes import.
 *
 * With a feed they come by position, so an export that was broken off can go on. A store without one
 * is read by time.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/commands.h"

enum
{
	KEY_AFTER = 0x300
};

/* So many events are written between two marks. */
#define MARK_EVERY 200

static int64_t after = -1; /* below 0: not given */

/* What was written whole, for the last words. */
typedef struct Mark
{
	int64_t count;
	int64_t position;
	off_t	place; /* in the file; below 0: it is none */
} Mark;

static bool has_feed = false;
static Mark written; /* handed to stdio */
static Mark kept;	 /* and that to the system */

static const struct argp_option options[] = {
	{"after", KEY_AFTER, "POSITION", 0, "Go on behind this position of the feed", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case KEY_AFTER:
			after = number_between(state, argument, 0, INT64_MAX);
			return 0;
		case ARGP_KEY_ARG:
			argp_error(state, "export takes no argument: it writes to standard output");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{.argp = &filter_options},
											 {.argp = &connection_options},
											 {0}};

static const struct argp argp = {.options = options,
								 .parser = parse,
								 .doc = "Writes events as lines of JSON, which \"goes import\" "
										"reads. A store with a feed is written in "
										"the order of its positions, any other one by time. An "
										"export that was broken off says where "
										"to go on.\v"
										"Example:\n\n"
										"  goes export >events.jsonl\n"
										"  goes export --after 1000000 >>events.jsonl\n"
										"  goes export | goes --url postgres://other import",
								 .children = children};

/*
 * tell_how_far names what was written, and how to go on. A file that could not take all of the last
 * events is cut behind those before, so that it ends with a whole line.
 */
static void
tell_how_far(void)
{
	progress_end();
	if (kept.place >= 0 && ftruncate(STDOUT_FILENO, kept.place) != 0)
		fputs("goes: the last line may be cut\n", stderr);
	fprintf(stderr, "goes: %s events were written", grouped(kept.count));
	if (has_feed && kept.count > 0)
		fprintf(stderr, ", up to position %lld: go on with --after %lld", (long long) kept.position,
				(long long) kept.position);
	fputc('\n', stderr);
}

/*
 * place_in_file returns where standard output is; below 0: it is no file.
 */
static off_t
place_in_file(void)
{
	struct stat state;

	if (fstat(STDOUT_FILENO, &state) != 0 || !S_ISREG(state.st_mode))
		return -1;
	return lseek(STDOUT_FILENO, 0, SEEK_CUR);
}

/*
 * keep hands to the system what was written, which may fail.
 */
static void
keep(void)
{
	require_written(stdout);
	kept = written;
	kept.place = place_in_file();
}

static void
write_event(const goes_event *event, int64_t position)
{
	event_to_json(stdout, event, position);
	written.count++;
	written.position = position;
	/* the reason of what cannot be written is there only now */
	if (written.count % MARK_EVERY != 0 && !ferror(stdout))
		return;
	keep();
	progress_show(written.count, has_feed ? position - (after > 0 ? after : 0) : written.count);
}

/*
 * require_read ends the tool unless the store could be read, and keeps what was read before.
 */
static void
require_read(int status, goes_error **error)
{
	if (status < GOES_OK)
		keep();
	require(status, error);
}

/*
 * last_position returns how far the feed is; below 0: there is none.
 */
static int64_t
last_position(goes_store *store)
{
	const char *values[] = {store_table()};
	PGresult   *result = ask(goes_store_pool(store),
							 "SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger "
							   "WHERE tgrelid = $1::text::regclass AND tgname = 'goes_feed_truncate') "
							   "THEN @goes_feed_position(store => $1::text) ELSE -1 END",
							 1, values);
	int64_t		position = strtoll(PQgetvalue(result, 0, 0), NULL, 10);

	PQclear(result);
	return position;
}

static void
export_feed(goes_store *store)
{
	goes_feed_options feed_options;
	goes_feed		 *feed;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	goes_feed_options_init(&feed_options, sizeof feed_options);
	feed_options.after = after > 0 ? after : 0;
	feed_options.filter = has_filters() ? chosen_query() : NULL;
	feed_options.wait_ms = -1;
	require(goes_feed_open(store, &feed_options, &feed, &error), &error);
	while ((status = goes_feed_next(feed, &event, call_context(), &error)) == GOES_EVENT)
		write_event(event, goes_feed_position(feed, NULL));
	require_read(status, &error);
	goes_feed_close(feed);
}

static void
export_by_time(goes_store *store)
{
	goes_cursor		 *events;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	(void) goes_query_sort(chosen_query(), GOES_SORT_TIME, GOES_ASC);
	(void) goes_query_sort(chosen_query(), GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	require(goes_query_run(store, chosen_query(), &events, call_context(), &error), &error);
	while ((status = goes_cursor_next(events, &event, &error)) == GOES_EVENT)
		write_event(event, 0);
	require_read(status, &error);
	goes_cursor_close(events);
}

/*
 * begin_progress finds out how much there is, if there is somebody to see it.
 */
static void
begin_progress(goes_store *store, int64_t last)
{
	goes_error *error = NULL;
	int64_t		total = last - (after > 0 ? after : 0);

	if (!has_feed && isatty(STDERR_FILENO))
		require(goes_count(store, chosen_query(), &total, call_context(), &error), &error);
	/* lines on the same terminal would meet the bar */
	if (!isatty(STDOUT_FILENO))
		progress_begin(total);
}

static int
run(void)
{
	goes_store *store = open_store(false);
	int64_t		last = last_position(store);

	has_feed = last >= 0;
	if (!has_feed && after >= 0)
		fail(EXIT_USAGE, "--after needs a store with a feed: \"goes init --feed\" switches it on");
	set_last_words(tell_how_far);
	begin_progress(store, last);
	kept.place = place_in_file();
	if (has_feed)
		export_feed(store);
	else
		export_by_time(store);
	keep();
	progress_end();
	goes_store_close(store);
	return EXIT_FINE;
}

const Command export_command = {"export", "write events as lines of JSON", &argp, run};
