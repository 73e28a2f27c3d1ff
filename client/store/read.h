/*
 * read.h
 *    Reads that go to a standby, if the store has one for that.
 */
#ifndef GOES_READ_H
#define GOES_READ_H

#include "store/request.h"

/* Beside the statuses: the standby cannot tell, so the primary has to be asked. It is no error. */
#define ASK_PRIMARY 1

/* A way to begin a call: call_begin() or read_begin(). */
typedef int (*CallBegin)(Call *call, goes_store *store, const goes_context *context,
						 goes_error **err);

/* read.c: do reads of this store go elsewhere? */
bool reads_elsewhere(const goes_store *store);

/* Begins a read on the standby, as call_begin() does on the primary. GOES_OK, ASK_PRIMARY, an error. */
int read_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err);

/*
 * Judges how a read on the standby went, before the call ends: ASK_PRIMARY, and no error, if its error says
 * nothing of what is asked.
 */
int read_judge(Call *call, int status, goes_error **error);

/* read_server.c: takes a connection to the standby, and makes sure that it is one of the primary's. */
int		 read_server_take(Call *call, goes_error **err);
Deadline read_server_deadline(const Deadline *deadline); /* with time left for the primary */
bool	 read_server_is_paused(goes_store *store);
void	 read_server_failed(goes_store		 *store,
							const goes_error *error); /* leaves it alone for a while */

/* What is known of the system that both servers belong to; "" if nothing. */
void read_server_system(goes_store *store, char out[SYSTEM_SIZE]);
int	 fail_other_system(goes_error **err);

/* freshness.c: what a read must see; NULL: whatever is there */
const goes_freshness *context_freshness(const goes_context *context);
int					  freshness_check(const goes_freshness *freshness, goes_error **err);
int freshness_await(Call *call, const goes_freshness *freshness, goes_error **err);

#endif
