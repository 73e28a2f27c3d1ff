/*
 * conflict.c
 *    The details of a version conflict, as the server writes them: one JSON object with these keys in
 *    this order.
 *
 *    {"aggregate_name": "order", "aggregate_id": "…", "current_version": 5, "event_version": 4,
 *     "event_index": 1}
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

/*
 * skip moves past a text that must come next.
 */
static bool
skip(const char **json, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*json, text, length) != 0)
		return false;
	*json += length;
	return true;
}

/*
 * read_control_character reads four hexadecimal digits. PostgreSQL writes only control characters
 * in this form.
 */
static bool
read_control_character(const char **json, char *out)
{
	char		  digits[5] = {0};
	unsigned long code;

	if (strspn(*json, "0123456789abcdefABCDEF") < 4)
		return false;
	memcpy(digits, *json, 4);
	code = strtoul(digits, NULL, 16);
	*out = (char) code;
	*json += 4;
	return code > 0 && code < ' ';
}

/*
 * read_escape reads what follows a backslash.
 */
static bool
read_escape(const char **json, char *out)
{
	static const char letters[] = "bfnrt\"\\/";
	static const char meanings[] = "\b\f\n\r\t\"\\/";
	const char		 *letter;

	if (**json == 'u')
	{
		++*json;
		return read_control_character(json, out);
	}
	letter = **json == '\0' ? NULL : strchr(letters, **json);
	if (letter == NULL)
		return false;
	*out = meanings[letter - letters];
	++*json;
	return true;
}

/*
 * read_string reads a string and the quotation mark after it.
 */
static bool
read_string(const char **json, Buffer *out)
{
	while (**json != '"')
	{
		char character = *(*json)++;

		if (character == '\0' || (character == '\\' && !read_escape(json, &character)))
			return false;
		buffer_append(out, &character, 1);
	}
	++*json;
	return buffer_string(out) != NULL;
}

/*
 * read_number reads a number; for null it returns the given one.
 */
static bool
read_number(const char **json, int64_t null, int64_t *out)
{
	char *end;

	*out = null;
	if (skip(json, "null"))
		return true;
	if (**json != '-' && (**json < '0' || **json > '9'))
		return false;
	errno = 0;
	*out = strtoll(*json, &end, 10);
	if (end == *json || errno != 0)
		return false;
	*json = end;
	return true;
}

/*
 * version_of returns a version; -1, unknown, if no event can have it.
 */
static int32_t
version_of(int64_t number)
{
	return number < INT32_MIN || number > INT32_MAX ? -1 : (int32_t) number;
}

/*
 * is_at_end tells whether the last number ends here. A newer server may add more keys after it.
 */
static bool
is_at_end(const char *json)
{
	return *json == '}' || *json == ',';
}

bool
read_conflict(const char *json, goes_conflict *conflict, int64_t *event_index, Buffer *name)
{
	Buffer	id = {0};
	int64_t current;
	int64_t version;
	int64_t place;
	bool	is_read = skip(&json, "{\"aggregate_name\": \"") && read_string(&json, name) &&
				   skip(&json, ", \"aggregate_id\": \"") && read_string(&json, &id) &&
				   goes_uuid_parse(id.data, &conflict->aggregate_id) == GOES_OK &&
				   skip(&json, ", \"current_version\": ") && read_number(&json, -1, &current) &&
				   skip(&json, ", \"event_version\": ") && read_number(&json, -1, &version) &&
				   skip(&json, ", \"event_index\": ") && read_number(&json, 0, &place) &&
				   place >= 0 && is_at_end(json);

	buffer_free(&id);
	if (!is_read)
		return false;
	conflict->size = sizeof *conflict;
	conflict->aggregate_name = name->data;
	conflict->current_version = version_of(current);
	conflict->event_version = version_of(version);
	*event_index = place - 1; /* the server counts from 1 */
	return true;
}
