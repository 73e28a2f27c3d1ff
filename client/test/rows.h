/*
 * rows.h
 *    Results of a query, made by hand.
 */
#ifndef GOES_TEST_ROWS_H
#define GOES_TEST_ROWS_H

#include "data/data.h"
#include "unit.h"

#define NULL_LENGTH (-1)

/* A value of a row; length -1 is null. */
typedef struct Value
{
	const char *bytes;
	int			length;
} Value;

/*
 * result_of makes a result of one row.
 */
static inline PGresult *
result_of(const Value *values, int columns)
{
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[EVENT_COLUMNS + 1] = {{0}};

	assert_non_null(result);
	for (int i = 0; i < columns; i++)
		attributes[i] = (PGresAttDesc){.name = "column", .format = 1};
	if (columns > 0)
		assert_true(PQsetResultAttrs(result, columns, attributes));
	for (int i = 0; i < columns; i++)
		assert_true(PQsetvalue(result, 0, i, (char *) values[i].bytes, values[i].length));
	return result;
}

#endif
