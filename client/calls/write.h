/*
 * write.h
 *    Storing events, by goes_insert or goes_append.
 */
#ifndef GOES_WRITE_H
#define GOES_WRITE_H

#include "store/request.h"

typedef char VersionText[sizeof "-2147483648"];

typedef struct Write
{
	Request			  request; /* REQUEST_INSERT, or REQUEST_APPEND, which needs what is below */
	const goes_event *events;
	size_t			  n;
	const char		 *aggregate_name;
	const goes_uuid	 *aggregate_id;
	int32_t			  expected_version;
	const char		 *expected;	   /* the same; NULL: any */
	goes_event		 *to_number;   /* the same events; the append puts their versions in */
	bool			  was_sent;	   /* an attempt was sent whole */
	bool			  may_be_done; /* and not answered */
	int32_t			  last;		   /* version, of an append that is stored */
	int64_t			  transaction; /* the server's number of the one that stored them */

	/* many appends in one: REQUEST_APPEND_EACH, and only the number of all their events above */
	struct Appending **each;
	size_t			   each_count;
} Write;

/* Stores the events: in a transaction or by itself, between the hooks if there are any. */
int write_events(goes_store *store, Write *write, const goes_context *context, goes_error **err);

/*
 * Stores them outside a transaction, without hooks, and tries again while connections are lost. Does not
 * count as a call.
 */
int write_surely(goes_store *store, Write *write, const goes_context *context, goes_error **err);

/* Puts the versions into the events of an append, of which this is the last. */
void write_number(Write *write, int32_t last);

/*
 * append.c: makes an append of events, and checks it. What is in it lives as long as the arguments, and
 * to_number is to be freed, whatever it returns.
 */
int append_prepare(Write *write, VersionText text, const goes_event *events, goes_error **err);

/* append_outcome.c: reads the outcomes of many appends in one */
int read_outcomes(const Write *write, const PGresult *result, goes_error **err);

/*
 * write_parameters.c: makes the parameters of a request about the events; the caller frees the
 * buffer
 */
int make_write_parameters(Call *call, const Write *write, Request request, Buffer *buffer,
						  Parameters *parameters, goes_error **err);

/* write_refused.c: finds out what the server refused: a taken id or version, or a bad value */
int refine_error(Call *call, const Write *write, const PGresult *result, goes_error **error);

/*
 * write_taken.c: adds to an error what is taken. refine_duplicate is for ids, refine_conflict for
 * versions, refine_taken for a unique violation, which may be either. refine_conflict removes the
 * index if the event is one that a trigger stores.
 */
int refine_duplicate(Call *call, const Write *write, const PGresult *result, goes_error **error);
int refine_conflict(const Write *write, goes_error **error);
int refine_taken(Call *call, const Write *write, const PGresult *result, goes_error **error);

#endif
