/*
 * named.h
 *	  The rows of a subscription, read from the key that begins with its name.
 */
#ifndef GOES_NAMED_H
#define GOES_NAMED_H

#include "access/genam.h"
#include "access/relscan.h"
#include "executor/tuptable.h"

#include "subscription/subscription.h"

#pragma GCC visibility push(hidden)

typedef struct NamedScan
{
	Relation		index;
	IndexScanDesc	entries;
	Snapshot		snapshot;
	TupleTableSlot *row;
} NamedScan;

/* named.c */
extern AttrNumber	   column_place(const Store *table, const char *name);
extern bool			   can_read_named(const Store *table);
extern NamedScan	  *begin_named(const Store *table, const char *column, Datum name);
extern TupleTableSlot *next_named(NamedScan *scan);
extern void			   end_named(NamedScan *scan);

#pragma GCC visibility pop

#endif
