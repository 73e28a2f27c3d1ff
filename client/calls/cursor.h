/*
 * cursor.h
 *    What the ways of reading a result have in common: in one statement, row by row or whole
 *    (cursor_direct.c), with FETCHes sent ahead (cursor_stream.c), and inside a transaction
 *    (cursor_portal.c).
 */
#ifndef GOES_CURSOR_H
#define GOES_CURSOR_H

#include "calls/query_parameters.h"
#include "store/side_table.h"
#include "store/tx.h"

#define MOST_AHEAD 8
#define FIRST_ROWS 4 /* that the first FETCH of a portal asks for */

/* What is read: a statement, and how to decode its rows. */
typedef struct Source
{
	Request request;
	/* makes the statement's parameters */
	int (*make)(QueryRequest *request, const Call *call, const struct Source *source,
				goes_error **err);
	/* makes cursor->event or cursor->snapshot of a row of cursor->batch */
	int (*decode)(goes_cursor *cursor, int row, goes_error **err);
	const void *in;
	Table		table; /* that the statement needs, besides the events */
} Source;

struct goes_cursor
{
	const struct Reading *reading;
	Request				  request;
	int (*decode)(goes_cursor *cursor, int row, goes_error **err);
	Call		  call;		  /* owns its connection, unless it is a transaction's */
	int64_t		  timeout_ms; /* of each wait; -1: none */
	PGresult	 *batch;	  /* rows that came together */
	int			  row;		  /* the next one of them */
	goes_event	  event;
	goes_snapshot snapshot;
	int			  status; /* GOES_EVENT until the end or an error */
	goes_error	 *error;
	char		  portal[32];
	int			  asked;	   /* rows that the next FETCH asks for */
	bool		  is_complete; /* the server has sent all rows */

	/* of cursor_stream.c: the FETCHes on their way */
	int	   ahead;
	int	   sizes[MOST_AHEAD]; /* the rows that they ask for, as a ring */
	int	   first_size;
	int	   received; /* rows of the first one that have come, and their bytes */
	size_t received_bytes;
};

/* A way of reading. */
typedef struct Reading
{
	/* sends the request */
	int (*start)(goes_cursor *cursor, const QueryRequest *request, goes_error **err);
	/* puts the next rows into cursor->batch, or none at the end; fails in a child process */
	int (*fetch)(goes_cursor *cursor, goes_error **err);
	/* makes the connection fit for reuse if that is quick */
	void (*stop)(goes_cursor *cursor);
	bool
		is_whole; /* all rows are there when it has started, and the connection has done its part */
} Reading;

extern const Reading direct_reading;
extern const Reading whole_reading;
extern const Reading stream_reading;
extern const Reading portal_reading;

/* Opens a cursor on a source, and waits for its first rows. */
int cursor_open(goes_store *store, const Source *source, const Reading *reading, goes_cursor **out,
				const goes_context *context, goes_error **err);

/* Reads the next row into the cursor: GOES_EVENT, GOES_END or an error, which stays. */
int cursor_advance(goes_cursor *cursor, goes_error **err);

/* How many rows to ask for, given the last ones and their bytes. */
int rows_to_ask_for(int rows, size_t bytes);

/* The bytes of a result's values. PQresultMemorySize() would be much more for a single row. */
size_t bytes_of(const PGresult *result);

#endif
