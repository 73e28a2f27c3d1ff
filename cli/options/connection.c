/*
 * connection.c
 *    Which store, and how long to wait for it.
 */
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

#define CONNECT_TIMEOUT_MS 3000
#define CREATE_TIMEOUT_MS 30000

enum
{
	KEY_TIMEOUT = 0x100,
	KEY_CONNECT_TIMEOUT
};

static struct
{
	const char *url;
	const char *database;
	const char *table;
	int64_t		connect_timeout_ms;
} connection;

static const struct argp_option options[] = {
	{.doc = "Which store:", .group = 10},
	{"url", 'u', "URL", 0, "Where the server is ($POSTGRES_EVENTSTORE)", 10},
	{"database", 'd', "NAME", 0, "The store's database (goes)", 10},
	{"table", 't', "NAME", 0, "The table of events, written as in SQL (events)", 10},
	{"connect-timeout", KEY_CONNECT_TIMEOUT, "SECONDS", 0,
	 "How long connecting may take ($PGCONNECT_TIMEOUT, or 3; 30 for init)", 10},
	{"timeout", KEY_TIMEOUT, "SECONDS", 0, "How long each request may take (no limit)", 10},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case 'u':
			connection.url = argument;
			return 0;
		case 'd':
			connection.database = argument;
			return 0;
		case 't':
			connection.table = argument;
			return 0;
		case KEY_CONNECT_TIMEOUT:
			connection.connect_timeout_ms = 1000 * number_between(state, argument, 1, 86400);
			return 0;
		case KEY_TIMEOUT:
			set_timeout(1000 * number_between(state, argument, 1, 86400));
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

const struct argp connection_options = {.options = options, .parser = parse};

const char *
store_table(void)
{
	return connection.table != NULL ? connection.table : "events";
}

static const char *
store_database(void)
{
	return connection.database != NULL ? connection.database : "goes";
}

static const char *
server_url(void)
{
	const char *url = connection.url != NULL ? connection.url : getenv("POSTGRES_EVENTSTORE");

	if (url == NULL || *url == '\0')
		fail(EXIT_USAGE, "there is no server: set POSTGRES_EVENTSTORE, or give --url, as in\n"
						 "    goes --url postgres://user@localhost ...");
	return url;
}

/*
 * connect_timeout_ms returns how long connecting may take, by the option or by the variable that libpq
 * has for that. Creating a database takes longer than connecting to one.
 */
static int64_t
connect_timeout_ms(bool creates)
{
	const char *variable = getenv("PGCONNECT_TIMEOUT");
	int64_t		seconds = variable == NULL ? 0 : strtoll(variable, NULL, 10);

	if (connection.connect_timeout_ms != 0)
		return connection.connect_timeout_ms;
	if (seconds > 0 && seconds < 86400)
		return seconds * 1000;
	return creates ? CREATE_TIMEOUT_MS : CONNECT_TIMEOUT_MS;
}

/*
 * require_store ends the tool unless the store could be opened, with a word on what helps, which is not
 * the command that has failed. What libgoes calls no_create is our choice, not the user's.
 */
static void
require_store(int status, goes_error *error, const char *advice)
{
	static const char ours[] = ", and no_create is set";
	const char		 *message = goes_error_message(error);
	const char		 *found = strstr(message, ours);
	size_t			  length = found != NULL ? (size_t) (found - message) : strlen(message);
	bool			  is_missing = strcmp(goes_error_sqlstate(error), "3D000") == 0;

	if (is_interrupted() ||
		(!is_missing && status != GOES_ERR_SCHEMA && status != GOES_ERR_EXTENSION))
		require(status, &error);
	else
		fail(EXIT_UNSOUND, "%.*s%s%s", (int) length, message,
			 found != NULL ? found + sizeof ours - 1 : "", advice);
}

goes_store *
open_store(bool creates)
{
	static const char advice[] =
		"\nRun \"goes check\" to see what is wrong, \"goes init\" to make what is missing.";
	goes_store_options store_options;
	goes_store		  *store;
	goes_error		  *error = NULL;
	int				   status;

	goes_store_options_init(&store_options, sizeof store_options);
	store_options.url = server_url();
	store_options.database = connection.database;
	store_options.table = connection.table;
	store_options.connect_timeout_ms = connect_timeout_ms(creates);
	store_options.no_create = !creates;
	status = goes_store_open(&store, &store_options, &error);
	if (status == GOES_OK)
		status = goes_store_connect(store, call_context(), &error);
	require_store(status, error, creates ? "" : advice);
	return store;
}

/*
 * quoted_name writes the database as the value of a keyword, or as a part of a URL.
 */
static void
write_name(FILE *file, const char *name, bool is_url)
{
	for (const unsigned char *c = (const unsigned char *) name; *c != '\0'; c++)
	{
		if (is_url)
			fprintf(file, "%%%02X", *c);
		else
			fprintf(file, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
	}
}

/*
 * database_url returns the URL with the store's database in it. Of a parameter that comes twice,
 * libpq takes the last.
 */
static char *
database_url(void)
{
	const char *url = server_url();
	bool		is_url = strncmp(url, "postgres", 8) == 0 && strstr(url, "://") != NULL;
	char	   *text = NULL;
	size_t		length;
	FILE	   *file = allocated(open_memstream(&text, &length));

	if (is_url)
		fprintf(file, "%s%cdbname=", url, strchr(url, '?') != NULL ? '&' : '?');
	else
		fprintf(file, "%s dbname='", url);
	write_name(file, store_database(), is_url);
	if (!is_url)
		putc('\'', file);
	fclose(file);
	return allocated(text);
}

/*
 * open_database makes a connection at once: goes_pool_acquire has no time of its own for that.
 */
goes_pool *
open_database(void)
{
	goes_pool_options pool_options = {.size = sizeof pool_options, .max_connections = 1};
	goes_context	  context = *call_context();
	char			 *url = database_url();
	goes_pool		 *pool;
	PGconn			 *pg;
	goes_error		 *error = NULL;
	int				  status;

	pool_options.url = url;
	context.timeout_ms = connect_timeout_ms(false);
	status = goes_pool_new(&pool, &pool_options, &error);
	if (status == GOES_OK)
		status = goes_pool_acquire(pool, &pg, &context, &error);
	require_store(status, error, "\nRun \"goes init\" to make it.");
	goes_pool_release(pool, pg);
	free(url);
	return pool;
}
