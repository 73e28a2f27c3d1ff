/*
 * name.c
 *    Names that the server would cut.
 *
 * When a connection begins, PostgreSQL keeps 63 bytes of a name and silently drops the rest, so
 * that two long names could mean the same database, role or schema. The extension's functions check
 * the names in their arguments, such as a table's, themselves.
 */
#include <string.h>

#include "net/conninfo.h"

#define MOST_NAME_BYTES 63

/*
 * fail_long makes the error for a name that is too long. It does not repeat the name, which may be
 * a piece of a password in the URL.
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
 * measure_quoted returns the length of an identifier in quotation marks, and moves *text past it.
 * Two quotation marks stand for one.
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
 * measure_plain does the same for an identifier without quotation marks.
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
