/*
 * append.c
 *    goes append: events become the next versions of an aggregate.
 */
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

static struct
{
	const char *name;
	goes_uuid	id;
	int32_t		expected;
	goes_event *events;
	size_t		count;
} append = {.expected = GOES_EXPECT_ANY};

static const struct argp_option options[] = {
	{"expect", 'e', "VERSION", 0,
	 "Only if the aggregate is at this version: a number, none (it has no events), exists, or any",
	 1},
	{0}};

static int32_t
version_expected(const struct argp_state *state, const char *text)
{
	if (strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "exists") == 0)
		return GOES_EXPECT_EXISTS;
	if (strcmp(text, "any") == 0)
		return GOES_EXPECT_ANY;
	if (!is_numeral(text))
		argp_error(state, "\"%s\" is neither a version nor none, exists or any", text);
	return (int32_t) number_between(state, text, 0, INT32_MAX);
}

static goes_event *
new_event(void)
{
	append.events = allocated(realloc(append.events, (append.count + 1) * sizeof *append.events));
	return &append.events[append.count++];
}

/*
 * add_data gives the newest event its data, which have to be JSON.
 */
static void
add_data(const struct argp_state *state, char *text)
{
	goes_event *event = &append.events[append.count - 1];
	Json		json = {.at = text, .end = text + strlen(text)};

	if (!json_skip(&json) || json_peek(&json) != '\0')
		argp_error(state, "the data of \"%s\" are no JSON: %s at column %td", event->name,
				   json.problem != NULL ? json.problem : "something behind the value",
				   json.at - text + 1);
	event->data = text;
	event->data_len = strlen(text);
}

static void
take_argument(const struct argp_state *state, char *text)
{
	switch (state->arg_num)
	{
		case 0:
			append.name = text;
			return;
		case 1:
			if (strcmp(text, "new") == 0)
				goes_uuid_v7(&append.id);
			else
				append.id = uuid_of(state, text);
			return;
		default:
			if (state->arg_num % 2 == 0 && (*text == '{' || *text == '['))
				argp_error(state, "the name of an event is missing before the data %s", text);
			else if (state->arg_num % 2 == 0)
				goes_event_init(new_event(), text, NULL);
			else
				add_data(state, text);
	}
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case 'e':
			append.expected = version_expected(state, argument);
			return 0;
		case ARGP_KEY_ARG:
			take_argument(state, argument);
			return 0;
		case ARGP_KEY_END:
			if (state->arg_num < 2)
				argp_error(state, "append needs the name and the id of an aggregate");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "AGGREGATE UUID|new [NAME [DATA]]...",
	.doc = "Appends events to an aggregate, all or nothing: each has a name and JSON data. Without "
		   "them, "
		   "lines of JSON are read from standard input: {\"name\": \"order.placed\", \"data\": "
		   "{\"total\": 30}}. The word new makes an id.\v"
		   "Example:\n\n"
		   "  goes append order new order.placed '{\"total\": 30}' order.paid\n"
		   "  goes append order 019a0000-0000-7000-8000-000000000001 --expect 2 \\\n"
		   "      order.sent '{\"by\": \"post\"}'",
	.children = format_children};

/*
 * read_events reads lines of standard input. Each line stays, since its event points into it.
 */
static void
read_events(void)
{
	char	problem[PROBLEM_SIZE];
	char   *line = NULL;
	size_t	room = 0;
	ssize_t length;

	for (int64_t number = 1; (length = getline(&line, &room, stdin)) >= 0; number++)
	{
		if (strspn(line, " \t\r\n") == (size_t) length)
			continue;
		if (!event_from_json(line, (size_t) length, new_event(), problem))
			fail(EXIT_USAGE, "line %lld is no event: %s; nothing is stored", (long long) number,
				 problem);
		line = NULL;
		room = 0;
	}
	free(line);
	if (is_interrupted())
		fail(EXIT_INTERRUPTED, "interrupted: nothing is stored");
	if (append.count == 0)
		fail(EXIT_USAGE, "there are no events: give names and data, or lines of JSON");
}

static void
tell(void)
{
	const goes_event *last = &append.events[append.count - 1];
	EventRows		 *rows;
	char			  id[37];

	goes_uuid_format(&append.id, id);
	if (!chosen_format()->is_json)
	{
		printf("%s %s is at version %d\n", append.name, id, last->aggregate_version);
		require_written(stdout);
		return;
	}
	rows = event_rows_new(chosen_format(), EVENTS_OF_AGGREGATE);
	for (size_t i = 0; i < append.count; i++)
	{
		if (append.events[i].data == NULL)
		{
			append.events[i].data = "null";
			append.events[i].data_len = 4;
		}
		event_rows_add(rows, &append.events[i], 0);
	}
	event_rows_end(rows);
}

/*
 * tell_doubt names an event, whose id nobody has seen yet. The same command again would make others.
 */
static void
tell_doubt(void)
{
	char id[37];

	goes_uuid_format(&append.events[0].id, id);
	fprintf(stderr, "goes: \"goes query --id %s\" shows the first event if they are stored\n", id);
}

/*
 * require_stored ends the tool unless the events are stored. After a timeout they may be, or not.
 */
static void
require_stored(int status, goes_error *error)
{
	if (status == GOES_ERR_IN_DOUBT || status == GOES_ERR_TIMEOUT || status == GOES_ERR_CANCELLED)
		set_last_words(tell_doubt);
	if (status == GOES_ERR_TIMEOUT)
		fail(EXIT_IN_DOUBT, "%s", goes_error_message(error));
	require(status, &error);
}

static int
run(void)
{
	goes_error *error = NULL;
	goes_store *store;
	int			status;

	if (append.count == 0)
		read_events();
	store = open_store(false);
	status = goes_append(store, append.name, &append.id, append.events, append.count,
						 append.expected, call_context(), &error);
	require_stored(status, error);
	tell();
	goes_store_close(store);
	return EXIT_FINE;
}

const Command append_command = {"append", "store events as the next of an aggregate", &argp, run};
