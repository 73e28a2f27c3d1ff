/*
 * reset.c
 *    Making a connection that the program had as new.
 *
 * The program may have left behind settings, a role, temporary tables, session locks, a notice
 * processor. libpq's part is restored as soon as the connection is given back, since it may point
 * to memory of the program. The statements for the server are sent then, too, so that locks do not
 * stay while the connection is idle. Their answers are read only when the connection is taken
 * again, so that giving back never waits.
 */
#include <stdlib.h>
#include <string.h>

#include "net/connection.h"
#include "net/exec.h"

/*
 * DISCARD ALL also drops a role that came with the connection (from its URL or by ALTER ROLE).
 * RESET ROLE restores it.
 */
static const char *const texts[] = {"DISCARD ALL", "RESET ROLE"};

#define TEXTS (sizeof texts / sizeof *texts)

/*
 * has_its_settings tells whether the server reports the same settings as at first. A pooler may
 * have set them for the client, in a session with other defaults, and DISCARD ALL goes back to
 * those defaults.
 */
static bool
has_its_settings(const Connection *connection)
{
	char *settings = connection_settings(connection->pg);
	bool  are_same = settings != NULL && strcmp(settings, connection->settings) == 0;

	free(settings);
	return are_same;
}

/*
 * restore_client puts back what libpq keeps for a connection.
 */
static void
restore_client(const Connection *connection)
{
	PGconn *pg = connection->pg;

	PQuntrace(pg);
	(void) PQsetNoticeReceiver(pg, connection->notice_receiver, NULL);
	(void) PQsetNoticeProcessor(pg, ignore_notice, NULL);
	(void) PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
	(void) PQsetErrorContextVisibility(pg, PQSHOW_CONTEXT_ERRORS);
}

bool
reset_start(Connection *connection)
{
	PGconn *pg = connection->pg;
	bool	is_sent;

	restore_client(connection);
	session_forget(&connection->session);
	/* a group for each: DISCARD ALL must be a transaction of its own */
	is_sent = PQsetnonblocking(pg, 1) == 0 && PQenterPipelineMode(pg) == 1;
	for (size_t i = 0; is_sent && i < TEXTS; i++)
		is_sent = PQsendQueryParams(pg, texts[i], 0, NULL, NULL, NULL, NULL, 0) == 1 &&
				  PQpipelineSync(pg) == 1;
	connection->is_lent = false;
	connection->is_reset_sent = true;
	return is_sent && PQflush(pg) == 0;
}

/*
 * read_answers waits until the server has run the statements.
 */
static int
read_answers(PGconn *pg, const Deadline *deadline)
{
	size_t answered = 0;
	int	   status = GOES_OK;

	while (status == GOES_OK && answered < TEXTS)
	{
		PGresult *result = NULL;

		status = next_result(pg, &result, deadline, NULL);
		if (is_lost(pg) || (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR))
			status = GOES_ERR_CONNECT;
		answered += result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		PQclear(result);
	}
	return status;
}

/*
 * forget_notifications drops notifications that a LISTEN of the program has brought.
 */
static void
forget_notifications(PGconn *pg)
{
	PGnotify *notification;

	while ((notification = PQnotifies(pg)) != NULL)
		PQfreemem(notification);
}

int
reset_finish(Connection *connection, const Target *target, const Deadline *deadline)
{
	PGconn	*pg = connection->pg;
	Deadline bounded = target_deadline(target, deadline);
	int		 status = read_answers(pg, &bounded);

	if (status != GOES_OK)
		return status;
	forget_notifications(pg);
	if (PQexitPipelineMode(pg) != 1 || PQsetnonblocking(pg, 0) != 0 ||
		!connection_is_alive(connection) || !has_its_settings(connection))
		return GOES_ERR_CONNECT;
	connection->is_reset_sent = false;
	return connection_greet(connection, target, NULL);
}
