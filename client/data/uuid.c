/*
 * uuid.c
 *    UUIDs, and the time that version 7 contains.
 *
 * libuuid makes version 7 only from 2.41 on, so its bytes are laid out here: 48 bits of
 * milliseconds, 12 bits of the fraction, and random bits. Random bytes from libuuid's version 4
 * would cost thirty times as much as all the rest, so libuuid is asked only if the kernel gives
 * none.
 */
#include <string.h>
#include <time.h>

#include <uuid/uuid.h>

#include "data/data.h"

#define FRACTION_BITS 12
#define LEAST_STEP (NANOSECONDS_PER_MILLISECOND / (1 << FRACTION_BITS) + 1)

_Static_assert(sizeof(goes_uuid) == sizeof(uuid_t), "goes_uuid is libuuid's uuid_t");

uint32_t
goes_version(void)
{
	return GOES_VERSION;
}

int64_t
goes_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/*
 * increasing_time returns the time, which in the 60 bits of a UUID is later than any it has
 * returned before.
 */
static int64_t
increasing_time(void)
{
	static _Atomic int64_t last;
	int64_t				   before = atomic_load(&last);
	int64_t				   now;

	do
	{
		now = goes_now();
		if (now < before + LEAST_STEP)
			now = before + LEAST_STEP;
	} while (!atomic_compare_exchange_weak(&last, &before, now));
	return now;
}

void
goes_uuid_v7(goes_uuid *out)
{
	int64_t	 now = increasing_time();
	uint64_t milliseconds = (uint64_t) (now / NANOSECONDS_PER_MILLISECOND);
	uint64_t fraction = (uint64_t) ((now % NANOSECONDS_PER_MILLISECOND) << FRACTION_BITS) /
						NANOSECONDS_PER_MILLISECOND;
	uint64_t high = htobe64(milliseconds << 16 | UINT64_C(0x7000) | fraction);

	if (!random_bytes(out->bytes + 8, 8))
		uuid_generate_random(out->bytes);
	out->bytes[8] = (unsigned char) ((out->bytes[8] & 0x3f) | 0x80); /* the variant */
	memcpy(out->bytes, &high, sizeof high);
}

int
goes_uuid_parse(const char *text, goes_uuid *out)
{
	goes_uuid parsed;

	if (text == NULL || out == NULL || strlen(text) != 36 || uuid_parse(text, parsed.bytes) != 0)
		return GOES_ERR_INVALID;
	*out = parsed;
	return GOES_OK;
}

void
goes_uuid_format(const goes_uuid *id, char out[37])
{
	uuid_unparse_lower(id->bytes, out);
}

bool
goes_uuid_is_nil(const goes_uuid *id)
{
	return id == NULL || is_nil(id);
}
