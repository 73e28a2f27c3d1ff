/*
 * connect.c
 *    Connecting, within a deadline.
 *
 * PQconnectPoll ignores connect_timeout and would spend all of the time on the first of several
 * hosts. So they are tried one at a time, each with its share of the time that is left. Connecting
 * goes on in steps that do not wait, for those who have something else to wait for.
 */
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
start(const Connecting *connecting, const Host *host)
{
	const char *database = connecting->database;
	const char *keywords[MOST_OPTIONS + 3];
	const char *values[MOST_OPTIONS + 3];
	int			count = 0;

	for (PQconninfoOption *option = connecting->conninfo->options; option->keyword != NULL;
		 option++)
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
 * begin_polling prepares a connection whose start-up libpq has begun.
 */
static int
begin_polling(Connecting *connecting, PGconn *pg, goes_error **err)
{
	connecting->pg = pg;
	connecting->for_reading = false;
	if (PQstatus(pg) == CONNECTION_BAD)
		return fail_connection(pg, false, err);
	PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(pg, ignore_notice, NULL);
	return CONNECT_WAITS;
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
 * copy_host copies the host whose turn it is out of the lists.
 */
static int
copy_host(Host *host, const Connecting *connecting, goes_error **err)
{
	const Hosts *hosts = &connecting->hosts;
	int			 status = copy_item(&host->host, hosts->names, connecting->number, err);

	host->attributes = connecting->attributes;
	if (status == GOES_OK)
		status = copy_item(&host->hostaddr, hosts->addresses, connecting->number, err);
	if (status == GOES_OK)
		status = copy_item(&host->port, hosts->ports, connecting->number, err);
	return status;
}

/*
 * begin_host begins to connect to the host whose turn it is.
 */
static int
begin_host(Connecting *connecting, goes_error **err)
{
	Host	host = {0};
	PGconn *pg = NULL;
	int		status = copy_host(&host, connecting, err);

	connecting->share = share_of(&connecting->deadline, connecting->count - connecting->number);
	if (status == GOES_OK)
	{
		pg = start(connecting, &host);
		status = pg == NULL ? fail_memory(err) : check_names(pg, err);
	}
	free_host(&host);
	if (status == GOES_OK)
		return begin_polling(connecting, pg, err);
	PQfinish(pg);
	return status;
}

/*
 * poll_host goes on with the host whose turn it is, if the server has answered.
 */
static int
poll_host(Connecting *connecting, goes_error **err)
{
	PGconn					 *pg = connecting->pg;
	PostgresPollingStatusType polling;
	int						  answer;

	if (!socket_is_ready(PQsocket(pg), connecting->for_reading, !connecting->for_reading))
	{
		if (!deadline_passed(&connecting->share))
			return CONNECT_WAITS;
		return fail(err, GOES_ERR_TIMEOUT, "the server at %s:%s did not answer in time", PQhost(pg),
					PQport(pg));
	}
	answer = connecting->for_reading ? peek(PQsocket(pg)) : EOF;
	polling = PQconnectPoll(pg);
	if (polling == PGRES_POLLING_FAILED)
		return fail_connection(pg, is_disagreement(pg, answer), err);
	connecting->for_reading = polling == PGRES_POLLING_READING;
	if (polling != PGRES_POLLING_OK)
		return CONNECT_WAITS;
	PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
	return GOES_OK;
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
 * try_next moves on after an error: to the next host, or from standbys to any server.
 */
static bool
try_next(Connecting *connecting, int status, const goes_error *error)
{
	connecting_stop(connecting);
	if (another_may_answer(status, error) && ++connecting->number < connecting->count)
		return true;
	if (!connecting->prefers_standby)
		return false;
	connecting->prefers_standby = false;
	connecting->attributes = "any";
	connecting->deadline = connecting->whole;
	connecting->number = 0;
	return true;
}

/*
 * connecting_start prepares to connect to one of the hosts. libpq gets one host at a time, so it
 * cannot prefer a standby by itself: all hosts are first tried for a standby, then for any server.
 */
int
connecting_start(Connecting *connecting, const Conninfo *conninfo, const char *database,
				 const Hosts *hosts, const Deadline *deadline, goes_error **err)
{
	const char *attributes = conninfo_value(conninfo, "target_session_attrs");

	*connecting = (Connecting){.conninfo = conninfo,
							   .database = database,
							   .hosts = *hosts,
							   .whole = *deadline,
							   .deadline = *deadline};
	connecting->prefers_standby = attributes != NULL && strcmp(attributes, "prefer-standby") == 0;
	if (connecting->prefers_standby)
	{
		connecting->attributes = "standby";
		connecting->deadline = share_of(deadline, 2);
	}
	connecting->count = count_items(hosts->addresses != NULL ? hosts->addresses : hosts->names);
	if (connecting->count == 0)
		connecting->count = 1;
	if ((count_items(hosts->ports) > 1 && count_items(hosts->ports) != connecting->count) ||
		(hosts->names != NULL && count_items(hosts->names) != connecting->count))
		return fail(
			err, GOES_ERR_INVALID,
			"the connection string has lists of different lengths in host, hostaddr and port");
	return GOES_OK;
}

int
connecting_step(Connecting *connecting, PGconn **out, goes_error **err)
{
	goes_error *error = NULL;
	int			status;

	for (;;)
	{
		status =
			connecting->pg == NULL ? begin_host(connecting, &error) : poll_host(connecting, &error);
		if (status >= GOES_OK)
			break;
		if (!try_next(connecting, status, error))
			return pass_error(err, error, status);
		goes_error_free(error);
		error = NULL;
	}
	if (status == GOES_OK)
	{
		*out = connecting->pg;
		connecting->pg = NULL;
	}
	return status;
}

void
connecting_stop(Connecting *connecting)
{
	PQfinish(connecting->pg);
	connecting->pg = NULL;
}

Hosts
conninfo_hosts(const Conninfo *conninfo)
{
	return (Hosts){.names = conninfo_value(conninfo, "host"),
				   .addresses = conninfo_value(conninfo, "hostaddr"),
				   .ports = conninfo_value(conninfo, "port")};
}

/*
 * connect_to connects, and waits until that is done or has failed.
 */
int
connect_to(PGconn **out, const Conninfo *conninfo, const char *database, const Deadline *deadline,
		   goes_error **err)
{
	Hosts	   hosts = conninfo_hosts(conninfo);
	Connecting connecting;
	int		   status = connecting_start(&connecting, conninfo, database, &hosts, deadline, err);

	if (status != GOES_OK)
		return status;
	while ((status = connecting_step(&connecting, out, err)) == CONNECT_WAITS)
	{
		goes_error *error = NULL;
		int			waited = wait_socket(PQsocket(connecting.pg), connecting.for_reading,
										 !connecting.for_reading, &connecting.share, &error);

		/* the next step finds out by itself that the time of a host is over */
		if (waited != GOES_OK && waited != GOES_ERR_TIMEOUT)
		{
			connecting_stop(&connecting);
			return pass_error(err, error, waited);
		}
		goes_error_free(error);
	}
	return status;
}
