/*
 * ask.h
 *    Calls that send one request and wait for its answer.
 */
#ifndef GOES_ASK_H
#define GOES_ASK_H

#include "store/side_table.h"

typedef struct Ask
{
	/* sends the request and reads the answer */
	int (*run)(Call *call, const struct Ask *ask, goes_error **err);
	const void *in;
	void	   *out;
	Table		table; /* that the request needs, besides the events */
	const char
		*in_doubt; /* of a change that may have been made: what to say. NULL: it changes nothing */
} Ask;

/*
 * Runs a call. What did nothing when its connection was lost is repeated once: a read, or what was not
 * sent whole.
 */
int ask(goes_store *store, const Ask *ask, const goes_context *context, goes_error **err);

#endif
