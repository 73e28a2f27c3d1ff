/*
 * decode.c
 *    PostgreSQL's binary formats, on the way in.
 *
 * Nothing is copied: an event points into its PGresult, where libpq adds a zero byte to every
 * value.
 */
#include <string.h>

#include "data/data.h"

#define JSONB_VERSION 1

int
decode_int64(const char *bytes, int length, int64_t *out)
{
	uint64_t network;

	if (length != sizeof network)
		return GOES_ERR_SERVER;
	memcpy(&network, bytes, sizeof network);
	*out = (int64_t) be64toh(network);
	return GOES_OK;
}

int
decode_int32(const char *bytes, int length, int32_t *out)
{
	uint32_t network;

	if (length != sizeof network)
		return GOES_ERR_SERVER;
	memcpy(&network, bytes, sizeof network);
	*out = (int32_t) be32toh(network);
	return GOES_OK;
}

/* A value of a row. */
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
 * decode_json reads jsonb; null is JSON's null.
 */
static int
decode_json(Value value, const char **json, size_t *length)
{
	if (value.is_null)
	{
		*json = "null";
		*length = strlen(*json);
		return GOES_OK;
	}
	if (value.length < 1 || value.bytes[0] != JSONB_VERSION)
		return GOES_ERR_SERVER;
	*json = value.bytes + 1;
	*length = (size_t) value.length - 1;
	return GOES_OK;
}

/*
 * decode_event_at reads the columns of goes_event in a row, the first of them at that place. What the
 * server sends is checked like any other input.
 */
int
decode_event_at(const PGresult *result, int row, int first, goes_event *event, goes_error **err)
{
	Value values[EVENT_COLUMNS] = {{0}};
	bool  is_readable =
		PQnfields(result) >= first + EVENT_COLUMNS && row >= 0 && row < PQntuples(result);

	for (int column = 0; is_readable && column < EVENT_COLUMNS; column++)
		values[column] = value_of(result, row, first + column);
	if (!is_readable || values[0].is_null || values[1].is_null || values[2].is_null ||
		decode_uuid(values[0], &event->id) != GOES_OK ||
		decode_int64(values[2].bytes, values[2].length, &event->time) != GOES_OK ||
		decode_uuid(values[3], &event->aggregate_id) != GOES_OK ||
		decode_version(values[5], &event->aggregate_version) != GOES_OK ||
		decode_json(values[6], &event->data, &event->data_len) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent an event that cannot be read");
	event->name = values[1].bytes;
	event->aggregate_name = values[4].bytes; /* "" for null */
	return GOES_OK;
}

int
decode_event(const PGresult *result, int row, goes_event *event, goes_error **err)
{
	return decode_event_at(result, row, 0, event, err);
}

const int snapshot_columns[SNAPSHOT_COLUMNS] = {0, 1, 2, 3, 4};

int
decode_snapshot(const PGresult *result, int row, const int columns[SNAPSHOT_COLUMNS],
				goes_snapshot *snapshot, goes_error **err)
{
	Value values[SNAPSHOT_COLUMNS] = {{0}};
	bool  is_readable = row >= 0 && row < PQntuples(result);

	for (int i = 0; is_readable && i < SNAPSHOT_COLUMNS; i++)
	{
		is_readable = columns[i] < PQnfields(result);
		if (is_readable)
			values[i] = value_of(result, row, columns[i]);
		is_readable = is_readable && !values[i].is_null;
	}
	if (!is_readable || decode_uuid(values[0], &snapshot->aggregate_id) != GOES_OK ||
		decode_version(values[2], &snapshot->aggregate_version) != GOES_OK ||
		decode_int64(values[3].bytes, values[3].length, &snapshot->time) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent a snapshot that cannot be read");
	snapshot->aggregate_name = values[1].bytes;
	snapshot->state = values[4].bytes;
	snapshot->state_len = (size_t) values[4].length;
	return GOES_OK;
}

int
decode_model(const PGresult *result, const char **json, goes_error **err)
{
	size_t length;

	if (PQntuples(result) != 1 || PQnfields(result) != 1 || PQgetisnull(result, 0, 0))
		return fail(err, GOES_ERR_NOT_FOUND, "there is no model with that id");
	if (decode_json(value_of(result, 0, 0), json, &length) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent a model that cannot be read");
	return GOES_OK;
}
