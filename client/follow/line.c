/*
 * line.c
 *    A connection for one who follows a store: making it, step by step, and again when it is lost.
 *
 * Nothing here waits but line_open() and line_wait(). Names of hosts are looked up once, when the
 * line is opened.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "follow/line_ask.h"
#include "store/read.h"
#include "store/tally.h"

/*
 * begin_connecting leaves a pause behind.
 */
static int
begin_connecting(Line *line, goes_error **err)
{
	const Target *target = line_target(line);
	Hosts		  hosts = hosts_known(&line->routes[line->route].known, &target->conninfo);
	Deadline	  deadline = deadline_in(target->timeout_ms, NULL);
	int			  status;

	if (monotonic_now() < line->pause_until)
		return GOES_OK;
	status = connecting_start(&line->connecting, &target->conninfo, target->database, &hosts,
							  &deadline, err);
	if (status == GOES_OK)
		line->state = LINE_CONNECTING;
	return status;
}

/*
 * go_on_connecting takes a step to a connection, and asks it for what a session has to know.
 */
static int
go_on_connecting(Line *line, goes_error **err)
{
	goes_error *error = NULL;
	PGconn	   *pg = NULL;
	int			status = connecting_step(&line->connecting, &pg, &error);

	if (status == CONNECT_WAITS)
		return GOES_OK;
	if (status == GOES_OK)
		status = connection_adopt(&line->connection, pg, line_target(line), &error);
	if (status == GOES_OK && !line_send_text(line, session_look_up_text(line->store), NULL, true))
		status = fail_lost(line->connection->pg, &error);
	if (status != GOES_OK)
		return line_lose(line, error, err);
	if (line->is_lost)
		count_reconnect(line->store, NULL);
	line->is_lost = false;
	line->state = LINE_LOOKING_UP;
	return GOES_OK;
}

/*
 * has_session_of_its_own tells whether settings stay with the connection.
 */
static bool
has_session_of_its_own(const Line *line)
{
	return !line->store->no_prepared_statements;
}

/*
 * begin_setting_up has the server look now and then whether we are still there: a question that waits
 * would wait on otherwise.
 */
static int
begin_setting_up(Line *line, goes_error **err)
{
	goes_error *error = NULL;

	if (!line_send_text(line, "SET client_connection_check_interval = 1000", NULL, true))
	{
		(void) fail_lost(line->connection->pg, &error);
		return line_lose(line, error, err);
	}
	line->state = LINE_SETTING_UP;
	return GOES_OK;
}

/*
 * check_system fails if the line was led to a server that is no copy of the primary.
 */
static int
check_system(const Line *line, goes_error **err)
{
	char system[SYSTEM_SIZE];

	read_server_system(line->store, system);
	if (*system == '\0' || strcmp(system, line->connection->session.system) == 0)
		return GOES_OK;
	return fail_other_system(err);
}

/*
 * look_up reads what a session has to know.
 */
static int
look_up(Line *line, goes_error **err)
{
	goes_error *error = NULL;
	bool		is_there;
	int			status = line_await(line, &is_there, err);

	if (status != GOES_OK || !is_there)
		return status;
	status = session_learn(&line->connection->session, line->answer, &error);
	PQclear(line->answer);
	line->answer = NULL;
	if (status == GOES_OK && line->routes[line->route].pool != line->store->pool)
		status = check_system(line, &error);
	if (status != GOES_OK)
		return line_lose(line, error, err);
	line->state = LINE_FREE;
	return has_session_of_its_own(line) ? begin_setting_up(line, err) : GOES_OK;
}

/*
 * finish_setting_up waits for the setting. A server whose system cannot do that refuses it.
 */
static int
finish_setting_up(Line *line, goes_error **err)
{
	goes_error *error = NULL;
	bool		is_there;
	int			status = line_read(line, &is_there, &error);

	if (status != GOES_OK)
		return line_lose(line, error, err);
	if (is_there)
	{
		PQclear(line->answer);
		line->answer = NULL;
		line->state = LINE_FREE;
	}
	return GOES_OK;
}

/*
 * wait_for_taking leaves everything to whoever takes the answer.
 */
static int
wait_for_taking(Line *line, goes_error **err)
{
	(void) line;
	(void) err;
	return GOES_OK;
}

int
line_step(Line *line, goes_error **err)
{
	static int (*const steps[])(Line *, goes_error **) = {
		[LINE_DOWN] = begin_connecting,	  [LINE_CONNECTING] = go_on_connecting,
		[LINE_LOOKING_UP] = look_up,	  [LINE_SETTING_UP] = finish_setting_up,
		[LINE_FREE] = line_rest,		  [LINE_ASKED] = line_hear,
		[LINE_ANSWERED] = wait_for_taking};
	LineState before;
	int		  status;

	do
	{
		before = line->state;
		status = steps[before](line, err);
	} while (status == GOES_OK && line->state != before && line->state < LINE_FREE);
	line_watch(line);
	return status;
}

int
line_wait(const Line *line, const Deadline *deadline, goes_error **err)
{
	struct pollfd polled[] = {
		{.fd = line->poller, .events = POLLIN},
		{.fd = line->stays ? -1 : cancel_socket(line->closing), .events = POLLIN},
		{.fd = cancel_socket(deadline->cancel), .events = POLLIN}};
	int64_t due = line_due_ms(line);
	int64_t left = deadline_left_ms(deadline);
	int		status = deadline_check(deadline, err);

	if (status != GOES_OK)
		return status;
	if (!line->stays && is_cancelled(line->closing))
		return fail(err, GOES_ERR_CANCELLED, "another thread has closed what this one waited for");
	if (left >= 0 && (due < 0 || left < due))
		due = left;
	if (poll(polled, 3, due > INT32_MAX ? INT32_MAX : (int) due) < 0 && errno != EINTR &&
		errno != EAGAIN)
		return fail(err, GOES_ERR_CONNECT, "cannot wait for the server (poll: error %d)", errno);
	return GOES_OK;
}

bool
line_is_left_waiting(const Line *line)
{
	return line->state == LINE_ASKED && line->waits;
}

bool
line_is_free(const Line *line)
{
	return line->state == LINE_FREE && monotonic_now() >= line->pause_until;
}

/*
 * ms_until returns how many milliseconds are left until a time of the monotonic clock.
 */
static int64_t
ms_until(int64_t at)
{
	Deadline deadline = {.at = at};

	return deadline_left_ms(&deadline);
}

int64_t
line_due_ms(const Line *line)
{
	switch (line->state)
	{
		case LINE_DOWN:
			return ms_until(line->pause_until);
		case LINE_FREE:
			return ms_until(line->pause_until);
		case LINE_CONNECTING:
			return deadline_left_ms(&line->connecting.share);
		case LINE_ANSWERED:
			return 0;
		default:
			return -1;
	}
}

void
line_stay(Line *line)
{
	line->stays = true;
}

/*
 * look_up_hosts looks up the addresses for later connections.
 */
static int
look_up_hosts(Line *line, goes_error **err)
{
	int status = GOES_OK;

	for (int i = 0; status == GOES_OK && i < line->route_count; i++)
		status = hosts_look_up(&line->routes[i].known, &pool_target(line->routes[i].pool)->conninfo,
							   i == line->route ? line->connection->pg : NULL, err);
	return status;
}

/*
 * connect_first connects, and looks up the addresses for later connections.
 */
static int
connect_first(Line *line, const Deadline *deadline, goes_error **err)
{
	int status;

	while ((status = line_step(line, err)) == GOES_OK && line->state != LINE_FREE)
	{
		status = line_wait(line, deadline, err);
		if (status != GOES_OK)
			return status;
	}
	return status == GOES_OK ? look_up_hosts(line, err) : status;
}

int
line_open(Line *line, goes_store *store, bool only_reads, const Deadline *deadline,
		  goes_error **err)
{
	int status;

	*line = (Line){.store = store, .watched = -1};
	if (only_reads && reads_elsewhere(store))
		line->routes[line->route_count++].pool = store->read_server.pool;
	line->routes[line->route_count++].pool = store->pool;
	store_hold(store);
	line->closing = goes_cancel_new();
	line->poller = epoll_create1(EPOLL_CLOEXEC);
	if (line->closing == NULL || line->poller < 0)
		status = fail_memory(err);
	else
		status = connect_first(line, deadline, err);
	if (status != GOES_OK)
		line_close(line);
	return status;
}

void
line_close(Line *line)
{
	/* in a child process the socket is its parent's */
	if (check_owner(line->store, NULL) == GOES_OK)
	{
		if (line->state == LINE_ASKED && !is_lost(line->connection->pg))
			abandon(line->connection->pg);
		line_drop(line);
	}
	PQclear(line->answer);
	if (line->poller >= 0)
		close(line->poller);
	goes_cancel_free(line->closing);
	for (int i = 0; i < line->route_count; i++)
		hosts_free(&line->routes[i].known);
	store_release(line->store);
}
