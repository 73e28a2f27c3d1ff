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
	Table		table;	 /* that the request needs, besides the events */
	bool		is_read; /* a standby may answer it */
	const char
		*in_doubt; /* the error's text if a change may have been made; NULL: it changes nothing */
} Ask;

/*
 * Runs a call. If the connection is lost, a call that has changed nothing is repeated once: a read,
 * or a request that was not sent whole.
 */
int ask(goes_store *store, const Ask *ask, const goes_context *context, goes_error **err);

#endif
