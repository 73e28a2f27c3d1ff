/*
 * encode.c
 *    PostgreSQL's binary formats, on the way out.
 *
 * Numbers have their highest byte first. A value is its length and its bytes; length -1 is null. An
 * array is the number of its dimensions, a flag for nulls, its element type, for each dimension
 * length and lower bound, and its elements as values. A composite value is the number of its fields,
 * and for each the type and the value. jsonb is a version byte and text.
 */
#include <string.h>

#include "data/data.h"
#include "data/oids.h"

#define JSONB_VERSION 1
#define ARRAY_HEADER_SIZE (5 * 4)
#define BYTES_BETWEEN_LOOKS ((size_t) 1 << 20)
#define NULL_LENGTH (-1)

/*
 * start_array writes what comes before an array's elements.
 */
static void
start_array(Buffer *buffer, Oid element_type, size_t n)
{
	buffer_int32(buffer, n > 0 ? 1 : 0);
	buffer_int32(buffer, 0);
	buffer_int32(buffer, (int32_t) element_type);
	if (n == 0)
		return;
	buffer_int32(buffer, (int32_t) n);
	buffer_int32(buffer, 1);
}

/*
 * put_bytes writes a value of any type.
 */
static void
put_bytes(Buffer *buffer, const void *bytes, size_t length)
{
	buffer_int32(buffer, (int32_t) length);
	buffer_append(buffer, bytes, length);
}

/*
 * data_length returns the length of an event's data as it is sent.
 */
static size_t
data_length(const goes_event *event)
{
	return event->data ? event->data_len : strlen("null");
}

/*
 * look_at_deadline checks the deadline once for every BYTES_BETWEEN_LOOKS bytes: copying a batch of
 * a gigabyte takes longer than the timeout of many a call.
 */
static int
look_at_deadline(size_t before, size_t after, const Deadline *deadline, goes_error **err)
{
	if (before / BYTES_BETWEEN_LOOKS == after / BYTES_BETWEEN_LOOKS)
		return GOES_OK;
	return deadline_check(deadline, err);
}

/*
 * put_data writes an event's data as jsonb.
 */
static int
put_data(Buffer *buffer, const goes_event *event, const Deadline *deadline, goes_error **err)
{
	static const unsigned char version = JSONB_VERSION;
	const char				  *data = event->data ? event->data : "null";
	size_t					   left = data_length(event);
	int						   status = GOES_OK;

	buffer_int32(buffer, (int32_t) (left + 1));
	buffer_append(buffer, &version, 1);
	while (left > 0 && status == GOES_OK)
	{
		size_t before = buffer->length;
		size_t part = left < BYTES_BETWEEN_LOOKS ? left : BYTES_BETWEEN_LOOKS;

		buffer_append(buffer, data, part);
		data += part;
		left -= part;
		status = look_at_deadline(before, before + part, deadline, err);
	}
	return status;
}

int
encode_data_array(Buffer *buffer, const goes_event *events, size_t n, const Deadline *deadline,
				  goes_error **err)
{
	int status = GOES_OK;

	start_array(buffer, JSONB_TYPE, n);
	for (size_t i = 0; i < n && status == GOES_OK; i++)
		status = put_data(buffer, &events[i], deadline, err);
	return status == GOES_OK && buffer->failed ? fail_memory(err) : status;
}

static bool
has_aggregate_id(const goes_event *event)
{
	return !is_nil(&event->aggregate_id);
}

static bool
has_aggregate_name(const goes_event *event)
{
	return event->aggregate_name != NULL && *event->aggregate_name != '\0';
}

static bool
has_version(const goes_event *event)
{
	return event->aggregate_version != 0 || has_aggregate_id(event) || has_aggregate_name(event);
}

/*
 * size_of_event returns how many bytes put_event writes, including name_bytes for the names.
 */
static size_t
size_of_event(const goes_event *event, size_t name_bytes)
{
	size_t size = 4 + 4 + EVENT_COLUMNS * (4 + 4); /* lengths, types, and how many */

	size += name_bytes + sizeof event->id.bytes + sizeof event->time;
	size += has_aggregate_id(event) ? sizeof event->aggregate_id.bytes : 0;
	size += has_version(event) ? sizeof event->aggregate_version : 0;
	return size + 1 + data_length(event);
}

/*
 * write_int32 writes a number to a place with enough room, and returns the place after it.
 */
static char *
write_int32(char *place, int32_t value)
{
	uint32_t network = htobe32((uint32_t) value);

	memcpy(place, &network, sizeof network);
	return place + sizeof network;
}

/*
 * write_field writes a field of a composite value in the same way; NULL bytes are a null.
 */
static char *
write_field(char *place, Oid type, const void *bytes, size_t length)
{
	place = write_int32(place, (int32_t) type);
	if (bytes == NULL)
		return write_int32(place, NULL_LENGTH);
	place = write_int32(place, (int32_t) length);
	memcpy(place, bytes, length);
	return place + length;
}

/*
 * put_event writes an event; the buffer has room for it. It writes null for "no aggregate", so that
 * the server does not have to change the event.
 */
static int
put_event(Buffer *buffer, const goes_event *event, const Deadline *deadline, goes_error **err)
{
	char	   *start = buffer->data + buffer->length;
	char	   *place = write_int32(start + 4, EVENT_COLUMNS);
	const char *name = has_aggregate_name(event) ? event->aggregate_name : NULL;
	uint64_t	time = htobe64((uint64_t) event->time);
	uint32_t	version = htobe32((uint32_t) event->aggregate_version);

	place = write_field(place, UUID_TYPE, event->id.bytes, sizeof event->id.bytes);
	place = write_field(place, TEXT_TYPE, event->name, strlen(event->name));
	place = write_field(place, INT8_TYPE, &time, sizeof time);
	place = write_field(place, UUID_TYPE, has_aggregate_id(event) ? &event->aggregate_id : NULL,
						sizeof event->aggregate_id);
	place = write_field(place, TEXT_TYPE, name, name == NULL ? 0 : strlen(name));
	place = write_field(place, INT4_TYPE, has_version(event) ? &version : NULL, sizeof version);
	place = write_int32(place, JSONB_TYPE);
	(void) write_int32(start, (int32_t) ((size_t) (place - start) + data_length(event) + 1));
	buffer->length = (size_t) (place - buffer->data);
	return put_data(buffer, event, deadline, err);
}

/*
 * measure_events checks the events and their total size before anything is copied.
 */
static int
measure_events(const goes_event *events, size_t n, const Deadline *deadline, size_t *size,
			   goes_error **err)
{
	*size = ARRAY_HEADER_SIZE;
	if (n > INT32_MAX)
		return fail(err, GOES_ERR_INVALID, "%zu events are too many for one call", n);
	for (size_t i = 0; i < n; i++)
	{
		size_t before = *size;
		size_t name_bytes;
		int	   status = require_event(&events[i], (int64_t) i, &name_bytes, err);

		if (status != GOES_OK)
			return status;
		*size += size_of_event(&events[i], name_bytes);
		if (*size > MOST_BYTES)
			return fail_event(err, GOES_ERR_INVALID, (int64_t) i,
							  "the events have more than %d bytes, counted up to event %zu: "
							  "insert them in smaller batches",
							  MOST_BYTES, i);
		status = look_at_deadline(before, *size, deadline, err);
		if (status != GOES_OK)
			return status;
	}
	return GOES_OK;
}

int
encode_events(Buffer *buffer, Oid event_type, const goes_event *events, size_t n,
			  const Deadline *deadline, goes_error **err)
{
	size_t size;
	int	   status = measure_events(events, n, deadline, &size, err);

	if (status != GOES_OK)
		return status;
	if (buffer_place(buffer, size) == NULL)
		return fail_memory(err);
	start_array(buffer, event_type, n);
	for (size_t i = 0; i < n && status == GOES_OK; i++)
		status = put_event(buffer, &events[i], deadline, err);
	return status;
}

void
encode_append_start(Buffer *buffer, const AppendTypes *types, size_t n)
{
	start_array(buffer, types->item, n);
}

/*
 * end_value writes the length of a value that began there, after the place of its length.
 */
static void
end_value(Buffer *buffer, size_t start)
{
	buffer_put_int32(buffer, start, (int32_t) (buffer->length - start - 4));
}

int
encode_append_item(Buffer *buffer, const AppendTypes *types, const AppendItem *item,
				   const Deadline *deadline, goes_error **err)
{
	uint32_t expected = htobe32((uint32_t) item->expected_version);
	size_t	 start = buffer->length;
	size_t	 events;
	int		 status;

	buffer_int32(buffer, 0);
	buffer_int32(buffer, 4);
	buffer_int32(buffer, TEXT_TYPE);
	put_bytes(buffer, item->aggregate_name, strlen(item->aggregate_name));
	buffer_int32(buffer, UUID_TYPE);
	put_bytes(buffer, item->aggregate_id->bytes, sizeof item->aggregate_id->bytes);
	buffer_int32(buffer, (int32_t) types->event_array);
	events = buffer->length;
	buffer_int32(buffer, 0);
	status = encode_events(buffer, types->event, item->events, item->n, deadline, err);
	if (status != GOES_OK)
		return status;
	end_value(buffer, events);
	buffer_int32(buffer, INT4_TYPE);
	if (item->expected_version == GOES_EXPECT_ANY)
		buffer_int32(buffer, NULL_LENGTH);
	else
		put_bytes(buffer, &expected, sizeof expected);
	end_value(buffer, start);
	return buffer->failed ? fail_memory(err) : GOES_OK;
}

void
encode_text_array(Buffer *buffer, char *const *values, size_t n)
{
	start_array(buffer, TEXT_TYPE, n);
	for (size_t i = 0; i < n; i++)
		put_bytes(buffer, values[i], strlen(values[i]));
}

void
encode_uuid_array(Buffer *buffer, const goes_uuid *values, size_t n)
{
	start_array(buffer, UUID_TYPE, n);
	for (size_t i = 0; i < n; i++)
		put_bytes(buffer, values[i].bytes, sizeof values[i].bytes);
}

void
encode_int64_array(Buffer *buffer, const int64_t *values, size_t n)
{
	start_array(buffer, INT8_TYPE, n);
	for (size_t i = 0; i < n; i++)
	{
		buffer_int32(buffer, 8);
		buffer_int64(buffer, values[i]);
	}
}

void
encode_int32_array(Buffer *buffer, const int32_t *values, size_t n)
{
	start_array(buffer, INT4_TYPE, n);
	for (size_t i = 0; i < n; i++)
	{
		buffer_int32(buffer, 4);
		buffer_int32(buffer, values[i]);
	}
}

void
encode_reference_array(Buffer *buffer, Oid reference_type, const Reference *values, size_t n)
{
	start_array(buffer, reference_type, n);
	for (size_t i = 0; i < n; i++)
	{
		size_t start = buffer->length;

		buffer_int32(buffer, 0);
		buffer_int32(buffer, 2);
		buffer_int32(buffer, TEXT_TYPE);
		put_bytes(buffer, values[i].name, strlen(values[i].name));
		buffer_int32(buffer, UUID_TYPE);
		put_bytes(buffer, values[i].id.bytes, sizeof values[i].id.bytes);
		buffer_put_int32(buffer, start, (int32_t) (buffer->length - start - 4));
	}
}

/* The flags in front of a range's bounds. */
#define RANGE_EMPTY 0x01
#define RANGE_LOWER_INCLUSIVE 0x02
#define RANGE_UPPER_INCLUSIVE 0x04
#define RANGE_UPPER_INFINITE 0x10

/*
 * encode_range_array writes closed ranges. PostgreSQL stores them as [first, last + 1). The
 * greatest number plus one does not exist, so a range up to it is sent without an upper bound.
 */
void
encode_range_array(Buffer *buffer, Oid range_type, int width, const Range *values, size_t n)
{
	int64_t greatest = width == 8 ? INT64_MAX : INT32_MAX;

	start_array(buffer, range_type, n);
	for (size_t i = 0; i < n; i++)
	{
		unsigned char flags = RANGE_LOWER_INCLUSIVE | RANGE_UPPER_INCLUSIVE;
		size_t		  start = buffer->length;

		if (values[i].first > values[i].last)
			flags = RANGE_EMPTY;
		else if (values[i].last == greatest)
			flags = RANGE_LOWER_INCLUSIVE | RANGE_UPPER_INFINITE;
		buffer_int32(buffer, 0);
		buffer_append(buffer, &flags, 1);
		for (int bound = 0; bound < 2; bound++)
		{
			int64_t value = bound == 0 ? values[i].first : values[i].last;

			if (!(flags & (bound == 0 ? RANGE_LOWER_INCLUSIVE : RANGE_UPPER_INCLUSIVE)))
				continue;
			buffer_int32(buffer, width);
			if (width == 8)
				buffer_int64(buffer, value);
			else
				buffer_int32(buffer, (int32_t) value);
		}
		buffer_put_int32(buffer, start, (int32_t) (buffer->length - start - 4));
	}
}
