/*
 * cursor.h
 *    What the three ways of reading a result have in common: all at once (cursor_direct.c), ahead
 *    of the reader (cursor_stream.c), and inside a transaction (cursor_portal.c).
 */
#ifndef GOES_CURSOR_H
#define GOES_CURSOR_H

#include "request.h"
#include "tx.h"

struct goes_cursor
{
	const struct Reading *reading;
	Call				  call;		  /* owns its connection, unless it is a transaction's */
	int64_t				  timeout_ms; /* of each wait; -1: none */
	PGresult			 *batch;	  /* rows that came together */
	int					  row;		  /* the next one of them */
	goes_event			  event;
	int					  status; /* GOES_EVENT until the end or an error */
	goes_error			 *error;
	char				  portal[32];
	int					  asked;	   /* rows that the next batch was asked for */
	int					  ahead;	   /* batches that are on their way */
	bool				  is_complete; /* the server has sent all rows */
	int					  sizes[8];	   /* the rows asked for in those on their way, as a ring */
	int					  first_size;
};

/* A way of reading. */
typedef struct Reading
{
	/* sends the request */
	int (*start)(goes_cursor *cursor, const QueryRequest *request, goes_error **err);
	/* puts the next rows into cursor->batch; none: the end */
	int (*fetch)(goes_cursor *cursor, goes_error **err);
	/* leaves the connection fit for reuse if that is quick, and otherwise not */
	void (*stop)(goes_cursor *cursor);
} Reading;

extern const Reading direct_reading;
extern const Reading stream_reading;
extern const Reading portal_reading;

/* How many rows make a batch, by those of the last one. */
int rows_of_batch(const PGresult *batch);

#endif
