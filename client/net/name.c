/*
 * name.c
 *    Names that the server would cut.
 *
 * PostgreSQL keeps 63 bytes of a name and drops the rest in silence where a connection begins, so two
 * programs with long names for what is theirs would share a database, a role or a schema. What is an
 * argument of a function of the extension's, such as a table, is refused there.
 */
#include <string.h>

#include "net/conninfo.h"

#define MOST_NAME_BYTES 63

/*
 * fail_long makes the error for a name. It does not repeat it: what a URL has there may be a piece of
 * a password.
 */
static int
fail_long(const char *what, goes_error **err)
{
	return fail(err, GOES_ERR_INVALID,
				"the name of the %s is too long: PostgreSQL keeps %d bytes of a name", what,
				MOST_NAME_BYTES);
}

int
name_check(const char *name, const char *what, goes_error **err)
{
	return name != NULL && strlen(name) > MOST_NAME_BYTES ? fail_long(what, err) : GOES_OK;
}

/*
 * is_space tells whether a byte is a blank between the identifiers of SQL.
 */
static bool
is_space(char byte)
{
	return byte != '\0' && strchr(" \t\n\r\f\v", byte) != NULL;
}

/*
 * measure_quoted returns how many bytes are in an identifier in quotation marks, two of which stand
 * for one, and moves behind it.
 */
static size_t
measure_quoted(const char **text)
{
	size_t length = 0;

	for ((*text)++; **text != '\0'; (*text)++, length++)
	{
		if (**text == '"' && *++*text != '"')
			break;
	}
	return length;
}

/*
 * measure_plain does the same for one without.
 */
static size_t
measure_plain(const char **text)
{
	const char *start = *text;

	while (**text != '\0' && **text != ',' && !is_space(**text))
		(*text)++;
	return (size_t) (*text - start);
}

int
name_check_list(const char *list, const char *what, goes_error **err)
{
	while (*list != '\0')
	{
		if (is_space(*list) || *list == ',')
			list++;
		else if ((*list == '"' ? measure_quoted : measure_plain)(&list) > MOST_NAME_BYTES)
			return fail_long(what, err);
	}
	return GOES_OK;
}

int
name_check_options(const PQconninfoOption *options, goes_error **err)
{
	static const struct
	{
		const char *keyword;
		const char *what;
	} names[] = {
		{"dbname", "database"},
		{"user", "user"},
		{"application_name", "application"},
		{"fallback_application_name", "application"},
	};
	int status = GOES_OK;

	for (; status == GOES_OK && options->keyword != NULL; options++)
	{
		for (size_t i = 0; status == GOES_OK && i < sizeof names / sizeof *names; i++)
		{
			if (strcmp(options->keyword, names[i].keyword) == 0)
				status = name_check(options->val, names[i].what, err);
		}
	}
	return status;
}
