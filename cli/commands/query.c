/*
 * query.c
 *    goes query: events by any filter.
 */
#include <string.h>

#include "commands/commands.h"

enum
{
	KEY_SORT = 0x300,
	KEY_LIMIT,
	KEY_COUNT
};

static bool counts = false;

static const struct argp_option options[] = {
	{"sort", KEY_SORT, "KEY[:desc]", 0,
	 "Sort by time, aggregate_name, aggregate_id or aggregate_version; further ones break ties", 1},
	{"limit", KEY_LIMIT, "N", 0, "Show at most so many events", 1},
	{"count", KEY_COUNT, NULL, 0, "Only say how many there are", 1},
	{0}};

static int
add_sort(const struct argp_state *state, char *text)
{
	static const char *const keys[] = {[GOES_SORT_TIME] = "time",
									   [GOES_SORT_AGGREGATE_NAME] = "aggregate_name",
									   [GOES_SORT_AGGREGATE_ID] = "aggregate_id",
									   [GOES_SORT_AGGREGATE_VERSION] = "aggregate_version"};
	size_t					 length = strcspn(text, ":");
	const char				*behind = text + length;
	goes_direction			 direction = strcmp(behind, ":desc") == 0 ? GOES_DESC : GOES_ASC;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
	{
		if (strlen(keys[i]) == length && strncmp(keys[i], text, length) == 0 &&
			(*behind == '\0' || strcmp(behind, ":asc") == 0 || direction == GOES_DESC))
			return goes_query_sort(chosen_query(), (goes_sort) i, direction);
	}
	argp_error(state, "\"%s\" is nothing to sort by: see --help", text);
	return GOES_ERR_INVALID;
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case KEY_SORT:
			(void) add_sort(state, argument);
			return 0;
		case KEY_LIMIT:
			(void) goes_query_limit(chosen_query(), number_between(state, argument, 1, INT64_MAX));
			return 0;
		case KEY_COUNT:
			counts = true;
			return 0;
		case ARGP_KEY_ARG:
			argp_error(state,
					   "\"%s\" is no option: filters begin with --, as in --name order.placed",
					   argument);
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc =
		"Shows the events that pass all filters. A time is 2026-11-28T20:00:00Z, 2026-11-28, or "
		"nanoseconds since 1970; without a zone it is UTC. If ids are asked for and no event has "
		"them, the exit status is 3.\v"
		"Example:\n\n"
		"  goes query --name order.placed --time-min 2026-11-01 --sort time:desc --limit 10",
	.children = filter_children};

static int
show_count(goes_store *store)
{
	goes_error *error = NULL;
	int64_t		count;

	require(goes_count(store, chosen_query(), &count, call_context(), &error), &error);
	if (chosen_format()->is_json)
		printf("{\"count\": %lld}\n", (long long) count);
	else
		printf("%lld\n", (long long) count);
	require_written(stdout);
	return EXIT_FINE;
}

static int
run(void)
{
	goes_store		 *store = open_store(false);
	EventRows		 *rows;
	goes_cursor		 *events;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	if (counts)
		return show_count(store);
	rows = event_rows_new(chosen_format(), EVENTS_OF_QUERY);
	require(goes_query_run(store, chosen_query(), &events, call_context(), &error), &error);
	while ((status = goes_cursor_next(events, &event, &error)) == GOES_EVENT)
		event_rows_add(rows, event, 0);
	if (status != GOES_END)
		event_rows_flush(rows);
	require(status, &error);
	goes_cursor_close(events);
	goes_store_close(store);
	if (event_rows_end(rows) == 0 && asks_for_ids())
		fail(EXIT_NOT_FOUND, "there is no such event");
	return EXIT_FINE;
}

const Command query_command = {"query", "show the events that pass filters", &argp, run};
