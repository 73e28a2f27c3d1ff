/*
 * ending.c
 *    How the tool ends.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void (*last_words)(void) = NULL;

void
set_last_words(void (*speak)(void))
{
	last_words = speak;
}

/*
 * fail flushes what was written before it speaks: it stands in the same terminal.
 */
void
fail(ExitCode code, const char *format, ...)
{
	va_list arguments;

	(void) fflush(stdout);
	if (last_words != NULL)
		last_words();
	fputs("goes: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(code);
}

/*
 * is_refused tells whether the server did not let us in: SQLSTATEs of class 28.
 */
static bool
is_refused(const goes_error *error)
{
	return strncmp(goes_error_sqlstate(error), "28", 2) == 0;
}

ExitCode
exit_code(int status, const goes_error *error)
{
	switch (status)
	{
		case GOES_OK:
			return EXIT_FINE;
		case GOES_ERR_INVALID:
			return EXIT_USAGE;
		case GOES_ERR_NOT_FOUND:
			return EXIT_NOT_FOUND;
		case GOES_ERR_CONFLICT:
		case GOES_ERR_DUPLICATE:
			return EXIT_CONFLICT;
		case GOES_ERR_CONNECT:
		case GOES_ERR_TIMEOUT:
			return EXIT_CONNECTION;
		case GOES_ERR_PERMISSION:
			return is_refused(error) ? EXIT_CONNECTION : EXIT_OTHER;
		case GOES_ERR_SCHEMA:
		case GOES_ERR_EXTENSION:
		case GOES_ERR_REWOUND:
			return EXIT_UNSOUND;
		case GOES_ERR_IN_DOUBT:
			return EXIT_IN_DOUBT;
		case GOES_ERR_CANCELLED:
			return EXIT_INTERRUPTED;
		default:
			return EXIT_OTHER;
	}
}

/*
 * The server's message may begin with the words that stand for the status.
 */
static bool
says_status(const char *message, int status)
{
	const char *text = goes_status_text(status);

	return strncmp(message, text, strlen(text)) == 0;
}

void
require(int status, goes_error **error)
{
	const char *message;

	if (status >= GOES_OK)
		return;
	if (is_interrupted())
		fail(EXIT_INTERRUPTED, "interrupted");
	message = goes_error_message(*error);
	fail(exit_code(status, *error), "%s%s%s",
		 says_status(message, status) ? "" : goes_status_text(status),
		 says_status(message, status) ? "" : ": ", message);
}

void *
allocated(void *memory)
{
	if (memory == NULL)
		fail(EXIT_OTHER, "out of memory");
	return memory;
}

/*
 * require_written ends without a word if whoever reads has gone, as in `goes query | head`, unless
 * there are last words.
 */
void
require_written(FILE *file)
{
	int error = errno;

	if (!ferror(file) && fflush(file) == 0)
		return;
	if (errno != 0)
		error = errno;
	if (error == EPIPE && last_words == NULL)
		exit(EXIT_OTHER);
	if (is_interrupted())
		fail(EXIT_INTERRUPTED, "interrupted");
	fail(EXIT_OTHER, "cannot write: %s", strerror(error));
}
