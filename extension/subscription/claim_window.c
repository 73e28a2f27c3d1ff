/*
 * claim_window.c
 *	  The new events of partitions, read through one window for all of them.
 *
 * The window begins at the lowest of their checkpoints. When it has been read, all of them stand at
 * its end, also those without any event in it: neither a filter nor a gap pins a checkpoint.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "read/filter.h"
#include "subscription/claim.h"

/* So many positions are read at once. */
#define WINDOW 5000

typedef struct Window
{
	Claim			*claim;
	Partition	   **readers; /* by number; NULL: not one of those that read */
	FunctionCallInfo filters;
	int64			 start;
	int64			 after;
	int64			 last;
	int64			 most;	/* events wanted */
	HeldEvent		*found; /* new ones of the readers */
	int				 found_count;
	Cursor			 end; /* the last event that was looked at */
} Window;

/*
 * note_new notes an event that is new to one of the readers; false when there are enough.
 */
static bool
note_new(TupleTableSlot *row, void *state)
{
	Window	  *window = state;
	int64	   position = DatumGetInt64(row->tts_values[0]);
	int64	   aggregate = aggregate_hash(row);
	int32	   number = partition_of(aggregate, window->claim->subscription->partition_count);
	Partition *reader = window->readers[number];

	window->end.position = position;
	window->end.has_id = !row->tts_isnull[1];
	if (window->end.has_id)
		window->end.id = *DatumGetUUIDP(row->tts_values[1]);
	if (reader == NULL || position <= reader->position)
		return true;
	window->found[window->found_count++] =
		(HeldEvent){.position = position, .aggregate = aggregate, .partition = number};
	return window->found_count < window->most;
}

/*
 * read_window finds the new events in a window, and moves its end to the last one if there were
 * enough.
 */
static void
read_window(Window *window)
{
	Claim	 *claim = window->claim;
	Statement statement = filter_members(window->filters, window->after, window->last, WINDOW);

	window->found_count = 0;
	window->end.position = window->after;
	each_row(claim->feed->store, &statement, SPI_OK_SELECT, note_new, window);
	if (window->found_count == window->most)
		window->last = window->end.position;
	if (window->end.position != window->last)
		window->end = last_event(claim->feed, window->last);
}

/*
 * compare_numbers orders numbers.
 */
static int
compare_numbers(const void *left, const void *right)
{
	int64 a = *(const int64 *) left;
	int64 b = *(const int64 *) right;

	return a < b ? -1 : a > b;
}

/*
 * part_held moves the events whose aggregates have held ones to the front, and returns how many
 * there are.
 */
static int
part_held(const Window *window, const int64 *aggregates, int aggregate_count)
{
	HeldEvent *others = palloc(sizeof(HeldEvent) * window->found_count);
	int		   other_count = 0;
	int		   held = 0;

	for (int i = 0; i < window->found_count; i++)
	{
		if (bsearch(&window->found[i].aggregate, aggregates, aggregate_count, sizeof(int64),
					compare_numbers) != NULL)
			window->found[held++] = window->found[i];
		else
			others[other_count++] = window->found[i];
	}
	memcpy(&window->found[held], others, sizeof(HeldEvent) * other_count);
	return held;
}

/*
 * hold_followers holds the new events back whose aggregates have held ones, and returns how many
 * there are; they are then the first of those found.
 */
static int
hold_followers(const Window *window)
{
	Subscription *subscription = window->claim->subscription;
	int64		 *aggregates = palloc(sizeof(int64) * Max(window->found_count, 1));
	int64		 *held;
	int			  count = 0;

	for (int i = 0; i < window->found_count; i++)
	{
		if (window->readers[window->found[i].partition]->has_held)
			aggregates[count++] = window->found[i].aggregate;
	}
	if (count == 0)
		return 0;
	held = find_held_aggregates(subscription, aggregates, count, &count);
	count = part_held(window, held, count);
	hold_behind(subscription, window->found, count);
	return count;
}

/*
 * take_found takes the new events and moves the checkpoints of the readers.
 */
static void
take_found(const Window *window)
{
	int held = hold_followers(window);

	for (int i = held; i < window->found_count; i++)
		take_event(window->claim, window->readers[window->found[i].partition],
				   window->found[i].position, 0);
	for (int i = 0; i < window->claim->subscription->partition_count; i++)
	{
		if (window->readers[i] != NULL)
			raise_checkpoint(window->readers[i], window->last, &window->end);
	}
}

/*
 * require_passed raises an error unless the events behind a checkpoint are those that the partition
 * has passed. Partitions that have read through one window have the same checkpoint.
 */
static void
require_passed(const Claim *claim, const Partition *partition, const Partition *checked)
{
	Cursor last;

	if (!partition->has_id || (checked != NULL && checked->position == partition->position))
		return;
	if (can_be_passed(claim->feed, partition->position, UUIDPGetDatum(&partition->id), &last))
		return;
	report_passed(claim->subscription, claim->feed,
				  psprintf("The newest event up to position " INT64_FORMAT
						   " is not the one that was there.",
						   partition->position));
}

/*
 * find_readers notes which partitions take new events: those that have no events from before. It
 * returns the lowest of their checkpoints; -1 if there are none.
 */
static int64
find_readers(Window *window)
{
	const Partition *checked = NULL;
	int64			 lowest = -1;

	for (int i = 0; i < window->claim->partition_count; i++)
	{
		Partition *partition = &window->claim->partitions[i];

		if (partition->was_open)
			continue;
		require_passed(window->claim, partition, checked);
		checked = partition;
		window->readers[partition->number] = partition;
		if (lowest < 0 || partition->position < lowest)
			lowest = partition->position;
	}
	return lowest;
}

/*
 * start_window prepares for reading new events of the partitions; false if there are none to read.
 */
static bool
start_window(Window *window, Claim *claim, int64 most)
{
	*window = (Window){
		.claim = claim,
		.readers = palloc0(sizeof(Partition *) * claim->subscription->partition_count),
		.most = most,
	};
	if (most <= 0)
		return false;
	window->start = find_readers(window);
	window->last = window->start;
	window->found = palloc(sizeof(HeldEvent) * (Min(most, WINDOW) + 1));
	window->filters = kept_filters(claim->fcinfo, claim->subscription);
	return window->start >= 0;
}

/*
 * next_window reads the next window; false if there is none, or this claim has read enough.
 */
static bool
next_window(Window *window)
{
	Claim *claim = window->claim;

	if (window->last >= claim->settled || claim->position_count >= MOST_POSITIONS)
		return false;
	window->after = window->last;
	window->last = Min(window->after + WINDOW, claim->settled);
	read_window(window);
	claim->position_count += window->last - window->after;
	return true;
}

/*
 * take_new takes new events, at most so many as may still be handed out. It stops at the first
 * window with any.
 */
void
take_new(Claim *claim)
{
	int	   before = claim->taken_count;
	Window window;

	if (!start_window(&window, claim, claim->most - before))
		return;
	while (claim->taken_count == before && next_window(&window))
		take_found(&window);
}

/*
 * has_new tells whether there are new events, and up to where it has looked.
 */
bool
has_new(Claim *claim, int64 *end)
{
	Window window;

	*end = 0;
	if (!start_window(&window, claim, 1))
		return false;
	while (next_window(&window))
	{
		if (window.found_count > 0)
			return true;
	}
	*end = window.last;
	return false;
}
