/*
 * event.h
 *	  What an event must be.
 */
#ifndef GOES_EVENT_H
#define GOES_EVENT_H

#include "table/table.h"

#pragma GCC visibility push(hidden)

/* event.c: what an event must be */
typedef void (*EventCheck)(int element, const Datum *values, const bool *nulls, void *state);
extern int		  prepare_batch(ArrayType **events);
extern int		  prepare_events(ArrayType **events, Datum **out, EventCheck check, void *state);
extern ArrayType *event_array(Oid event_type, Datum *events, int count);
extern Datum	  event_datum(Oid event_type, Datum *values, bool *nulls);
extern void		  complete_event(Datum *values, bool *nulls);
extern Oid		  event_type_beside(FunctionCallInfo fcinfo);

/* event_json.c: events from JSON */
extern ArrayType *events_from_json(FunctionCallInfo fcinfo, int number, Oid event_type);

#pragma GCC visibility pop

#endif
