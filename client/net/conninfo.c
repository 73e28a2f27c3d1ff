/*
 * conninfo.c
 *    From a URL or keywords to the parameters of a connection.
 *
 * libpq parses the text, after the parameters that it does not know are taken out: those that a Go
 * program with pgx has in the same URL. libpq's message about a text that it cannot parse repeats
 * parts of it, perhaps of a password. So libgoes does not pass it on.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "net/conninfo.h"

#define UNREADABLE                                       \
	"the connection string cannot be read; write it as " \
	"postgres://user:password@host:5432/database "       \
	"(with %%xx for special characters in a password) or as host=... dbname=... user=..."

/*
 * is_libpq_option tells whether libpq knows a parameter.
 */
static int
is_libpq_option(const char *name, bool *is_known, goes_error **err)
{
	PQconninfoOption *options = PQconndefaults();

	if (options == NULL)
		return fail_memory(err);
	/* libpq accepts this one in a URI, as JDBC writes it */
	*is_known = strcmp(name, "ssl") == 0;
	for (PQconninfoOption *option = options; option->keyword != NULL; option++)
		*is_known |= strcmp(name, option->keyword) == 0;
	PQconninfoFree(options);
	return GOES_OK;
}

/*
 * add_setting adds a server setting to the options for its command line, where spaces and backslashes
 * need a backslash.
 */
static void
add_setting(Buffer *settings, const char *name, const char *value)
{
	buffer_format(settings, "%s-c %s=", settings->length > 0 ? " " : "", name);
	for (; *value != '\0'; value++)
	{
		if (isspace((unsigned char) *value) || *value == '\\')
			buffer_append(settings, "\\", 1);
		buffer_append(settings, value, 1);
	}
}

/*
 * is_identifier tells whether a text may be the name of a parameter. Text that is not an identifier
 * may be part of a password with an unescaped '&' or '?'.
 */
static bool
is_identifier(const char *text)
{
	return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
											  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

/*
 * take_parameter reads one parameter; *is_kept tells whether it is libpq's own. The error for an
 * unknown one contains its name only if may_be_named.
 */
static int
take_parameter(Conninfo *conninfo, Buffer *settings, const char *name, const char *value,
			   bool may_be_named, bool *is_kept, goes_error **err)
{
	int status = is_libpq_option(name, is_kept, err);

	if (status != GOES_OK || *is_kept)
		return status;
	if (strcmp(name, "search_path") == 0)
	{
		status = name_check_list(value, "schema", err);
		if (status != GOES_OK)
			return status;
		free(conninfo->search_path);
		conninfo->search_path = strdup(value);
		if (conninfo->search_path == NULL)
			return fail_memory(err);
		add_setting(settings, name, value);
	}
	else if (strcmp(name, "pool_max_conns") == 0)
	{
		char *end;
		long  number = strtol(value, &end, 10);

		if (*value == '\0' || *end != '\0' || number < 1 || number > 10000)
			return fail(err, GOES_ERR_INVALID,
						"the parameter pool_max_conns of the connection string must be a number "
						"from 1 to 10000");
		conninfo->pool_max_conns = (int) number;
	}
	else if (strncmp(name, "pool_", strlen("pool_")) != 0)
	{
		if (!may_be_named || !is_identifier(name))
			return fail(err, GOES_ERR_INVALID, UNREADABLE);
		return fail(err, GOES_ERR_INVALID,
					"the connection string has the parameter \"%s\", which neither libpq nor "
					"libgoes knows",
					name);
	}
	return GOES_OK;
}

/*
 * percent_decode decodes a part of a URI into a new text; NULL when out of memory.
 */
static char *
percent_decode(const char *text, size_t length)
{
	char *decoded = malloc(length + 1);
	char *end = decoded;

	if (decoded == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++)
	{
		char digits[3] = {0};

		if (text[i] == '%' && i + 2 < length && isxdigit((unsigned char) text[i + 1]) &&
			isxdigit((unsigned char) text[i + 2]))
		{
			memcpy(digits, text + i + 1, 2);
			*end++ = (char) strtol(digits, NULL, 16);
			i += 2;
		}
		else
			*end++ = text[i];
	}
	*end = '\0';
	return decoded;
}

/*
 * filter_uri_parameter copies one name=value of a URI, if it is libpq's. A later "@" means that the
 * text is part of a password.
 */
static int
filter_uri_parameter(Conninfo *conninfo, Buffer *settings, Buffer *cleaned, bool *is_first,
					 const char *text, size_t length, goes_error **err)
{
	const char *equals = memchr(text, '=', length);
	size_t		name_length = equals ? (size_t) (equals - text) : length;
	char	   *name = percent_decode(text, name_length);
	char	   *value = equals ? percent_decode(equals + 1, length - name_length - 1) : strdup("");
	bool		may_be_named = equals != NULL && strchr(text, '@') == NULL;
	bool		is_kept = false;
	int			status;

	if (name == NULL || value == NULL)
		status = fail_memory(err);
	else
		status = take_parameter(conninfo, settings, name, value, may_be_named, &is_kept, err);
	if (is_kept)
	{
		buffer_text(cleaned, *is_first ? "?" : "&");
		buffer_append(cleaned, text, length);
		*is_first = false;
	}
	free(name);
	free(value);
	return status;
}

/*
 * length_before_parameters returns where the "?" of a URI is. A password may contain one, too: like
 * libpq, it skips everything before the first "@".
 */
static size_t
length_before_parameters(const char *uri)
{
	const char *start = strstr(uri, "://") + strlen("://");
	const char *end = start + strcspn(start, "@/");

	if (*end == '@')
		start = end;
	return (size_t) (start - uri) + strcspn(start, "?");
}

/*
 * filter_uri copies a URI with only the parameters that libpq knows.
 */
static int
filter_uri(Conninfo *conninfo, Buffer *settings, Buffer *cleaned, const char *uri, goes_error **err)
{
	size_t before = length_before_parameters(uri);
	bool   is_first = true;
	int	   status = GOES_OK;

	buffer_append(cleaned, uri, before);
	if (uri[before] == '\0')
		return GOES_OK;
	for (const char *next = uri + before + 1; status == GOES_OK && *next != '\0';)
	{
		size_t length = strcspn(next, "&");

		status = length == 0 ? GOES_OK
							 : filter_uri_parameter(conninfo, settings, cleaned, &is_first, next,
													length, err);
		next += length + (next[length] == '&');
	}
	return status;
}

/*
 * skip_spaces returns the first character that is not a space.
 */
static const char *
skip_spaces(const char *text)
{
	while (isspace((unsigned char) *text))
		text++;
	return text;
}

/*
 * read_keyword_value reads a value, quoted or not, and returns what is behind it; NULL if its
 * quotation mark is missing.
 */
static const char *
read_keyword_value(const char *text, Buffer *value)
{
	bool is_quoted = *text == '\'';

	for (text += is_quoted; *text != '\0'; text++)
	{
		if (is_quoted ? *text == '\'' : isspace((unsigned char) *text))
			break;
		if (*text == '\\' && text[1] != '\0')
			text++;
		buffer_append(value, text, 1);
	}
	if (!is_quoted)
		return text;
	return *text == '\'' ? text + 1 : NULL;
}

/*
 * filter_keyword copies one "name = value" of a keyword string, if it is libpq's, and moves *next
 * past it.
 */
static int
filter_keyword(Conninfo *conninfo, Buffer *settings, Buffer *cleaned, const char **next,
			   goes_error **err)
{
	const char *start = *next;
	size_t		length = strcspn(start, "= \t\n\r\f\v");
	const char *equals = skip_spaces(start + length);
	Buffer		name = {0};
	Buffer		value = {0};
	bool		is_kept = false;
	int			status = GOES_OK;

	if (length == 0 || *equals != '=' ||
		(*next = read_keyword_value(skip_spaces(equals + 1), &value)) == NULL)
		status = fail(err, GOES_ERR_INVALID, UNREADABLE);
	buffer_append(&name, start, length);
	if (status == GOES_OK && (buffer_string(&name) == NULL || buffer_string(&value) == NULL))
		status = fail_memory(err);
	if (status == GOES_OK)
		status = take_parameter(conninfo, settings, name.data, value.data, true, &is_kept, err);
	if (is_kept)
	{
		buffer_append(cleaned, start, (size_t) (*next - start));
		buffer_append(cleaned, " ", 1);
	}
	buffer_free(&name);
	buffer_free(&value);
	return status;
}

/*
 * filter_keywords copies a keyword string with only the parameters that libpq knows.
 */
static int
filter_keywords(Conninfo *conninfo, Buffer *settings, Buffer *cleaned, const char *text,
				goes_error **err)
{
	int status = GOES_OK;

	for (text = skip_spaces(text); status == GOES_OK && *text != '\0';)
	{
		status = filter_keyword(conninfo, settings, cleaned, &text, err);
		if (status == GOES_OK)
			text = skip_spaces(text);
	}
	return status;
}

/*
 * add_options adds settings to the parameter "options".
 */
static int
add_options(Conninfo *conninfo, Buffer *settings, goes_error **err)
{
	PQconninfoOption *option = conninfo->options;
	Buffer			  joined = {0};

	if (settings->length == 0)
		return GOES_OK;
	while (strcmp(option->keyword, "options") != 0)
		option++;
	if (option->val != NULL && *option->val != '\0')
		buffer_format(&joined, "%s ", option->val);
	buffer_append(&joined, settings->data, settings->length);
	if (buffer_string(&joined) == NULL)
	{
		buffer_free(&joined);
		return fail_memory(err);
	}
	PQfreemem(option->val);
	option->val = conninfo->settings = joined.data;
	return GOES_OK;
}

/*
 * check_address refuses a host or a port that is really a piece of a password with "@" or "/" in
 * it. libpq would show it in the error when it cannot connect.
 */
static int
check_address(const Conninfo *conninfo, goes_error **err)
{
	const char *host = conninfo_value(conninfo, "host");
	const char *ports = conninfo_value(conninfo, "port");

	if (ports != NULL && ports[strspn(ports, "0123456789, ")] != '\0')
		return fail(err, GOES_ERR_INVALID, UNREADABLE);
	while (host != NULL && *host != '\0')
	{
		size_t length = strcspn(host, ",");
		bool   is_socket = *host == '/' || *host == '@'; /* its path may have any character */

		if (!is_socket && memchr(host, '@', length) != NULL)
			return fail(err, GOES_ERR_INVALID, UNREADABLE);
		host += length + (host[length] == ',');
	}
	return GOES_OK;
}

int
conninfo_parse(Conninfo *conninfo, const char *url, goes_error **err)
{
	bool is_uri = strncmp(url, "postgres://", strlen("postgres://")) == 0 ||
				  strncmp(url, "postgresql://", strlen("postgresql://")) == 0;
	Buffer settings = {0};
	Buffer cleaned = {0};
	char  *message = NULL;
	int	   status;

	*conninfo = (Conninfo){0};
	status = (is_uri ? filter_uri : filter_keywords)(conninfo, &settings, &cleaned, url, err);
	if (status == GOES_OK && (buffer_string(&cleaned) == NULL || settings.failed))
		status = fail_memory(err);
	if (status == GOES_OK)
	{
		conninfo->options = PQconninfoParse(cleaned.data, &message);
		if (conninfo->options == NULL)
			status = message == NULL ? fail_memory(err) : fail(err, GOES_ERR_INVALID, UNREADABLE);
	}
	if (status == GOES_OK)
		status = check_address(conninfo, err);
	if (status == GOES_OK)
		status = name_check_options(conninfo->options, err);
	if (status == GOES_OK)
		status = add_options(conninfo, &settings, err);
	PQfreemem(message);
	buffer_free(&settings);
	buffer_free(&cleaned);
	if (status != GOES_OK)
		conninfo_free(conninfo);
	return status;
}

const char *
conninfo_value(const Conninfo *conninfo, const char *keyword)
{
	for (PQconninfoOption *option = conninfo->options; option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, keyword) == 0)
			return option->val != NULL && *option->val != '\0' ? option->val : NULL;
	}
	return NULL;
}

void
conninfo_free(Conninfo *conninfo)
{
	/* libpq frees only what it has made itself */
	for (PQconninfoOption *option = conninfo->options; option != NULL && option->keyword != NULL;
		 option++)
	{
		if (option->val == conninfo->settings)
			option->val = NULL;
	}
	if (conninfo->options != NULL)
		PQconninfoFree(conninfo->options);
	free(conninfo->settings);
	free(conninfo->search_path);
	*conninfo = (Conninfo){0};
}
