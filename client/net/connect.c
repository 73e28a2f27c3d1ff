/*
 * connect.c
 *    Connecting, within a deadline.
 *
 * PQconnectPoll ignores connect_timeout and would spend all of the time on the first of several
 * hosts. So they are tried one at a time, each with its share of the time that is left.
 *
 * libpq gives no SQLSTATE for a connection that failed. With verbose errors it is in the text, before
 * the message of the server, in any language.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/conninfo.h"
#include "base/sqlstate.h"

#define MOST_OPTIONS 100

/*
 * One of several hosts: its items of the lists host, hostaddr and port, and what kind of server is
 * wanted.
 */
typedef struct Host
{
	char	   *host;
	char	   *hostaddr;
	char	   *port;
	const char *attributes; /* target_session_attrs; NULL: as conninfo says */
} Host;

void
ignore_notice(void *argument, const char *message)
{
	(void) argument;
	(void) message;
}

/*
 * count_items counts the items of a comma-separated list; an absent one has none.
 */
static int
count_items(const char *list)
{
	int count = list != NULL;

	for (; list != NULL && *list != '\0'; list++)
		count += *list == ',';
	return count;
}

/*
 * copy_item copies an item of a list. If the list has one item only, that one counts for every
 * number.
 */
static int
copy_item(char **out, const char *list, int number, goes_error **err)
{
	if (list == NULL)
		return GOES_OK;
	if (count_items(list) == 1)
		number = 0;
	while (number-- > 0)
		list += strcspn(list, ",") + 1;
	*out = strndup(list, strcspn(list, ","));
	return *out == NULL ? fail_memory(err) : GOES_OK;
}

static void
free_host(Host *host)
{
	free(host->host);
	free(host->hostaddr);
	free(host->port);
}

/*
 * start starts connecting to a host. It takes over the keywords of conninfo, and replaces the
 * values of "host" and the like.
 */
static PGconn *
start(const Conninfo *conninfo, const Host *host, const char *database)
{
	const char *keywords[MOST_OPTIONS + 3];
	const char *values[MOST_OPTIONS + 3];
	int			count = 0;

	for (PQconninfoOption *option = conninfo->options; option->keyword != NULL; option++)
	{
		const char *value = option->val;

		if (strcmp(option->keyword, "host") == 0)
			value = host->host;
		else if (strcmp(option->keyword, "hostaddr") == 0)
			value = host->hostaddr;
		else if (strcmp(option->keyword, "port") == 0)
			value = host->port;
		else if (strcmp(option->keyword, "target_session_attrs") == 0 && host->attributes != NULL)
			value = host->attributes;
		else if (strcmp(option->keyword, "dbname") == 0 && database != NULL)
			value = database;
		else if (strcmp(option->keyword, "client_encoding") == 0)
			value = "UTF8";
		else if (strcmp(option->keyword, "fallback_application_name") == 0 && value == NULL)
			value = "libgoes";
		if (value == NULL || *value == '\0' || count == MOST_OPTIONS)
			continue;
		keywords[count] = option->keyword;
		values[count++] = value;
	}
	keywords[count] = values[count] = NULL;
	return PQconnectStartParams(keywords, values, 0);
}

/*
 * find_sqlstate returns where the SQLSTATE is in libpq's verbose text, "FATAL:  28P01: …", or NULL.
 */
static const char *
find_sqlstate(const char *message)
{
	for (const char *place = strstr(message, ":  "); place != NULL;
		 place = strstr(place + 1, ":  "))
	{
		const char *sqlstate = place + strlen(":  ");
		int			length = 0;

		while (length < SQLSTATE_LENGTH && (isdigit((unsigned char) sqlstate[length]) ||
											isupper((unsigned char) sqlstate[length])))
			length++;
		if (length == SQLSTATE_LENGTH && sqlstate[length] == ':')
			return sqlstate;
	}
	return NULL;
}

/*
 * is_location tells whether a line of libpq's verbose text says where in the server's source the error
 * was raised: "LOCATION:  auth_failed, auth.c:330", in any language.
 */
static bool
is_location(const char *line, size_t length)
{
	const char *place = memmem(line, length, ".c:", strlen(".c:"));

	if (place == NULL)
		return false;
	place += strlen(".c:");
	return place + strspn(place, "0123456789") == line + length;
}

/*
 * readable_text turns libpq's verbose text into one for people, to be freed: its lines without the
 * SQLSTATE and the location. NULL when out of memory.
 */
static char *
readable_text(const char *message)
{
	Buffer text = {0};

	while (*message != '\0')
	{
		size_t		length = strcspn(message, "\n");
		const char *sqlstate = find_sqlstate(message);
		const char *start = message;

		message += length + (message[length] == '\n');
		if (length == 0 || is_location(start, length))
			continue;
		buffer_text(&text, text.length > 0 ? "\n" : "");
		if (sqlstate != NULL && sqlstate < start + length)
		{
			buffer_append(&text, start, (size_t) (sqlstate - start));
			length -= (size_t) (sqlstate - start) + SQLSTATE_LENGTH + strlen(": ");
			start = sqlstate + SQLSTATE_LENGTH + strlen(": ");
			while (*start == ' ')
			{
				start++;
				length--;
			}
		}
		buffer_append(&text, start, length);
	}
	if (buffer_string(&text) == NULL)
		buffer_free(&text);
	return text.data;
}

/*
 * may_pass tells whether a server that refuses a connection with this SQLSTATE may accept it later:
 * the server starts or stops, lacks resources, or has an internal error. With any other SQLSTATE it
 * keeps refusing until somebody changes the database, a role or a setting.
 */
static bool
may_pass(const char *sqlstate)
{
	static const char *const passing[] = {CONNECTION_EXCEPTION_CLASS,
										  TRANSACTION_ROLLBACK_CLASS,
										  INSUFFICIENT_RESOURCES_CLASS,
										  OBJECT_IN_USE,
										  LOCK_NOT_AVAILABLE,
										  QUERY_CANCELED,
										  ADMIN_SHUTDOWN,
										  CRASH_SHUTDOWN,
										  CANNOT_CONNECT_NOW,
										  IDLE_SESSION_TIMEOUT,
										  SYSTEM_ERROR_CLASS,
										  INTERNAL_ERROR_CLASS};

	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
	{
		if (is_in_class(sqlstate, passing[i]))
			return true;
	}
	return false;
}

/*
 * fail_connection turns libpq's message about a failed connection into an error. is_final decides
 * whether the error is final if libpq has no SQLSTATE.
 */
static int
fail_connection(PGconn *connection, bool is_final, goes_error **err)
{
	const char	*found = find_sqlstate(PQerrorMessage(connection));
	char		 sqlstate[SQLSTATE_LENGTH + 1] = "";
	char		*text = readable_text(PQerrorMessage(connection));
	ErrorDetails details = {.sqlstate = sqlstate, .event_index = -1, .is_final = is_final};
	int status = PQconnectionNeedsPassword(connection) ? GOES_ERR_PERMISSION : GOES_ERR_CONNECT;

	if (text == NULL)
		return fail_memory(err);
	/* the server of another user at a local socket: every translation names the parameter */
	if (strstr(text, "requirepeer") != NULL)
		details.is_final = true;
	if (found != NULL)
	{
		memcpy(sqlstate, found, SQLSTATE_LENGTH);
		status = status_of_sqlstate(sqlstate);
		if (status == GOES_ERR_SERVER)
			status = GOES_ERR_CONNECT;
		details.is_final = !may_pass(sqlstate);
	}
	status = fail_detailed(err, status, details, "%s", text);
	free(text);
	return status;
}

/*
 * peek returns the first byte that the server has sent and libpq has not read; EOF if there is none:
 * the server is gone.
 */
static int
peek(int socket)
{
	unsigned char byte;

	return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : EOF;
}

/*
 * is_disagreement tells whether a connection failed although the server answered, because the two
 * could not agree: on TLS, a certificate, or the login. Two other failures may pass: an answer that
 * begins with an E, when the server cannot start a process, and the wrong role, primary or standby,
 * which libpq asks for after the login.
 */
static bool
is_disagreement(const PGconn *connection, int answer)
{
	return answer != EOF && answer != 'E' &&
		   PQparameterStatus(connection, "server_version") == NULL;
}

/*
 * wait_for_server waits until PQconnectPoll can go on; its timeout error names the server.
 */
static int
wait_for_server(const PGconn *connection, bool for_reading, const Deadline *deadline,
				goes_error **err)
{
	goes_error *error = NULL;
	int status = wait_socket(PQsocket(connection), for_reading, !for_reading, deadline, &error);

	if (status != GOES_ERR_TIMEOUT)
		return pass_error(err, error, status);
	goes_error_free(error);
	return fail(err, GOES_ERR_TIMEOUT, "the server at %s:%s did not answer in time",
				PQhost(connection), PQport(connection));
}

/*
 * finish_connecting waits until a connection is made.
 */
static int
finish_connecting(PGconn *connection, const Deadline *deadline, goes_error **err)
{
	PostgresPollingStatusType polling = PGRES_POLLING_WRITING;

	if (PQstatus(connection) == CONNECTION_BAD)
		return fail_connection(connection, false, err);
	PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(connection, ignore_notice, NULL);
	while (polling != PGRES_POLLING_OK)
	{
		bool for_reading = polling == PGRES_POLLING_READING;
		int	 status = wait_for_server(connection, for_reading, deadline, err);
		int	 answer;

		if (status != GOES_OK)
			return status;
		answer = for_reading ? peek(PQsocket(connection)) : EOF;
		polling = PQconnectPoll(connection);
		if (polling == PGRES_POLLING_FAILED)
			return fail_connection(connection, is_disagreement(connection, answer), err);
	}
	PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
	return GOES_OK;
}

/*
 * check_names fails if the server would cut a name, including names from the environment and
 * service files.
 */
static int
check_names(PGconn *connection, goes_error **err)
{
	PQconninfoOption *options = PQconninfo(connection);
	int				  status = options == NULL ? fail_memory(err) : GOES_OK;

	if (status == GOES_OK)
		status = name_check_options(options, err);
	PQconninfoFree(options);
	return status;
}

/*
 * connect_to_host connects to one host.
 */
static int
connect_to_host(PGconn **out, const Conninfo *conninfo, const Host *host, const char *database,
				const Deadline *deadline, goes_error **err)
{
	PGconn *connection = start(conninfo, host, database);
	int		status;

	if (connection == NULL)
		return fail_memory(err);
	status = check_names(connection, err);
	if (status == GOES_OK)
		status = finish_connecting(connection, deadline, err);
	if (status == GOES_OK)
		*out = connection;
	else
		PQfinish(connection);
	return status;
}

/*
 * share_of returns a deadline after an equal share of the time that is left.
 */
static Deadline
share_of(const Deadline *deadline, int shares)
{
	Deadline share = *deadline;

	if (deadline->at != INT64_MAX)
	{
		int64_t now = monotonic_now();

		share.at = now + (deadline->at - now) / shares;
	}
	return share;
}

/*
 * another_may_answer tells whether to try the next host after an error. It does not help if a
 * server has refused this user or this database.
 */
static bool
another_may_answer(int status, const goes_error *error)
{
	const char *sqlstate = goes_error_sqlstate(error);

	return (status == GOES_ERR_CONNECT &&
			(*sqlstate == '\0' || is_in_class(sqlstate, OPERATOR_INTERVENTION_PREFIX) ||
			 strcmp(sqlstate, TOO_MANY_CONNECTIONS) == 0)) ||
		   status == GOES_ERR_TIMEOUT;
}

/*
 * connect_to_one connects to the first host that answers and has the attributes.
 */
static int
connect_to_one(PGconn **out, const Conninfo *conninfo, const char *attributes, const char *database,
			   const Deadline *deadline, goes_error **err)
{
	const char *hosts = conninfo_value(conninfo, "host");
	const char *addresses = conninfo_value(conninfo, "hostaddr");
	const char *ports = conninfo_value(conninfo, "port");
	int			count = count_items(addresses != NULL ? addresses : hosts);
	int			status = GOES_ERR_CONNECT;
	goes_error *error = NULL;

	if (count == 0)
		count = 1;
	if ((count_items(ports) > 1 && count_items(ports) != count) ||
		(hosts != NULL && count_items(hosts) != count))
		return fail(
			err, GOES_ERR_INVALID,
			"the connection string has lists of different lengths in host, hostaddr and port");
	for (int i = 0; i < count; i++)
	{
		Host	 host = {.attributes = attributes};
		Deadline share = share_of(deadline, count - i);

		goes_error_free(error);
		error = NULL;
		status = copy_item(&host.host, hosts, i, &error);
		if (status == GOES_OK)
			status = copy_item(&host.hostaddr, addresses, i, &error);
		if (status == GOES_OK)
			status = copy_item(&host.port, ports, i, &error);
		if (status == GOES_OK)
			status = connect_to_host(out, conninfo, &host, database, &share, &error);
		free_host(&host);
		if (!another_may_answer(status, error))
			break;
	}
	return pass_error(err, error, status);
}

/*
 * connect_to connects to one of the hosts. libpq gets one host at a time, so it cannot prefer a
 * standby by itself: connect_to first tries all hosts for a standby, then for any server.
 */
int
connect_to(PGconn **out, const Conninfo *conninfo, const char *database, const Deadline *deadline,
		   goes_error **err)
{
	const char *attributes = conninfo_value(conninfo, "target_session_attrs");
	Deadline	half = share_of(deadline, 2);

	if (attributes == NULL || strcmp(attributes, "prefer-standby") != 0)
		return connect_to_one(out, conninfo, NULL, database, deadline, err);
	if (connect_to_one(out, conninfo, "standby", database, &half, NULL) == GOES_OK)
		return GOES_OK;
	return connect_to_one(out, conninfo, "any", database, deadline, err);
}
