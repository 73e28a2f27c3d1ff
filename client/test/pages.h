/*
 * pages.h
 *    Pages of a feed, made by hand.
 */
#ifndef GOES_TEST_PAGES_H
#define GOES_TEST_PAGES_H

#include "data/data.h"
#include "unit.h"

#define PAGE_FORMAT 1
#define MOST_VALUES 4

/* The bits of what is null, by the columns of goes_feed. */
#define WITHOUT_ID (1 << 1)
#define WITHOUT_NAME (1 << 2)
#define WITHOUT_TIME (1 << 3)
#define WITHOUT_AGGREGATE (7 << 4)
#define WITHOUT_DATA (1 << 7)
#define IS_CURSOR 0xfc /* only a position and an id */

/* An event of a page; what is NULL is an empty text. */
typedef struct PackedEvent
{
	int64_t		position;
	int32_t		nulls;
	int64_t		time;
	int32_t		version;
	const char *name;
	const char *aggregate_name;
	const char *data;
} PackedEvent;

/* A page under construction: the values that are ended, and one that is not. */
typedef struct PackedValues
{
	Buffer values[MOST_VALUES];
	int	   count;
} PackedValues;

/* id_at makes the id of the event at a position. */
static inline goes_uuid
id_at(int64_t position)
{
	goes_uuid id = {{0}};

	id.bytes[0] = 7;
	id.bytes[15] = (uint8_t) position;
	return id;
}

static inline void
pack_place(Buffer *value, int64_t position, int32_t nulls)
{
	goes_uuid id = {{0}};

	if ((nulls & WITHOUT_ID) == 0)
		id = id_at(position);
	buffer_int64(value, position);
	buffer_int32(value, nulls);
	buffer_append(value, &id, sizeof id);
}

/* pack_event adds an event to a value. */
static inline void
pack_event(Buffer *value, const PackedEvent *event)
{
	const char *texts[] = {event->name, event->aggregate_name, event->data};
	goes_uuid	aggregate_id = id_at(100 + event->position);

	pack_place(value, event->position, event->nulls);
	buffer_int64(value, event->time);
	buffer_append(value, &aggregate_id, sizeof aggregate_id);
	buffer_int32(value, event->version);
	for (int i = 0; i < 3; i++)
		buffer_int32(value, texts[i] == NULL ? 0 : (int32_t) strlen(texts[i]));
	for (int i = 0; i < 3; i++)
		buffer_append(value, texts[i] == NULL ? "" : texts[i],
					  (texts[i] == NULL ? 0 : strlen(texts[i])) + 1);
}

/* start_page begins a page, in a format that may be another one. */
static inline PackedValues
start_page(int32_t format)
{
	PackedValues page = {.count = 1};

	buffer_int32(&page.values[0], format);
	return page;
}

static inline Buffer *
last_value(PackedValues *page)
{
	return &page->values[page->count - 1];
}

/* end_page adds the cursor. */
static inline void
end_page(PackedValues *page, int64_t position, int32_t nulls)
{
	pack_place(last_value(page), position, nulls);
}

/* free_page frees the values; result_of_page makes the server's answer of them before. */
static inline void
free_page(PackedValues *page)
{
	for (int i = 0; i < page->count; i++)
		buffer_free(&page->values[i]);
}

static inline PGresult *
result_of_page(PackedValues *page)
{
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attribute = {.name = "goes_feed_page", .format = 1};

	assert_non_null(result);
	assert_true(PQsetResultAttrs(result, 1, &attribute));
	for (int i = 0; i < page->count; i++)
	{
		assert_false(page->values[i].failed);
		assert_true(PQsetvalue(result, i, 0, page->values[i].data, (int) page->values[i].length));
	}
	free_page(page);
	return result;
}

#endif
