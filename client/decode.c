/*
 * decode.c
 *    PostgreSQL's binary formats, on the way in.
 *
 * Nothing is copied: an event points into its PGresult, where libpq ends every value by a zero byte.
 */
#include <string.h>

#include "internal.h"

#define JSONB_VERSION 1

/*
 * big_endian reads a number, highest byte first.
 */
static uint64_t
big_endian(const char *bytes, int length)
{
	uint64_t number = 0;

	for (int i = 0; i < length; i++)
		number = number << 8 | (unsigned char) bytes[i];
	return number;
}

int
decode_int64(const char *bytes, int length, int64_t *out)
{
	if (length != 8)
		return GOES_ERR_SERVER;
	*out = (int64_t) big_endian(bytes, length);
	return GOES_OK;
}

int
decode_int32(const char *bytes, int length, int32_t *out)
{
	if (length != 4)
		return GOES_ERR_SERVER;
	*out = (int32_t) (uint32_t) big_endian(bytes, length);
	return GOES_OK;
}

/* A value of a row; of length 0 it may be null. */
typedef struct Value
{
	const char *bytes;
	int			length;
	bool		is_null;
} Value;

static Value
value_of(const PGresult *result, int row, int column)
{
	int length = PQgetlength(result, row, column);

	return (Value){PQgetvalue(result, row, column), length,
				   length == 0 && PQgetisnull(result, row, column)};
}

/*
 * decode_uuid reads a UUID; null is nil.
 */
static int
decode_uuid(Value value, goes_uuid *out)
{
	memset(out, 0, sizeof *out);
	if (value.is_null)
		return GOES_OK;
	if (value.length != sizeof out->bytes)
		return GOES_ERR_SERVER;
	memcpy(out->bytes, value.bytes, sizeof out->bytes);
	return GOES_OK;
}

/*
 * decode_version reads a version; null is 0.
 */
static int
decode_version(Value value, int32_t *out)
{
	*out = 0;
	return value.is_null ? GOES_OK : decode_int32(value.bytes, value.length, out);
}

/*
 * decode_data reads jsonb; null is JSON's null.
 */
static int
decode_data(Value value, goes_event *event)
{
	if (value.is_null)
	{
		event->data = "null";
		event->data_len = strlen(event->data);
		return GOES_OK;
	}
	if (value.length < 1 || value.bytes[0] != JSONB_VERSION)
		return GOES_ERR_SERVER;
	event->data = value.bytes + 1;
	event->data_len = (size_t) value.length - 1;
	return GOES_OK;
}

/*
 * decode_event reads a row of goes_event's columns. What the server sends is checked like any other
 * input.
 */
int
decode_event(const PGresult *result, int row, goes_event *event, goes_error **err)
{
	Value values[EVENT_COLUMNS] = {{0}};
	bool  is_readable = PQnfields(result) == EVENT_COLUMNS && row >= 0 && row < PQntuples(result);

	for (int column = 0; is_readable && column < EVENT_COLUMNS; column++)
		values[column] = value_of(result, row, column);
	if (!is_readable || values[0].is_null || values[1].is_null || values[2].is_null ||
		decode_uuid(values[0], &event->id) != GOES_OK ||
		decode_int64(values[2].bytes, values[2].length, &event->time) != GOES_OK ||
		decode_uuid(values[3], &event->aggregate_id) != GOES_OK ||
		decode_version(values[5], &event->aggregate_version) != GOES_OK ||
		decode_data(values[6], event) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent an event that cannot be read");
	event->name = values[1].bytes;
	event->aggregate_name = values[4].bytes; /* "" for null */
	return GOES_OK;
}
