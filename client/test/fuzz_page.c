/*
 * fuzz_page.c
 *    Random input as a page of a feed.
 */
#include "fuzz.h"

#define VERSION_BYTES 4
#define PLACE_BYTES 28
#define EVENT_BYTES 68
#define NULLS_AT 8
#define LENGTHS_AT 56
#define TEXTS 3
#define NEVER_NULL 0x0e

/*
 * page_result makes the server's answer of the input, cut in two at a place.
 */
static PGresult *
page_result(const uint8_t *bytes, size_t length, size_t cut)
{
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attribute = {.name = "goes_feed_page", .format = 1};

	REQUIRE(result != NULL && PQsetResultAttrs(result, 1, &attribute));
	REQUIRE(PQsetvalue(result, 0, 0, (char *) bytes, (int) cut));
	if (cut < length)
		REQUIRE(PQsetvalue(result, 1, 0, (char *) bytes + cut, (int) (length - cut)));
	return result;
}

static int32_t
number_at(const uint8_t *bytes)
{
	return (int32_t) ((uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
					  (uint32_t) bytes[2] << 8 | bytes[3]);
}

/*
 * event_length is the second opinion on an event: how long it is; 0 if it cannot be read.
 */
static size_t
event_length(const uint8_t *bytes, size_t left)
{
	size_t at = EVENT_BYTES;

	if (left < EVENT_BYTES || (number_at(bytes + NULLS_AT) & NEVER_NULL) != 0)
		return 0;
	for (int i = 0; i < TEXTS; i++)
	{
		int32_t length = number_at(bytes + LENGTHS_AT + 4 * i);

		if (length < 0 || (size_t) length >= left - at || bytes[at + (size_t) length] != 0)
			return 0;
		at += (size_t) length + 1;
	}
	return at;
}

/*
 * count_events is the second opinion on the events of a value.
 */
static int
count_events(const uint8_t *bytes, size_t length, bool *is_whole)
{
	size_t at = 0;
	size_t found;
	int	   count = 0;

	while (at < length && (found = event_length(bytes + at, length - at)) > 0)
	{
		at += found;
		count++;
	}
	*is_whole = at == length;
	return count;
}

/*
 * decode_events decodes all events of a page, and returns how many can be read.
 */
static int
decode_events(FeedPage *page, bool *is_whole)
{
	goes_event event;
	Place	   place;
	int		   count = 0;

	while (!page_is_over(page) && decode_next(page, &event, &place, NULL) == GOES_OK)
	{
		goes_event *copy = goes_event_copy(&event);

		REQUIRE(copy != NULL && copy->data[copy->data_len] == '\0');
		goes_event_free(copy);
		count++;
	}
	*is_whole = page_is_over(page);
	return count;
}

/*
 * check_cut decodes the input as a page of two values, or of one if there is nothing behind the cut.
 */
static void
check_cut(const uint8_t *bytes, size_t length, size_t cut)
{
	PGresult *result = page_result(bytes, length, cut);
	size_t	  needed = cut < length ? VERSION_BYTES : VERSION_BYTES + PLACE_BYTES;
	bool	  is_page = cut >= VERSION_BYTES && number_at(bytes) == 1 && cut >= needed &&
				   (cut == length || length - cut >= PLACE_BYTES);
	bool	 is_first_whole;
	bool	 is_last_whole = true;
	bool	 is_whole;
	int		 count;
	FeedPage page;
	Place	 end;

	REQUIRE((decode_page(result, &page, &end, NULL) == GOES_OK) == is_page);
	if (is_page)
	{
		size_t first = cut - needed;

		count = count_events(bytes + VERSION_BYTES, first, &is_first_whole);
		if (is_first_whole && cut < length)
			count += count_events(bytes + cut, length - cut - PLACE_BYTES, &is_last_whole);
		REQUIRE(decode_events(&page, &is_whole) == count);
		REQUIRE(is_whole == (is_first_whole && is_last_whole));
	}
	PQclear(result);
}

void
check_page(const uint8_t *bytes, size_t length)
{
	size_t cut = length == 0 ? 0 : bytes[length - 1];

	check_cut(bytes, length, length);
	if (cut < length)
		check_cut(bytes, length, cut);
}
