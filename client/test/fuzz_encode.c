/*
 * fuzz_encode.c
 *    Random values, made an event: what is encoded is taken apart again and decoded.
 */
#include "fuzz.h"
#include "data/oids.h"

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
 * same_text compares texts; NULL is the same as empty.
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
		result = fuzzed_result(values, EVENT_COLUMNS);
		REQUIRE(decode_event(result, 0, &decoded, NULL) == GOES_OK);
		check_same(&events[i], &decoded);
		PQclear(result);
	}
	REQUIRE(input.left == 0);
}

/*
 * fill_field copies so much of a value as there is into a field.
 */
static void
fill_field(void *field, size_t size, Value value)
{
	size_t length = value.length > 0 ? (size_t) value.length : 0;

	memset(field, 0, size);
	if (length > 0)
		memcpy(field, value.bytes, length < size ? length : size);
}

/*
 * is_utf8 decodes each character to its number, which has to be one that needs so many bytes.
 */
static bool
is_utf8(const char *text)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	while (text != NULL && *text != '\0')
	{
		unsigned char first = (unsigned char) *text++;
		int			  more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
		uint32_t	  number = more == 0 ? first : first & (0x3fu >> more);

		if (first >= 0xf8 || (first & 0xc0) == 0x80)
			return false;
		for (int i = 0; i < more; i++, text++)
		{
			if (((unsigned char) *text & 0xc0) != 0x80)
				return false;
			number = number << 6 | ((unsigned char) *text & 0x3f);
		}
		if (number < least[more] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
			return false;
	}
	return true;
}

/*
 * is_sendable is the second opinion on an event; here no name is long enough to be refused by its
 * bytes alone.
 */
static bool
is_sendable(const goes_event *event)
{
	return !goes_uuid_is_nil(&event->id) && event->name != NULL && *event->name != '\0' &&
		   is_utf8(event->name) && is_utf8(event->aggregate_name);
}

void
check_encoding(const Value *values)
{
	char	  *name = text_of(values[NAME]);
	char	  *aggregate_name = text_of(values[AGGREGATE_NAME]);
	char	  *data = text_of(values[DATA]);
	goes_event events[2] = {{.name = name, .aggregate_name = aggregate_name, .data = data}};

	fill_field(&events[0].id, sizeof events[0].id, values[ID]);
	fill_field(&events[0].time, sizeof events[0].time, values[TIME]);
	fill_field(&events[0].aggregate_id, sizeof events[0].aggregate_id, values[AGGREGATE_ID]);
	fill_field(&events[0].aggregate_version, sizeof events[0].aggregate_version,
			   values[AGGREGATE_VERSION]);
	events[0].data_len = data != NULL ? (size_t) values[DATA].length : 0;
	events[1] = events[0];
	for (int n = 1; n <= 2; n++)
	{
		Buffer		buffer = {0};
		goes_error *error = NULL;
		int			status = encode_events(&buffer, EVENT_TYPE, events, (size_t) n, &never, &error);

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
