/*
 * event.c
 *    Making and copying events.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

void
goes_event_init(goes_event *event, const char *name, const char *json)
{
	*event = (goes_event){.name = name, .time = goes_now(), .data = json};
	goes_uuid_v7(&event->id);
	if (json != NULL)
		event->data_len = strlen(json);
}

/*
 * copy_text puts text and a zero byte at *place, and moves *place past them.
 */
static const char *
copy_text(char **place, const char *text, size_t length)
{
	char *copy = *place;

	if (text == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	*place += length + 1;
	return copy;
}

goes_event *
goes_event_copy(const goes_event *event)
{
	size_t		name_length;
	size_t		aggregate_length;
	size_t		data_length;
	goes_event *copy;
	char	   *place;

	if (event == NULL)
		return NULL;
	name_length = event->name ? strlen(event->name) : 0;
	aggregate_length = event->aggregate_name ? strlen(event->aggregate_name) : 0;
	data_length = event->data ? event->data_len : 0;
	if (data_length > SIZE_MAX / 2)
		return NULL;
	copy = malloc(sizeof *copy + name_length + aggregate_length + data_length + 3);
	if (copy == NULL)
		return NULL;
	*copy = *event;
	place = (char *) (copy + 1);
	copy->name = copy_text(&place, event->name, name_length);
	copy->aggregate_name = copy_text(&place, event->aggregate_name, aggregate_length);
	copy->data = copy_text(&place, event->data, data_length);
	copy->data_len = data_length;
	return copy;
}

void
goes_event_free(goes_event *event)
{
	free(event);
}
