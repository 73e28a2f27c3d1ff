/*
 * fuzz_decode.c
 *    Random input for the decoder and the encoder (libFuzzer; `make fuzz`).
 *
 * The input is a row: a byte for the number of columns, and for each column a byte for the length of
 * its value, 255 for null, and the bytes. What the decoder says about it, as an event, a snapshot and a
 * model, is compared with a second opinion; the same values, made an event, are encoded, taken apart
 * again and decoded (fuzz_encode.c); and each is read as a number and as the details of a conflict. All of
 * the input is decoded as a page of a feed (fuzz_page.c).
 */
#include "fuzz.h"

#define NULL_BYTE 255

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
	PGresult   *result = fuzzed_result(values, columns);
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
	PGresult		*result = fuzzed_result(values, columns);
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
	PGresult   *result = fuzzed_result(values, columns);
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
 * try_conflict reads a value as the details of a conflict. What is read must be able to be so.
 */
static void
try_conflict(Value value)
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
	check_page(bytes, length);
	for (int i = 0; i < MOST_COLUMNS; i++)
	{
		check_numbers(values[i]);
		try_conflict(values[i]);
	}
	return 0;
}
