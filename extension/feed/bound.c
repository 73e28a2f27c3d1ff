/*
 * bound.c
 *	  The bound that sessions share.
 *
 * A session that looks at a feed for the first time, or for the first time in a while, knows
 * nothing of who is writing. With the stored mark alone it would never get past a gap as long as
 * somebody is writing at all. So each session that shares the mark adds what it knows of the writers
 * of that moment: a position and a transaction id, such that whoever has no transaction id before that
 * one has drawn only above the position.
 *
 * The position is the last number that the session has read before it asked who is writing, or, if lower,
 * the bounds of those writers who have no transaction id yet. The transaction id is the next one after
 * that. Then whoever had drawn a number up to the position by then was among those writers: either
 * with a transaction id, which is before that one; or without, and then the position is below all that it has drawn.
 *
 * Both stand in one number, beside the stored mark on its page: how far the position is behind the mark, and the id.
 * A page that PostgreSQL has written anew says 0 there: the position is the mark, which is true of everybody.
 */
#include "postgres.h"

#include "access/transam.h"

#include "feed/mark.h"

/* The lower bits have the id: enough for fifty years of ten thousand transactions a second. */
#define ID_BITS 44
#define LAST_ID (((int64) 1 << ID_BITS) - 1)

/* The others have the distance. */
#define LONGEST_DISTANCE (((int64) 1 << (63 - ID_BITS)) - 1)

/*
 * shared_bound returns the bound that stands beside the stored mark.
 */
SharedBound
shared_bound(const SequencePage *stored)
{
	return (SharedBound){
		.position = stored->last + (stored->note >> ID_BITS),
		.id = FullTransactionIdFromU64((uint64) (stored->note & LAST_ID)),
	};
}

/*
 * bound_note returns what to write beside a stored mark for a position of now.
 */
int64
bound_note(int64 settled, int64 position)
{
	int64 id = (int64) U64FromFullTransactionId(ReadNextFullTransactionId());

	if (position <= settled || id > LAST_ID)
		return 0;
	return (Min(position - settled, LONGEST_DISTANCE) << ID_BITS) | id;
}
