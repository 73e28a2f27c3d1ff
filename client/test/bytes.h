/*
 * bytes.h
 *    What a buffer should hold, written by hand.
 */
#ifndef GOES_TEST_BYTES_H
#define GOES_TEST_BYTES_H

#include <ctype.h>

#include "data/data.h"
#include "unit.h"

/* What starts an array: one dimension, no nulls. The element type and the length follow. */
#define ONE_DIMENSION "00000001 00000000 "
#define FROM_ONE "00000001 "

#define EVENT_TYPE 0x4001 /* as if the server had told us */

static const Deadline never = {.at = INT64_MAX};

/*
 * digit returns the value of a hexadecimal digit.
 */
static inline int
digit(char character)
{
	return isdigit((unsigned char) character) ? character - '0' : character - 'a' + 10;
}

/*
 * expect_bytes compares a buffer with hexadecimal digits, in which blanks do not count, and frees it.
 */
static inline void
expect_bytes(Buffer *buffer, const char *hexadecimal)
{
	size_t position = 0;

	assert_false(buffer->failed);
	for (const char *place = hexadecimal; *place != '\0'; place++)
	{
		int byte;

		if (*place == ' ')
			continue;
		byte = digit(place[0]) << 4 | digit(place[1]);
		place++;
		if (position >= buffer->length)
			fail_msg("%zu bytes, and more are expected", buffer->length);
		if ((unsigned char) buffer->data[position] != byte)
			fail_msg("byte %zu is %02x, not %02x", position, (unsigned char) buffer->data[position],
					 (unsigned) byte);
		position++;
	}
	if (position != buffer->length)
		fail_msg("%zu bytes, not %zu", buffer->length, position);
	buffer_free(buffer);
}

#endif
