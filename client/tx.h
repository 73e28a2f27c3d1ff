/*
 * tx.h
 *    Transactions, for the rooms whose calls run in them.
 */
#ifndef GOES_TX_H
#define GOES_TX_H

#include "store.h"

bool tx_has_hooks(const goes_tx *tx); /* to be run for an insert in it, now */
int	 tx_run_hooks(goes_tx *tx, goes_hook_point point, const goes_event *events, size_t n,
				  goes_error **err);
/* they were stored in the transaction that has this number on the server */
void		tx_remember(goes_tx *tx, const goes_event *events, size_t n, int64_t number);
goes_store *tx_outer_store(goes_tx *tx);
/* calls a program's function, which must not end the transaction */
int		 tx_call(goes_tx *tx, goes_model_fn function, const char *json, char **new_json, void *user,
				 goes_error **err);
unsigned tx_next_cursor(goes_tx *tx); /* a number for its portal */

/* A transaction as the server knows it. */
typedef struct Traces
{
	int64_t	  number;	 /* 0: unknown */
	goes_uuid events[2]; /* the first and the last that it inserted; nil: none */
} Traces;

/*
 * lost_commit.c: what became of a transaction whose COMMIT was not answered, and why it was not. GOES_OK
 * if it is committed.
 */
int find_lost_commit(goes_store *store, const Traces *traces, const goes_error *cause,
					 const Deadline *whole, goes_error **err);

#endif
