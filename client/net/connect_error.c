/*
 * connect_error.c
 *    Why a connection failed.
 *
 * libpq gives no SQLSTATE for a connection that failed. With verbose errors it is in the text, before
 * the message of the server, in any language.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "net/conninfo.h"
#include "base/sqlstate.h"

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
int
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
