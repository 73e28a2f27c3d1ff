/*
 * write.h
 *	  Storing rows.
 */
#ifndef GOES_WRITE_H
#define GOES_WRITE_H

#include "event/event.h"

#pragma GCC visibility push(hidden)

/* insert.c: events that are as they are to be stored */
extern uint64 insert_array(Store *store, ArrayType *events);

/* stored.c: rows that are acknowledged are stored */
extern void				save_row(Store *store, const Statement *statement);
pg_noreturn extern void reject_lost_row(Store *store);
extern void				require_stored(Store *store, uint64 stored, int count);

/* plain_insert.c: where a plain INSERT may stand for one with ON CONFLICT */
extern bool may_insert_plainly(const Store *store);

#pragma GCC visibility pop

#endif
