/*
 * conninfo_check.c
 *    Values of parameters that libpq refuses, found before anything is sent.
 *
 * libpq checks most of its parameters only when it connects. So conninfo_check lets it connect to a
 * place where no server can be: if the error names that place, libpq has accepted the parameters.
 * libpq reads numbers later, or never, so they are checked here. The errors contain no value, which
 * may be a piece of a password.
 */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "net/conninfo.h"

#define NOWHERE "/dev/null/goes"
#define MOST_OPTIONS 100

/* Parameters in the form that PQconnectStartParams takes. */
typedef struct Trial
{
	const char *keywords[MOST_OPTIONS + 1];
	const char *values[MOST_OPTIONS + 1];
	int			count;
} Trial;

static void
add_to_trial(Trial *trial, const char *keyword, const char *value)
{
	if (trial->count == MOST_OPTIONS)
		return;
	trial->keywords[trial->count] = keyword;
	trial->values[trial->count++] = value;
}

/*
 * start_trial makes parameters with only the address and the user, so that the environment need not
 * have them. The password keeps libpq from looking for one in a file.
 */
static Trial
start_trial(void)
{
	Trial trial = {0};

	add_to_trial(&trial, "host", NOWHERE);
	add_to_trial(&trial, "port", "5432");
	add_to_trial(&trial, "user", "nobody");
	add_to_trial(&trial, "password", "none");
	return trial;
}

/*
 * is_taken tells whether libpq accepts parameters. If a service or an environment variable gives an
 * address, libpq goes there instead, and is_taken cannot tell: it returns true.
 */
static bool
is_taken(const Trial *trial)
{
	PGconn *connection = PQconnectStartParams(trial->keywords, trial->values, 0);
	bool	is_taken;

	if (connection == NULL)
		return true;
	is_taken = PQstatus(connection) != CONNECTION_BAD ||
			   strstr(PQerrorMessage(connection), NOWHERE) != NULL ||
			   (PQhostaddr(connection) != NULL && *PQhostaddr(connection) != '\0');
	PQfinish(connection);
	return is_taken;
}

/*
 * is_on_trial tells whether to try an option: it has a value and is no part of the address. A local
 * socket cannot have GSSAPI, so that requiring it is not tried.
 */
static bool
is_on_trial(const PQconninfoOption *option)
{
	static const char *const others[] = {"host", "hostaddr", "port", "dbname", "password"};

	if (option->val == NULL || *option->val == '\0')
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
	{
		if (strcmp(option->keyword, others[i]) == 0)
			return false;
	}
	return strcmp(option->keyword, "gssencmode") != 0 || strcmp(option->val, "require") != 0;
}

static int
fail_parameter(const char *keyword, goes_error **err)
{
	return fail(err, GOES_ERR_INVALID,
				"the parameter \"%s\" of the connection string has a value that libpq refuses",
				keyword);
}

/*
 * fail_trial finds out which parameter libpq refuses, and names it.
 */
static int
fail_trial(const Conninfo *conninfo, goes_error **err)
{
	Trial bare = start_trial();

	if (!is_taken(&bare))
		return fail(err, GOES_ERR_INVALID,
					"an environment variable of libpq, such as PGSSLMODE or PGSERVICE, has a value "
					"that libpq refuses");
	for (const PQconninfoOption *option = conninfo->options; option->keyword != NULL; option++)
	{
		Trial alone = bare;

		if (!is_on_trial(option))
			continue;
		add_to_trial(&alone, option->keyword, option->val);
		if (!is_taken(&alone))
			return fail_parameter(option->keyword, err);
	}
	return fail(err, GOES_ERR_INVALID,
				"the connection string has parameters that libpq refuses together");
}

/*
 * check_options lets libpq check all parameters.
 */
static int
check_options(const Conninfo *conninfo, goes_error **err)
{
	Trial trial = start_trial();

	for (const PQconninfoOption *option = conninfo->options; option->keyword != NULL; option++)
	{
		if (is_on_trial(option))
			add_to_trial(&trial, option->keyword, option->val);
	}
	return is_taken(&trial) ? GOES_OK : fail_trial(conninfo, err);
}

/*
 * check_numbers checks the parameters that libpq reads as numbers.
 */
static int
check_numbers(const Conninfo *conninfo, goes_error **err)
{
	static const char *const keywords[] = {"connect_timeout",  "keepalives",
										   "keepalives_idle",  "keepalives_interval",
										   "keepalives_count", "tcp_user_timeout"};

	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
	{
		const char *value = conninfo_value(conninfo, keywords[i]);
		char	   *end;
		long		number;

		if (value == NULL)
			continue;
		errno = 0;
		number = strtol(value, &end, 10);
		if (end == value || errno != 0 || number != (int) number)
			return fail_parameter(keywords[i], err);
		while (isspace((unsigned char) *end))
			end++;
		if (*end != '\0')
			return fail_parameter(keywords[i], err);
	}
	return GOES_OK;
}

static bool
is_port(const char *item)
{
	Trial trial = start_trial();

	add_to_trial(&trial, "port", item);
	return is_taken(&trial);
}

static bool
is_address(const char *item)
{
	struct addrinfo	 wanted = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC};
	struct addrinfo *found = NULL;
	bool			 is_numeric = getaddrinfo(item, NULL, &wanted, &found) == 0;

	if (is_numeric)
		freeaddrinfo(found);
	return is_numeric;
}

/*
 * check_items checks each item of a comma-separated list; an empty one stands for the default.
 */
static int
check_items(const Conninfo *conninfo, const char *keyword, bool (*is_good)(const char *),
			goes_error **err)
{
	const char *list = conninfo_value(conninfo, keyword);

	while (list != NULL && *list != '\0')
	{
		size_t length = strcspn(list, ",");
		char  *item = strndup(list, length);
		bool   is_bad;

		if (item == NULL)
			return fail_memory(err);
		is_bad = length > 0 && !is_good(item);
		free(item);
		if (is_bad)
			return fail_parameter(keyword, err);
		list += length + (list[length] == ',');
	}
	return GOES_OK;
}

int
conninfo_check(const Conninfo *conninfo, goes_error **err)
{
	int status = check_numbers(conninfo, err);

	if (status == GOES_OK)
		status = check_items(conninfo, "hostaddr", is_address, err);
	if (status == GOES_OK)
		status = check_options(conninfo, err);
	if (status == GOES_OK)
		status = check_items(conninfo, "port", is_port, err);
	return status;
}
