/*
 * connection.c
 *    One connection: making it, whether it is of use, closing it.
 */
#include <poll.h>
#include <stdlib.h>

#include "connection.h"

void
target_free(Target *target)
{
	conninfo_free(&target->conninfo);
	free(target->database);
}

void
session_forget(Session *session)
{
	bool keeps_no_statements = session->keeps_no_statements;

	free(session->schema);
	free(session->table);
	*session = (Session){.keeps_no_statements = keeps_no_statements};
}

void
connection_close(Connection *connection)
{
	(void) PQsetnonblocking(connection->pg, 1);
	PQfinish(connection->pg);
	session_forget(&connection->session);
	free(connection);
}

int
connection_make(Connection **out, const Target *target, const Deadline *deadline, goes_error **err)
{
	Deadline	bounded = deadline_in(target->timeout_ms, deadline->cancel);
	Connection *connection = calloc(1, sizeof *connection);
	int			status;

	if (connection == NULL)
		return fail_memory(err);
	if (deadline->at < bounded.at)
		bounded.at = deadline->at;
	status = connect_to(&connection->pg, &target->conninfo, target->database, &bounded, err);
	if (status != GOES_OK)
	{
		free(connection);
		return status;
	}
	connection->made_at = monotonic_now();
	if (target->on_connect != NULL && target->on_connect(connection->pg, target->user) != 0)
	{
		connection_close(connection);
		return fail(err, GOES_ERR_CONNECT, "on_connect refused the connection");
	}
	*out = connection;
	return GOES_OK;
}

bool
connection_is_alive(const Connection *connection)
{
	struct pollfd polled = {.fd = PQsocket(connection->pg), .events = POLLIN};

	return poll(&polled, 1, 0) == 0;
}

bool
connection_is_reusable(const Connection *connection)
{
	return PQstatus(connection->pg) == CONNECTION_OK &&
		   PQtransactionStatus(connection->pg) == PQTRANS_IDLE &&
		   PQpipelineStatus(connection->pg) == PQ_PIPELINE_OFF;
}
