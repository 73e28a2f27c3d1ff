/*
 * time.c
 *	  Nanoseconds since the Unix epoch, the time of every event.
 *
 * As a bigint they reach from 1677 to 2262, which is less than the range of timestamptz.
 */
#include "postgres.h"

#include <time.h>

#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "base/base.h"

#define NANOSECONDS_PER_SECOND INT64CONST(1000000000)
#define NANOSECONDS_PER_MICROSECOND INT64CONST(1000)

/* timestamptz counts from 2000-01-01, events from 1970-01-01 */
#define EPOCH_DIFFERENCE ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(goes_now);
PG_FUNCTION_INFO_V1(goes_time);
PG_FUNCTION_INFO_V1(goes_timestamp);

/*
 * nanoseconds_now reads the clock of the server's machine.
 */
int64
nanoseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64) now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/*
 * goes_now returns the time of the call, not of the transaction's start.
 */
Datum
goes_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(nanoseconds_now());
}

/*
 * goes_time converts a timestamptz into the time of an event.
 */
Datum
goes_time(PG_FUNCTION_ARGS)
{
	TimestampTz timestamp = PG_GETARG_TIMESTAMPTZ(0);
	int64		microseconds;
	int64		nanoseconds;

	if (TIMESTAMP_NOT_FINITE(timestamp) ||
		pg_add_s64_overflow(timestamp, EPOCH_DIFFERENCE, &microseconds) ||
		pg_mul_s64_overflow(microseconds, NANOSECONDS_PER_MICROSECOND, &nanoseconds))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("timestamp \"%s\" is out of range for the time of an event",
							   timestamptz_to_str(timestamp)),
						errdetail(TIME_RANGE_DETAIL)));
	PG_RETURN_INT64(nanoseconds);
}

/*
 * goes_timestamp converts the time of an event into a timestamptz, rounding down
 * to its microseconds.
 */
Datum
goes_timestamp(PG_FUNCTION_ARGS)
{
	int64 nanoseconds = PG_GETARG_INT64(0);
	int64 microseconds = nanoseconds / NANOSECONDS_PER_MICROSECOND;

	/* C rounds towards zero, and times before 1970 are negative */
	if (nanoseconds % NANOSECONDS_PER_MICROSECOND < 0)
		microseconds--;
	PG_RETURN_TIMESTAMPTZ(microseconds - EPOCH_DIFFERENCE);
}
