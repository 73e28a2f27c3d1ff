/*
 * tx.h
 *    Transactions, for the rooms whose calls run in them.
 */
#ifndef GOES_TX_H
#define GOES_TX_H

#include "store/tx_state.h"

bool tx_has_hooks(const goes_tx *tx); /* that an insert in it runs now */
int	 tx_run_hooks(goes_tx *tx, goes_hook_point point, const goes_event *events, size_t n,
				  goes_error **err);
/* calls a program's function, which must not end the transaction */
int tx_call(goes_tx *tx, goes_model_fn function, const char *json, char **new_json, void *user,
			goes_error **err);

/*
 * lost_commit.c: finds out what became of a transaction whose COMMIT was not answered; `cause` is
 * why. GOES_OK if it is committed.
 */
int find_lost_commit(goes_store *store, const Traces *traces, const goes_error *cause,
					 const Deadline *whole, goes_error **err);

#endif
