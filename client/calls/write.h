/*
 * write.h
 *    Storing events, by goes_insert or goes_append.
 */
#ifndef GOES_WRITE_H
#define GOES_WRITE_H

#include "store/request.h"

typedef struct Write
{
	Request			  request; /* REQUEST_INSERT, or REQUEST_APPEND, which needs what is below */
	const goes_event *events;
	size_t			  n;
	const char		 *aggregate_name;
	const goes_uuid	 *aggregate_id;
	const char		 *expected;	   /* version; NULL: any */
	goes_event		 *to_number;   /* the events again: the append gives them their versions */
	bool			  may_be_done; /* a try reached the server whole, and was not answered */
	int64_t			  transaction; /* the server's number of the one that stored them */
} Write;

/* Stores the events: in a transaction or by itself, between the hooks if there are any. */
int write_events(goes_store *store, Write *write, const goes_context *context, goes_error **err);

/* write_parameters.c: those of a request about the events, whose buffer is to be freed */
int make_write_parameters(Call *call, const Write *write, Request request, Buffer *buffer,
						  Parameters *parameters, goes_error **err);

/* refusal.c: looks closer at what the server refused: what is taken, or cannot be read */
int refine_error(Call *call, const Write *write, const PGresult *result, goes_error **error);

/*
 * taken.c: adds to an error what is taken: an id, a version, or one of these, as a 23505 is about.
 * refine_conflict forgets the place of an event among those that a trigger stores.
 */
int refine_duplicate(Call *call, const Write *write, const PGresult *result, goes_error **error);
int refine_conflict(const Write *write, goes_error **error);
int refine_taken(Call *call, const Write *write, const PGresult *result, goes_error **error);

#endif
