/*
 * idle.h
 *	  What a session remembers of subscriptions that had nothing to do.
 */
#ifndef GOES_IDLE_H
#define GOES_IDLE_H

#include "access/xlogdefs.h"
#include "storage/block.h"
#include "storage/buf.h"

#include "subscription/claim.h"

/* With rows on more pages, a subscription is not remembered. */
#define MOST_PAGES 32

/* A page of the table of partitions as it was when it was read. */
typedef struct IdlePage
{
	BlockNumber number;
	Buffer		buffer; /* where it was, and mostly still is */
	XLogRecPtr	lsn;	/* of the last change to it */
} IdlePage;

/* The partitions of a subscription without anything to do. */
typedef struct Idle
{
	Oid			table; /* of partitions */
	text	   *name;  /* of the subscription */
	int64		settled;
	TimestampTz until; /* when a lease is over, or a held event has to be looked at */
	bool		is_certain;
	bool		is_lasting; /* can only a change to the pages change the rows? */
	int			row_count;
	int			page_count;
	IdlePage	pages[MOST_PAGES];
} Idle;

#pragma GCC visibility push(hidden)

/* idle.c */
extern const Idle *find_idle(const Claim *claim);
extern bool		   is_still_idle(const Idle *idle, const Claim *claim);
extern Idle		   start_idle(const Claim *claim);
extern void		   note_idle(Idle *idle, TupleTableSlot *row);
extern void		   keep_idle(const Claim *claim, Idle *idle, const Idle *before);

#pragma GCC visibility pop

#endif
