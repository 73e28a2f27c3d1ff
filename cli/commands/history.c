/*
 * history.c
 *    goes history: what happened to one aggregate.
 */
#include "commands/commands.h"

enum
{
	KEY_FROM = 0x300,
	KEY_TO,
	KEY_LIMIT
};

static struct
{
	const char *name;
	goes_uuid	id;
} aggregate;

static const struct argp_option options[] = {
	{"from", KEY_FROM, "VERSION", 0, "Begin with this version", 1},
	{"to", KEY_TO, "VERSION", 0, "End with this version", 1},
	{"limit", KEY_LIMIT, "N", 0, "Show at most so many events", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case KEY_FROM:
			(void) goes_query_version_min(chosen_query(),
										  (int32_t) number_between(state, argument, 0, INT32_MAX));
			return 0;
		case KEY_TO:
			(void) goes_query_version_max(chosen_query(),
										  (int32_t) number_between(state, argument, 0, INT32_MAX));
			return 0;
		case KEY_LIMIT:
			(void) goes_query_limit(chosen_query(), number_between(state, argument, 1, INT64_MAX));
			return 0;
		case ARGP_KEY_ARG:
			if (state->arg_num == 0)
				aggregate.name = argument;
			else if (state->arg_num == 1)
				aggregate.id = uuid_of(state, argument);
			else
				argp_error(state, "history takes one aggregate");
			return 0;
		case ARGP_KEY_END:
			if (state->arg_num < 2)
				argp_error(state, "history needs the name and the id of an aggregate");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "AGGREGATE UUID",
	.doc = "Shows the events of an aggregate, by version. Without any, the exit status is 3.\v"
		   "Example:\n\n"
		   "  goes history order 019a0000-0000-7000-8000-000000000001 --from 2",
	.children = format_children};

static int
run(void)
{
	goes_store		 *store = open_store(false);
	EventRows		 *rows = event_rows_new(chosen_format(), EVENTS_OF_AGGREGATE);
	goes_cursor		 *events;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	(void) goes_query_aggregate(chosen_query(), aggregate.name, &aggregate.id);
	(void) goes_query_sort(chosen_query(), GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	require(goes_query_run(store, chosen_query(), &events, call_context(), &error), &error);
	while ((status = goes_cursor_next(events, &event, &error)) == GOES_EVENT)
		event_rows_add(rows, event, 0);
	require(status, &error);
	goes_cursor_close(events);
	goes_store_close(store);
	if (event_rows_end(rows) == 0)
		fail(EXIT_NOT_FOUND, "there are no such events of that %s", aggregate.name);
	return EXIT_FINE;
}

const Command history_command = {"history", "show the events of an aggregate", &argp, run};
