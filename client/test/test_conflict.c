/*
 * test_conflict.c
 *    Reading the details of a version conflict, as the server writes them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "data/data.h"
#include "unit.h"

#define ID "019a0000-0000-7000-8000-00000000abcd"

static const char usual[] = "{\"aggregate_name\": \"order\", \"aggregate_id\": \"" ID
							"\", \"current_version\": 5, \"event_version\": 4, "
							"\"event_index\": 12}";

/* What read_conflict made of a text. */
typedef struct Reading
{
	bool		  is_read;
	goes_conflict conflict;
	int64_t		  event_index;
	Buffer		  name;
} Reading;

/*
 * reading_of reads a text from memory that ends with it.
 */
static Reading
reading_of(const char *json)
{
	Reading reading = {.conflict = {.current_version = 77, .event_version = 77}, .event_index = 77};
	char   *copy = strdup(json);

	reading.is_read = read_conflict(copy, &reading.conflict, &reading.event_index, &reading.name);
	free(copy);
	return reading;
}

static bool
is_readable(const char *json)
{
	Reading reading = reading_of(json);

	buffer_free(&reading.name);
	return reading.is_read;
}

/*
 * numbers_in reads details with these three numbers, which are text.
 */
static Reading
numbers_in(const char *current, const char *version, const char *place)
{
	char json[512];

	snprintf(json, sizeof json,
			 "{\"aggregate_name\": \"order\", \"aggregate_id\": \"" ID
			 "\", \"current_version\": %s, \"event_version\": %s, \"event_index\": %s}",
			 current, version, place);
	return reading_of(json);
}

/*
 * expect_numbers reads details with these numbers and compares.
 */
static void
expect_numbers(const char *current, const char *version, const char *place,
			   int32_t expected_current, int32_t expected_version, int64_t expected_index)
{
	Reading reading = numbers_in(current, version, place);

	assert_true(reading.is_read);
	assert_int_equal(reading.conflict.current_version, expected_current);
	assert_int_equal(reading.conflict.event_version, expected_version);
	assert_true(reading.event_index == expected_index);
	buffer_free(&reading.name);
}

/*
 * expect_name reads details with a name, written as in JSON, and compares.
 */
static void
expect_name(const char *written, const char *expected)
{
	char	json[4096];
	Reading reading;

	snprintf(json, sizeof json,
			 "{\"aggregate_name\": \"%s\", \"aggregate_id\": \"" ID
			 "\", \"current_version\": 0, \"event_version\": 2, \"event_index\": 1}",
			 written);
	reading = reading_of(json);
	if (reading.is_read != (expected != NULL))
		fail_msg("%s: %s", written, reading.is_read ? "read" : "not read");
	if (expected != NULL)
		assert_string_equal(reading.conflict.aggregate_name, expected);
	buffer_free(&reading.name);
}

static void
the_usual_details_are_read(void **state)
{
	Reading	  reading = reading_of(usual);
	goes_uuid id = uuid_of(ID);

	assert_true(reading.is_read);
	assert_int_equal(reading.conflict.size, sizeof(goes_conflict));
	assert_string_equal(reading.conflict.aggregate_name, "order");
	assert_memory_equal(&reading.conflict.aggregate_id, &id, sizeof id);
	assert_int_equal(reading.conflict.current_version, 5);
	assert_int_equal(reading.conflict.event_version, 4);
	assert_true(reading.event_index == 11); /* from 0, where the server counts from 1 */
	buffer_free(&reading.name);
}

static void
details_that_are_cut_off_are_not_read(void **state)
{
	char cut[sizeof usual];

	for (size_t length = 0; length < strlen(usual); length++)
	{
		memcpy(cut, usual, length);
		cut[length] = '\0';
		if (is_readable(cut))
			fail_msg("read: %s", cut);
	}
}

/* Only the name may have this character. */
static void
any_byte_that_is_not_of_the_form_is_noticed(void **state)
{
	size_t name = strlen("{\"aggregate_name\": \"");
	char   changed[sizeof usual];

	for (size_t i = 0; i < strlen(usual); i++)
	{
		bool is_in_name = i >= name && i < name + strlen("order");

		memcpy(changed, usual, sizeof usual);
		changed[i] = '~';
		if (is_readable(changed) != is_in_name)
			fail_msg("%s: %s", is_in_name ? "not read" : "read", changed);
	}
}

static void
what_is_null_is_unknown(void **state)
{
	expect_numbers("5", "null", "null", 5, -1, -1);
	expect_numbers("null", "null", "null", -1, -1, -1);
	expect_numbers("null", "4", "1", -1, 4, 0);
}

static void
versions_go_from_end_to_end(void **state)
{
	expect_numbers("2147483647", "2147483647", "1", INT32_MAX, INT32_MAX, 0);
	expect_numbers("-2147483648", "-2147483648", "1", INT32_MIN, INT32_MIN, 0);
	expect_numbers("0", "0", "2147483647", 0, 0, INT32_MAX - 1);
}

/* An append to 2147483647 would have made the next one, which no event can have. */
static void
a_version_that_no_event_can_have_is_unknown(void **state)
{
	expect_numbers("2147483647", "2147483648", "1", INT32_MAX, -1, 0);
	expect_numbers("2147483648", "-2147483649", "9223372036854775807", -1, -1, INT64_MAX - 1);
	expect_numbers("9223372036854775807", "-9223372036854775808", "1", -1, -1, 0);
}

static void
a_number_that_is_none_is_not_read(void **state)
{
	static const char *const bad[] = {"",
									  " 5",
									  "+5",
									  "-",
									  "- 5",
									  "5.0",
									  "\"5\"",
									  "5 ",
									  "0x5",
									  "nul",
									  "9223372036854775808",
									  "-99999999999999999999",
									  "5e1",
									  "NULL",
									  "true"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		Reading readings[] = {numbers_in(bad[i], "4", "1"), numbers_in("5", bad[i], "1"),
							  numbers_in("5", "4", bad[i])};

		for (int j = 0; j < 3; j++)
		{
			if (readings[j].is_read)
				fail_msg("number %d was read: %s", j, bad[i]);
			buffer_free(&readings[j].name);
		}
	}
}

static void
an_index_below_all_is_not_read(void **state)
{
	static const char *const bad[] = {"-1", "-9223372036854775808"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		Reading reading = numbers_in("5", "4", bad[i]);

		assert_false(reading.is_read);
		buffer_free(&reading.name);
	}
}

static void
escaped_names_are_read(void **state)
{
	expect_name("", "");
	expect_name("it's \\\"quoted\\\"", "it's \"quoted\"");
	expect_name("back\\\\slash\\\\", "back\\slash\\");
	expect_name("\\\\\\\"", "\\\"");
	expect_name("\\b\\f\\n\\r\\t\\/", "\b\f\n\r\t/");
	expect_name("\\u0001\\u001f\\u001F\\u000b", "\x01\x1f\x1f\x0b");
	expect_name("gr\xc3\xb6\xc3\x9f"
				"er \xe2\x82\xac \xf0\x9f\x98\x80",
				"größer € 😀");
	expect_name("{}, []: null\x7f", "{}, []: null\x7f");
}

static void
escapes_that_the_server_never_writes_are_not_read(void **state)
{
	static const char *const bad[] = {"\\",		 "\\x",		"\\u",	   "\\u1",	  "\\u00",
									  "\\u001",	 "\\u001g", "\\u0000", "\\u0020", "\\u0041",
									  "\\u20ac", "\\ud83d", "\\u 01f", "\\u-001", "\\u+001",
									  "\\u0x1f", "\\U0001", "\\N"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_name(bad[i], NULL);
}

/*
 * write_as_server escapes a name as PostgreSQL's escape_json does.
 */
static void
write_as_server(char *out, const char *name)
{
	static const char letters[] = "bfnrt\"\\";
	static const char meanings[] = "\b\f\n\r\t\"\\";

	for (; *name != '\0'; name++)
	{
		const char *meaning = strchr(meanings, *name);

		if (meaning != NULL)
			out += sprintf(out, "\\%c", letters[meaning - meanings]);
		else
			out += sprintf(out, (unsigned char) *name < ' ' ? "\\u%04x" : "%c", *name);
	}
	*out = '\0';
}

static void
a_name_with_every_byte_comes_back(void **state)
{
	char name[256];
	char written[2048];

	for (int i = 0; i < 255; i++)
		name[i] = (char) (i + 1);
	name[255] = '\0';
	write_as_server(written, name);
	expect_name(written, name);
}

static void
an_id_that_is_none_is_not_read(void **state)
{
	static const char *const bad[] = {"", "order", ID "0", "019a0000-0000-7000-8000-00000000abc",
									  "019a0000000070008000000000000000abcd"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		char json[512];

		snprintf(
			json, sizeof json,
			"{\"aggregate_name\": \"order\", \"aggregate_id\": \"%s\", \"current_version\": 5, "
			"\"event_version\": 4, \"event_index\": 1}",
			bad[i]);
		assert_false(is_readable(json));
	}
}

static void
other_objects_are_not_read(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"null",
		"Key (id)=(1) already exists.",
		"{\"aggregate_id\": \"" ID "\", \"aggregate_name\": \"order\", \"current_version\": 5, "
		"\"event_version\": 4, \"event_index\": 1}",
		"{\"aggregate_name\":\"order\",\"aggregate_id\":\"" ID "\",\"current_version\":5,"
		"\"event_version\":4,\"event_index\":1}",
		"{\"Aggregate_name\": \"order\", \"aggregate_id\": \"" ID "\", \"current_version\": 5, "
		"\"event_version\": 4, \"event_index\": 1}",
		"{\"aggregate_name\": null, \"aggregate_id\": \"" ID "\", \"current_version\": 5, "
		"\"event_version\": 4, \"event_index\": 1}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(is_readable(bad[i]));
}

static void
a_newer_server_may_add_to_it(void **state)
{
	assert_true(is_readable("{\"aggregate_name\": \"order\", \"aggregate_id\": \"" ID
							"\", \"current_version\": 5, \"event_version\": 4, "
							"\"event_index\": 1, \"store\": \"events\"}"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_details_are_read),
		cmocka_unit_test(details_that_are_cut_off_are_not_read),
		cmocka_unit_test(any_byte_that_is_not_of_the_form_is_noticed),
		cmocka_unit_test(what_is_null_is_unknown),
		cmocka_unit_test(versions_go_from_end_to_end),
		cmocka_unit_test(a_version_that_no_event_can_have_is_unknown),
		cmocka_unit_test(a_number_that_is_none_is_not_read),
		cmocka_unit_test(an_index_below_all_is_not_read),
		cmocka_unit_test(escaped_names_are_read),
		cmocka_unit_test(escapes_that_the_server_never_writes_are_not_read),
		cmocka_unit_test(a_name_with_every_byte_comes_back),
		cmocka_unit_test(an_id_that_is_none_is_not_read),
		cmocka_unit_test(other_objects_are_not_read),
		cmocka_unit_test(a_newer_server_may_add_to_it),
	};

	return RUN_TESTS(tests);
}
