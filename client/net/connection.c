/*
 * connection.c
 *    One connection: making it, checking it, closing it.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/connection.h"
#include "net/exec.h"

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
	*session = (Session){.keeps_no_statements = keeps_no_statements};
}

void
connection_close(Connection *connection)
{
	(void) PQsetnonblocking(connection->pg, 1);
	PQfinish(connection->pg);
	session_forget(&connection->session);
	free(connection->settings);
	free(connection);
}

Deadline
target_deadline(const Target *target, const Deadline *deadline)
{
	Deadline bounded = deadline_in(target->timeout_ms, deadline->cancel);

	if (deadline->at < bounded.at)
		bounded.at = deadline->at;
	return bounded;
}

/*
 * connection_settings describes the settings that the server reports, to be freed; NULL when out of memory.
 */
char *
connection_settings(const PGconn *pg)
{
	static const char *const names[] = {"application_name",
										"client_encoding",
										"DateStyle",
										"default_transaction_read_only",
										"IntervalStyle",
										"search_path",
										"session_authorization",
										"standard_conforming_strings",
										"TimeZone"};
	Buffer					 settings = {0};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
	{
		const char *value = PQparameterStatus(pg, names[i]);

		buffer_format(&settings, "%s=%s\n", names[i], value == NULL ? "" : value);
	}
	if (buffer_string(&settings) == NULL)
		buffer_free(&settings);
	return settings.data;
}

/*
 * remember_new notes the state of a connection before the program can change it.
 */
static int
remember_new(Connection *connection, goes_error **err)
{
	connection->notice_receiver = PQsetNoticeReceiver(connection->pg, NULL, NULL);
	connection->settings = connection_settings(connection->pg);
	return connection->settings == NULL ? fail_memory(err) : GOES_OK;
}

int
connection_make(Connection **out, const Target *target, const Deadline *deadline, goes_error **err)
{
	Deadline bounded = target_deadline(target, deadline);
	PGconn	*pg;
	int		 status = connect_to(&pg, &target->conninfo, target->database, &bounded, err);

	return status == GOES_OK ? connection_adopt(out, pg, target, err) : status;
}

/*
 * connection_adopt makes a connection of one of libpq's, which is closed if that fails.
 */
int
connection_adopt(Connection **out, PGconn *pg, const Target *target, goes_error **err)
{
	Connection *connection = calloc(1, sizeof *connection);
	int			status;

	if (connection == NULL)
	{
		PQfinish(pg);
		return fail_memory(err);
	}
	connection->pg = pg;
	connection->made_at = monotonic_now();
	status = remember_new(connection, err);
	if (status == GOES_OK)
		status = connection_greet(connection, target, err);
	if (status == GOES_OK)
		*out = connection;
	else
		connection_close(connection);
	return status;
}

/*
 * connection_greet calls on_connect, and then refuses a connection on which calls would go wrong:
 * in a transaction that on_connect left open, for example, nothing would be stored.
 */
int
connection_greet(Connection *connection, const Target *target, goes_error **err)
{
	if (target->on_connect == NULL)
		return GOES_OK;
	if (target->on_connect(connection->pg, target->user) != 0)
		return fail(err, GOES_ERR_CONNECT, "on_connect refused the connection");
	if (is_lost(connection->pg))
		return fail_lost(connection->pg, err);
	if (!connection_is_reusable(connection))
		return fail(err, GOES_ERR_STATE,
					"on_connect left the connection in a transaction, in pipeline mode or with a "
					"result to be read: end that in on_connect");
	if (!connection_is_utf8(connection))
		return fail(err, GOES_ERR_STATE,
					"on_connect changed client_encoding, but the texts of libgoes are UTF-8");
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

bool
connection_is_utf8(const Connection *connection)
{
	const char *encoding = PQparameterStatus(connection->pg, "client_encoding");

	return encoding == NULL || strcmp(encoding, "UTF8") == 0;
}
