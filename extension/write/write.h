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

/*
 * For an INSERT … SELECT whose rows Citus keeps elsewhere. If the SELECT does not read the table itself,
 * Citus reads the rows here and sends them; so there is a condition that does, and always holds. Where it
 * sends them all the same, it reports as stored what it has sent, also what ON CONFLICT skipped; so what is
 * counted are the rows that come back.
 */
#define SENT_WHOLE "NOT EXISTS (SELECT FROM %s AS own WHERE own.id IS NULL) "
#define EACH_STORED " RETURNING 1"

/* elsewhere.c: rows that are stored elsewhere */
extern uint64 store_elsewhere(Store *store, const Statement *statement, int expected);

/* stored.c: rows that are acknowledged are stored */
extern uint64 insert_rows(Store *store, const char *text, Parameter *parameters, int count);
extern void	  save_row(Store *store, const Statement *statement);
pg_noreturn extern void reject_lost_row(Store *store);
extern void				require_stored(Store *store, uint64 stored, int count);

/* plain_insert.c: where a plain INSERT may stand for one with ON CONFLICT */
extern bool may_insert_plainly(const Store *store);

#pragma GCC visibility pop

#endif
