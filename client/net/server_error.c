/*
 * server_error.c
 *    Turning errors of the server into errors of libgoes.
 *
 * An error inside of a trigger, or of another function in the database, can have any SQLSTATE,
 * which then says nothing about our functions, our tables or the caller's events. The context shows
 * it: it names what ran inside of what. It is in the server's language, but quotes names and
 * numbers unchanged.
 */
#include <ctype.h>
#include <string.h>

#include "net/exec.h"
#include "base/sqlstate.h"

/* The parts of an error; NULL where it has none. */
typedef struct Said
{
	const char *sqlstate;
	const char *primary;
	const char *detail;
	const char *hint;
	const char *context;
	const char *severity; /* not translated */
	const char *position; /* in our own statement */
	const char *table;
} Said;

static Said
read_error(const PGresult *result)
{
	return (Said){.sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE),
				  .primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
				  .detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
				  .hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
				  .context = PQresultErrorField(result, PG_DIAG_CONTEXT),
				  .severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED),
				  .position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION),
				  .table = PQresultErrorField(result, PG_DIAG_TABLE_NAME)};
}

/*
 * find_parameter finds the first "$1", or the like, at the end of a line of a context or before a
 * value, where the context describes a portal's parameters. It returns the text after it, or NULL.
 */
static const char *
find_parameter(const char *context)
{
	for (const char *place = strchr(context, '$'); place != NULL; place = strchr(place + 1, '$'))
	{
		const char *behind = place + 1;

		while (isdigit((unsigned char) *behind))
			behind++;
		if (behind > place + 1 &&
			(*behind == '\0' || *behind == '\n' || strncmp(behind, " = ", strlen(" = ")) == 0))
			return behind;
	}
	return NULL;
}

/*
 * inner_length returns the length of a context up to the line about a portal's parameters. The
 * server adds that line if it cannot read a parameter, or to every error if it is set to log
 * parameters.
 */
static size_t
inner_length(const char *context, const char *parameter)
{
	if (parameter == NULL)
		return strlen(context);
	while (parameter > context && parameter[-1] != '\n')
		parameter--;
	return (size_t) (parameter - context);
}

/*
 * is_about_reading tells whether a context is about a parameter that the server could not read:
 * then it names only that one.
 */
static bool
is_about_reading(const char *parameter)
{
	return parameter != NULL && strstr(parameter, ", $") == NULL;
}

/*
 * is_about_values tells whether an error is about values that we sent: the server could not read
 * one, or our own statement, and nothing that ran inside of it, could not store one.
 */
static bool
is_about_values(const Said *said, const char *parameter, size_t inner)
{
	bool is_one_line = memchr(said->context, '\n', inner) == NULL;

	return is_about_reading(parameter) ||
		   (is_one_line && (strcmp(said->sqlstate, STRING_TOO_LONG) == 0 ||
							strcmp(said->sqlstate, UNIQUE_VIOLATION) == 0));
}

/*
 * is_about_request tells whether an error is about the request, and not about what another function
 * in the database did meanwhile.
 */
static bool
is_about_request(const Said *said)
{
	const char *parameter;
	size_t		inner;

	if (said->context == NULL || said->position != NULL ||
		(said->severity != NULL && strcmp(said->severity, "ERROR") != 0))
		return true;
	parameter = find_parameter(said->context);
	inner = inner_length(said->context, parameter);
	if (inner == 0)
		return true;
	switch (status_of_sqlstate(said->sqlstate))
	{
		case GOES_ERR_PERMISSION: /* a privilege is missing, no matter to which function */
			return strcmp(said->sqlstate, INSUFFICIENT_PRIVILEGE) == 0;
		case GOES_ERR_CONFLICT: /* the caller finds out about which table */
		case GOES_ERR_READ_ONLY:
			return said->table != NULL;
		case GOES_ERR_INVALID:
		case GOES_ERR_SERVER:
			return is_about_values(said, parameter, inner);
		default:
			return false;
	}
}

/*
 * fail_conflict fails with the details of VE001. They are for programs, and not part of the message.
 */
static int
fail_conflict(const Said *said, goes_error **err)
{
	ErrorDetails  details = {.sqlstate = VERSION_CONFLICT, .event_index = -1};
	goes_conflict conflict;
	Buffer		  name = {0};
	int			  status;

	if (said->detail != NULL && read_conflict(said->detail, &conflict, &details.event_index, &name))
		details.conflict = &conflict;
	status = fail_detailed(err, GOES_ERR_CONFLICT, details, "%s%s%s", said->primary,
						   said->hint ? ". " : "", said->hint ? said->hint : "");
	buffer_free(&name);
	return status;
}

/*
 * speaks_of_detail tells whether a hint names the detail, as where that has commands to run. Then both are
 * told apart by labels, as psql has them.
 */
static bool
speaks_of_detail(const Said *said)
{
	return said->detail != NULL && said->hint != NULL && strstr(said->hint, "DETAIL") != NULL;
}

/*
 * fail_said fails with all that the server said. It adds the context if the error did not come
 * directly from the program's request.
 */
static int
fail_said(const Said *said, bool is_foreign, goes_error **err)
{
	ErrorDetails details = {
		.sqlstate = said->sqlstate, .event_index = -1, .is_foreign = is_foreign};
	int	 status = is_foreign ? GOES_ERR_SERVER : status_of_sqlstate(said->sqlstate);
	bool has_context =
		said->context != NULL &&
		(is_foreign || (status == GOES_ERR_PERMISSION && strchr(said->context, '\n')));

	bool is_labelled = speaks_of_detail(said);

	return fail_detailed(err, status, details, "%s%s%s%s%s%s%s", said->primary,
						 said->detail ? (is_labelled ? "\nDETAIL: " : ". ") : "",
						 said->detail ? said->detail : "",
						 said->hint ? (is_labelled	  ? "\nHINT: "
									   : said->detail ? " "
													  : ". ")
									: "",
						 said->hint ? said->hint : "", has_context ? "\nCONTEXT: " : "",
						 has_context ? said->context : "");
}

int
fail_result(PGconn *connection, const PGresult *result, goes_error **err)
{
	Said said = read_error(result);
	bool is_foreign;

	if (said.sqlstate == NULL || said.primary == NULL)
		return fail_lost(connection, err);
	if (said.hint == NULL && strcmp(said.sqlstate, READ_ONLY_TRANSACTION) == 0)
		said.hint = "The server is a standby, or the session is read-only: with several hosts in "
					"the URL, target_session_attrs=read-write finds the one that takes writes.";
	is_foreign = !is_about_request(&said);
	if (!is_foreign && strcmp(said.sqlstate, VERSION_CONFLICT) == 0)
		return fail_conflict(&said, err);
	return fail_said(&said, is_foreign, err);
}

int
fail_lost(PGconn *connection, goes_error **err)
{
	const char *message = PQerrorMessage(connection);
	size_t		length = strcspn(message, "\n");

	if (length == 0)
		return fail(err, GOES_ERR_CONNECT, "the connection to the server was lost");
	return fail(err, GOES_ERR_CONNECT, "the connection to the server was lost: %.*s", (int) length,
				message);
}
