/*
 * appending.c
 *    An append with all that belongs to it, which outlives the call that asked for it.
 */
#include <stdlib.h>

#include "calls/appending.h"

/*
 * size_of_text returns the bytes of a string with its end; NULL has none.
 */
static size_t
size_of_text(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

/*
 * size_of_texts returns the bytes that an event refers to, but for its aggregate's name.
 */
static size_t
size_of_texts(const goes_event *event)
{
	return size_of_text(event->name) + (event->data == NULL ? 0 : event->data_len);
}

/*
 * put copies bytes to a place and moves it behind them; NULL stays NULL.
 */
static const char *
put(char **place, const char *bytes, size_t length)
{
	char *copy = *place;

	if (bytes == NULL)
		return NULL;
	memcpy(copy, bytes, length);
	*place += length;
	return copy;
}

void
appending_borrow(Appending *appending, const Write *write)
{
	*appending = (Appending){.write = *write};
	appending->queued.lane = queue_lane(write->aggregate_name, write->aggregate_id);
	for (size_t i = 0; i < write->n; i++)
		appending->queued.bytes += sizeof *write->events + size_of_texts(&write->events[i]);
	memcpy(appending->expected_text, write->expected == NULL ? "" : write->expected,
		   size_of_text(write->expected));
	if (write->expected != NULL)
		appending->write.expected = appending->expected_text;
}

Appending *
appending_copy(const Write *write, size_t size)
{
	size_t		name_size = size_of_text(write->aggregate_name);
	Appending	borrowed;
	Appending  *copy;
	goes_event *events;
	char	   *place;

	appending_borrow(&borrowed, write);
	size = (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
	copy = malloc(size + borrowed.queued.bytes + sizeof(goes_uuid) + name_size);
	if (copy == NULL)
		return NULL;
	memset(copy, 0, size);
	*copy = borrowed;
	events = (goes_event *) ((char *) copy + size);
	place = (char *) (events + write->n);
	copy->write.events = copy->write.to_number = events;
	copy->write.aggregate_id =
		(const goes_uuid *) put(&place, (const char *) write->aggregate_id, sizeof(goes_uuid));
	copy->write.aggregate_name = put(&place, write->aggregate_name, name_size);
	if (write->expected != NULL)
		copy->write.expected = copy->expected_text;
	for (size_t i = 0; i < write->n; i++)
	{
		const goes_event *event = &write->events[i];

		events[i] = *event;
		events[i].aggregate_name = copy->write.aggregate_name;
		events[i].name = put(&place, event->name, size_of_text(event->name));
		events[i].data = put(&place, event->data, event->data_len);
	}
	return copy;
}

void
appending_begin(Appending *appending)
{
	goes_error_free(appending->error);
	appending->error = NULL;
	appending->status = GOES_OK;
	appending->is_open = false;
}
