/*
 * fuzz.h
 *    Random input: a row of values, to be decoded and to be encoded.
 */
#ifndef GOES_TEST_FUZZ_H
#define GOES_TEST_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "data/data.h"

#define MOST_COLUMNS 10
#define EVENT_TYPE 0x4001

static const Deadline never = {.at = INT64_MAX};

/* A check that is made in every build. */
#define REQUIRE(condition) \
	do                     \
	{                      \
		if (!(condition))  \
			abort();       \
	} while (0)

/* A value of the row; length -1 is null. */
typedef struct Value
{
	const uint8_t *bytes;
	int			   length;
} Value;

/* What is left of the input. */
typedef struct Input
{
	const uint8_t *bytes;
	size_t		   left;
} Input;

/* fuzz_encode.c: encodes the values as an event, once and twice in one array, and reads them back. */
void check_encoding(const Value *values);

/* fuzz_page.c: decodes the input as a page of a feed, and compares that with a second opinion. */
void check_page(const uint8_t *bytes, size_t length);

static inline PGresult *
fuzzed_result(const Value *values, int columns)
{
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[MOST_COLUMNS] = {{0}};

	REQUIRE(result != NULL);
	for (int i = 0; i < columns; i++)
		attributes[i] = (PGresAttDesc){.name = "column", .format = 1};
	if (columns > 0)
		REQUIRE(PQsetResultAttrs(result, columns, attributes));
	for (int i = 0; i < columns; i++)
		REQUIRE(PQsetvalue(result, 0, i, (char *) values[i].bytes, values[i].length));
	return result;
}

/*
 * text_of copies a value with a zero byte; null is NULL.
 */
static inline char *
text_of(Value value)
{
	char *text;

	if (value.length < 0)
		return NULL;
	text = calloc((size_t) value.length + 1, 1);
	REQUIRE(text != NULL);
	if (value.length > 0)
		memcpy(text, value.bytes, (size_t) value.length);
	return text;
}

#endif
