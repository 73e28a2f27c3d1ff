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
	goes_pool  *pool; /* that the connection is from; NULL: the transaction's */
	Connection *connection;
	bool		is_on_standby; /* a read, where read_url leads to */
	bool		is_sent; /* the last request was sent whole, so that the server may have run it */
	bool		is_renewed;	 /* what the connection knew was outdated, and was looked up again */
	bool		has_created; /* a missing table was made */
} Call;

/* call.c */
Deadline	 context_deadline(const goes_store *store, const goes_context *context);
goes_context context_until(const Deadline *deadline);		/* for a part of a call */
int	 call_check(const goes_store *store, goes_error **err); /* may this thread use it now? */
int	 call_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err);
int	 call_take(Call *call, goes_pool *pool,
			   goes_error **err); /* a connection, and what it has to know */
void call_end(Call *call);

/* setup.c: makes sure that database, extension and table are there */
int require_connected(goes_store *store, const Deadline *deadline, goes_error **err);

/*
 * standby.c: waits until a synchronous standby has everything that was committed before. It fails
 * on a server that is a standby itself.
 */
int await_standbys(Call *call, goes_error **err);

/* session.c: what a connection knows about its database */
int			session_look_up(Call *call, goes_error **err);
const char *session_look_up_text(const goes_store *store); /* asks what session_learn() reads */
int			session_learn(Session *session, const PGresult *result, goes_error **err);

/* table_names.c: what the server calls the store's table and indexes */
int table_names_look_up(Call *call, goes_error **err);
int status_of_taken(Call *call, const PGresult *result); /* of a 23505 */
int refine_other_store(Call *call, const PGresult *result,
					   goes_error **error); /* for errors of a table that a trigger writes to */

#endif
