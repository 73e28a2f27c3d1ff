/*
 * bounds_encode.c
 *	  Events as applications write them, in the two binary forms that PostgreSQL takes.
 *
 * Both forms have the same values in the same order. An array of rows also says the
 * type of every value; COPY knows the columns' types.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define AGGREGATES_OF_BATCH 100
#define AGGREGATES 1000
#define FIRST_MILLISECOND 1767225600000
#define EVENTS_OF_MILLISECOND 4

#define EVENT_NAME "shop.order.item_added"

enum
{
	COLUMNS = 7
};

/*
 * set_bytes writes a number, most significant byte first.
 */
static void
set_bytes(unsigned char *bytes, int count, uint64_t number)
{
	for (int i = count - 1; i >= 0; i--)
	{
		bytes[i] = (unsigned char) number;
		number >>= 8;
	}
}

/*
 * set_event_id makes an id like a UUID of version 7: it starts with the time, so each
 * is greater than the one before, and ends at random.
 */
static void
set_event_id(unsigned char *id, uint64_t number)
{
	set_bytes(id, 6, FIRST_MILLISECOND + number / EVENTS_OF_MILLISECOND);
	set_bytes(id + 6, 2, 0x7000 | (number % EVENTS_OF_MILLISECOND) << 10);
	set_bytes(id + 8, 8, (random_number() & 0x3fffffffffffffff) | 0x8000000000000000);
}

/*
 * set_aggregate_id makes the id of an aggregate: always the same for one number, and
 * in no order.
 */
static void
set_aggregate_id(unsigned char *id, uint64_t number)
{
	set_bytes(id, 8, (number + 1) * 0x9e3779b97f4a7c15);
	set_bytes(id + 8, 8, (number + 1) * 0xbf58476d1ce4e5b9);
}

/*
 * make_batch makes the events of a batch: some aggregates out of a larger number, and
 * the next versions of each. The data is about 200 bytes of JSON.
 */
void
make_batch(Event *events, int count, int batch)
{
	int batches_of_round = AGGREGATES / AGGREGATES_OF_BATCH;
	int versions_of_batch = count / AGGREGATES_OF_BATCH;

	for (int i = 0; i < count; i++)
	{
		Event	*event = &events[i];
		uint64_t number = (uint64_t) batch * count + i;
		int aggregate = batch % batches_of_round * AGGREGATES_OF_BATCH + i % AGGREGATES_OF_BATCH;

		set_event_id(event->id, number);
		event->time = (int64_t) (FIRST_MILLISECOND * 1000000 + number * 250000);
		set_aggregate_id(event->aggregate_id, aggregate);
		event->aggregate_version =
			batch / batches_of_round * versions_of_batch + i / AGGREGATES_OF_BATCH + 1;
		snprintf(event->data, sizeof(event->data),
				 "{\"sku\": \"%016llx\", \"quantity\": %d, \"price\": {\"amount\": %d.%02d, "
				 "\"currency\": \"EUR\"}, \"customer\": \"%016llx\", \"channel\": \"web\", "
				 "\"note\": \"leave it at the back door, please\"}",
				 (unsigned long long) random_number(), i % 7 + 1, i % 900, i % 100,
				 (unsigned long long) random_number());
	}
}

/*
 * put_bytes appends bytes to a buffer.
 */
static void
put_bytes(Buffer *buffer, const void *bytes, size_t count)
{
	if (buffer->length + count > buffer->room)
	{
		buffer->room = (buffer->length + count) * 2;
		buffer->data = realloc(buffer->data, buffer->room);
		if (buffer->data == NULL)
			die("out of memory");
	}
	memcpy(buffer->data + buffer->length, bytes, count);
	buffer->length += count;
}

/*
 * put_number appends a number of some bytes.
 */
static void
put_number(Buffer *buffer, int size, uint64_t number)
{
	unsigned char bytes[8];

	set_bytes(bytes, size, number);
	put_bytes(buffer, bytes, size);
}

/*
 * put_head appends what comes before a value: its type, if the form has types, and its
 * length.
 */
static void
put_head(Buffer *buffer, bool has_types, Oid type, size_t length)
{
	if (has_types)
		put_number(buffer, 4, type);
	put_number(buffer, 4, length);
}

/*
 * put_event appends the values of an event.
 */
static void
put_event(Buffer *buffer, bool has_types, const Event *event)
{
	put_head(buffer, has_types, UUID_OID, UUID_LENGTH);
	put_bytes(buffer, event->id, UUID_LENGTH);
	put_head(buffer, has_types, TEXT_OID, strlen(EVENT_NAME));
	put_bytes(buffer, EVENT_NAME, strlen(EVENT_NAME));
	put_head(buffer, has_types, INT8_OID, 8);
	put_number(buffer, 8, (uint64_t) event->time);
	put_head(buffer, has_types, UUID_OID, UUID_LENGTH);
	put_bytes(buffer, event->aggregate_id, UUID_LENGTH);
	put_head(buffer, has_types, TEXT_OID, strlen(AGGREGATE_NAME));
	put_bytes(buffer, AGGREGATE_NAME, strlen(AGGREGATE_NAME));
	put_head(buffer, has_types, INT4_OID, 4);
	put_number(buffer, 4, (uint64_t) event->aggregate_version);
	put_head(buffer, has_types, JSONB_OID, strlen(event->data) + 1);
	put_number(buffer, 1, 1); /* version of jsonb's binary form */
	put_bytes(buffer, event->data, strlen(event->data));
}

/*
 * encode_array makes a goes_event[]. A row's length comes before the row, so it is
 * written when the row is there.
 */
void
encode_array(Buffer *buffer, Oid event_type, const Event *events, int count)
{
	buffer->length = 0;
	put_number(buffer, 4, 1); /* dimensions */
	put_number(buffer, 4, 0); /* no nulls */
	put_number(buffer, 4, event_type);
	put_number(buffer, 4, (uint64_t) count);
	put_number(buffer, 4, 1); /* the first index */
	for (int i = 0; i < count; i++)
	{
		size_t start = buffer->length;

		put_number(buffer, 4, 0);
		put_number(buffer, 4, COLUMNS);
		put_event(buffer, true, &events[i]);
		set_bytes((unsigned char *) buffer->data + start, 4, buffer->length - start - 4);
	}
}

/*
 * encode_copy makes what COPY … (FORMAT binary) reads.
 */
void
encode_copy(Buffer *buffer, const Event *events, int count)
{
	buffer->length = 0;
	put_bytes(buffer, "PGCOPY\n\377\r\n\0", 11);
	put_number(buffer, 4, 0); /* flags */
	put_number(buffer, 4, 0); /* no more header */
	for (int i = 0; i < count; i++)
	{
		put_number(buffer, 2, COLUMNS);
		put_event(buffer, false, &events[i]);
	}
	put_number(buffer, 2, (uint64_t) -1); /* the end */
}
