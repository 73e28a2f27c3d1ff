/*
 * mark.h
 *	  Up to where the feed is settled: what mark.c is made of.
 */
#ifndef GOES_MARK_H
#define GOES_MARK_H

#include "access/transam.h"
#include "access/xlogdefs.h"
#include "storage/buf.h"
#include "storage/itemptr.h"
#include "storage/lock.h"

#include "feed/feed.h"

/* What a call returns. */
typedef struct FeedPage
{
	int64  most;	   /* events that the caller wants, and bytes of their data: the event that */
	int64  most_bytes; /* reaches these is the last one */
	int64  count;
	int64  bytes;
	bool   is_full;
	Cursor last; /* of the events */
} FeedPage;

/* What takes the rows of a page, with the columns of goes_feed: the events, and then the cursor. */
typedef struct PageRows PageRows;
struct PageRows
{
	void (*add_event)(PageRows *rows, Datum *values, bool *nulls);
	void (*add_cursor)(PageRows *rows, Datum *values, bool *nulls);
};

/* The rows that are going to be returned. */
typedef struct RowFlush
{
	Buffer	   buffer;
	XLogRecPtr until;
} RowFlush;

/* A transaction that may hold the feed back. */
typedef struct Writer
{
	VirtualTransactionId transaction;
	int64 low; /* all positions that it has drawn and that are not settled are above */
} Writer;

/* What sessions tell each other of the writers at some moment. */
typedef struct SharedBound
{
	int64			  position; /* whoever has no transaction id before that one */
	FullTransactionId id;		/* has drawn only above this position */
} SharedBound;

#pragma GCC visibility push(hidden)

/* What the page of a sequence says. */
typedef struct SequencePage
{
	int64	   last;		   /* the last number drawn; 0 before the first */
	int64	   note;		   /* log_cnt; the stored mark has a note of ours there */
	XLogRecPtr lsn;			   /* where it was logged last; see flush_sequence */
	Oid		   file;		   /* changes when the sequence is rewritten */
	bool	   is_uncommitted; /* was it rewritten, or made, by the caller's transaction? */
} SequencePage;

/* sequence.c */
extern bool read_sequence(Oid sequence, SequencePage *page);
extern void flush_sequence(Oid sequence, const SequencePage *read);
extern void raise_sequence(Oid sequence, Oid file, int64 value, int64 note, bool is_urgent);

/* writers.c */
extern VirtualTransactionId *find_writers(const Feed *feed, int *count);
extern bool has_no_id_before(VirtualTransactionId transaction, FullTransactionId limit);
extern bool has_no_id(VirtualTransactionId transaction);
extern bool is_caller(const VirtualTransactionId *transaction);

/* wait.c */
extern LOCKTAG waiter_tag(Oid events, uint32 group);
extern PGPROC *some_waiter(Oid events, uint32 group);

/* bound.c */
extern SharedBound shared_bound(const SequencePage *stored);
extern int64	   bound_note(int64 settled, int64 position);

/* walk.c */
extern int64 walk_committed(const Feed *feed, int64 settled, int64 last);

/* replicated.c */
extern int64 replicated_position(Feed *feed, const SequencePage *drawn, int64 after, int64 settled);

/* reject.c */
pg_noreturn extern void report_rewound(const Feed *feed);
extern void				reject_cursor(const Feed *feed, const SequencePage *drawn, int64 after);
extern void				reject_foreign(const Feed *feed, const SequencePage *drawn);

/* mark.c: the writers that the last look found */
extern const Writer *known_writers(const Feed *feed, int *count);
extern int64		 settle_now(Feed *feed);
extern const Cursor *known_newest(const Feed *feed, int64 position);
extern void			 keep_newest(const Feed *feed, int64 position, const Cursor *event);

/* position.c */
extern int64 cursor_argument(FunctionCallInfo fcinfo, int number);

/* flush.c */
extern bool is_all_flushed(void);
extern void note_row(RowFlush *flush, Relation table, const ItemPointerData *place);
extern void release_rows(RowFlush *flush);
extern void flush_rows(const RowFlush *flush);
extern void flush_all(void);

/* rows.c */
extern void add_page(const Feed *feed, const Statement *statement, FeedPage *page, PageRows *rows);

/* cursor.c */
extern void require_event(const Feed *feed, int64 after, Datum id, Cursor *last);
extern void find_event(const Feed *feed, int64 position, Cursor *event);

#pragma GCC visibility pop

#endif
