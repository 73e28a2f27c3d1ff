/*
 * test_decode_page.c
 *    Pages of a feed on the way in: what the server sends is checked like any other input.
 */
#include <stdlib.h>

#include "pages.h"

static const PackedEvent placed = {5, 0, 1000, -2, "order.placed", "order", "{\"total\": 30}"};
static const PackedEvent bare = {
	7, WITHOUT_AGGREGATE | WITHOUT_DATA, 2000, 0, "shop.opened", NULL, NULL};

/* Where a field of the first event is, in the first value. */
#define POSITION_AT 4
#define NULLS_AT (POSITION_AT + 8)
#define LENGTHS_AT (NULLS_AT + 4 + 16 + 8 + 16 + 4)
#define TEXTS_AT (LENGTHS_AT + 3 * 4)

/* page_of makes a page of one value with one event, and the cursor behind it. */
static PackedValues
page_of(const PackedEvent *event)
{
	PackedValues page = start_page(PAGE_FORMAT);

	pack_event(last_value(&page), event);
	end_page(&page, event->position, IS_CURSOR);
	return page;
}

/* open_page expects a page that can be begun; the result of the page is to be cleared. */
static FeedPage
open_page(PackedValues *made, Place *end)
{
	PGresult *result = result_of_page(made);
	FeedPage  page;

	memset(end, 0xff, sizeof *end);
	assert_int_equal(decode_page(result, &page, end, NULL), GOES_OK);
	return page;
}

static goes_event
expect_next(FeedPage *page, int64_t position)
{
	goes_event event;
	Place	   place;

	assert_false(page_is_over(page));
	memset(&event, 0xff, sizeof event);
	assert_int_equal(decode_next(page, &event, &place, NULL), GOES_OK);
	assert_int_equal(place.position, position);
	assert_memory_equal(&place.id, &event.id, sizeof event.id);
	return event;
}

/* expect_refused_page expects a page that cannot be begun. */
static void
expect_refused_page(PGresult *result, int status, const char *said)
{
	FeedPage	page;
	Place		end;
	goes_error *error = NULL;

	expect_error(decode_page(result, &page, &end, &error), &error, status, said);
	PQclear(result);
}

/* expect_unreadable_event expects a page whose first event cannot be read, however often. */
static void
expect_unreadable_event(PackedValues *made)
{
	Place	   end;
	Place	   place = {.position = 4711};
	goes_event event;
	FeedPage   page = open_page(made, &end);

	for (int i = 0; i < 2; i++)
	{
		goes_error *error = NULL;

		assert_false(page_is_over(&page));
		expect_error(decode_next(&page, &event, &place, &error), &error, GOES_ERR_SERVER,
					 "cannot be read");
		assert_int_equal(place.position, 4711);
	}
	PQclear(page.values);
}

static void
a_page_gives_out_its_events_and_its_cursor(void **state)
{
	PackedValues made = start_page(PAGE_FORMAT);
	goes_uuid	 aggregate_id = id_at(105);
	goes_uuid	 id = id_at(5);
	Place		 end;
	goes_event	 event;
	FeedPage	 page;

	pack_event(last_value(&made), &placed);
	pack_event(last_value(&made), &bare);
	end_page(&made, 9, IS_CURSOR);
	page = open_page(&made, &end);
	assert_int_equal(end.position, 9);
	id = id_at(9);
	assert_memory_equal(&end.id, &id, sizeof id);
	event = expect_next(&page, 5);
	id = id_at(5);
	assert_memory_equal(&event.id, &id, sizeof id);
	assert_string_equal(event.name, "order.placed");
	assert_int_equal(event.time, 1000);
	assert_memory_equal(&event.aggregate_id, &aggregate_id, sizeof aggregate_id);
	assert_string_equal(event.aggregate_name, "order");
	assert_int_equal(event.aggregate_version, -2);
	assert_string_equal(event.data, "{\"total\": 30}");
	assert_int_equal(event.data_len, 13);
	(void) expect_next(&page, 7);
	assert_true(page_is_over(&page));
	PQclear(page.values);
}

/* goes.h: events that the library gives out have no NULL in them. */
static void
nulls_become_the_zeros_of_their_kind(void **state)
{
	PackedValues made = page_of(&bare);
	Place		 end;
	FeedPage	 page = open_page(&made, &end);
	goes_event	 event = expect_next(&page, 7);

	assert_string_equal(event.name, "shop.opened");
	assert_string_equal(event.aggregate_name, "");
	assert_int_equal(event.aggregate_version, 0);
	assert_string_equal(event.data, "null");
	assert_int_equal(event.data_len, 4);
	PQclear(page.values);
}

static void
an_id_a_name_and_a_time_must_not_be_null(void **state)
{
	static const int32_t needed[] = {WITHOUT_ID, WITHOUT_NAME, WITHOUT_TIME};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
	{
		PackedEvent	 event = placed;
		PackedValues made;

		event.nulls = needed[i];
		made = page_of(&event);
		expect_unreadable_event(&made);
	}
}

static void
a_cursor_may_have_no_id(void **state)
{
	PackedValues made = start_page(PAGE_FORMAT);
	Place		 end;
	FeedPage	 page;

	end_page(&made, 3, IS_CURSOR | WITHOUT_ID);
	page = open_page(&made, &end);
	assert_true(page_is_over(&page));
	assert_int_equal(end.position, 3);
	assert_true(goes_uuid_is_nil(&end.id));
	PQclear(page.values);
}

/* The last value may have nothing but the cursor, and one between them nothing at all. */
static void
events_may_be_spread_over_values(void **state)
{
	PackedValues made = start_page(PAGE_FORMAT);
	Place		 end;
	FeedPage	 page;

	pack_event(last_value(&made), &placed);
	made.count++;
	buffer_text(last_value(&made), "");
	made.count++;
	pack_event(last_value(&made), &bare);
	made.count++;
	end_page(&made, 7, IS_CURSOR);
	page = open_page(&made, &end);
	assert_int_equal(end.position, 7);
	(void) expect_next(&page, 5);
	(void) expect_next(&page, 7);
	assert_true(page_is_over(&page));
	assert_true(page_is_over(&page));
	PQclear(page.values);
}

static void
a_page_in_another_format_says_what_to_install(void **state)
{
	static const int32_t formats[] = {0, 2, -1, INT32_MAX, PAGE_FORMAT << 24};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
	{
		PackedValues made = start_page(formats[i]);

		expect_refused_page(result_of_page(&made), GOES_ERR_EXTENSION, "install a libgoes");
	}
}

/* cut_page makes a page of an event that ends early, or has more than there should be. */
static PackedValues
cut_page(size_t length)
{
	static const char zeros[64] = {0};
	PackedValues	  made = page_of(&placed);
	Buffer			 *value = last_value(&made);

	if (length > value->length)
		buffer_append(value, zeros, length - value->length);
	value->length = length;
	return made;
}

/*
 * Wherever a page is cut off, it is refused, or its event is. Cut by the length of an event it is one
 * without events.
 */
static void
a_page_that_is_cut_off_is_not_read(void **state)
{
	PackedValues whole = page_of(&placed);
	size_t		 length = last_value(&whole)->length;

	free_page(&whole);
	for (size_t cut = 0; cut < length + 40; cut++)
	{
		PackedValues made = cut_page(cut);

		if (cut == length || cut == 4 + 28)
			free_page(&made);
		else if (cut < 4 + 28)
			expect_refused_page(result_of_page(&made), GOES_ERR_SERVER, "cannot be read");
		else if (cut < length)
			expect_unreadable_event(&made);
		else
		{
			Place	   end;
			Place	   place;
			goes_event event;
			FeedPage   page = open_page(&made, &end);

			(void) expect_next(&page, 5);
			assert_false(page_is_over(&page));
			assert_int_equal(decode_next(&page, &event, &place, NULL), GOES_ERR_SERVER);
			PQclear(page.values);
		}
	}
}

/* The event before the cursor in the last of several values is cut off. */
static void
a_value_that_is_cut_off_is_not_read(void **state)
{
	PackedValues made = start_page(PAGE_FORMAT);
	Place		 end;
	Place		 place;
	goes_event	 event;
	FeedPage	 page;

	pack_event(last_value(&made), &placed);
	last_value(&made)->length -= 1;
	made.count++;
	end_page(&made, 7, IS_CURSOR);
	page = open_page(&made, &end);
	assert_false(page_is_over(&page));
	assert_int_equal(decode_next(&page, &event, &place, NULL), GOES_ERR_SERVER);
	PQclear(page.values);
}

/* It is read no further than there is something to read: under AddressSanitizer that shows. */
static void
an_event_that_begins_before_the_end_is_not_read(void **state)
{
	char		 data[4000];
	PackedEvent	 event = placed;
	PackedValues made;
	Place		 end;
	Place		 place;
	goes_event	 cut;
	FeedPage	 page;

	memset(data, '1', sizeof data);
	data[sizeof data - 1] = '\0';
	event.data = data;
	for (int length = 1; length < 68; length++)
	{
		made = start_page(PAGE_FORMAT);
		pack_event(last_value(&made), &event);
		buffer_append(last_value(&made), data, (size_t) length);
		end_page(&made, 5, IS_CURSOR);
		page = open_page(&made, &end);
		(void) expect_next(&page, 5);
		assert_false(page_is_over(&page));
		assert_int_equal(decode_next(&page, &cut, &place, NULL), GOES_ERR_SERVER);
		PQclear(page.values);
	}
}

static void
a_text_of_the_wrong_length_is_not_read(void **state)
{
	static const int32_t lengths[] = {-1, INT32_MIN, INT32_MAX, 0, 1, 11, 14, 26, 1000};

	for (int text = 0; text < 3; text++)
	{
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		{
			PackedValues made = page_of(&placed);

			buffer_put_int32(last_value(&made), (size_t) (LENGTHS_AT + 4 * text), lengths[i]);
			expect_unreadable_event(&made);
		}
	}
}

static void
a_text_without_a_zero_byte_is_not_read(void **state)
{
	static const size_t ends[] = {12, 12 + 1 + 5, 12 + 1 + 5 + 1 + 13};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
	{
		PackedValues made = page_of(&placed);

		last_value(&made)->data[TEXTS_AT + ends[i]] = 'x';
		expect_unreadable_event(&made);
	}
}

static void
an_answer_of_other_rows_is_not_read(void **state)
{
	PGresAttDesc attributes[2] = {{.name = "one", .format = 1}, {.name = "two", .format = 1}};
	PackedValues none = {.count = 0};
	PackedValues made = page_of(&placed);
	PGresult	*result;

	expect_refused_page(result_of_page(&none), GOES_ERR_SERVER, "cannot be read");
	result = result_of_page(&made);
	assert_true(PQsetvalue(result, 0, 0, NULL, -1));
	expect_refused_page(result, GOES_ERR_SERVER, "cannot be read");
	made = page_of(&placed);
	result = result_of_page(&made);
	assert_true(PQsetvalue(result, 1, 0, NULL, -1));
	expect_refused_page(result, GOES_ERR_SERVER, "cannot be read");
	result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	assert_true(PQsetResultAttrs(result, 2, attributes));
	assert_true(PQsetvalue(result, 0, 0, "\0\0\0\1", 4));
	expect_refused_page(result, GOES_ERR_SERVER, "cannot be read");
	expect_refused_page(NULL, GOES_ERR_SERVER, "cannot be read");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_gives_out_its_events_and_its_cursor),
		cmocka_unit_test(nulls_become_the_zeros_of_their_kind),
		cmocka_unit_test(an_id_a_name_and_a_time_must_not_be_null),
		cmocka_unit_test(a_cursor_may_have_no_id),
		cmocka_unit_test(events_may_be_spread_over_values),
		cmocka_unit_test(a_page_in_another_format_says_what_to_install),
		cmocka_unit_test(a_page_that_is_cut_off_is_not_read),
		cmocka_unit_test(a_value_that_is_cut_off_is_not_read),
		cmocka_unit_test(an_event_that_begins_before_the_end_is_not_read),
		cmocka_unit_test(a_text_of_the_wrong_length_is_not_read),
		cmocka_unit_test(a_text_without_a_zero_byte_is_not_read),
		cmocka_unit_test(an_answer_of_other_rows_is_not_read),
	};

	return RUN_TESTS(tests);
}
