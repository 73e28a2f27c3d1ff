/*
 * uuid.c
 *	  UUIDs of version 7 (RFC 9562), the ids of events.
 *
 * They start with the time, so new ones go to one end of the id's index. Within a process each is
 * greater than the one before, even if the clock stands still or is set back: the 12 bits after
 * the milliseconds hold a fraction of a millisecond, and a time that is not later than the last
 * one is replaced by the last one plus the smallest step that changes those bits (method 3 of
 * section 6.2).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/uuid.h"

#include "base/base.h"

#define NANOSECONDS_PER_MILLISECOND INT64CONST(1000000)
#define FRACTION_BITS 12
#define LEAST_STEP (NANOSECONDS_PER_MILLISECOND / (1 << FRACTION_BITS) + 1)

PG_FUNCTION_INFO_V1(goes_uuid_v7);

/*
 * increasing_time returns the time, later than every time it returned before.
 */
static int64
increasing_time(void)
{
	static int64 last = 0;
	int64		 now = nanoseconds_now();

	last = Max(now, last + LEAST_STEP);
	return last;
}

/*
 * new_uuid_v7 makes a fresh id.
 */
pg_uuid_t *
new_uuid_v7(void)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));
	int64	   now = increasing_time();
	uint64	   milliseconds = (uint64) (now / NANOSECONDS_PER_MILLISECOND);
	uint64	   fraction = (uint64) (((now % NANOSECONDS_PER_MILLISECOND) << FRACTION_BITS) /
								NANOSECONDS_PER_MILLISECOND);
	uint64	   high = pg_hton64((milliseconds << 16) | UINT64CONST(0x7000) | fraction);

	memcpy(uuid->data, &high, 8);
	if (!pg_strong_random(uuid->data + 8, 8))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not generate random values for a UUID")));
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
	return uuid;
}

/*
 * is_nil_uuid tells whether all bits are zero, which goes takes for "none".
 */
bool
is_nil_uuid(const pg_uuid_t *uuid)
{
	static const pg_uuid_t nil = {{0}};

	return memcmp(uuid, &nil, UUID_LEN) == 0;
}

/*
 * goes_uuid_v7 returns a fresh id.
 */
Datum
goes_uuid_v7(PG_FUNCTION_ARGS)
{
	PG_RETURN_UUID_P(new_uuid_v7());
}
