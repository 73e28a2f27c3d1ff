/*
 * event_line.c
 *    Events as lines of JSON: what export writes and import reads.
 *
 * The keys are those that goes_events_from_json takes, and `position`, which says where the event
 * stood in the feed that it comes from. The server gives it another one.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static bool
refuse(Json *json, const char *problem)
{
	json->problem = problem;
	return false;
}

/*
 * take_null steps over a null, if that is what comes.
 */
static bool
take_null(Json *json)
{
	return json_peek(json) == 'n' && json_skip(json);
}

static bool
take_uuid(Json *json, goes_uuid *out)
{
	const char *start = json->at;
	char	   *text;

	if (!json_string(json, &text))
		return false;
	if (goes_uuid_parse(text, out) == GOES_OK)
		return true;
	json->at = start;
	return refuse(json, "text that is no UUID");
}

/*
 * copy_value steps over a value, and copies its text, which has to be shorter than the room for it: what
 * comes behind the line is not its own.
 */
static bool
copy_value(Json *json, char *text, size_t size)
{
	const char *start = json->at;

	if (!json_skip(json))
		return false;
	if ((size_t) (json->at - start) >= size)
		return true; /* with a text that is no number */
	memcpy(text, start, (size_t) (json->at - start));
	text[json->at - start] = '\0';
	return true;
}

/*
 * take_time reads a number of nanoseconds, as such or as a string, or a time in ISO 8601.
 */
static bool
take_time(Json *json, int64_t *out)
{
	const char *start = json->at;
	char		digits[32] = "";
	char	   *text = digits;

	if (json_peek(json) == '"')
	{
		if (!json_string(json, &text))
			return false;
	}
	else
	{
		start = json->at;
		if (!copy_value(json, digits, sizeof digits))
			return false;
	}
	if (moment_parse(text, true, out))
		return true;
	json->at = start;
	return refuse(json, "a time that is neither nanoseconds nor ISO 8601 with its zone");
}

static bool
take_version(Json *json, int32_t *out)
{
	const char *start;
	char		digits[16] = "";
	char	   *end;
	long		number;

	(void) json_peek(json);
	start = json->at;
	if (!copy_value(json, digits, sizeof digits))
		return false;
	errno = 0;
	number = strtol(digits, &end, 10);
	*out = (int32_t) number;
	if (end > digits && *end == '\0' && errno == 0 && number >= INT32_MIN && number <= INT32_MAX)
		return true;
	json->at = start;
	return refuse(json, "a version that is no integer");
}

/*
 * take_data keeps the text of a value as it stands: the server reads it.
 */
static bool
take_data(Json *json, goes_event *event)
{
	(void) json_peek(json);
	event->data = json->at;
	if (!json_skip(json))
		return false;
	event->data_len = (size_t) (json->at - event->data);
	return true;
}

/*
 * take_member reads the value of a key into an event. A null is a value that is missing.
 */
static bool
take_member(Json *json, const char *key, goes_event *event)
{
	if (strcmp(key, "data") == 0)
		return take_data(json, event);
	if (strcmp(key, "position") == 0)
		return json_skip(json);
	if (strcmp(key, "id") == 0)
		return take_null(json) || take_uuid(json, &event->id);
	if (strcmp(key, "name") == 0)
		return json_string(json, (char **) &event->name);
	if (strcmp(key, "time") == 0)
		return take_null(json) || take_time(json, &event->time);
	if (strcmp(key, "aggregate_id") == 0)
		return take_null(json) || take_uuid(json, &event->aggregate_id);
	if (strcmp(key, "aggregate_name") == 0)
		return take_null(json) || json_string(json, (char **) &event->aggregate_name);
	if (strcmp(key, "aggregate_version") == 0)
		return take_null(json) || take_version(json, &event->aggregate_version);
	return refuse(json, "a key that events do not have");
}

/*
 * take_event reads an object. The blanks before a value are stepped over before its start is kept.
 */
static bool
take_event(Json *json, goes_event *event)
{
	char *key;

	if (!json_take(json, '{', "something that is no JSON object"))
		return false;
	if (json_peek(json) == '}')
		return refuse(json, "an event without a name");
	do
	{
		const char *start;

		(void) json_peek(json);
		start = json->at;
		if (!json_string(json, &key) || !json_take(json, ':', "no colon behind a key"))
			return false;
		(void) json_peek(json);
		if (!take_member(json, key, event))
		{
			if (json->problem != NULL && strstr(json->problem, "key that") != NULL)
				json->at = start;
			return false;
		}
	} while (json_peek(json) == ',' && json_take(json, ',', ""));
	if (!json_take(json, '}', "neither a comma nor an end"))
		return false;
	if (json_peek(json) != '\0' || json->at < json->end)
		return refuse(json, "something behind the event");
	return event->name != NULL || refuse(json, "an event without a name");
}

bool
event_from_json(char *line, size_t length, goes_event *out, char problem[PROBLEM_SIZE])
{
	Json json = {.at = line, .end = line + length};

	goes_event_init(out, NULL, NULL);
	if (take_event(&json, out))
		return true;
	snprintf(problem, PROBLEM_SIZE, "%s at column %td", json.problem, json.at - line + 1);
	return false;
}

/*
 * write_fields writes all but the data, with what stands between two members.
 */
static void
write_fields(FILE *file, const goes_event *event, int64_t position, const char *separator)
{
	char text[MOMENT_SIZE];

	if (position != 0)
		fprintf(file, "\"position\": %lld%s", (long long) position, separator);
	goes_uuid_format(&event->id, text);
	fputs("\"id\": \"", file);
	fputs(text, file);
	fprintf(file, "\"%s\"name\": ", separator);
	json_write_string(file, event->name);
	moment_write(event->time, text);
	fprintf(file, "%s\"time\": \"", separator);
	fputs(text, file);
	fputs("\"", file);
	if (!goes_uuid_is_nil(&event->aggregate_id))
	{
		goes_uuid_format(&event->aggregate_id, text);
		fprintf(file, "%s\"aggregate_id\": \"%s\"", separator, text);
	}
	if (event->aggregate_name[0] != '\0')
	{
		fprintf(file, "%s\"aggregate_name\": ", separator);
		json_write_string(file, event->aggregate_name);
	}
	if (event->aggregate_version != 0 || !goes_uuid_is_nil(&event->aggregate_id) ||
		event->aggregate_name[0] != '\0')
		fprintf(file, "%s\"aggregate_version\": %d", separator, event->aggregate_version);
	fprintf(file, "%s\"data\": ", separator);
}

void
event_to_json(FILE *file, const goes_event *event, int64_t position)
{
	putc_unlocked('{', file);
	write_fields(file, event, position, ", ");
	fwrite(event->data, 1, event->data_len, file);
	fputs("}\n", file);
}

void
event_to_pretty_json(FILE *file, const goes_event *event, int64_t position)
{
	fputs("{\n  ", file);
	write_fields(file, event, position, ",\n  ");
	json_write_pretty(file, event->data, event->data_len, 1);
	fputs("\n}\n", file);
}
