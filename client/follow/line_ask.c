/*
 * line_ask.c
 *    Asking on a line, and losing it.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "follow/line_ask.h"
#include "base/sqlstate.h"
#include "store/tally.h"

#define SHORTEST_PAUSE_MS 50
#define LONGEST_PAUSE_MS 1000

void
line_watch(Line *line)
{
	PGconn			  *pg = line->connection != NULL ? line->connection->pg : line->connecting.pg;
	bool			   is_connecting = line->state == LINE_CONNECTING;
	struct epoll_event event = {.events = EPOLLIN};

	line->watched = pg == NULL ? -1 : PQsocket(pg);
	if (line->watched < 0)
		return;
	if (is_connecting && !line->connecting.for_reading)
		event.events = EPOLLOUT;
	else if (!is_connecting && PQflush(pg) > 0)
		event.events |= EPOLLOUT;
	if (epoll_ctl(line->poller, EPOLL_CTL_MOD, line->watched, &event) != 0)
		(void) epoll_ctl(line->poller, EPOLL_CTL_ADD, line->watched, &event);
}

void
line_drop(Line *line)
{
	connecting_stop(&line->connecting);
	if (line->connection != NULL)
		connection_close(line->connection);
	line->connection = NULL;
	PQclear(line->answer);
	line->answer = NULL;
	line->state = LINE_DOWN;
}

const Target *
line_target(const Line *line)
{
	return pool_target(line->routes[line->route].pool);
}

/*
 * pause_for_a_while keeps from trying again at once, and longer each time.
 */
static void
pause_for_a_while(Line *line)
{
	line->pause_until = monotonic_now() + line->pause_ms * NANOSECONDS_PER_MILLISECOND;
	line->pause_ms *= 2;
	if (line->pause_ms < SHORTEST_PAUSE_MS)
		line->pause_ms = SHORTEST_PAUSE_MS;
	if (line->pause_ms > LONGEST_PAUSE_MS)
		line->pause_ms = LONGEST_PAUSE_MS;
}

/*
 * works notes that the server has answered.
 */
static void
works(Line *line)
{
	line->failing_since = 0;
	line->pause_ms = 0;
}

/*
 * is_overdue tells whether the server has not been reached for so long that somebody should know.
 */
static bool
is_overdue(Line *line)
{
	int64_t now = monotonic_now();
	int64_t most = line->store->connect_timeout_ms;

	if (line->failing_since == 0)
		line->failing_since = now;
	if (most <= 0 || now - line->failing_since < most * NANOSECONDS_PER_MILLISECOND)
		return false;
	line->failing_since = now;
	return true;
}

int
line_lose(Line *line, goes_error *error, goes_error **err)
{
	int	 status = goes_error_status(error);
	bool may_pass = status == GOES_ERR_TIMEOUT || goes_error_is_retryable(error);

	line->is_lost = true;
	tell_log(line->store, GOES_LOG_WARNING, "following: %s", goes_error_message(error));
	line_drop(line);
	pause_for_a_while(line);
	line->route = (line->route + 1) % line->route_count;
	if (may_pass && !is_overdue(line))
	{
		goes_error_free(error);
		return GOES_OK;
	}
	/* the caller's own time is not over */
	if (status == GOES_ERR_TIMEOUT)
	{
		status = fail(err, GOES_ERR_CONNECT, "%s", goes_error_message(error));
		goes_error_free(error);
		return status;
	}
	return pass_error(err, error, status);
}

int
line_send_text(Line *line, const char *text, const Parameters *parameters, bool is_text_result)
{
	static const Parameters none;
	PGconn				   *pg = line->connection->pg;

	if (parameters == NULL)
		parameters = &none;
	return PQsetnonblocking(pg, 1) == 0 &&
		   PQsendQueryParams(pg, text, parameters->count, parameters->types, parameters->values,
							 parameters->lengths, parameters->formats, is_text_result ? 0 : 1) &&
		   PQflush(pg) >= 0;
}

int
line_read(Line *line, bool *is_whole, goes_error **err)
{
	PGconn	 *pg = line->connection->pg;
	PGresult *result;

	*is_whole = false;
	if (PQflush(pg) < 0 || PQconsumeInput(pg) == 0)
		return fail_lost(pg, err);
	while (!PQisBusy(pg))
	{
		result = PQgetResult(pg);
		*is_whole = result == NULL;
		if (result == NULL)
			break;
		if (line->answer == NULL)
			line->answer = result;
		else
			PQclear(result);
	}
	if (*is_whole && line->answer == NULL)
		return fail_lost(pg, err);
	return GOES_OK;
}

int
refine_following(goes_error **error)
{
	goes_error *said = *error;
	int			status;

	if (has_own_sqlstate(said, OBJECT_NOT_IN_PREREQUISITE_STATE))
		status = GOES_ERR_SCHEMA;
	else if (has_own_sqlstate(said, UNDEFINED_OBJECT))
		status = GOES_ERR_NOT_FOUND;
	else
		return goes_error_status(said);
	*error = NULL;
	(void) fail_detailed(error, status, error_details(said), "%s", goes_error_message(said));
	goes_error_free(said);
	return goes_error_status(*error);
}

/*
 * extension_has_moved tells whether the extension may have been made anew: the next connection looks it up. An
 * object that a feed does not know can only be a type of its filter's.
 */
static bool
extension_has_moved(const Line *line, const goes_error *error)
{
	return has_own_sqlstate(error, UNDEFINED_FUNCTION " " INVALID_SCHEMA_NAME) ||
		   (line->request == REQUEST_FEED &&
			has_own_sqlstate(error, UNDEFINED_OBJECT " " INTERNAL_ERROR));
}

int
line_await(Line *line, bool *is_there, goes_error **err)
{
	goes_error *error = NULL;
	int			status = line_read(line, is_there, &error);

	if (status == GOES_OK && *is_there && PQresultStatus(line->answer) != PGRES_TUPLES_OK)
	{
		(void) fail_result(line->connection->pg, line->answer, &error);
		status = refine_following(&error);
		if (has_own_sqlstate(error, UNDEFINED_FUNCTION))
			status = refine_too_old(&error);
	}
	if (status == GOES_OK)
		return GOES_OK;
	*is_there = false;
	if (is_lost(line->connection->pg) || status == GOES_ERR_CONNECT ||
		line->state == LINE_LOOKING_UP || extension_has_moved(line, error))
		return line_lose(line, error, err);
	PQclear(line->answer);
	line->answer = NULL;
	line->state = LINE_FREE;
	pause_for_a_while(line);
	return pass_error(err, error, status);
}

int
line_hear(Line *line, goes_error **err)
{
	bool is_there;
	int	 status = line_await(line, &is_there, err);

	if (status == GOES_OK && is_there)
	{
		works(line);
		line->state = LINE_ANSWERED;
	}
	return status;
}

int
line_rest(Line *line, goes_error **err)
{
	goes_error *error = NULL;

	if (connection_is_alive(line->connection))
		return GOES_OK;
	if (PQconsumeInput(line->connection->pg) != 0 && !is_lost(line->connection->pg))
		return GOES_OK;
	(void) fail_lost(line->connection->pg, &error);
	return line_lose(line, error, err);
}

Call
line_call(const Line *line)
{
	return (Call){.store = line->store, .connection = line->connection};
}

int
line_send(Line *line, Request request, const Parameters *parameters, goes_error **err)
{
	Call		call = line_call(line);
	goes_error *error = NULL;
	char	   *text = request_text(&call, request, parameters);
	bool		is_sent;

	if (text == NULL)
		return fail_memory(err);
	is_sent = line_send_text(line, text, parameters, false);
	free(text);
	if (!is_sent)
	{
		(void) fail_lost(line->connection->pg, &error);
		return line_lose(line, error, err);
	}
	line->request = request;
	line->waits = false;
	line->state = LINE_ASKED;
	line_watch(line);
	return GOES_OK;
}

PGresult *
line_take(Line *line)
{
	PGresult *answer = line->answer;

	if (line->state != LINE_ANSWERED)
		return NULL;
	line->answer = NULL;
	line->state = LINE_FREE;
	return answer;
}

/*
 * more_has_come tells whether the server has sent more than was taken in.
 */
static bool
more_has_come(PGconn *pg)
{
	struct pollfd polled = {.fd = PQsocket(pg), .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

bool
line_take_in(Line *line)
{
	PGconn *pg;

	if (line->state != LINE_ASKED)
		return false;
	pg = line->connection->pg;
	do
	{
		if (PQconsumeInput(pg) == 0)
			return false;
		if (!PQisBusy(pg))
			return true;
	} while (more_has_come(pg));
	return false;
}
