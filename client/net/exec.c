/*
 * exec.c
 *    Running a statement within a deadline.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/exec.h"

#define MOST_CANCEL_MS 250
#define MOST_BYTES_PER_MS (512 * 1024) /* that a server can receive */
#define LARGE_BYTES (1024 * 1024)

/* A request to cancel, on its way. */
typedef struct Cancelling
{
	PGcancel *cancel;
	int		  sent; /* closed when the server has it */
} Cancelling;

static void
free_cancelling(Cancelling *cancelling)
{
	PQfreeCancel(cancelling->cancel);
	close(cancelling->sent);
	free(cancelling);
}

/*
 * send_cancel asks the server to cancel the statement of a connection. Before libpq 17 that blocks,
 * so it runs in a thread of its own.
 */
static void *
send_cancel(void *argument)
{
	Cancelling *cancelling = argument;
	char		ignored[256];

	(void) PQcancel(cancelling->cancel, ignored, sizeof ignored);
	free_cancelling(cancelling);
	return NULL;
}

/*
 * start_cancel starts the thread, which sends the request and frees it.
 */
static bool
start_cancel(Cancelling *cancelling)
{
	pthread_attr_t attributes;
	pthread_t	   thread;
	bool		   is_started;

	if (cancelling->cancel == NULL || pthread_attr_init(&attributes) != 0)
		return false;
	(void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	is_started = pthread_create(&thread, &attributes, send_cancel, cancelling) == 0;
	pthread_attr_destroy(&attributes);
	return is_started;
}

/*
 * abandon gives up on a statement that is late or cancelled. Its connection is not used again. It
 * stays open until the server has the cancel request, or a moment has passed: a pooler drops the
 * request of a client that is gone, and the statement would go on.
 */
void
abandon(PGconn *connection)
{
	Deadline	deadline = deadline_in(MOST_CANCEL_MS, NULL);
	Cancelling *cancelling = malloc(sizeof *cancelling);
	int			ends[2];

	if (cancelling == NULL || pipe2(ends, O_CLOEXEC) != 0)
	{
		free(cancelling);
		return;
	}
	*cancelling = (Cancelling){.cancel = PQgetCancel(connection), .sent = ends[1]};
	if (start_cancel(cancelling))
		(void) wait_socket(ends[0], true, false, &deadline, NULL);
	else
		free_cancelling(cancelling);
	close(ends[0]);
}

bool
is_lost(const PGconn *connection)
{
	return PQstatus(connection) != CONNECTION_OK;
}

int
flush_to_server(PGconn *connection, const Deadline *deadline, goes_error **err)
{
	int left;

	while ((left = PQflush(connection)) > 0)
	{
		int status = wait_socket(PQsocket(connection), true, true, deadline, err);

		if (status != GOES_OK)
		{
			abandon(connection);
			return status;
		}
		if (PQconsumeInput(connection) == 0)
			return fail_lost(connection, err);
	}
	return left < 0 ? fail_lost(connection, err) : GOES_OK;
}

int
next_result(PGconn *connection, PGresult **out, const Deadline *deadline, goes_error **err)
{
	while (PQisBusy(connection))
	{
		int status = wait_socket(PQsocket(connection), true, false, deadline, err);

		if (status != GOES_OK)
		{
			abandon(connection);
			return status;
		}
		if (PQconsumeInput(connection) == 0)
			return fail_lost(connection, err);
	}
	*out = PQgetResult(connection);
	return GOES_OK;
}

/*
 * finish_statement reads a statement's results up to the end and keeps the last one, or the first
 * that is an error.
 */
int
finish_statement(PGconn *connection, PGresult **out, const Deadline *deadline, goes_error **err)
{
	PGresult *kept = NULL;
	PGresult *result;
	int		  status;

	while ((status = next_result(connection, &result, deadline, err)) == GOES_OK && result != NULL)
	{
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR)
			PQclear(result);
		else
		{
			PQclear(kept);
			kept = result;
		}
	}
	if (status == GOES_OK && kept == NULL)
		status = fail_lost(connection, err);
	if (status == GOES_OK)
		*out = kept;
	else
		PQclear(kept);
	return status;
}

int
exec_statement(PGconn *connection, const Statement *statement, PGresult **out,
			   const Deadline *deadline, goes_error **err)
{
	PGresult *result = NULL;
	int		  status = send_statement(connection, statement, deadline, err);

	if (status == GOES_OK && statement->is_sent != NULL)
		*statement->is_sent = true;
	if (status == GOES_OK)
		status = finish_statement(connection, &result, deadline, err);
	(void) PQsetnonblocking(connection, 0);
	if (status != GOES_OK)
		return status;
	switch (PQresultStatus(result))
	{
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
			*out = result;
			return GOES_OK;
		default:
			*out = result; /* its fields tell the caller more than the error */
			return fail_result(connection, result, err);
	}
}

/*
 * exec_discard runs a statement whose result does not matter.
 */
int
exec_discard(PGconn *connection, const char *text, const Deadline *deadline, goes_error **err)
{
	Statement statement = {.text = text};
	PGresult *result = NULL;
	int		  status = exec_statement(connection, &statement, &result, deadline, err);

	PQclear(result);
	return status;
}

/*
 * size_of_parameters returns the bytes of a statement's parameters.
 */
static size_t
size_of_parameters(const Statement *statement)
{
	size_t size = 0;

	for (int i = 0; i < statement->count; i++)
	{
		if (statement->values[i] == NULL)
			continue;
		size += statement->formats != NULL && statement->formats[i] == 1
					? (size_t) statement->lengths[i]
					: strlen(statement->values[i]);
	}
	return size;
}

/*
 * check_time_to_send fails if no server could receive the statement in the time that is left.
 * Otherwise libpq would first copy all the parameters, without looking at the time.
 */
static int
check_time_to_send(const Statement *statement, const Deadline *deadline, goes_error **err)
{
	int64_t left = deadline_left_ms(deadline);
	size_t	size;

	if (left < 0 || left > INT32_MAX)
		return GOES_OK;
	size = size_of_parameters(statement);
	if (size / MOST_BYTES_PER_MS <= (size_t) left)
		return GOES_OK;
	return fail(err, GOES_ERR_TIMEOUT, "%zu bytes cannot be sent within the call's timeout", size);
}

/*
 * may_block tells whether libpq itself may wait until the server has taken in a statement: the call has
 * no end to look out for, and what is large is slow otherwise. Without blocking, libpq moves all that is
 * left each time the socket is full, so that the time grows with the square of the size.
 */
static bool
may_block(const Statement *statement, const Deadline *deadline)
{
	return deadline->at == INT64_MAX && deadline->cancel == NULL &&
		   size_of_parameters(statement) > LARGE_BYTES;
}

int
send_statement(PGconn *connection, const Statement *statement, const Deadline *deadline,
			   goes_error **err)
{
	int status = check_time_to_send(statement, deadline, err);
	int sent;

	if (status != GOES_OK)
		return status;
	if (PQsetnonblocking(connection, !may_block(statement, deadline)) != 0)
		return fail_lost(connection, err);
	if (statement->name != NULL)
		sent = PQsendQueryPrepared(connection, statement->name, statement->count, statement->values,
								   statement->lengths, statement->formats, 1);
	else
		sent = PQsendQueryParams(connection, statement->text, statement->count, statement->types,
								 statement->values, statement->lengths, statement->formats,
								 statement->is_text_result ? 0 : 1);
	if (!sent || PQsetnonblocking(connection, 1) != 0)
		return fail_lost(connection, err);
	return flush_to_server(connection, deadline, err);
}
