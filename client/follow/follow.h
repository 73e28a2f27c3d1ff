/*
 * follow.h
 *    What feeds and subscriptions have in common.
 */
#ifndef GOES_FOLLOW_H
#define GOES_FOLLOW_H

#include "follow/line.h"

#define FOLLOW_WAITS 2 /* beside GOES_EVENT and GOES_END: the server has to do something first */

#define DEFAULT_WAIT_MS 10000
#define LONGEST_WAIT_MS 30000 /* of one question to the server */

/* A number as a parameter's text. */
typedef char NumberText[24];

/* follow.c: adds a number as a parameter; `text` is its place. */
void add_number(Parameters *parameters, const char *argument, Oid type, int64_t number,
				NumberText text);

/* For how long the server is to wait. */
int64_t wait_of_question(int64_t wait_ms);

#endif
