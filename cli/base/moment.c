/*
 * moment.c
 *    Points in time: nanoseconds since 1970, and how they are written.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

/*
 * split takes a time to the day and the second of UTC, and the nanoseconds beyond.
 */
static int
split(int64_t time, struct tm *parts)
{
	int64_t nanoseconds = time % NANOSECONDS;
	time_t	seconds = time / NANOSECONDS;

	if (nanoseconds < 0)
	{
		nanoseconds += NANOSECONDS;
		seconds--;
	}
	gmtime_r(&seconds, parts);
	return (int) nanoseconds;
}

/*
 * put_digits writes a number with leading zeros, and returns what is behind it.
 */
static char *
put_digits(char *at, int count, int number)
{
	for (int i = count - 1; i >= 0; i--, number /= 10)
		at[i] = (char) ('0' + number % 10);
	return at + count;
}

/*
 * put_date writes the day and the second. printf would take most of an export's time.
 */
static char *
put_date(char *at, const struct tm *parts, char separator)
{
	at = put_digits(at, 4, parts->tm_year + 1900);
	*at++ = '-';
	at = put_digits(at, 2, parts->tm_mon + 1);
	*at++ = '-';
	at = put_digits(at, 2, parts->tm_mday);
	*at++ = separator;
	at = put_digits(at, 2, parts->tm_hour);
	*at++ = ':';
	at = put_digits(at, 2, parts->tm_min);
	*at++ = ':';
	at = put_digits(at, 2, parts->tm_sec);
	*at++ = '.';
	return at;
}

void
moment_write(int64_t time, char out[MOMENT_SIZE])
{
	struct tm parts;
	int		  nanoseconds = split(time, &parts);
	char	 *at = put_digits(put_date(out, &parts, 'T'), 9, nanoseconds);

	memcpy(at, "Z", 2);
}

void
moment_write_short(int64_t time, char out[MOMENT_SIZE])
{
	struct tm parts;
	int		  nanoseconds = split(time, &parts);
	char	 *at = put_digits(put_date(out, &parts, ' '), 3, nanoseconds / 1000000);

	memcpy(at, "Z", 2);
}

/*
 * take_number reads a number of just that many digits, which may be at most `most`.
 */
static bool
take_number(const char **text, int digits, int most, int *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++, (*text)++)
	{
		if (!isdigit((unsigned char) **text))
			return false;
		*out = *out * 10 + (**text - '0');
	}
	return *out <= most;
}

static bool
take_character(const char **text, const char *choices)
{
	if (**text == '\0' || strchr(choices, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

/*
 * take_fraction reads up to nine digits behind a dot, if there is one.
 */
static bool
take_fraction(const char **text, int *nanoseconds)
{
	int digits = 0;

	*nanoseconds = 0;
	if (!take_character(text, "."))
		return true;
	for (; isdigit((unsigned char) **text) && digits < 9; digits++, (*text)++)
		*nanoseconds = *nanoseconds * 10 + (**text - '0');
	for (int i = digits; i < 9; i++)
		*nanoseconds *= 10;
	return digits > 0;
}

/*
 * take_zone reads Z, +hh, +hhmm or +hh:mm.
 */
static bool
take_zone(const char **text, int *offset_seconds)
{
	int sign = **text == '-' ? -1 : 1;
	int hours = 0;
	int minutes = 0;

	*offset_seconds = 0;
	if (take_character(text, "Zz"))
		return true;
	if (!take_character(text, "+-") || !take_number(text, 2, 18, &hours))
		return false;
	if (**text != '\0')
	{
		(void) take_character(text, ":");
		if (!take_number(text, 2, 59, &minutes))
			return false;
	}
	*offset_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/*
 * take_clock reads hours, minutes, and seconds and their fraction, if they are there.
 */
static bool
take_clock(const char **text, struct tm *parts, int *nanoseconds)
{
	if (!take_number(text, 2, 23, &parts->tm_hour) || !take_character(text, ":") ||
		!take_number(text, 2, 59, &parts->tm_min))
		return false;
	if (!take_character(text, ":"))
		return true;
	return take_number(text, 2, 60, &parts->tm_sec) && take_fraction(text, nanoseconds);
}

/*
 * is_day tells whether there is such a day: timegm would take 30 February for 2 March.
 */
static bool
is_day(const struct tm *parts)
{
	struct tm copy = *parts;

	copy.tm_hour = copy.tm_min = copy.tm_sec = 0;
	(void) timegm(&copy);
	return copy.tm_mday == parts->tm_mday && copy.tm_mon == parts->tm_mon;
}

static bool
parse_iso(const char *text, bool needs_zone, int64_t *out)
{
	struct tm parts = {0};
	int		  nanoseconds = 0;
	int		  offset = 0;
	bool	  has_zone = false;
	int64_t	  seconds;

	if (!take_number(&text, 4, 2262, &parts.tm_year) || !take_character(&text, "-") ||
		!take_number(&text, 2, 12, &parts.tm_mon) || !take_character(&text, "-") ||
		!take_number(&text, 2, 31, &parts.tm_mday))
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon -= 1;
	if (!is_day(&parts))
		return false;
	if (take_character(&text, "Tt "))
	{
		if (!take_clock(&text, &parts, &nanoseconds))
			return false;
		has_zone = *text != '\0';
		if (has_zone && !take_zone(&text, &offset))
			return false;
	}
	if (*text != '\0' || (needs_zone && !has_zone))
		return false;
	seconds = (int64_t) timegm(&parts) - offset;
	/* towards zero first: the seconds of the least time, alone, are out of range */
	return !__builtin_mul_overflow(seconds + (seconds < 0), NANOSECONDS, out) &&
		   !__builtin_add_overflow(*out, nanoseconds - (seconds < 0 ? NANOSECONDS : 0), out);
}

bool
moment_parse(const char *text, bool needs_zone, int64_t *out)
{
	size_t digits = strspn(text + (*text == '-'), "0123456789");

	if (digits == 0 || text[(*text == '-') + digits] != '\0')
		return parse_iso(text, needs_zone, out);
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}
