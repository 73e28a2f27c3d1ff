/*
 * line_ask.h
 *    What line.c is made of: asking on a line, and losing it.
 */
#ifndef GOES_LINE_ASK_H
#define GOES_LINE_ASK_H

#include "follow/line.h"

/*
 * Has the poller tell what the line waits for. libpq may have closed the socket meanwhile, and opened
 * another one with the same number.
 */
void line_watch(Line *line);

/* Lets go of what there is of a connection. */
void line_drop(Line *line);

/* Where the line connects to. */
const Target *line_target(const Line *line);

/*
 * Notes that a connection was lost, or could not be made. It is made again; the error goes to the
 * caller only if that does not help, or takes too long.
 */
int line_lose(Line *line, goes_error *error, goes_error **err);

/* Sends a statement; parameters may be NULL. */
int line_send_text(Line *line, const char *text, const Parameters *parameters, bool is_text_result);

/*
 * Reads what has come of an answer. *is_whole tells whether that is all of it; then it is in
 * line->answer.
 */
int line_read(Line *line, bool *is_whole, goes_error **err);

/*
 * The same, but an error of the server is one here. The line is free after it, as long as the
 * connection is there.
 */
int line_await(Line *line, bool *is_there, goes_error **err);

/* A step: reads the answer to a request. */
int line_hear(Line *line, goes_error **err);

/* A step: finds out whether the connection was lost while nothing was asked. */
int line_rest(Line *line, goes_error **err);

#endif
