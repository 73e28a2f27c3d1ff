/*
 * tx_state.h
 *    What a transaction is.
 */
#ifndef GOES_TX_STATE_H
#define GOES_TX_STATE_H

#include "store/store.h"

/* A transaction as the server knows it. */
typedef struct Traces
{
	int64_t	  number;	 /* 0: unknown */
	goes_uuid events[2]; /* the first and the last that it inserted; nil: none */
} Traces;

struct goes_tx
{
	goes_store	store; /* what goes_tx_store gives out: the outer one's names, pool and hooks */
	goes_store *outer; /* held */
	Connection *connection;
	bool		is_failed; /* and the server could not be told */
	bool		is_in_hook;
	bool		is_lent; /* to a function of the program's that must not end it */
	unsigned	cursors;
	Traces		traces;
	goes_error *noted; /* of the last call that failed; NULL: none did */
};

Connection		 *tx_connection(goes_tx *tx);
int				  tx_check(goes_tx *tx, goes_error **err);
void			  tx_fail(goes_tx *tx, const goes_error *error); /* a call has failed */
void			  tx_note(goes_tx *tx, const goes_error *error); /* an error that it survives */
const goes_store *hook_store(void); /* whose hook this thread is in; NULL: none */
int				  fail_in_hook(goes_error **err);

/* Has something failed in it, so that it can only be rolled back? */
bool tx_has_failed(const goes_tx *tx);

/* Makes the error for that; `end` is the end of its message. */
int fail_failed(const goes_tx *tx, const char *end, goes_error **err);

/* What failed in it, in brackets; to be freed. NULL when out of memory. */
char *failure_text(const goes_tx *tx);
void  tx_forget_noted(goes_tx *tx); /* an error that does not matter for what follows */

/*
 * Notes that the thread is in a hook or a function of this transaction; returns the one it was in
 * before.
 */
goes_tx *tx_enter(goes_tx *tx);

/* Remembers events stored in it, and its number on the server. */
void tx_remember(goes_tx *tx, const goes_event *events, size_t n, int64_t number);
goes_store			*
outer_store(goes_store *store); /* that a transaction was begun on, or the store itself */
unsigned tx_next_cursor(goes_tx *tx);	 /* a number for its portal */

#endif
