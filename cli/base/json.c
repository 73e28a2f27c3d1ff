/*
 * json.c
 *    Finding one's way in JSON text.
 *
 * The server reads JSON, too, and has the last word: what is read here need only be told apart.
 */
#include <ctype.h>
#include <string.h>

#include "base/base.h"

/* The server's stack ends before that. */
#define MOST_LEVELS 10000

static bool
refuse(Json *json, const char *problem)
{
	if (json->problem == NULL)
		json->problem = problem;
	return false;
}

char
json_peek(Json *json)
{
	while (json->at < json->end && strchr(" \t\r\n", *json->at) != NULL && *json->at != '\0')
		json->at++;
	return json->at < json->end ? *json->at : '\0';
}

bool
json_take(Json *json, char character, const char *what)
{
	if (json_peek(json) != character)
		return refuse(json, what);
	json->at++;
	return true;
}

/*
 * skip_string steps over a string, whose end is the next quote that no backslash stands before.
 */
static bool
skip_string(Json *json)
{
	const char *start = json->at;

	for (json->at++; json->at < json->end && *json->at != '"'; json->at++)
	{
		if ((unsigned char) *json->at < ' ')
			return refuse(json, "a control character in a string");
		if (*json->at == '\\')
			json->at++;
	}
	if (json->at >= json->end)
	{
		json->at = start;
		return refuse(json, "a string without an end");
	}
	json->at++;
	return true;
}

/*
 * skip_word steps over a number, true, false or null.
 */
static bool
skip_word(Json *json)
{
	const char *start = json->at;
	size_t		length;

	while (json->at < json->end &&
		   (isalnum((unsigned char) *json->at) || strchr("+-.", *json->at) != NULL) &&
		   *json->at != '\0')
		json->at++;
	length = (size_t) (json->at - start);
	if (length > 0 && (isdigit((unsigned char) *start) || *start == '-'))
		return true;
	if ((length == 4 && (memcmp(start, "true", 4) == 0 || memcmp(start, "null", 4) == 0)) ||
		(length == 5 && memcmp(start, "false", 5) == 0))
		return true;
	json->at = start;
	return refuse(json, start == json->end ? "the end of the line" : "something that is no value");
}

static bool skip_value(Json *json, int level);

/*
 * skip_key steps over the key of a member, and the colon behind it.
 */
static bool
skip_key(Json *json)
{
	if (json_peek(json) != '"')
		return refuse(json, "something that is no key");
	return skip_string(json) && json_take(json, ':', "no colon behind a key");
}

/*
 * skip_list steps over the elements of an array, or the members of an object.
 */
static bool
skip_list(Json *json, char end, int level)
{
	if (level >= MOST_LEVELS)
		return refuse(json, "too many levels");
	json->at++;
	if (json_peek(json) == end)
	{
		json->at++;
		return true;
	}
	for (;;)
	{
		if (end == '}' && !skip_key(json))
			return false;
		if (!skip_value(json, level))
			return false;
		if (json_peek(json) == end)
		{
			json->at++;
			return true;
		}
		if (!json_take(json, ',', "neither a comma nor an end"))
			return false;
	}
}

static bool
skip_value(Json *json, int level)
{
	switch (json_peek(json))
	{
		case '{':
			return skip_list(json, '}', level + 1);
		case '[':
			return skip_list(json, ']', level + 1);
		case '"':
			return skip_string(json);
		default:
			return skip_word(json);
	}
}

bool
json_skip(Json *json)
{
	return skip_value(json, 0);
}

/*
 * hexadecimal reads four digits; -1 if they are none.
 */
static long
hexadecimal(const char *at, const char *end)
{
	long number = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char digit = (char) tolower((unsigned char) at[i]);

		if (!isxdigit((unsigned char) digit))
			return -1;
		number = number * 16 + (isdigit((unsigned char) digit) ? digit - '0' : digit - 'a' + 10);
	}
	return number;
}

/*
 * put_utf8 writes a character, and returns what is behind it.
 */
static char *
put_utf8(char *at, long character)
{
	if (character < 0x80)
		*at++ = (char) character;
	else if (character < 0x800)
	{
		*at++ = (char) (0xc0 | character >> 6);
		*at++ = (char) (0x80 | (character & 0x3f));
	}
	else
	{
		if (character < 0x10000)
			*at++ = (char) (0xe0 | character >> 12);
		else
		{
			*at++ = (char) (0xf0 | character >> 18);
			*at++ = (char) (0x80 | (character >> 12 & 0x3f));
		}
		*at++ = (char) (0x80 | (character >> 6 & 0x3f));
		*at++ = (char) (0x80 | (character & 0x3f));
	}
	return at;
}

/*
 * take_unicode reads what follows \u, and the second half of a pair.
 */
static long
take_unicode(const char **from, const char *end)
{
	long character = hexadecimal(*from, end);
	long second;

	*from += 4;
	if (character < 0xd800 || character > 0xdfff)
		return character;
	if (character > 0xdbff || end - *from < 6 || (*from)[0] != '\\' || (*from)[1] != 'u')
		return -1;
	second = hexadecimal(*from + 2, end);
	*from += 6;
	if (second < 0xdc00 || second > 0xdfff)
		return -1;
	return 0x10000 + ((character - 0xd800) << 10) + (second - 0xdc00);
}

/*
 * take_escape reads what follows a backslash; -1 if that is nothing that may.
 */
static long
take_escape(const char **from, const char *end)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	char			  letter = *(*from)++;
	const char		 *found = strchr(letters, letter);

	if (letter == 'u')
		return take_unicode(from, end);
	return letter != '\0' && found != NULL ? meanings[found - letters] : -1;
}

bool
json_string(Json *json, char **out)
{
	const char *start;
	const char *from;
	char	   *to;

	if (json_peek(json) != '"')
		return refuse(json, "something that is no string");
	start = json->at;
	from = start + 1;
	if (!skip_string(json))
		return false;
	*out = to = (char *) from;
	while (from < json->at - 1)
	{
		long character;

		if (*from != '\\')
		{
			*to++ = *from++;
			continue;
		}
		from++;
		character = take_escape(&from, json->at - 1);
		if (character <= 0)
		{
			json->at = start;
			return refuse(json, "an escape that cannot be in this string");
		}
		to = put_utf8(to, character);
	}
	*to = '\0';
	return true;
}

void
json_write_string(FILE *file, const char *text)
{
	putc_unlocked('"', file);
	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ')
			fprintf(file, "\\u%04x", *c);
		else
		{
			if (*c == '"' || *c == '\\')
				putc_unlocked('\\', file);
			putc_unlocked(*c, file);
		}
	}
	putc_unlocked('"', file);
}

static void
write_indent(FILE *file, int depth)
{
	fprintf(file, "\n%*s", depth * 2, "");
}

/*
 * write_quoted copies a string as it stands, and returns its last byte.
 */
static const char *
write_quoted(FILE *file, const char *at, const char *end)
{
	putc_unlocked(*at, file);
	for (at++; at < end && *at != '"'; at++)
	{
		putc_unlocked(*at, file);
		if (*at == '\\' && at + 1 < end)
			putc_unlocked(*++at, file);
	}
	if (at < end)
		putc_unlocked('"', file);
	return at;
}

/*
 * json_write_pretty takes the form of JSON that the server has, with single blanks between tokens.
 */
void
json_write_pretty(FILE *file, const char *text, size_t length, int depth)
{
	const char *end = text + length;

	for (const char *at = text; at < end; at++)
	{
		if (*at == '"')
			at = write_quoted(file, at, end);
		else if (*at == '{' || *at == '[')
		{
			putc_unlocked(*at, file);
			if (at + 1 < end && (at[1] == '}' || at[1] == ']'))
				putc_unlocked(*++at, file);
			else
				write_indent(file, ++depth);
		}
		else if (*at == '}' || *at == ']')
		{
			write_indent(file, --depth);
			putc_unlocked(*at, file);
		}
		else if (*at == ',')
		{
			putc_unlocked(*at, file);
			write_indent(file, depth);
		}
		else if (*at == ':')
			fputs(": ", file);
		else if (*at != ' ')
			putc_unlocked(*at, file);
	}
}
