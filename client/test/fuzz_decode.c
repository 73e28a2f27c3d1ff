/*
 * fuzz_decode.c
 *    Random input for the decoder and the encoder (libFuzzer; `make fuzz`).
 *
 * The input is a row: a byte for the number of columns, and for each column a byte for the length of
 * its value, 255 for null, and the bytes. What the decoder says about it, as an event, a snapshot and a
 * model, is compared with a second opinion; the same values, made an event, are encoded, taken apart
 * again and decoded; and each is read as a number and as the details of a conflict.
 */
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"
#include "types.h"

#define MOST_COLUMNS 10
#define NULL_BYTE 255
#define EVENT_TYPE 0x4001

/* A check that is made in every build. */
#define REQUIRE(condition) \
	do                     \
	{                      \
		if (!(condition))  \
			abort();       \
	} while (0)

enum
{
	ID,
	NAME,
	TIME,
	AGGREGATE_ID,
	AGGREGATE_NAME,
	AGGREGATE_VERSION,
	DATA
};

/* A value of the row; length -1 is null. */
typedef struct Value
{
	const uint8_t *bytes;
	int			   length;
} Value;

/* What is left of the input. */
typedef struct Input
{
	const uint8_t *bytes;
	size_t		   left;
} Input;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static uint8_t
take_byte(Input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->bytes++;
}

static Value
take_value(Input *input)
{
	uint8_t length = take_byte(input);
	Value	value = {input->bytes, length};

	if (length == NULL_BYTE)
		return (Value){NULL, -1};
	if (length > input->left)
		value.length = (int) input->left;
	input->bytes += value.length;
	input->left -= (size_t) value.length;
	return value;
}

static PGresult *
result_of(const Value *values, int columns)
{
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[MOST_COLUMNS] = {{0}};

	REQUIRE(result != NULL);
	for (int i = 0; i < columns; i++)
		attributes[i] = (PGresAttDesc){.name = "column", .format = 1};
	if (columns > 0)
		REQUIRE(PQsetResultAttrs(result, columns, attributes));
	for (int i = 0; i < columns; i++)
		REQUIRE(PQsetvalue(result, 0, i, (char *) values[i].bytes, values[i].length));
	return result;
}

/*
 * has_length tells whether a value has a length, or is a null that may be.
 */
static bool
has_length(Value value, int length, bool may_be_null)
{
	return value.length == length || (may_be_null && value.length == -1);
}

/*
 * is_event is the second opinion on a row.
 */
static bool
is_event(const Value *values, int columns)
{
	return columns >= EVENT_COLUMNS && has_length(values[ID], 16, false) &&
		   values[NAME].length >= 0 && has_length(values[TIME], 8, false) &&
		   has_length(values[AGGREGATE_ID], 16, true) &&
		   has_length(values[AGGREGATE_VERSION], 4, true) &&
		   (values[DATA].length == -1 || (values[DATA].length > 0 && values[DATA].bytes[0] == 1));
}

/*
 * check_decoding decodes a row.
 */
static void
check_decoding(const Value *values, int columns)
{
	PGresult   *result = result_of(values, columns);
	goes_event	event;
	goes_error *error = NULL;
	int			status = decode_event(result, 0, &event, &error);

	REQUIRE((status == GOES_OK) == is_event(values, columns));
	REQUIRE(goes_error_status(error) == status);
	if (status == GOES_OK)
	{
		goes_event *copy = goes_event_copy(&event);

		REQUIRE(copy != NULL && copy->data[copy->data_len] == '\0');
		REQUIRE(strlen(copy->name) <= (size_t) values[NAME].length);
		goes_event_free(copy);
	}
	goes_error_free(error);
	PQclear(result);
}

/*
 * is_snapshot is the second opinion on a row as goes_load sends it: the state is behind an event.
 */
static bool
is_snapshot(const Value *values, int columns)
{
	return columns > EVENT_COLUMNS && has_length(values[AGGREGATE_ID], 16, false) &&
		   values[AGGREGATE_NAME].length >= 0 && has_length(values[AGGREGATE_VERSION], 4, false) &&
		   has_length(values[TIME], 8, false) && values[EVENT_COLUMNS].length >= 0;
}

/*
 * check_snapshot decodes a row as a snapshot.
 */
static void
check_snapshot(const Value *values, int columns)
{
	static const int places[SNAPSHOT_COLUMNS] = {AGGREGATE_ID, AGGREGATE_NAME, AGGREGATE_VERSION,
												 TIME, EVENT_COLUMNS};
	PGresult		*result = result_of(values, columns);
	goes_snapshot	 snapshot;
	int				 status = decode_snapshot(result, 0, places, &snapshot, NULL);

	REQUIRE((status == GOES_OK) == is_snapshot(values, columns));
	if (status == GOES_OK)
	{
		goes_snapshot *copy = snapshot_copy(&snapshot);

		REQUIRE(copy != NULL && copy->state_len == (size_t) values[EVENT_COLUMNS].length);
		REQUIRE(copy->state_len == 0 ||
				memcmp(copy->state, values[EVENT_COLUMNS].bytes, copy->state_len) == 0);
		REQUIRE(strlen(copy->aggregate_name) <= (size_t) values[AGGREGATE_NAME].length);
		goes_snapshot_free(copy);
	}
	PQclear(result);
}

/*
 * check_model decodes the first columns, of which a model is the only one.
 */
static void
check_model(const Value *values, int columns)
{
	PGresult   *result = result_of(values, columns);
	const char *json = NULL;
	int			status = decode_model(result, &json, NULL);

	if (columns != 1 || values[0].length < 0)
		REQUIRE(status == GOES_ERR_NOT_FOUND);
	else if (values[0].length == 0 || values[0].bytes[0] != 1)
		REQUIRE(status == GOES_ERR_SERVER);
	else
		REQUIRE(status == GOES_OK && strlen(json) < (size_t) values[0].length);
	PQclear(result);
}

/*
 * check_numbers decodes a value as a number, from memory that ends where the value does.
 */
static void
check_numbers(Value value)
{
	size_t	length = value.length > 0 ? (size_t) value.length : 0;
	char   *bytes = malloc(length);
	int64_t wide = 0;
	int32_t narrow = 0;

	REQUIRE(bytes != NULL || length == 0);
	if (length > 0)
		memcpy(bytes, value.bytes, length);
	REQUIRE((decode_int64(bytes, (int) length, &wide) == GOES_OK) == (length == 8));
	REQUIRE((decode_int32(bytes, (int) length, &narrow) == GOES_OK) == (length == 4));
	free(bytes);
}

/*
 * take_int32 reads a number from what was encoded, which must have one.
 */
static int32_t
take_int32(Input *input)
{
	int32_t number;

	REQUIRE(input->left >= 4);
	REQUIRE(decode_int32((const char *) input->bytes, 4, &number) == GOES_OK);
	input->bytes += 4;
	input->left -= 4;
	return number;
}

/*
 * take_field reads a field of a row, which must have this type.
 */
static Value
take_field(Input *input, Oid type)
{
	Value value;

	REQUIRE((Oid) take_int32(input) == type);
	value.length = take_int32(input);
	value.bytes = input->bytes;
	REQUIRE(value.length >= -1 && (value.length == -1 || (size_t) value.length <= input->left));
	if (value.length > 0)
	{
		input->bytes += value.length;
		input->left -= (size_t) value.length;
	}
	return value;
}

/*
 * same_text compares texts for which NULL is as good as empty.
 */
static bool
same_text(const char *one, const char *other)
{
	return strcmp(one ? one : "", other ? other : "") == 0;
}

/*
 * check_same compares an event with what came back. A nil id means that there was none.
 */
static void
check_same(const goes_event *event, const goes_event *decoded)
{
	const char *data = event->data ? event->data : "null";
	size_t		length = event->data ? event->data_len : strlen("null");

	REQUIRE(memcmp(&event->id, &decoded->id, sizeof event->id) == 0);
	REQUIRE(same_text(event->name, decoded->name));
	REQUIRE(event->time == decoded->time);
	REQUIRE(memcmp(&event->aggregate_id, &decoded->aggregate_id, sizeof event->id) == 0);
	REQUIRE(same_text(event->aggregate_name, decoded->aggregate_name));
	REQUIRE(event->aggregate_version == decoded->aggregate_version);
	REQUIRE(decoded->data_len == length && memcmp(data, decoded->data, length) == 0);
}

/*
 * check_encoded takes apart an array of events as the server does, and decodes each.
 */
static void
check_encoded(const Buffer *buffer, const goes_event *events, int n)
{
	static const Oid types[EVENT_COLUMNS] = {UUID_TYPE, TEXT_TYPE, INT8_TYPE, UUID_TYPE,
											 TEXT_TYPE, INT4_TYPE, JSONB_TYPE};
	Input			 input = {(const uint8_t *) buffer->data, buffer->length};

	REQUIRE(take_int32(&input) == 1 && take_int32(&input) == 0);
	REQUIRE(take_int32(&input) == EVENT_TYPE);
	REQUIRE(take_int32(&input) == n && take_int32(&input) == 1);
	for (int i = 0; i < n; i++)
	{
		int32_t	   length = take_int32(&input);
		size_t	   before = input.left;
		Value	   values[EVENT_COLUMNS];
		PGresult  *result;
		goes_event decoded;

		REQUIRE(take_int32(&input) == EVENT_COLUMNS);
		for (int column = 0; column < EVENT_COLUMNS; column++)
			values[column] = take_field(&input, types[column]);
		REQUIRE((size_t) length == before - input.left);
		result = result_of(values, EVENT_COLUMNS);
		REQUIRE(decode_event(result, 0, &decoded, NULL) == GOES_OK);
		check_same(&events[i], &decoded);
		PQclear(result);
	}
	REQUIRE(input.left == 0);
}

/*
 * text_of copies a value with a zero byte; null is NULL.
 */
static char *
text_of(Value value)
{
	char *text;

	if (value.length < 0)
		return NULL;
	text = calloc((size_t) value.length + 1, 1);
	REQUIRE(text != NULL);
	if (value.length > 0)
		memcpy(text, value.bytes, (size_t) value.length);
	return text;
}

/*
 * fill copies so much of a value as there is into a field.
 */
static void
fill(void *field, size_t size, Value value)
{
	size_t length = value.length > 0 ? (size_t) value.length : 0;

	memset(field, 0, size);
	if (length > 0)
		memcpy(field, value.bytes, length < size ? length : size);
}

/*
 * is_sendable is the second opinion on an event; here no name is long enough to be refused by its
 * bytes alone.
 */
static bool
is_sendable(const goes_event *event)
{
	return !goes_uuid_is_nil(&event->id) && event->name != NULL && *event->name != '\0';
}

/*
 * check_encoding encodes an event once, and twice in one array.
 */
static void
check_encoding(const Value *values)
{
	char	  *name = text_of(values[NAME]);
	char	  *aggregate_name = text_of(values[AGGREGATE_NAME]);
	char	  *data = text_of(values[DATA]);
	goes_event events[2] = {{.name = name, .aggregate_name = aggregate_name, .data = data}};

	fill(&events[0].id, sizeof events[0].id, values[ID]);
	fill(&events[0].time, sizeof events[0].time, values[TIME]);
	fill(&events[0].aggregate_id, sizeof events[0].aggregate_id, values[AGGREGATE_ID]);
	fill(&events[0].aggregate_version, sizeof events[0].aggregate_version,
		 values[AGGREGATE_VERSION]);
	events[0].data_len = data != NULL ? (size_t) values[DATA].length : 0;
	events[1] = events[0];
	for (int n = 1; n <= 2; n++)
	{
		Buffer		buffer = {0};
		goes_error *error = NULL;
		int			status = encode_events(&buffer, EVENT_TYPE, events, (size_t) n, &error);

		REQUIRE(goes_error_status(error) == status);
		REQUIRE(status == (is_sendable(&events[0]) ? GOES_OK : GOES_ERR_INVALID));
		REQUIRE(goes_error_event_index(error) == (status == GOES_OK ? -1 : 0));
		if (status == GOES_OK)
			check_encoded(&buffer, events, n);
		goes_error_free(error);
		buffer_free(&buffer);
	}
	free(name);
	free(aggregate_name);
	free(data);
}

/*
 * check_conflict reads a value as the details of a conflict. What is read must be able to be so.
 */
static void
check_conflict(Value value)
{
	char		 *json = text_of(value);
	goes_conflict conflict = {0};
	int64_t		  event_index = INT64_MIN;
	Buffer		  name = {0};

	if (json != NULL && read_conflict(json, &conflict, &event_index, &name))
	{
		REQUIRE(conflict.size == sizeof conflict && event_index >= -1);
		REQUIRE(conflict.aggregate_name == name.data && strlen(name.data) < strlen(json));
		REQUIRE(strstr(json, "\"event_index\": ") != NULL);
	}
	buffer_free(&name);
	free(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	Input input = {bytes, length};
	int	  columns = take_byte(&input) % (MOST_COLUMNS + 1);
	Value values[MOST_COLUMNS];

	for (int i = 0; i < MOST_COLUMNS; i++)
		values[i] = take_value(&input);
	check_decoding(values, columns);
	check_snapshot(values, columns);
	check_model(values, columns);
	check_model(values, 1);
	check_encoding(values);
	for (int i = 0; i < MOST_COLUMNS; i++)
	{
		check_numbers(values[i]);
		check_conflict(values[i]);
	}
	return 0;
}
