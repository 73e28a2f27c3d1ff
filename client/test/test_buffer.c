/*
 * test_buffer.c
 *    Bytes that grow.
 */
#include <stdlib.h>

#include "bytes.h"

static void
numbers_have_their_highest_byte_first(void **state)
{
	Buffer buffer = {0};

	buffer_int32(&buffer, 0x01020304);
	buffer_int32(&buffer, INT32_MIN);
	buffer_int64(&buffer, INT64_C(0x0102030405060708));
	buffer_int64(&buffer, -1);
	expect_bytes(&buffer, "01020304 80000000 0102030405060708 ffffffffffffffff");
}

static void
a_number_can_be_overwritten(void **state)
{
	Buffer buffer = {0};

	buffer_text(&buffer, "abcdefg");
	buffer_put_int32(&buffer, 2, (int32_t) 0x81828384);
	expect_bytes(&buffer, "61 62 81828384 67");
}

static void
text_is_put_together(void **state)
{
	Buffer buffer = {0};

	buffer_text(&buffer, "");
	buffer_text(&buffer, "SELECT ");
	buffer_format(&buffer, "%s(%d)", "f", 7);
	buffer_append(&buffer, NULL, 0);
	assert_string_equal(buffer_string(&buffer), "SELECT f(7)");
	assert_int_equal(buffer.length, 11);
	buffer_text(&buffer, ";");
	assert_string_equal(buffer_string(&buffer), "SELECT f(7);");
	buffer_free(&buffer);
}

static void
an_empty_buffer_is_an_empty_string(void **state)
{
	Buffer buffer = {0};

	assert_string_equal(buffer_string(&buffer), "");
	buffer_free(&buffer);
}

/* Around the sizes at which it grows, byte by byte. */
static void
a_buffer_grows_without_losing_a_byte(void **state)
{
	Buffer buffer = {0};

	for (int i = 0; i < 5000; i++)
	{
		unsigned char byte = (unsigned char) (i * 7);

		buffer_append(&buffer, &byte, 1);
		assert_true(buffer.length < buffer.room);
	}
	assert_int_equal(buffer.length, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal((unsigned char) buffer.data[i], (unsigned char) (i * 7));
	buffer_free(&buffer);
}

static void
formatted_text_may_be_longer_than_the_room(void **state)
{
	Buffer buffer = {0};

	for (int width = 0; width < 2000; width += 13)
	{
		size_t before = buffer.length;

		buffer_format(&buffer, "%*s", width, "");
		assert_int_equal(buffer.length, before + (size_t) width);
	}
	assert_int_equal(strlen(buffer_string(&buffer)), buffer.length);
	buffer_free(&buffer);
}

static void
a_length_beyond_all_memory_fails_for_good(void **state)
{
	volatile size_t most = SIZE_MAX; /* volatile: or the compiler warns of it */
	Buffer			buffer = {0};

	buffer_text(&buffer, "abc");
	buffer_append(&buffer, "", most - 1);
	assert_true(buffer.failed);
	buffer_text(&buffer, "def");
	buffer_format(&buffer, "%d", 1);
	buffer_put_int32(&buffer, 0, 1);
	assert_int_equal(buffer.length, 3);
	assert_null(buffer_string(&buffer));
	buffer_free(&buffer);
	assert_false(buffer.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_their_highest_byte_first),
		cmocka_unit_test(a_number_can_be_overwritten),
		cmocka_unit_test(text_is_put_together),
		cmocka_unit_test(an_empty_buffer_is_an_empty_string),
		cmocka_unit_test(a_buffer_grows_without_losing_a_byte),
		cmocka_unit_test(formatted_text_may_be_longer_than_the_room),
		cmocka_unit_test(a_length_beyond_all_memory_fails_for_good),
	};

	return RUN_TESTS(tests);
}
