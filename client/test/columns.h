/*
 * columns.h
 *    The places of an event's columns in a row, for tests with cmocka and for the fuzzer without.
 */
#ifndef GOES_TEST_COLUMNS_H
#define GOES_TEST_COLUMNS_H

enum
{
	ID,
	NAME,
	TIME,
	AGGREGATE_ID,
	AGGREGATE_NAME,
	AGGREGATE_VERSION,
	DATA
};

#endif
