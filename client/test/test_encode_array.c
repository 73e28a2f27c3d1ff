/*
 * test_encode_array.c
 *    Arrays on the way out, against bytes written by hand from PostgreSQL's own functions (array_recv,
 *    record_recv, range_recv, uuid_recv, int8recv).
 */
#include "bytes.h"
#include "data/oids.h"

#define REFERENCE_TYPE 0x4002

static void
an_empty_array_has_no_dimension(void **state)
{
	Buffer buffer = {0};

	encode_text_array(&buffer, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00000019");
	encode_uuid_array(&buffer, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00000b86");
	encode_int64_array(&buffer, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00000014");
	encode_int32_array(&buffer, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00000017");
	encode_reference_array(&buffer, REFERENCE_TYPE, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00004002");
	encode_range_array(&buffer, INT8_RANGE_TYPE, 8, NULL, 0);
	expect_bytes(&buffer, "00000000 00000000 00000f56");
	assert_int_equal(encode_events(&buffer, EVENT_TYPE, NULL, 0, &never, NULL), GOES_OK);
	expect_bytes(&buffer, "00000000 00000000 00004001");
}

static void
texts(void **state)
{
	char  *values[] = {"a", "", "\xc3\xa9"};
	Buffer buffer = {0};

	encode_text_array(&buffer, values, 3);
	expect_bytes(&buffer, ONE_DIMENSION "00000019 00000003 " FROM_ONE
										"00000001 61  00000000  00000002 c3a9");
}

static void
uuids(void **state)
{
	goes_uuid values[] = {uuid_of("0198abcd-ef00-7abc-8def-0123456789ff"), {{0}}};
	Buffer	  buffer = {0};

	encode_uuid_array(&buffer, values, 2);
	expect_bytes(&buffer, ONE_DIMENSION "00000b86 00000002 " FROM_ONE
										"00000010 0198abcdef007abc8def0123456789ff"
										"00000010 00000000000000000000000000000000");
}

static void
long_integers(void **state)
{
	int64_t values[] = {1, INT64_MIN, INT64_MAX};
	Buffer	buffer = {0};

	encode_int64_array(&buffer, values, 3);
	expect_bytes(&buffer, ONE_DIMENSION "00000014 00000003 " FROM_ONE "00000008 0000000000000001"
										"00000008 8000000000000000"
										"00000008 7fffffffffffffff");
}

static void
integers(void **state)
{
	int32_t values[] = {1, INT32_MIN, -1};
	Buffer	buffer = {0};

	encode_int32_array(&buffer, values, 3);
	expect_bytes(&buffer, ONE_DIMENSION "00000017 00000003 " FROM_ONE "00000004 00000001"
										"00000004 80000000 00000004 ffffffff");
}

/* A nil id goes as it is: the server takes it for "any of that name". */
static void
references(void **state)
{
	Reference values[] = {{"ab", uuid_of("0198abcd-ef00-7abc-8def-0123456789ff")}, {"c", {{0}}}};
	Buffer	  buffer = {0};

	encode_reference_array(&buffer, REFERENCE_TYPE, values, 2);
	expect_bytes(&buffer, ONE_DIMENSION
				 "00004002 00000002 " FROM_ONE "00000026 00000002 00000019 00000002 6162"
				 "         00000b86 00000010 0198abcdef007abc8def0123456789ff"
				 "00000025 00000002 00000019 00000001 63"
				 "         00000b86 00000010 00000000000000000000000000000000");
}

static void
ranges_of_long_integers(void **state)
{
	Range  values[] = {{10, 20}, {-1, -1}};
	Buffer buffer = {0};

	encode_range_array(&buffer, INT8_RANGE_TYPE, 8, values, 2);
	expect_bytes(&buffer,
				 ONE_DIMENSION "00000f56 00000002 " FROM_ONE
							   "00000019 06 00000008 000000000000000a 00000008 0000000000000014"
							   "00000019 06 00000008 ffffffffffffffff 00000008 ffffffffffffffff");
}

static void
ranges_of_integers(void **state)
{
	Range  values[] = {{INT32_MIN, 20}};
	Buffer buffer = {0};

	encode_range_array(&buffer, INT4_RANGE_TYPE, 4, values, 1);
	expect_bytes(&buffer, ONE_DIMENSION "00000f40 00000001 " FROM_ONE
										"00000011 06 00000004 80000000 00000004 00000014");
}

/* As [first, last + 1) it would not fit its type: 0x02 lower inclusive, 0x10 upper infinite. */
static void
a_range_that_ends_at_the_greatest_number_is_unbounded_above(void **state)
{
	Range  longs[] = {{10, INT64_MAX}, {INT64_MAX, INT64_MAX}};
	Range  integers[] = {{10, INT32_MAX}};
	Buffer buffer = {0};

	encode_range_array(&buffer, INT8_RANGE_TYPE, 8, longs, 2);
	expect_bytes(&buffer,
				 ONE_DIMENSION "00000f56 00000002 " FROM_ONE "0000000d 12 00000008 000000000000000a"
							   "0000000d 12 00000008 7fffffffffffffff");
	encode_range_array(&buffer, INT4_RANGE_TYPE, 4, integers, 1);
	expect_bytes(&buffer,
				 ONE_DIMENSION "00000f40 00000001 " FROM_ONE "00000009 12 00000004 0000000a");
}

static void
the_greatest_integer_is_an_ordinary_long_one(void **state)
{
	Range  values[] = {{0, INT32_MAX}};
	Buffer buffer = {0};

	encode_range_array(&buffer, INT8_RANGE_TYPE, 8, values, 1);
	expect_bytes(&buffer,
				 ONE_DIMENSION "00000f56 00000001 " FROM_ONE
							   "00000019 06 00000008 0000000000000000 00000008 000000007fffffff");
}

static void
a_reversed_range_is_sent_empty(void **state)
{
	Range  values[] = {{20, 10}, {INT64_MAX, INT64_MIN}};
	Buffer buffer = {0};

	encode_range_array(&buffer, INT8_RANGE_TYPE, 8, values, 2);
	expect_bytes(&buffer, ONE_DIMENSION "00000f56 00000002 " FROM_ONE "00000001 01 00000001 01");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_array_has_no_dimension),
		cmocka_unit_test(texts),
		cmocka_unit_test(uuids),
		cmocka_unit_test(long_integers),
		cmocka_unit_test(integers),
		cmocka_unit_test(references),
		cmocka_unit_test(ranges_of_long_integers),
		cmocka_unit_test(ranges_of_integers),
		cmocka_unit_test(a_range_that_ends_at_the_greatest_number_is_unbounded_above),
		cmocka_unit_test(the_greatest_integer_is_an_ordinary_long_one),
		cmocka_unit_test(a_reversed_range_is_sent_empty),
	};

	return RUN_TESTS(tests);
}
