/*
 * check.c
 *    Events that no store can take. They are found before anything is sent, and the error has the
 *    event's index.
 */
#include <string.h>

#include "data/data.h"

#define MOST_NAME_CHARACTERS 255
#define NO_UTF8 ((size_t) -1)

/*
 * length_of_character returns how many bytes a character of UTF-8 has; 0 if it is not valid:
 * truncated, longer than necessary, a surrogate, or above U+10FFFF. It never reads past a zero
 * byte.
 */
static size_t
length_of_character(const unsigned char *bytes)
{
	unsigned char least = 0x80; /* of the second byte */
	unsigned char most = 0xbf;
	size_t		  length = *bytes >= 0xf0 ? 4 : *bytes >= 0xe0 ? 3 : 2;

	if (*bytes < 0x80)
		return 1;
	if (*bytes < 0xc2 || *bytes > 0xf4)
		return 0;
	if (*bytes == 0xe0)
		least = 0xa0;
	else if (*bytes == 0xed)
		most = 0x9f;
	else if (*bytes == 0xf0)
		least = 0x90;
	else if (*bytes == 0xf4)
		most = 0x8f;
	if (bytes[1] < least || bytes[1] > most)
		return 0;
	for (size_t i = 2; i < length; i++)
	{
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/*
 * is_ascii tells whether text has only characters of one byte, which is faster than counting
 * characters.
 */
static bool
is_ascii(const char *text, size_t length)
{
	uint64_t bits = 0;
	uint64_t word;

	for (; length >= sizeof word; text += sizeof word, length -= sizeof word)
	{
		memcpy(&word, text, sizeof word);
		bits |= word;
	}
	for (; length > 0; length--)
		bits |= (unsigned char) *text++;
	return (bits & UINT64_C(0x8080808080808080)) == 0;
}

/*
 * characters counts the characters of UTF-8 text; NO_UTF8 if the text is not UTF-8.
 */
static size_t
characters(const char *text, size_t length)
{
	const unsigned char *next = (const unsigned char *) text;
	size_t				 count = 0;

	if (is_ascii(text, length))
		return length;
	for (; *next != '\0'; count++)
	{
		size_t bytes = length_of_character(next);

		if (bytes == 0)
			return NO_UTF8;
		next += bytes;
	}
	return count;
}

/*
 * require_name fails for a name that is not UTF-8, or too long.
 */
static int
require_name(const char *name, size_t length, const char *what, int64_t index, goes_error **err)
{
	size_t count = characters(name, length);

	if (count == NO_UTF8)
		return fail_event(err, GOES_ERR_INVALID, index, "the %s of event %lld is not UTF-8", what,
						  (long long) index);
	if (count > MOST_NAME_CHARACTERS)
		return fail_event(err, GOES_ERR_INVALID, index,
						  "the %s of event %lld has more than %d characters", what,
						  (long long) index, MOST_NAME_CHARACTERS);
	return GOES_OK;
}

int
require_event(const goes_event *event, int64_t index, size_t *name_bytes, goes_error **err)
{
	size_t length;
	int	   status;

	if (is_nil(&event->id))
		return fail_event(err, GOES_ERR_INVALID, index,
						  "event %lld has a nil id: goes_event_init() gives it one",
						  (long long) index);
	if (event->name == NULL || *event->name == '\0')
		return fail_event(err, GOES_ERR_INVALID, index, "event %lld has no name",
						  (long long) index);
	length = strlen(event->name);
	*name_bytes = length;
	status = require_name(event->name, length, "name", index, err);
	if (status == GOES_OK && event->aggregate_name != NULL)
	{
		length = strlen(event->aggregate_name);
		*name_bytes += length;
		status = require_name(event->aggregate_name, length, "aggregate name", index, err);
	}
	if (status == GOES_OK && event->data != NULL && event->data_len > MOST_BYTES)
		status = fail_event(err, GOES_ERR_INVALID, index,
							"the data of event %lld has more than %d bytes", (long long) index,
							MOST_BYTES);
	return status;
}

int
require_events(const goes_event *events, size_t n, goes_error **err)
{
	int	   status = GOES_OK;
	size_t name_bytes;

	for (size_t i = 0; status == GOES_OK && i < n; i++)
		status = require_event(&events[i], (int64_t) i, &name_bytes, err);
	return status;
}
