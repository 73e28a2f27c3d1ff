/*
 * side_table.h
 *    The tables besides the events, for snapshots and models, which are made when they are first used.
 */
#ifndef GOES_SIDE_TABLE_H
#define GOES_SIDE_TABLE_H

#include "store/request.h"

typedef struct Table
{
	Request		create; /* makes the table, or finds that it is there; 0: there is no such table */
	const char *name;	/* NULL: the server's default */
} Table;

/* Fails for a name that can be none. */
int table_check(const char *name, goes_error **err);

/*
 * Makes the table in a transaction, if it may be missing: there it is too late after an error. Outside
 * of one it does nothing.
 */
int table_require(Call *call, const Table *table, goes_error **err);

/*
 * After a failed request: makes the table if that is what was missing, and tells whether to go on. In a
 * transaction it is too late for that.
 */
bool table_retry(Call *call, const Table *table, int *status, goes_error **error);

/* The tables that are known to a transaction's store are known to the outer one, too. */
void table_learn(goes_store *outer, goes_store *inner);

#endif
