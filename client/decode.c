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

/*
 * decode_uuid reads a UUID; null is nil.
 */
static int
decode_uuid(const PGresult *result, int row, int column, goes_uuid *out)
{
	memset(out, 0, sizeof *out);
	if (PQgetisnull(result, row, column))
		return GOES_OK;
	if (PQgetlength(result, row, column) != sizeof out->bytes)
		return GOES_ERR_SERVER;
	memcpy(out->bytes, PQgetvalue(result, row, column), sizeof out->bytes);
	return GOES_OK;
}

/*
 * decode_version reads a version; null is 0.
 */
static int
decode_version(const PGresult *result, int row, int column, int32_t *out)
{
	*out = 0;
	if (PQgetisnull(result, row, column))
		return GOES_OK;
	return decode_int32(PQgetvalue(result, row, column), PQgetlength(result, row, column), out);
}

/*
 * decode_data reads jsonb; null is JSON's null.
 */
static int
decode_data(const PGresult *result, int row, int column, goes_event *event)
{
	const char *value = PQgetvalue(result, row, column);
	int			length = PQgetlength(result, row, column);

	if (PQgetisnull(result, row, column))
	{
		event->data = "null";
		event->data_len = strlen(event->data);
		return GOES_OK;
	}
	if (length < 1 || value[0] != JSONB_VERSION)
		return GOES_ERR_SERVER;
	event->data = value + 1;
	event->data_len = (size_t) length - 1;
	return GOES_OK;
}

/*
 * decode_event reads a row of goes_event's columns. What the server sends is checked like any other
 * input.
 */
int
decode_event(const PGresult *result, int row, goes_event *event, goes_error **err)
{
	if (PQnfields(result) != EVENT_COLUMNS || row < 0 || row >= PQntuples(result) ||
		PQgetisnull(result, row, 0) || PQgetisnull(result, row, 1) || PQgetisnull(result, row, 2) ||
		decode_uuid(result, row, 0, &event->id) != GOES_OK ||
		decode_int64(PQgetvalue(result, row, 2), PQgetlength(result, row, 2), &event->time) !=
			GOES_OK ||
		decode_uuid(result, row, 3, &event->aggregate_id) != GOES_OK ||
		decode_version(result, row, 5, &event->aggregate_version) != GOES_OK ||
		decode_data(result, row, 6, event) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent an event that cannot be read");
	event->name = PQgetvalue(result, row, 1);
	event->aggregate_name = PQgetvalue(result, row, 4); /* "" for null */
	return GOES_OK;
}
