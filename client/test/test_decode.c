/*
 * test_decode.c
 *    Binary formats on the way in: what the server sends is checked like any other input.
 */
#include <stdlib.h>

#include "columns.h"
#include "rows.h"

static const Value placed[EVENT_COLUMNS] = {
	{"\x01\x98\xab\xcd\xef\x00\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xff", 16},
	{"order.placed", 12},
	{"\x00\x00\x00\x00\x00\x00\x03\xe8", 8},
	{"\x01\x98\xab\xcd\xef\x00\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\x00", 16},
	{"order", 5},
	{"\xff\xff\xff\xfe", 4},
	{"\x01{\"total\": 30}", 14}};

/*
 * placed_but makes the usual row with one value changed.
 */
static PGresult *
placed_but(int column, const char *bytes, int length)
{
	Value values[EVENT_COLUMNS];

	memcpy(values, placed, sizeof values);
	values[column] = (Value){bytes, length};
	return result_of(values, EVENT_COLUMNS);
}

/*
 * expect_unreadable_event decodes row 0, which has to fail, and frees the result.
 */
static void
expect_unreadable_event(PGresult *result)
{
	goes_event	event;
	goes_error *error = NULL;

	expect_error(decode_event(result, 0, &event, &error), &error, GOES_ERR_SERVER,
				 "cannot be read");
	assert_int_equal(decode_event(result, 0, &event, NULL), GOES_ERR_SERVER);
	PQclear(result);
}

/*
 * expect_readable decodes row 0, which has to succeed. The event points into the result.
 */
static goes_event
expect_readable(const PGresult *result)
{
	goes_event	event;
	goes_error *error = NULL;

	memset(&event, 0xff, sizeof event);
	assert_int_equal(decode_event(result, 0, &event, &error), GOES_OK);
	assert_null(error);
	return event;
}

static void
a_row_becomes_an_event(void **state)
{
	PGresult  *result = result_of(placed, EVENT_COLUMNS);
	goes_event event = expect_readable(result);

	assert_memory_equal(&event.id, placed[ID].bytes, 16);
	assert_string_equal(event.name, "order.placed");
	assert_int_equal(event.time, 1000);
	assert_memory_equal(&event.aggregate_id, placed[AGGREGATE_ID].bytes, 16);
	assert_string_equal(event.aggregate_name, "order");
	assert_int_equal(event.aggregate_version, -2);
	assert_memory_equal(event.data, "{\"total\": 30}", 14);
	assert_int_equal(event.data_len, 13);
	PQclear(result);
}

static void
the_second_row_is_another_event(void **state)
{
	PGresult  *result = result_of(placed, EVENT_COLUMNS);
	goes_event event;

	for (int i = 0; i < EVENT_COLUMNS; i++)
		assert_true(PQsetvalue(result, 1, i, (char *) placed[i].bytes, placed[i].length));
	assert_true(PQsetvalue(result, 1, NAME, "order.paid", 10));
	assert_int_equal(decode_event(result, 1, &event, NULL), GOES_OK);
	assert_string_equal(event.name, "order.paid");
	assert_int_equal(decode_event(result, 0, &event, NULL), GOES_OK);
	assert_string_equal(event.name, "order.placed");
	PQclear(result);
}

/* goes.h: events that the library gives out have no NULL in them. */
static void
nulls_become_the_zeros_of_their_kind(void **state)
{
	Value	   values[EVENT_COLUMNS];
	PGresult  *result;
	goes_event event;

	memcpy(values, placed, sizeof values);
	for (int i = AGGREGATE_ID; i <= DATA; i++)
		values[i] = (Value){NULL, NULL_LENGTH};
	result = result_of(values, EVENT_COLUMNS);
	event = expect_readable(result);
	assert_true(goes_uuid_is_nil(&event.aggregate_id));
	assert_string_equal(event.aggregate_name, "");
	assert_int_equal(event.aggregate_version, 0);
	assert_string_equal(event.data, "null");
	assert_int_equal(event.data_len, 4);
	PQclear(result);
}

/* goes-semantics.md: libgoes gives each of the three its own zero value. */
static void
one_null_of_an_aggregate_leaves_the_other_parts(void **state)
{
	PGresult  *result = placed_but(AGGREGATE_ID, NULL, NULL_LENGTH);
	goes_event event = expect_readable(result);

	assert_true(goes_uuid_is_nil(&event.aggregate_id));
	assert_string_equal(event.aggregate_name, "order");
	assert_int_equal(event.aggregate_version, -2);
	PQclear(result);
	result = placed_but(AGGREGATE_VERSION, NULL, NULL_LENGTH);
	event = expect_readable(result);
	assert_int_equal(event.aggregate_version, 0);
	assert_string_equal(event.aggregate_name, "order");
	PQclear(result);
}

static void
an_id_a_name_and_a_time_must_not_be_null(void **state)
{
	expect_unreadable_event(placed_but(ID, NULL, NULL_LENGTH));
	expect_unreadable_event(placed_but(NAME, NULL, NULL_LENGTH));
	expect_unreadable_event(placed_but(TIME, NULL, NULL_LENGTH));
}

/* Empty, cut, and with more than there should be. */
static void
a_value_of_the_wrong_length_is_not_read(void **state)
{
	static const char zeros[40] = {0};
	static const int  columns[] = {ID, TIME, AGGREGATE_ID, AGGREGATE_VERSION};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
	{
		for (int length = 0; length < (int) sizeof zeros; length++)
		{
			if (length != placed[columns[i]].length)
				expect_unreadable_event(placed_but(columns[i], zeros, length));
		}
	}
}

static void
data_without_a_version_byte_is_not_read(void **state)
{
	expect_unreadable_event(placed_but(DATA, "", 0));
}

static void
data_of_any_other_version_is_not_read(void **state)
{
	for (int version = 0; version < 256; version++)
	{
		char bytes[] = {(char) version, '{', '}'};

		if (version != 1)
			expect_unreadable_event(placed_but(DATA, bytes, sizeof bytes));
	}
}

/* A text value starts with no version byte: the result was asked for in the wrong format. */
static void
rows_in_text_format_are_not_read(void **state)
{
	static const Value values[EVENT_COLUMNS] = {{"0198abcd-ef00-7abc-8def-0123456789ff", 36},
												{"order.placed", 12},
												{"1000", 4},
												{NULL, NULL_LENGTH},
												{NULL, NULL_LENGTH},
												{NULL, NULL_LENGTH},
												{"{}", 2}};

	expect_unreadable_event(result_of(values, EVENT_COLUMNS));
	expect_unreadable_event(placed_but(DATA, "{}", 2));
}

static void
data_may_be_nothing_but_its_version_byte(void **state)
{
	PGresult  *result = placed_but(DATA, "\x01", 1);
	goes_event event = expect_readable(result);

	assert_string_equal(event.data, "");
	assert_int_equal(event.data_len, 0);
	PQclear(result);
}

static void
data_may_be_megabytes(void **state)
{
	size_t	   length = (size_t) 8 << 20;
	char	  *bytes = malloc(length);
	PGresult  *result;
	goes_event event;

	assert_non_null(bytes);
	memset(bytes, '1', length);
	bytes[0] = 1;
	result = placed_but(DATA, bytes, (int) length);
	event = expect_readable(result);
	assert_int_equal(event.data_len, length - 1);
	assert_int_equal(strlen(event.data), length - 1);
	PQclear(result);
	free(bytes);
}

static void
names_may_be_empty_or_have_any_characters(void **state)
{
	PGresult  *result = placed_but(NAME, "", 0);
	goes_event event = expect_readable(result);

	assert_string_equal(event.name, "");
	PQclear(result);
	result = placed_but(AGGREGATE_NAME, "\xf0\x9f\x90\x98", 4);
	event = expect_readable(result);
	assert_string_equal(event.aggregate_name, "\xf0\x9f\x90\x98");
	PQclear(result);
}

static void
a_row_with_too_few_columns_is_not_read(void **state)
{
	for (int columns = 0; columns < EVENT_COLUMNS; columns++)
		expect_unreadable_event(result_of(placed, columns));
}

/* goes_load's rows have a snapshot's state behind the event. */
static void
a_row_may_have_more_behind_the_event(void **state)
{
	Value	   values[EVENT_COLUMNS + 1];
	PGresult  *result;
	goes_event event;

	memcpy(values, placed, sizeof placed);
	values[EVENT_COLUMNS] = (Value){NULL, NULL_LENGTH};
	result = result_of(values, EVENT_COLUMNS + 1);
	event = expect_readable(result);
	assert_string_equal(event.name, "order.placed");
	PQclear(result);
}

static void
a_row_that_is_not_there_is_not_read(void **state)
{
	PGresult  *result = result_of(placed, EVENT_COLUMNS);
	goes_event event;

	assert_int_equal(decode_event(result, 1, &event, NULL), GOES_ERR_SERVER);
	assert_int_equal(decode_event(result, -1, &event, NULL), GOES_ERR_SERVER);
	assert_int_equal(decode_event(result, INT32_MAX, &event, NULL), GOES_ERR_SERVER);
	PQclear(result);
	expect_unreadable_event(NULL);
}

static void
long_integers_are_read(void **state)
{
	int64_t number = 0;

	assert_int_equal(decode_int64("\x01\x02\x03\x04\x05\x06\x07\x08", 8, &number), GOES_OK);
	assert_true(number == INT64_C(0x0102030405060708));
	assert_int_equal(decode_int64("\x80\0\0\0\0\0\0\0", 8, &number), GOES_OK);
	assert_true(number == INT64_MIN);
	assert_int_equal(decode_int64("\x7f\xff\xff\xff\xff\xff\xff\xff", 8, &number), GOES_OK);
	assert_true(number == INT64_MAX);
	assert_int_equal(decode_int64("\xff\xff\xff\xff\xff\xff\xff\xff", 8, &number), GOES_OK);
	assert_true(number == -1);
}

static void
integers_are_read(void **state)
{
	int32_t number = 0;

	assert_int_equal(decode_int32("\x01\x02\x03\x04", 4, &number), GOES_OK);
	assert_int_equal(number, 0x01020304);
	assert_int_equal(decode_int32("\x80\0\0\0", 4, &number), GOES_OK);
	assert_int_equal(number, INT32_MIN);
	assert_int_equal(decode_int32("\xff\xff\xff\xff", 4, &number), GOES_OK);
	assert_int_equal(number, -1);
}

static void
a_number_of_the_wrong_length_leaves_the_variable_alone(void **state)
{
	static const char zeros[16] = {0};
	int64_t			  wide = 5;
	int32_t			  narrow = 5;

	for (int length = -1; length <= (int) sizeof zeros; length++)
	{
		if (length != 8)
			assert_int_equal(decode_int64(zeros, length, &wide), GOES_ERR_SERVER);
		if (length != 4)
			assert_int_equal(decode_int32(zeros, length, &narrow), GOES_ERR_SERVER);
	}
	assert_int_equal(wide, 5);
	assert_int_equal(narrow, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_becomes_an_event),
		cmocka_unit_test(the_second_row_is_another_event),
		cmocka_unit_test(nulls_become_the_zeros_of_their_kind),
		cmocka_unit_test(one_null_of_an_aggregate_leaves_the_other_parts),
		cmocka_unit_test(an_id_a_name_and_a_time_must_not_be_null),
		cmocka_unit_test(a_value_of_the_wrong_length_is_not_read),
		cmocka_unit_test(data_without_a_version_byte_is_not_read),
		cmocka_unit_test(data_of_any_other_version_is_not_read),
		cmocka_unit_test(rows_in_text_format_are_not_read),
		cmocka_unit_test(data_may_be_nothing_but_its_version_byte),
		cmocka_unit_test(data_may_be_megabytes),
		cmocka_unit_test(names_may_be_empty_or_have_any_characters),
		cmocka_unit_test(a_row_with_too_few_columns_is_not_read),
		cmocka_unit_test(a_row_may_have_more_behind_the_event),
		cmocka_unit_test(a_row_that_is_not_there_is_not_read),
		cmocka_unit_test(long_integers_are_read),
		cmocka_unit_test(integers_are_read),
		cmocka_unit_test(a_number_of_the_wrong_length_leaves_the_variable_alone),
	};

	return RUN_TESTS(tests);
}
