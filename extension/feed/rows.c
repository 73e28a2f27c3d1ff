/*
 * rows.c
 *	  The events of a page of the feed: from the executor to what the function returns.
 *
 * Each row comes with the place where it lies, so that its commit can be flushed, and goes on
 * without it.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "executor/spi.h"
#include "executor/tuptable.h"

#include "feed/mark.h"

/* The place of a row, behind its columns. */
#define PLACE FEED_COLUMNS

typedef struct RowReceiver
{
	DestReceiver receiver; /* must be first */
	PageRows	*rows;
	Relation	 table;
	FeedPage	*page;
	bool		 is_noting; /* may a row be lost in a crash? */
	RowFlush	 flush;
} RowReceiver;

/*
 * start_rows finds out whether all that the statement's snapshot shows outlives a crash.
 */
static void
start_rows(DestReceiver *self, int operation, TupleDesc descriptor)
{
	((RowReceiver *) self)->is_noting = !is_all_flushed();
}

/*
 * count_row notes a row as the last one of the page, and whether there is room for more.
 */
static void
count_row(FeedPage *page, const TupleTableSlot *row)
{
	page->count++;
	if (!row->tts_isnull[FEED_DATA])
		page->bytes += toast_raw_datum_size(row->tts_values[FEED_DATA]) - VARHDRSZ;
	page->is_full = page->count >= page->most || page->bytes >= page->most_bytes;
	page->last.position = DatumGetInt64(row->tts_values[FEED_POSITION]);
	page->last.has_id = !row->tts_isnull[FEED_ID];
	if (page->last.has_id)
		page->last.id = *DatumGetUUIDP(row->tts_values[FEED_ID]);
}

/*
 * receive_row adds a row to the page and notes it. It ends the statement when the page is full.
 */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	PageRows	*rows = receiver->rows;

	slot_getallattrs(slot);
	rows->add_event(rows, slot->tts_values, slot->tts_isnull);
	if (receiver->is_noting)
		note_row(&receiver->flush, receiver->table,
				 (ItemPointer) DatumGetPointer(slot->tts_values[PLACE]));
	count_row(receiver->page, slot);
	return !receiver->page->is_full;
}

/*
 * end_rows gives back what the rows needed, before the executor ends.
 */
static void
end_rows(DestReceiver *self)
{
	release_rows(&((RowReceiver *) self)->flush);
}

/*
 * destroy_rows has nothing to do: the receiver is on the stack.
 */
static void
destroy_rows(DestReceiver *self)
{
}

/*
 * add_page adds the rows of a statement of filter_feed to a page.
 */
void
add_page(const Feed *feed, const Statement *statement, FeedPage *page, PageRows *rows)
{
	RowReceiver receiver = {
		.receiver = {receive_row, start_rows, end_rows, destroy_rows, DestTuplestore},
		.rows = rows,
		.table = feed->store->relation,
		.page = page,
		.flush = {InvalidBuffer, InvalidXLogRecPtr},
	};

	execute_statement(feed->store, statement, SPI_OK_SELECT, &receiver.receiver);
	flush_rows(&receiver.flush);
}
