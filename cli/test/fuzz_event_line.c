/*
 * fuzz_event_line.c
 *    Random lines for `goes import` (libFuzzer; `make fuzz`).
 *
 * A line is an event, or has a problem that is told. An event that was read is written as export does, in a
 * line and indented, and what is written is the same event when it is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* A check that is made in every build. */
#define REQUIRE(condition) \
	do                     \
	{                      \
		if (!(condition))  \
			abort();       \
	} while (0)

/* What writes an event to a file. */
typedef void (*Writer)(FILE *file, const goes_event *event, int64_t position);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/*
 * fill_in puts into an event what the server would: events that are written have no NULL.
 */
static void
fill_in(goes_event *event)
{
	if (event->aggregate_name == NULL)
		event->aggregate_name = "";
	if (event->data == NULL)
	{
		event->data = "null";
		event->data_len = strlen("null");
	}
}

static void
check_same(const goes_event *event, const goes_event *again)
{
	REQUIRE(memcmp(&event->id, &again->id, sizeof event->id) == 0);
	REQUIRE(memcmp(&event->aggregate_id, &again->aggregate_id, sizeof event->id) == 0);
	REQUIRE(strcmp(event->name, again->name) == 0);
	REQUIRE(strcmp(event->aggregate_name, again->aggregate_name) == 0);
	REQUIRE(event->time == again->time);
	REQUIRE(event->aggregate_version == again->aggregate_version);
}

/*
 * check_written writes an event and reads it again.
 */
static void
check_written(const goes_event *event, Writer write_event, bool keeps_data)
{
	char	  *text = NULL;
	size_t	   length = 0;
	FILE	  *file = open_memstream(&text, &length);
	goes_event again;
	char	   problem[PROBLEM_SIZE];

	REQUIRE(file != NULL);
	write_event(file, event, 7);
	REQUIRE(fclose(file) == 0);
	REQUIRE(event_from_json(text, length, &again, problem));
	fill_in(&again);
	check_same(event, &again);
	REQUIRE(!keeps_data || (event->data_len == again.data_len &&
							memcmp(event->data, again.data, event->data_len) == 0));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char	  *line = malloc(length); /* which ends where the line does, so that nobody reads on */
	goes_event event;
	char	   problem[PROBLEM_SIZE] = "";

	REQUIRE(line != NULL || length == 0);
	if (length > 0)
		memcpy(line, bytes, length);
	if (!event_from_json(line, length, &event, problem))
		REQUIRE(problem[0] != '\0' && strlen(problem) < sizeof problem);
	else
	{
		REQUIRE(event.name != NULL);
		fill_in(&event);
		check_written(&event, event_to_json, true);
		check_written(&event, event_to_pretty_json, false);
	}
	free(line);
	return 0;
}
