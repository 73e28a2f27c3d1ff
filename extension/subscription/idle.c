/*
 * idle.c
 *	  What a session remembers of subscriptions that had nothing to do: the pages on which the rows of
 *	  their partitions stand. As long as nobody has changed these pages, the rows are as they were.
 *
 * Every change to a row changes the LSN of its page before it can be committed. It takes rows whose
 * writers have committed, and that nobody has begun to replace: with what is still open, a commit or a
 * rollback would change what is seen, and the page would stay as it is.
 *
 * The LSN of a page is read after its rows, and may be that of a change behind them. So what was seen
 * is certain only if the pages had the same LSNs before the rows were read.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "subscription/idle.h"

/* So many subscriptions a session remembers: those that it has looked at last. */
#define MOST_IDLE 8

static Idle memory[MOST_IDLE];
static int	next_place;

/*
 * has_name tells whether this is the name of a subscription that is remembered.
 */
static bool
has_name(const Idle *idle, const text *name)
{
	return idle->name != NULL && VARSIZE_ANY(idle->name) == VARSIZE_ANY(name) &&
		   memcmp(idle->name, name, VARSIZE_ANY(name)) == 0;
}

/*
 * find_place returns the place at which a claim's subscription is remembered; NULL: it is not.
 */
static Idle *
find_place(const Claim *claim)
{
	const text *name = DatumGetTextPP(claim->subscription->name);

	for (int i = 0; i < MOST_IDLE; i++)
	{
		if (memory[i].table == claim->subscription->partitions->oid && has_name(&memory[i], name))
			return &memory[i];
	}
	return NULL;
}

/*
 * is_page_unchanged tells whether a page is as it was. One that is in another buffer by now counts as
 * changed: it may be gone, and is not worth a search.
 */
static bool
is_page_unchanged(Relation table, const IdlePage *page)
{
	XLogRecPtr lsn;

	if (!ReadRecentBuffer(table_file(table), MAIN_FORKNUM, page->number, page->buffer))
		return false;
	lsn = BufferGetLSNAtomic(page->buffer);
	ReleaseBuffer(page->buffer);
	return lsn == page->lsn;
}

/*
 * find_idle returns what is remembered of a claim's subscription, if its pages are as they were;
 * otherwise NULL.
 */
const Idle *
find_idle(const Claim *claim)
{
	const Idle *idle = find_place(claim);

	for (int i = 0; idle != NULL && i < idle->page_count; i++)
	{
		if (!is_page_unchanged(claim->subscription->partitions->relation, &idle->pages[i]))
			return NULL;
	}
	return idle;
}

/*
 * is_still_idle tells whether a claim has nothing to do, as far as that is remembered.
 */
bool
is_still_idle(const Idle *idle, const Claim *claim)
{
	return idle != NULL && idle->is_certain && idle->settled == claim->settled &&
		   claim->now < idle->until;
}

/*
 * start_idle begins to note the rows of a claim's partitions. Changes to a table for which no WAL is
 * written would not show.
 */
Idle
start_idle(const Claim *claim)
{
	const Store *table = claim->subscription->partitions;

	return (Idle){.table = table->oid,
				  .settled = claim->settled,
				  .until = DT_NOEND,
				  .is_lasting = RelationNeedsWAL(table->relation)};
}

/*
 * note_page notes the page of a row, which is pinned.
 */
static void
note_page(Idle *idle, Buffer buffer)
{
	IdlePage page = {BufferGetBlockNumber(buffer), buffer, BufferGetLSNAtomic(buffer)};

	for (int i = 0; i < idle->page_count; i++)
	{
		if (idle->pages[i].number != page.number)
			continue;
		idle->is_lasting &= idle->pages[i].lsn == page.lsn;
		return;
	}
	idle->is_lasting &= idle->page_count < MOST_PAGES;
	if (idle->is_lasting)
		idle->pages[idle->page_count++] = page;
}

/*
 * is_settled_row tells whether nobody can undo a row, and nobody has replaced or deleted it. Whoever has
 * only locked it has to change it before that matters.
 */
static bool
is_settled_row(HeapTupleHeader row)
{
	return HeapTupleHeaderXminCommitted(row) &&
		   ((row->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask));
}

/*
 * note_idle notes a row that has nothing to do.
 */
void
note_idle(Idle *idle, TupleTableSlot *row)
{
	const BufferHeapTupleTableSlot *place = (BufferHeapTupleTableSlot *) row;

	idle->row_count++;
	idle->is_lasting =
		idle->is_lasting && TTS_IS_BUFFERTUPLE(row) && is_settled_row(place->base.tuple->t_data);
	if (idle->is_lasting)
		note_page(idle, place->buffer);
}

/*
 * has_same_pages tells whether rows were found on the same pages as before, without a change to them.
 */
static bool
has_same_pages(const Idle *left, const Idle *right)
{
	if (left->page_count != right->page_count)
		return false;
	for (int i = 0; i < left->page_count; i++)
	{
		if (left->pages[i].number != right->pages[i].number ||
			left->pages[i].lsn != right->pages[i].lsn)
			return false;
	}
	return true;
}

/*
 * keep_name keeps the name of a subscription at a place.
 */
static void
keep_name(Idle *place, const text *name)
{
	text *copy = MemoryContextAlloc(TopMemoryContext, VARSIZE_ANY(name));

	memcpy(copy, name, VARSIZE_ANY(name));
	if (place->name != NULL)
		pfree(place->name);
	place->name = copy;
}

/*
 * keep_idle remembers that a claim's subscription has nothing to do. What was found before the rows
 * were read, with the pages that they then had, makes it certain.
 */
void
keep_idle(const Claim *claim, Idle *idle, const Idle *before)
{
	Idle *place = find_place(claim);

	if (!idle->is_lasting || idle->row_count != claim->subscription->partition_count)
		return;
	idle->is_certain = before != NULL && has_same_pages(idle, before);
	if (place == NULL)
	{
		place = &memory[next_place];
		next_place = (next_place + 1) % MOST_IDLE;
		keep_name(place, DatumGetTextPP(claim->subscription->name));
	}
	idle->name = place->name;
	*place = *idle;
}
