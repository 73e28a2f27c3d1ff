/*
 * base.h
 *    What every part of the tool needs: how it ends, what interrupts it, memory.
 */
#ifndef CLI_BASE_H
#define CLI_BASE_H

#include <stdio.h>

#include <goes.h>

/* With what the tool ends. docs/cli.md lists them. */
typedef enum ExitCode
{
	EXIT_FINE = 0,
	EXIT_OTHER = 1,
	EXIT_USAGE = 2,		 /* unknown options, an id that is no UUID, events that are no JSON */
	EXIT_NOT_FOUND = 3,	 /* an event, an aggregate or a subscription */
	EXIT_CONFLICT = 4,	 /* another version than expected, or a taken id */
	EXIT_CONNECTION = 5, /* no server, or it does not let us in */
	EXIT_UNSOUND = 6,	 /* the store is missing, does not fit, or has problems */
	EXIT_IN_DOUBT = 7,	 /* stored or not is unknown */
	EXIT_INTERRUPTED = 130
} ExitCode;

#define NANOSECONDS INT64_C(1000000000)

/* ---- ending.c */

/* Ends the tool with a message, after the last words. */
_Noreturn void fail(ExitCode code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the tool unless a call of libgoes succeeded. */
void require(int status, goes_error **error);

/* Which code stands for a status. */
ExitCode exit_code(int status, const goes_error *error);

/* Has a function say something before the message of fail(); NULL: none. */
void set_last_words(void (*speak)(void));

/* Ends the tool if there is no memory. */
void *allocated(void *memory);

/* Ends the tool unless all that was written has reached its place. */
void require_written(FILE *file);

/* ---- interrupt.c */

/* From now on ctrl-C and SIGTERM end what is waiting, and a second one ends the tool at once. */
void catch_interrupts(void);
bool is_interrupted(void);

/* Bounds calls by the time that the options allow, below 0: none; and by interrupts. */
void				set_timeout(int64_t timeout_ms);
const goes_context *call_context(void);

/* ---- json.c */

/* A JSON text that is being read. */
typedef struct Json
{
	const char *at;
	const char *end;
	const char *problem; /* what stands at `at` in its place; NULL: none */
} Json;

/* Steps over blanks, and returns the next character, or 0 at the end. */
char json_peek(Json *json);

/* Steps over one character that has to come next; `what` names it. */
bool json_take(Json *json, char character, const char *what);

/* Steps over a value. */
bool json_skip(Json *json);

/* Reads a string in place, whose bytes may be changed, and ends it by a zero byte. */
bool json_string(Json *json, char **out);

/* Writes a string in quotes, and a value indented. */
void json_write_string(FILE *file, const char *text);
void json_write_pretty(FILE *file, const char *text, size_t length, int depth);

/* ---- moment.c: points in time */

/* Reads nanoseconds or ISO 8601. Without `needs_zone` the zone may be missing: UTC; so may the time. */
bool moment_parse(const char *text, bool needs_zone, int64_t *out);

/* Writes ISO 8601, with nine digits of the second, or with three and a blank for people. */
#define MOMENT_SIZE 40
void moment_write(int64_t time, char out[MOMENT_SIZE]);
void moment_write_short(int64_t time, char out[MOMENT_SIZE]);

/* ---- event_line.c: events as lines of JSON */

/* Reads an event in place. The problem, with its column, goes to `problem`, or it is true. */
#define PROBLEM_SIZE 200
bool event_from_json(char *line, size_t length, goes_event *out, char problem[PROBLEM_SIZE]);

/* Writes an event as one line. Position 0: without one. */
void event_to_json(FILE *file, const goes_event *event, int64_t position);

/* The same, indented. */
void event_to_pretty_json(FILE *file, const goes_event *event, int64_t position);

#endif
