/*
 * write.h
 *	  Storing rows.
 */
#ifndef GOES_WRITE_H
#define GOES_WRITE_H

#include "event/event.h"

#pragma GCC visibility push(hidden)

/* stored.c: rows that are acknowledged are stored */
extern void				save_row(Store *store, const Statement *statement);
pg_noreturn extern void reject_lost_row(Store *store);
extern void				require_stored(Store *store, uint64 stored, int count);

#pragma GCC visibility pop

#endif
