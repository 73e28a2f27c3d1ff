/*
 * values.c
 *    Values of options and arguments.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

bool
is_numeral(const char *text)
{
	return strspn(text, "-0123456789") == strlen(text);
}

int64_t
number_between(const struct argp_state *state, const char *text, int64_t least, int64_t most)
{
	char   *end;
	int64_t number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		argp_error(state, "\"%s\" is no number", text);
	if (number < least || number > most)
		argp_error(state, "%s is not between %lld and %lld", text, (long long) least,
				   (long long) most);
	return number;
}

goes_uuid
uuid_of(const struct argp_state *state, const char *text)
{
	goes_uuid id = {0};

	if (goes_uuid_parse(text, &id) != GOES_OK)
		argp_error(state, "\"%s\" is no UUID, as in 019a0000-0000-7000-8000-000000000001", text);
	return id;
}

int64_t
time_of(const struct argp_state *state, const char *text)
{
	int64_t time = 0;

	if (!moment_parse(text, false, &time))
		argp_error(state,
				   "\"%s\" is no time, as in 2026-11-28T20:00:00Z, 2026-11-28, or nanoseconds",
				   text);
	return time;
}
