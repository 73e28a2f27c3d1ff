/*
 * error.c
 *    Errors: a status, a text, and what the server said.
 *
 * The error for missing memory needs no memory: it always exists and is never freed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/sqlstate.h"

struct goes_error
{
	int			  status;
	char		  sqlstate[SQLSTATE_LENGTH + 1];
	int64_t		  event_index;
	bool		  has_conflict;
	bool		  is_foreign;
	bool		  is_final;
	int64_t		  lost;
	goes_conflict conflict; /* its name stands behind the message */
	char		  message[];
};

static const struct
{
	int			status;
	const char *text;
} status_texts[] = {
	{GOES_OK, "success"},
	{GOES_ERR_NOMEM, "out of memory"},
	{GOES_ERR_INVALID, "invalid argument"},
	{GOES_ERR_CONNECT, "no connection"},
	{GOES_ERR_TIMEOUT, "timed out"},
	{GOES_ERR_CANCELLED, "cancelled"},
	{GOES_ERR_NOT_FOUND, "not found"},
	{GOES_ERR_CONFLICT, "version conflict"},
	{GOES_ERR_DUPLICATE, "duplicate event id"},
	{GOES_ERR_IN_DOUBT, "outcome unknown"},
	{GOES_ERR_SCHEMA, "table missing or unfit"},
	{GOES_ERR_PERMISSION, "permission denied"},
	{GOES_ERR_SERVER, "server error"},
	{GOES_ERR_STATE, "not allowed here"},
	{GOES_ERR_HOOK, "refused by a hook"},
	{GOES_ERR_READ_ONLY, "store is append-only"},
	{GOES_ERR_EXTENSION, "extension missing or too old"},
	{GOES_ERR_LEASE_LOST, "lease lost"},
	{GOES_ERR_REWOUND, "feed rewound"},
};

/* The first entry that the SQLSTATE starts with decides. */
static const struct
{
	const char *prefix;
	int			status;
} sqlstate_statuses[] = {
	{INVALID_AUTHORIZATION_CLASS, GOES_ERR_PERMISSION},
	{INSUFFICIENT_PRIVILEGE, GOES_ERR_PERMISSION},
	{STORE_IS_UNFIT, GOES_ERR_SCHEMA},
	{UNDEFINED_TABLE, GOES_ERR_SCHEMA},
	{VERSION_CONFLICT, GOES_ERR_CONFLICT},
	{STORE_IS_APPEND_ONLY, GOES_ERR_READ_ONLY},
	{EVENT_MISMATCH, GOES_ERR_DUPLICATE},
	{LEASE_LOST, GOES_ERR_LEASE_LOST},
	{FEED_REWOUND, GOES_ERR_REWOUND},
	{DATA_EXCEPTION_CLASS, GOES_ERR_INVALID},
	{PROGRAM_LIMIT_EXCEEDED, GOES_ERR_INVALID},
	{CONNECTION_EXCEPTION_CLASS, GOES_ERR_CONNECT},
	{ADMIN_SHUTDOWN, GOES_ERR_CONNECT},
	{CRASH_SHUTDOWN, GOES_ERR_CONNECT},
	{CANNOT_CONNECT_NOW, GOES_ERR_CONNECT},
	{DATABASE_DROPPED, GOES_ERR_CONNECT},
	{IDLE_SESSION_TIMEOUT, GOES_ERR_CONNECT},
	{IDLE_IN_TRANSACTION_TIMEOUT, GOES_ERR_CONNECT},
	{TOO_MANY_CONNECTIONS, GOES_ERR_CONNECT},
	{INVALID_NAME, GOES_ERR_INVALID},
	{NAME_TOO_LONG, GOES_ERR_INVALID},
	{INVALID_SCHEMA_NAME, GOES_ERR_SCHEMA},
};

bool
is_in_class(const char *sqlstate, const char *prefix)
{
	return strncmp(sqlstate, prefix, strlen(prefix)) == 0;
}

/*
 * status_of_sqlstate returns the status for an SQLSTATE. The caller may know better: 23505 may be
 * about one of our indexes, and 57014 may be our own cancel request.
 */
int
status_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; sqlstate != NULL && i < sizeof sqlstate_statuses / sizeof *sqlstate_statuses;
		 i++)
	{
		if (is_in_class(sqlstate, sqlstate_statuses[i].prefix))
			return sqlstate_statuses[i].status;
	}
	return GOES_ERR_SERVER;
}

bool
is_status(int status)
{
	for (size_t i = 0; i < sizeof status_texts / sizeof *status_texts; i++)
	{
		if (status_texts[i].status == status)
			return true;
	}
	return false;
}

const char *
goes_status_text(int status)
{
	for (size_t i = 0; i < sizeof status_texts / sizeof *status_texts; i++)
	{
		if (status_texts[i].status == status)
			return status_texts[i].text;
	}
	return "unknown status";
}

/*
 * no_memory returns the error that always exists.
 */
static goes_error *
no_memory(void)
{
	static union
	{
		goes_error error;
		char	   room[sizeof(goes_error) + 32];
	} only = {.error = {.status = GOES_ERR_NOMEM, .event_index = -1}};

	return &only.error;
}

int
fail_memory(goes_error **err)
{
	if (err != NULL)
		*err = no_memory();
	return GOES_ERR_NOMEM;
}

/*
 * set_error makes an error, and returns its status or GOES_ERR_NOMEM.
 */
static int __attribute__((format(printf, 4, 0)))
set_error(goes_error **err, int status, ErrorDetails details, const char *format, va_list arguments)
{
	const goes_conflict *conflict = details.conflict;
	va_list				 again;
	int					 length;
	size_t				 name_size = conflict == NULL ? 0 : strlen(conflict->aggregate_name) + 1;
	goes_error			*error;

	if (err == NULL)
		return status;
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	error = length < 0 ? NULL : malloc(sizeof *error + (size_t) length + 1 + name_size);
	if (error == NULL)
		return fail_memory(err);
	*error = (goes_error){.status = status,
						  .event_index = details.event_index,
						  .has_conflict = conflict != NULL,
						  .is_foreign = details.is_foreign,
						  .is_final = details.is_final,
						  .lost = details.lost};
	if (details.sqlstate != NULL)
		strncpy(error->sqlstate, details.sqlstate, SQLSTATE_LENGTH);
	vsnprintf(error->message, (size_t) length + 1, format, arguments);
	if (conflict != NULL)
	{
		error->conflict = *conflict;
		error->conflict.aggregate_name =
			memcpy(error->message + length + 1, conflict->aggregate_name, name_size);
	}
	*err = error;
	return status;
}

int
fail(goes_error **err, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status = set_error(err, status, (ErrorDetails){.event_index = -1}, format, arguments);
	va_end(arguments);
	return status;
}

int
fail_event(goes_error **err, int status, int64_t event_index, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status = set_error(err, status, (ErrorDetails){.event_index = event_index}, format, arguments);
	va_end(arguments);
	return status;
}

int
fail_sqlstate(goes_error **err, int status, const char *sqlstate, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status = set_error(err, status, (ErrorDetails){.sqlstate = sqlstate, .event_index = -1}, format,
					   arguments);
	va_end(arguments);
	return status;
}

int
fail_detailed(goes_error **err, int status, ErrorDetails details, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	status = set_error(err, status, details, format, arguments);
	va_end(arguments);
	return status;
}

ErrorDetails
error_details(const goes_error *error)
{
	if (error == NULL)
		return (ErrorDetails){.sqlstate = "", .event_index = -1};
	return (ErrorDetails){.sqlstate = error->sqlstate,
						  .event_index = error->event_index,
						  .conflict = error->has_conflict ? &error->conflict : NULL,
						  .is_foreign = error->is_foreign,
						  .is_final = error->is_final,
						  .lost = error->lost};
}

int
copy_error(goes_error **err, const goes_error *error)
{
	return fail_detailed(err, goes_error_status(error), error_details(error), "%s",
						 goes_error_message(error));
}

int
pass_error(goes_error **err, goes_error *error, int status)
{
	if (err != NULL && error != NULL)
		*err = error;
	else
		goes_error_free(error);
	return status;
}

int
goes_error_status(const goes_error *error)
{
	return error == NULL ? GOES_OK : error->status;
}

const char *
goes_error_message(const goes_error *error)
{
	if (error == NULL)
		return "";
	return error == no_memory() ? goes_status_text(GOES_ERR_NOMEM) : error->message;
}

const char *
goes_error_sqlstate(const goes_error *error)
{
	return error == NULL ? "" : error->sqlstate;
}

int64_t
goes_error_event_index(const goes_error *error)
{
	return error == NULL ? -1 : error->event_index;
}

int64_t
goes_error_lost_deliveries(const goes_error *error)
{
	return error == NULL ? 0 : error->lost;
}

bool
goes_error_conflict(const goes_error *error, goes_conflict *out)
{
	size_t size;

	if (error == NULL || !error->has_conflict || out == NULL || out->size == 0)
		return false;
	size = out->size;
	memcpy(out, &error->conflict, size < sizeof *out ? size : sizeof *out);
	out->size = size;
	return true;
}

bool
has_sqlstate(const goes_error *error, const char *list)
{
	const char *sqlstate = goes_error_sqlstate(error);

	return strlen(sqlstate) == SQLSTATE_LENGTH && strstr(list, sqlstate) != NULL;
}

bool
has_own_sqlstate(const goes_error *error, const char *list)
{
	return has_sqlstate(error, list) && !error->is_foreign;
}

bool
goes_error_is_retryable(const goes_error *error)
{
	switch (goes_error_status(error))
	{
		case GOES_ERR_CONFLICT:
			return true;
		case GOES_ERR_CONNECT:
			return !error->is_final;
		case GOES_ERR_IN_DOUBT:
			return false;
		default:
			return has_sqlstate(error,
								SERIALIZATION_FAILURE " " DEADLOCK_DETECTED " " LOCK_NOT_AVAILABLE);
	}
}

void
goes_error_free(goes_error *error)
{
	if (error != no_memory())
		free(error);
}
