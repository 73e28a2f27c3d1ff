/*
 * test_encode_event.c
 *    Events on the way out, against bytes written by hand from PostgreSQL's own functions (record_recv,
 *    jsonb_recv, …), and those that are refused before they are sent.
 */
#include <stdlib.h>

#include "bytes.h"

#define MANY 1000

/* Under a sanitizer a gigabyte takes several. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_GIGABYTES
#endif

/*
 * whole_event makes an event with every field.
 */
static goes_event
whole_event(void)
{
	return (goes_event){.id = uuid_of("0198abcd-ef00-7abc-8def-0123456789ff"),
						.name = "ab",
						.time = 1000,
						.aggregate_id = uuid_of("0198abcd-ef00-7abc-8def-012345678900"),
						.aggregate_name = "cde",
						.aggregate_version = -2,
						.data = "{}rubbish",
						.data_len = 2};
}

#define ID "00000b86 00000010 0198abcdef007abc8def0123456789ff "
#define NAME "00000019 00000002 6162 "
#define TIME "00000014 00000008 00000000000003e8 "
#define AGGREGATE_ID "00000b86 00000010 0198abcdef007abc8def012345678900 "
#define AGGREGATE_NAME "00000019 00000003 636465 "
#define AGGREGATE_VERSION "00000017 00000004 fffffffe "
#define DATA "00000eda 00000003 01 7b7d "
#define NO_ID "00000b86 ffffffff "
#define NO_NAME "00000019 ffffffff "
#define NO_VERSION "00000017 ffffffff "
#define ONE_EVENT ONE_DIMENSION "00004001 00000001 " FROM_ONE

/*
 * expect_event encodes one event and compares.
 */
static void
expect_event(const goes_event *event, const char *hexadecimal)
{
	Buffer buffer = {0};

	assert_int_equal(encode_events(&buffer, EVENT_TYPE, event, 1, &never, NULL), GOES_OK);
	expect_bytes(&buffer, hexadecimal);
}

static void
an_event_is_a_row_of_seven_fields(void **state)
{
	goes_event event = whole_event();

	expect_event(
		&event, ONE_EVENT
		"00000070 00000007 " ID NAME TIME AGGREGATE_ID AGGREGATE_NAME AGGREGATE_VERSION DATA);
}

static void
an_event_without_aggregate_has_three_nulls(void **state)
{
	goes_event event = whole_event();

	event.aggregate_id = (goes_uuid){{0}};
	event.aggregate_version = 0;
	event.aggregate_name = NULL;
	expect_event(&event, ONE_EVENT "00000059 00000007 " ID NAME TIME NO_ID NO_NAME NO_VERSION DATA);
	event.aggregate_name = "";
	expect_event(&event, ONE_EVENT "00000059 00000007 " ID NAME TIME NO_ID NO_NAME NO_VERSION DATA);
}

/* goes-semantics.md: the version is null only when all three are zero. */
static void
any_part_of_an_aggregate_keeps_the_version(void **state)
{
	goes_event event = whole_event();

	event.aggregate_version = 0;
	event.aggregate_name = NULL;
	expect_event(&event, ONE_EVENT "0000006d 00000007 " ID NAME TIME AGGREGATE_ID NO_NAME
								   "00000017 00000004 00000000 " DATA);
	event.aggregate_id = (goes_uuid){{0}};
	event.aggregate_name = "cde";
	expect_event(&event, ONE_EVENT "00000060 00000007 " ID NAME TIME NO_ID AGGREGATE_NAME
								   "00000017 00000004 00000000 " DATA);
	event.aggregate_name = "";
	event.aggregate_version = -2;
	expect_event(&event,
				 ONE_EVENT "0000005d 00000007 " ID NAME TIME NO_ID NO_NAME AGGREGATE_VERSION DATA);
}

static void
absent_data_is_json_null(void **state)
{
	goes_event event = whole_event();

	event.data = NULL;
	expect_event(&event, ONE_EVENT
				 "00000072 00000007 " ID NAME TIME AGGREGATE_ID AGGREGATE_NAME AGGREGATE_VERSION
				 "00000eda 00000005 01 6e756c6c");
}

/* It is not JSON; the server says so. */
static void
empty_data_is_sent_as_it_is(void **state)
{
	goes_event event = whole_event();

	event.data_len = 0;
	expect_event(&event, ONE_EVENT
				 "0000006e 00000007 " ID NAME TIME AGGREGATE_ID AGGREGATE_NAME AGGREGATE_VERSION
				 "00000eda 00000001 01");
}

static void
several_events_follow_each_other(void **state)
{
	goes_event events[] = {whole_event(), whole_event()};
	Buffer	   buffer = {0};

	events[1].data_len = 0;
	assert_int_equal(encode_events(&buffer, EVENT_TYPE, events, 2, &never, NULL), GOES_OK);
	expect_bytes(
		&buffer, ONE_DIMENSION
		"00004001 00000002 " FROM_ONE
		"00000070 00000007 " ID NAME TIME AGGREGATE_ID AGGREGATE_NAME AGGREGATE_VERSION DATA
		"0000006e 00000007 " ID NAME TIME AGGREGATE_ID AGGREGATE_NAME AGGREGATE_VERSION
		"00000eda 00000001 01");
}

/* ---- Events that are refused before they are sent ---- */

/*
 * expect_unencodable encodes some good events and then a bad one, which has to be named.
 */
static void
expect_unencodable(const goes_event *bad, const char *part_of_message)
{
	goes_event	events[] = {whole_event(), whole_event(), *bad, whole_event()};
	Buffer		buffer = {0};
	goes_error *error = NULL;

	assert_int_equal(encode_events(&buffer, EVENT_TYPE, events, 4, &never, &error),
					 GOES_ERR_INVALID);
	assert_int_equal(goes_error_event_index(error), 2);
	expect_error(goes_error_status(error), &error, GOES_ERR_INVALID, part_of_message);
	buffer_free(&buffer);
}

static void
an_event_needs_an_id(void **state)
{
	goes_event event = whole_event();

	event.id = (goes_uuid){{0}};
	expect_unencodable(&event, "nil id");
}

static void
an_event_needs_a_name(void **state)
{
	goes_event event = whole_event();

	event.name = NULL;
	expect_unencodable(&event, "no name");
	event.name = "";
	expect_unencodable(&event, "no name");
}

/*
 * repeat_character makes text of so many characters, each written in these bytes; the caller frees it.
 */
static char *
repeat_character(const char *character, size_t count)
{
	char *text = calloc(count + 1, strlen(character));

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * strlen(character), character, strlen(character));
	return text;
}

static void
a_name_has_up_to_255_characters_however_many_bytes(void **state)
{
	static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98"};

	for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
	{
		char	  *most = repeat_character(characters[i], 255);
		char	  *more = repeat_character(characters[i], 256);
		goes_event event = whole_event();
		Buffer	   buffer = {0};

		event.name = most;
		event.aggregate_name = most;
		assert_int_equal(encode_events(&buffer, EVENT_TYPE, &event, 1, &never, NULL), GOES_OK);
		event.name = more;
		expect_unencodable(&event, "the name of event 2 has more than 255 characters");
		event.name = most;
		event.aggregate_name = more;
		expect_unencodable(&event, "the aggregate name of event 2 has more than 255 characters");
		buffer_free(&buffer);
		free(most);
		free(more);
	}
}

/* None of these bytes may stand at that place of a character. */
static void
a_name_is_utf8(void **state)
{
	static const char *const bad[] = {"\x80",
									  "\xbf",
									  "\xc0\x80",
									  "\xc1\xbf",
									  "\xc3",
									  "\xc3x",
									  "\xe0\x9f\xbf",
									  "\xe2\x82",
									  "\xe2\x28\xa1",
									  "\xed\xa0\x80",
									  "\xed\xbf\xbf",
									  "\xf0\x8f\xbf\xbf",
									  "\xf0\x9f\x90",
									  "\xf0\x9f\x90x",
									  "\xf4\x90\x80\x80",
									  "\xf5\x80\x80\x80",
									  "\xf8\x88\x80\x80",
									  "caf\xe9 au lait",
									  "\xff"};
	static const char *const good[] = {"\xc2\x80",		   "\xdf\xbf",		  "\xe0\xa0\x80",
									   "\xed\x9f\xbf",	   "\xee\x80\x80",	  "\xef\xbf\xbf",
									   "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		goes_event event = whole_event();

		event.name = bad[i];
		expect_unencodable(&event, "the name of event 2 is not UTF-8");
		event.name = "fine";
		event.aggregate_name = bad[i];
		expect_unencodable(&event, "the aggregate name of event 2 is not UTF-8");
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
	{
		goes_event event = whole_event();
		Buffer	   buffer = {0};

		event.name = event.aggregate_name = good[i];
		assert_int_equal(encode_events(&buffer, EVENT_TYPE, &event, 1, &never, NULL), GOES_OK);
		buffer_free(&buffer);
	}
}

/* At every place of a name that is several words of the processor long. */
static void
one_byte_that_is_no_utf8_is_found(void **state)
{
	for (size_t i = 0; i < 23; i++)
	{
		char	   name[] = "twenty-three characters";
		goes_event event = whole_event();

		event.name = name;
		name[i] = '\xff';
		expect_unencodable(&event, "the name of event 2 is not UTF-8");
	}
}

/* The length is refused before a byte of the data is read. */
static void
data_of_a_gigabyte_is_refused_unread(void **state)
{
	static const size_t lengths[] = {MOST_BYTES + 1, (size_t) 1 << 30, (size_t) 1 << 31, SIZE_MAX};
	goes_event			event = whole_event();

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
	{
		event.data_len = lengths[i];
		expect_unencodable(&event, "the data of event 2");
	}
}

static void
more_events_than_an_array_can_have_are_refused_unread(void **state)
{
	Buffer		buffer = {0};
	goes_error *error = NULL;

	expect_error(encode_events(&buffer, EVENT_TYPE, NULL, (size_t) INT32_MAX + 1, &never, &error),
				 &error, GOES_ERR_INVALID, "too many");
	buffer_free(&buffer);
}

/* A batch of a megabyte or more is not copied once its time is over. */
static void
encoding_looks_at_the_deadline(void **state)
{
	static const size_t lengths[] = {3 << 20, 4 << 10};
	Deadline			passed = {.at = 1};
	goes_event		   *events = calloc(MANY, sizeof *events);

	assert_non_null(events);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
	{
		size_t		n = (3 << 20) / lengths[i];
		char	   *data = repeat_character("1", lengths[i]);
		Buffer		buffer = {0};
		goes_error *error = NULL;

		for (size_t j = 0; j < n; j++)
		{
			events[j] = whole_event();
			events[j].data = data;
			events[j].data_len = lengths[i];
		}
		expect_error(encode_events(&buffer, EVENT_TYPE, events, n, &passed, &error), &error,
					 GOES_ERR_TIMEOUT, "timeout");
		assert_int_equal(buffer.length, 0);
		expect_error(encode_data_array(&buffer, events, n, &passed, &error), &error,
					 GOES_ERR_TIMEOUT, "timeout");
		assert_in_range(buffer.length, 1, 2 << 20);
		buffer_free(&buffer);
		free(data);
	}
	free(events);
}

#ifdef HAS_GIGABYTES
/* A thousand events that share one text of 1.1 MB: together they have more than a value can. */
static void
events_that_are_too_big_together_are_refused(void **state)
{
	size_t		length = MOST_BYTES / MANY + 100000;
	char	   *data = repeat_character("1", length);
	goes_event *events = calloc(MANY, sizeof *events);
	Buffer		buffer = {0};
	goes_error *error = NULL;

	assert_non_null(events);
	for (int i = 0; i < MANY; i++)
	{
		events[i] = whole_event();
		events[i].data = data;
		events[i].data_len = length;
	}
	assert_int_equal(encode_events(&buffer, EVENT_TYPE, events, MANY, &never, &error),
					 GOES_ERR_INVALID);
	assert_int_equal(goes_error_event_index(error), (MOST_BYTES - 20) / (length + 114));
	expect_error(goes_error_status(error), &error, GOES_ERR_INVALID, "smaller batches");
	buffer_free(&buffer);
	free(events);
	free(data);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_a_row_of_seven_fields),
		cmocka_unit_test(an_event_without_aggregate_has_three_nulls),
		cmocka_unit_test(any_part_of_an_aggregate_keeps_the_version),
		cmocka_unit_test(absent_data_is_json_null),
		cmocka_unit_test(empty_data_is_sent_as_it_is),
		cmocka_unit_test(several_events_follow_each_other),
		cmocka_unit_test(an_event_needs_an_id),
		cmocka_unit_test(an_event_needs_a_name),
		cmocka_unit_test(a_name_has_up_to_255_characters_however_many_bytes),
		cmocka_unit_test(a_name_is_utf8),
		cmocka_unit_test(one_byte_that_is_no_utf8_is_found),
		cmocka_unit_test(data_of_a_gigabyte_is_refused_unread),
		cmocka_unit_test(more_events_than_an_array_can_have_are_refused_unread),
		cmocka_unit_test(encoding_looks_at_the_deadline),
#ifdef HAS_GIGABYTES
		cmocka_unit_test(events_that_are_too_big_together_are_refused),
#endif
	};

	return RUN_TESTS(tests);
}
