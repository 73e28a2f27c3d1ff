/*
 * call.h
 *    How a call on a store begins and ends, and what it needs to know of its connection.
 */
#ifndef GOES_CALL_H
#define GOES_CALL_H

#include "store/store.h"

/* A call under way. */
typedef struct Call
{
	goes_store *store;
	Deadline	deadline;
	Connection *connection;
	bool		is_sent;	 /* the last request reached the network whole: it may be done */
	bool		is_renewed;	 /* what the connection knew was outdated, and is looked up anew */
	bool		has_created; /* a missing table was made */
} Call;

/* call.c */
Deadline	 context_deadline(const goes_store *store, const goes_context *context);
goes_context context_until(const Deadline *deadline); /* for a part of a call */
int	 call_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err);
void call_end(Call *call);

/* setup.c: database, extension and table are there after it */
int require_connected(goes_store *store, const Deadline *deadline, goes_error **err);

/*
 * standby.c: what was committed before is not lost when a synchronous standby takes over. A standby
 * cannot say that, and fails.
 */
int await_standbys(Call *call, goes_error **err);

/* session.c: what a connection knows */
int session_look_up(Call *call, goes_error **err);
int status_of_taken(Call *call, const PGresult *result); /* of a 23505 */
int refine_other_store(Call *call, const PGresult *result,
					   goes_error **error); /* of what a trigger writes to */

#endif
