/*
 * side_table.h
 *    The tables of snapshots and models, which are created on first use.
 */
#ifndef GOES_SIDE_TABLE_H
#define GOES_SIDE_TABLE_H

#include "store/request.h"

typedef struct Table
{
	Request		create; /* creates the table unless it exists; 0: no such table */
	const char *name;	/* NULL: the server's default */
} Table;

/* Fails for a name that cannot be a table's. */
int table_check(const char *name, goes_error **err);

/*
 * In a transaction, creates the table if it may be missing: after an error it would be too late.
 * Outside of one it does nothing.
 */
int table_require(Call *call, const Table *table, goes_error **err);

/*
 * After a failed request: creates the table if it was missing, and tells whether to repeat the
 * request. In a transaction it is too late for that.
 */
bool table_retry(Call *call, const Table *table, int *status, goes_error **error);

/* Makes the tables that a transaction's store knows known to the outer store, too. */
void table_learn(goes_store *outer, goes_store *inner);

#endif
