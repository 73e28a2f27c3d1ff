/*
 * admin.h
 *	  Making, checking and altering stores.
 */
#ifndef GOES_ADMIN_H
#define GOES_ADMIN_H

#include "table/kind.h"
#include "version/version.h"

#pragma GCC visibility push(hidden)

/* create.c: a table as it is now; an invalid OID: there is none */
extern Oid	inspect_table(RangeVar *range, const StoreKind *kind, List **problems);
extern void leave_table(Oid table);

#pragma GCC visibility pop

#endif
