/*
 * iso_time.c
 *	  Times as most languages write them, in the form of ISO 8601 and RFC 3339:
 *	  2026-11-28T20:00:00.123456789Z.
 *
 * PostgreSQL's own input function would round to microseconds, and take "yesterday", too.
 */
#include "postgres.h"

#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/datetime.h"

#include "base/base.h"

#define DIGITS_OF_NANOSECONDS 9
#define NANOSECONDS_PER_SECOND INT64CONST(1000000000)

/*
 * skip_one moves on behind a character if it is one of those; otherwise it returns false.
 */
static bool
skip_one(const char **text, const char *characters)
{
	if (**text == '\0' || strchr(characters, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

/*
 * read_number reads exactly so many digits, whose number must be in a range.
 */
static bool
read_number(const char **text, int digits, int least, int most, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return *number >= least && *number <= most;
}

/*
 * read_date reads a date as seconds since 1970.
 */
static bool
read_date(const char **text, int64 *seconds)
{
	int year;
	int month;
	int day;

	if (!read_number(text, 4, 0, 9999, &year) || !skip_one(text, "-") ||
		!read_number(text, 2, 1, MONTHS_PER_YEAR, &month) || !skip_one(text, "-") ||
		!read_number(text, 2, 1, day_tab[isleap(year)][month - 1], &day))
		return false;
	*seconds = (int64) (date2j(year, month, day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	return true;
}

/*
 * read_fraction reads the digits behind a second, as nanoseconds.
 */
static bool
read_fraction(const char **text, int *nanoseconds)
{
	int digits = (int) strspn(*text, "0123456789");

	if (digits == 0 || digits > DIGITS_OF_NANOSECONDS ||
		!read_number(text, digits, 0, PG_INT32_MAX, nanoseconds))
		return false;
	for (; digits < DIGITS_OF_NANOSECONDS; digits++)
		*nanoseconds *= 10;
	return true;
}

/*
 * read_clock reads a time of day and adds it to the seconds. Seconds may be left out, as Java does
 * when they are zero; 60 is a leap second, which is the next minute's first.
 */
static bool
read_clock(const char **text, int64 *seconds, int *nanoseconds)
{
	int hour;
	int minute;
	int second = 0;

	*nanoseconds = 0;
	if (!read_number(text, 2, 0, 23, &hour) || !skip_one(text, ":") ||
		!read_number(text, 2, 0, 59, &minute))
		return false;
	if (skip_one(text, ":"))
	{
		if (!read_number(text, 2, 0, 60, &second))
			return false;
		if (skip_one(text, ".,") && !read_fraction(text, nanoseconds))
			return false;
	}
	*seconds += (hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE + second;
	return true;
}

/*
 * read_zone reads Z or an offset such as +01:00, +0100 or +01, and takes it off the seconds.
 */
static bool
read_zone(const char **text, int64 *seconds)
{
	bool is_west = **text == '-';
	int	 hours;
	int	 minutes = 0;
	int	 offset;

	if (skip_one(text, "Zz"))
		return true;
	if (!skip_one(text, "+-") || !read_number(text, 2, 0, MAX_TZDISP_HOUR, &hours))
		return false;
	if ((skip_one(text, ":") || **text != '\0') && !read_number(text, 2, 0, 59, &minutes))
		return false;
	offset = (hours * MINS_PER_HOUR + minutes) * SECS_PER_MINUTE;
	*seconds += is_west ? offset : -offset;
	return true;
}

/*
 * in_nanoseconds joins seconds and nanoseconds since 1970; false if that is out of range. Before
 * 1970 the seconds are rounded up first, since the earliest time has whole seconds that are not
 * in the range.
 */
static bool
in_nanoseconds(int64 seconds, int64 nanoseconds, int64 *result)
{
	if (seconds < 0)
	{
		seconds++;
		nanoseconds -= NANOSECONDS_PER_SECOND;
	}
	return !pg_mul_s64_overflow(seconds, NANOSECONDS_PER_SECOND, result) &&
		   !pg_add_s64_overflow(*result, nanoseconds, result);
}

/*
 * read_iso_time reads a date, a time of day and its zone as nanoseconds since 1970. It returns
 * false if the text is something else. *is_in_range tells whether the time is one that an event
 * can have.
 */
bool
read_iso_time(const char *text, int64 *nanoseconds, bool *is_in_range)
{
	int64 seconds;
	int	  fraction;

	if (!read_date(&text, &seconds) || !skip_one(&text, "Tt ") ||
		!read_clock(&text, &seconds, &fraction) || !read_zone(&text, &seconds) || *text != '\0')
		return false;
	*is_in_range = in_nanoseconds(seconds, fraction, nanoseconds);
	return true;
}
