/*
 * tally.h
 *    What a store counts, and tells the program's log.
 */
#ifndef GOES_TALLY_H
#define GOES_TALLY_H

#include "store/store.h"

/* Counts a call of the program's that has ended; returns its status. */
int count_call(goes_store *store, int status);

/* Counts an error that shows later, in a cursor for example. */
void count_error(goes_store *store, int status);

/* Counts what is done once more, and says why; `cause` may be NULL. */
void count_retry(goes_store *store, const goes_error *cause);

/* Counts a connection that takes the place of one that was lost, and says why (NULL: it is known). */
void count_reconnect(goes_store *store, const goes_error *cause);

/* Tells the program's log, if it has one. */
void tell_log(const goes_store *store, goes_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
