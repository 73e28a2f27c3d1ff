/*
 * filters.c
 *    What goes_query filters by, each as an option that may be given several times.
 */
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

enum
{
	KEY_NAME = 0x200,
	KEY_ID,
	KEY_TIME,
	KEY_TIME_MIN,
	KEY_TIME_MAX,
	KEY_TIME_RANGE,
	KEY_AGGREGATE,
	KEY_AGGREGATE_NAME,
	KEY_AGGREGATE_ID,
	KEY_VERSION,
	KEY_VERSION_MIN,
	KEY_VERSION_MAX,
	KEY_VERSION_RANGE
};

static goes_query *query = NULL;
static bool		   is_filtered = false;
static bool		   has_ids = false;

static const struct argp_option options[] = {
	{.doc = "Filters, each of which an event has to pass; of one that is given several times, any:",
	 .group = 3},
	{"name", KEY_NAME, "NAME", 0, "Events of this name", 3},
	{"id", KEY_ID, "UUID", 0, "The event with this id", 3},
	{"aggregate", KEY_AGGREGATE, "NAME:UUID", 0, "Events of this aggregate", 3},
	{"aggregate-name", KEY_AGGREGATE_NAME, "NAME", 0, "Events of aggregates with this name", 3},
	{"aggregate-id", KEY_AGGREGATE_ID, "UUID", 0, "Events of aggregates with this id", 3},
	{"aggregate-version", KEY_VERSION, "N", 0, "Events of just this version", 3},
	{"version-min", KEY_VERSION_MIN, "N", 0, "Events from this version on", 3},
	{"version-max", KEY_VERSION_MAX, "N", 0, "Events up to this version", 3},
	{"version-range", KEY_VERSION_RANGE, "N..N", 0, "Events of these versions", 3},
	{"time", KEY_TIME, "TIME", 0, "Events of just this time", 3},
	{"time-min", KEY_TIME_MIN, "TIME", 0, "Events from this time on", 3},
	{"time-max", KEY_TIME_MAX, "TIME", 0, "Events up to this time", 3},
	{"time-range", KEY_TIME_RANGE, "TIME..TIME", 0, "Events between these times", 3},
	{0}};

goes_query *
chosen_query(void)
{
	if (query == NULL)
		query = allocated(goes_query_new());
	return query;
}

bool
asks_for_ids(void)
{
	return has_ids;
}

bool
has_filters(void)
{
	return is_filtered;
}

/*
 * split_range ends the first half of "a..b", and returns the second.
 */
static char *
split_range(const struct argp_state *state, char *text)
{
	char *middle = strstr(text, "..");

	if (middle == NULL)
	{
		argp_error(state, "\"%s\" is no range: write two dots between its ends", text);
		return text;
	}
	*middle = '\0';
	return middle + 2;
}

static int32_t
version_of(const struct argp_state *state, const char *text)
{
	return (int32_t) number_between(state, text, INT32_MIN, INT32_MAX);
}

/*
 * add_aggregate takes NAME:UUID. The name may have colons, too.
 */
static int
add_aggregate(const struct argp_state *state, char *text)
{
	char	 *colon = strrchr(text, ':');
	goes_uuid id;

	if (colon == NULL)
		argp_error(state, "\"%s\" is no NAME:UUID; --aggregate-name takes a name alone", text);
	else
	{
		id = uuid_of(state, colon + 1);
		*colon = '\0';
		return goes_query_aggregate(chosen_query(), text, &id);
	}
	return GOES_ERR_INVALID;
}

static int
add_id(const struct argp_state *state, char *text)
{
	goes_uuid id = uuid_of(state, text);

	has_ids = true;
	return goes_query_id(chosen_query(), &id);
}

static int
add_aggregate_id(const struct argp_state *state, char *text)
{
	goes_uuid id = uuid_of(state, text);

	return goes_query_aggregate_id(chosen_query(), &id);
}

static int
add_time_range(const struct argp_state *state, char *text)
{
	char *last = split_range(state, text);

	return goes_query_time_range(chosen_query(), time_of(state, text), time_of(state, last));
}

static int
add_version_range(const struct argp_state *state, char *text)
{
	char *last = split_range(state, text);

	return goes_query_version_range(chosen_query(), version_of(state, text),
									version_of(state, last));
}

/*
 * add_filter adds an option to the query; 1: it is none of ours.
 */
static int
add_filter(int key, char *text, const struct argp_state *state)
{
	switch (key)
	{
		case KEY_NAME:
			return goes_query_name(chosen_query(), text);
		case KEY_ID:
			return add_id(state, text);
		case KEY_TIME:
			return goes_query_time(chosen_query(), time_of(state, text));
		case KEY_TIME_MIN:
			return goes_query_time_min(chosen_query(), time_of(state, text));
		case KEY_TIME_MAX:
			return goes_query_time_max(chosen_query(), time_of(state, text));
		case KEY_TIME_RANGE:
			return add_time_range(state, text);
		case KEY_AGGREGATE:
			return add_aggregate(state, text);
		case KEY_AGGREGATE_NAME:
			return goes_query_aggregate_name(chosen_query(), text);
		case KEY_AGGREGATE_ID:
			return add_aggregate_id(state, text);
		case KEY_VERSION:
			return goes_query_version(chosen_query(), version_of(state, text));
		case KEY_VERSION_MIN:
			return goes_query_version_min(chosen_query(), version_of(state, text));
		case KEY_VERSION_MAX:
			return goes_query_version_max(chosen_query(), version_of(state, text));
		case KEY_VERSION_RANGE:
			return add_version_range(state, text);
		default:
			return 1;
	}
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	int status = add_filter(key, argument, state);

	if (status == 1)
		return ARGP_ERR_UNKNOWN;
	if (status != GOES_OK)
		argp_error(state, "\"%s\" is no filter that can be used", argument);
	is_filtered = true;
	return 0;
}

const struct argp filter_options = {.options = options, .parser = parse};
