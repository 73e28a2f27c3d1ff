/*
 * decode_page.c
 *    A page of a feed, which the server sends packed: extension/feed/packed_page.c says how.
 *
 * Nothing is copied: an event points into the result, which has a zero byte behind every text. What the
 * server sends is checked like any other input.
 */
#include <string.h>

#include "data/data.h"

#define FORMAT_VERSION 1

#define VERSION_BYTES 4
#define PLACE_BYTES 28 /* position, nulls, id */
#define EVENT_BYTES 68 /* and time, aggregate id and version, three lengths */

/* What is null, by the columns of goes_feed. */
#define NULL_ID (1 << 1)
#define NULL_NAME (1 << 2)
#define NULL_TIME (1 << 3)
#define NULL_DATA (1 << 7)
#define NEVER_NULL (NULL_ID | NULL_NAME | NULL_TIME)

static int64_t
get_int64(const char **bytes)
{
	uint64_t network;

	memcpy(&network, *bytes, sizeof network);
	*bytes += sizeof network;
	return (int64_t) be64toh(network);
}

static int32_t
get_int32(const char **bytes)
{
	uint32_t network;

	memcpy(&network, *bytes, sizeof network);
	*bytes += sizeof network;
	return (int32_t) be32toh(network);
}

static void
get_uuid(const char **bytes, goes_uuid *id)
{
	memcpy(id->bytes, *bytes, sizeof id->bytes);
	*bytes += sizeof id->bytes;
}

/*
 * get_place reads a place, and returns which columns are null.
 */
static int32_t
get_place(const char **bytes, Place *place)
{
	int32_t nulls;

	place->position = get_int64(bytes);
	nulls = get_int32(bytes);
	get_uuid(bytes, &place->id);
	return nulls;
}

/*
 * get_text reads a text of that length; NULL if it does not end before the events do, or not with a
 * zero byte.
 */
static const char *
get_text(const char **bytes, const char *end, int32_t length)
{
	const char *text = *bytes;

	if (length < 0 || length >= end - text || text[length] != '\0')
		return NULL;
	*bytes += length + 1;
	return text;
}

static int
fail_page(goes_error **err)
{
	return fail(err, GOES_ERR_SERVER, "the server sent a page of the feed that cannot be read");
}

/*
 * length_of returns the length of a value; -1 if there is none.
 */
static int
length_of(const PGresult *values, int value)
{
	if (PQgetisnull(values, value, 0))
		return -1;
	return PQgetlength(values, value, 0);
}

/*
 * find_cursor finds the cursor at the end of the last value.
 */
static int
find_cursor(const PGresult *values, const char **cursor)
{
	int last = PQntuples(values) - 1;
	int begin = last == 0 ? VERSION_BYTES : 0;

	if (length_of(values, last) - begin < PLACE_BYTES)
		return GOES_ERR_SERVER;
	*cursor = PQgetvalue(values, last, 0) + PQgetlength(values, last, 0) - PLACE_BYTES;
	return GOES_OK;
}

/*
 * start_value goes to the events of a value.
 */
static void
start_value(FeedPage *page, int value)
{
	page->value = value;
	page->next = PQgetvalue(page->values, value, 0);
	page->end = page->next + PQgetlength(page->values, value, 0);
	if (value == 0)
		page->next += VERSION_BYTES;
	if (value == PQntuples(page->values) - 1)
		page->end -= PLACE_BYTES;
}

int
decode_page(PGresult *values, FeedPage *page, Place *end, goes_error **err)
{
	const char *bytes;
	int32_t		version;

	if (PQnfields(values) != 1 || PQntuples(values) < 1 || length_of(values, 0) < VERSION_BYTES)
		return fail_page(err);
	bytes = PQgetvalue(values, 0, 0);
	version = get_int32(&bytes);
	if (version != FORMAT_VERSION)
		return fail(err, GOES_ERR_EXTENSION,
					"the extension goes_store sends pages of a feed in format %d, and this libgoes "
					"reads format %d: install a libgoes of the extension's version",
					version, FORMAT_VERSION);
	if (find_cursor(values, &bytes) != GOES_OK)
		return fail_page(err);
	(void) get_place(&bytes, end);
	page->values = values;
	start_value(page, 0);
	return GOES_OK;
}

bool
page_is_over(FeedPage *page)
{
	while (page->next == page->end && page->value < PQntuples(page->values) - 1)
		start_value(page, page->value + 1);
	return page->next == page->end;
}

int
decode_next(FeedPage *page, goes_event *event, Place *place, goes_error **err)
{
	const char *bytes = page->next;
	Place		found;
	int32_t		nulls;
	int32_t		name_length;
	int32_t		aggregate_length;
	int32_t		data_length;

	if (page->end - bytes < EVENT_BYTES)
		return fail_page(err);
	nulls = get_place(&bytes, &found);
	event->id = found.id;
	event->time = get_int64(&bytes);
	get_uuid(&bytes, &event->aggregate_id);
	event->aggregate_version = get_int32(&bytes);
	name_length = get_int32(&bytes);
	aggregate_length = get_int32(&bytes);
	data_length = get_int32(&bytes);
	if ((event->name = get_text(&bytes, page->end, name_length)) == NULL ||
		(event->aggregate_name = get_text(&bytes, page->end, aggregate_length)) == NULL ||
		(event->data = get_text(&bytes, page->end, data_length)) == NULL)
		return fail_page(err);
	if ((nulls & NEVER_NULL) != 0)
		return fail(err, GOES_ERR_SERVER, "the server sent an event that cannot be read");
	event->data_len = (size_t) data_length;
	if ((nulls & NULL_DATA) != 0)
	{
		event->data = "null";
		event->data_len = strlen(event->data);
	}
	*place = found;
	page->next = bytes;
	return GOES_OK;
}
