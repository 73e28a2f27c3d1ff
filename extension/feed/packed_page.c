/*
 * packed_page.c
 *	  A page of the feed as a few values with many events each, for libgoes: no row is copied into
 *	  a tuplestore, taken apart again and sent by itself.
 *
 * Numbers are in network order. The first value begins with the version of this format (int32), the
 * last one ends with the cursor, and between are events, none of which is in two values. An event and
 * the cursor begin with a place, and the cursor is nothing else:
 *
 *	  position (int64), nulls (int32: a bit for each column of goes_feed), id (16 bytes)
 *
 * An event goes on with what is as long in every event, and then has its texts, with a zero byte
 * behind each, so that a C program can use them where they are:
 *
 *	  "time" (int64), aggregate_id (16 bytes), aggregate_version (int32),
 *	  the lengths of name, aggregate_name and data (int32 each), name, aggregate_name, data
 *
 * What is null is zero, or an empty text.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "feed/packed_page.h"
#include "read/read.h"

/* Whoever changes the format counts this up: libgoes refuses a version that it does not know. */
#define FORMAT_VERSION 1

#define PLACE_BYTES (sizeof(int64) + sizeof(int32) + UUID_LEN)
#define EVENT_BYTES (PLACE_BYTES + sizeof(int64) + UUID_LEN + 4 * sizeof(int32))

/*
 * A value that has become so long takes no more events. PostgreSQL copies each value several times to
 * send it: that is quick as long as it fits into the processor's cache, and as long as the memory for
 * the copies need not come from the system.
 */
#define LONG_VALUE (32 * 1024)

/* Room for that and for the event that makes it so long; it grows for a wide one. */
#define VALUE_ROOM (LONG_VALUE + 4 * 1024)

/* A text in the client's encoding. */
typedef struct ClientText
{
	const char *bytes;
	int			length;
} ClientText;

/*
 * put_int32 writes a number and returns the place behind it; the other put functions do the same with
 * what they are named after.
 */
static char *
put_int32(char *place, int32 value)
{
	uint32 network = pg_hton32((uint32) value);

	memcpy(place, &network, sizeof(network));
	return place + sizeof(network);
}

static char *
put_int64(char *place, int64 value)
{
	uint64 network = pg_hton64((uint64) value);

	memcpy(place, &network, sizeof(network));
	return place + sizeof(network);
}

static char *
put_uuid(char *place, Datum value, bool is_null)
{
	if (is_null)
		memset(place, 0, UUID_LEN);
	else
		memcpy(place, DatumGetUUIDP(value), UUID_LEN);
	return place + UUID_LEN;
}

static char *
put_text(char *place, const ClientText *text)
{
	memcpy(place, text->bytes, text->length);
	place[text->length] = '\0';
	return place + text->length + 1;
}

static char *
put_place(char *place, const Datum *values, const bool *nulls)
{
	int32 bits = 0;

	for (int column = 0; column < FEED_COLUMNS; column++)
		bits |= nulls[column] ? 1 << column : 0;
	place = put_int64(place, DatumGetInt64(values[FEED_POSITION]));
	place = put_int32(place, bits);
	return put_uuid(place, values[FEED_ID], nulls[FEED_ID]);
}

/*
 * client_text returns a text as the client is to get it. Null is empty.
 */
static ClientText
client_text(Datum value, bool is_null)
{
	text	  *stored = is_null ? NULL : DatumGetTextPP(value);
	char	  *bytes = is_null ? "" : VARDATA_ANY(stored);
	int		   length = is_null ? 0 : VARSIZE_ANY_EXHDR(stored);
	ClientText text = {pg_server_to_client(bytes, length), length};

	if (text.bytes != bytes)
		text.length = strlen(text.bytes);
	return text;
}

/*
 * add_json adds jsonb as JSON in the client's encoding, and a zero byte. It returns the length of the
 * JSON.
 */
static int
add_json(StringInfo bytes, Datum value)
{
	Jsonb *json = DatumGetJsonbP(value);
	int	   start = bytes->len;
	int	   length;
	char  *converted;

	(void) JsonbToCString(bytes, &json->root, VARSIZE(json));
	length = bytes->len - start;
	converted = pg_server_to_client(bytes->data + start, length);
	if (converted != bytes->data + start)
	{
		length = strlen(converted);
		bytes->len = start;
		appendBinaryStringInfo(bytes, converted, length);
	}
	appendStringInfoChar(bytes, '\0');
	return length;
}

/*
 * add_event adds an event.
 */
static void
add_event(StringInfo bytes, const Datum *values, const bool *nulls)
{
	ClientText name = client_text(values[FEED_NAME], nulls[FEED_NAME]);
	ClientText aggregate = client_text(values[FEED_AGGREGATE_NAME], nulls[FEED_AGGREGATE_NAME]);
	int		   data_length = 0;
	int		   length_place;
	char	  *place;

	enlargeStringInfo(bytes, EVENT_BYTES + name.length + aggregate.length + 2);
	place = put_place(bytes->data + bytes->len, values, nulls);
	place = put_int64(place, nulls[FEED_TIME] ? 0 : DatumGetInt64(values[FEED_TIME]));
	place = put_uuid(place, values[FEED_AGGREGATE_ID], nulls[FEED_AGGREGATE_ID]);
	place = put_int32(
		place, nulls[FEED_AGGREGATE_VERSION] ? 0 : DatumGetInt32(values[FEED_AGGREGATE_VERSION]));
	place = put_int32(place, name.length);
	place = put_int32(place, aggregate.length);
	length_place = place - bytes->data;
	place = put_text(place + sizeof(int32), &name);
	place = put_text(place, &aggregate);
	bytes->len = place - bytes->data;
	if (nulls[FEED_DATA])
		appendStringInfoChar(bytes, '\0');
	else
		data_length = add_json(bytes, values[FEED_DATA]);
	(void) put_int32(bytes->data + length_place, data_length);
}

/*
 * start_value begins a value, in the memory of the page.
 */
static void
start_value(PackedPage *page)
{
	StringInfo bytes = &page->bytes;

	bytes->data = MemoryContextAlloc(page->memory, VALUE_ROOM);
	bytes->maxlen = VALUE_ROOM;
	resetStringInfo(bytes);
	bytes->len = VARHDRSZ;
}

/*
 * end_value ends a value.
 */
static void
end_value(PackedPage *page)
{
	MemoryContext caller = MemoryContextSwitchTo(page->memory);

	SET_VARSIZE(page->bytes.data, page->bytes.len);
	page->values = lappend(page->values, page->bytes.data);
	MemoryContextSwitchTo(caller);
}

/*
 * pack_event adds an event to a page.
 */
static void
pack_event(PageRows *rows, Datum *values, bool *nulls)
{
	PackedPage	 *page = (PackedPage *) rows;
	MemoryContext caller = MemoryContextSwitchTo(page->event);

	if (page->bytes.len >= LONG_VALUE)
	{
		end_value(page);
		start_value(page);
	}
	add_event(&page->bytes, values, nulls);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(page->event);
}

/*
 * pack_cursor adds the cursor to a page, which is whole then.
 */
static void
pack_cursor(PageRows *rows, Datum *values, bool *nulls)
{
	PackedPage *page = (PackedPage *) rows;
	StringInfo	bytes = &page->bytes;

	enlargeStringInfo(bytes, PLACE_BYTES);
	(void) put_place(bytes->data + bytes->len, values, nulls);
	bytes->len += PLACE_BYTES;
	end_value(page);
	MemoryContextDelete(page->event);
}

/*
 * start_packed_page begins a page, whose values last as long as a context does.
 */
PackedPage *
start_packed_page(MemoryContext until)
{
	PackedPage *page = MemoryContextAllocZero(until, sizeof(PackedPage));

	page->rows = (PageRows){pack_event, pack_cursor};
	page->memory = memory_for_rows(until);
	page->event = AllocSetContextCreate(until, "goes_store event", ALLOCSET_DEFAULT_SIZES);
	start_value(page);
	(void) put_int32(page->bytes.data + VARHDRSZ, FORMAT_VERSION);
	page->bytes.len += sizeof(int32);
	return page;
}
