/*
 * truncate.c
 *	  The trigger on TRUNCATE: RESTART IDENTITY rewinds the feed.
 *
 * Positions that readers have passed are then drawn again. Once the sequence has caught up nobody
 * could tell, so it is noted at once, in the transaction that truncates.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "feed/mark.h"

PG_FUNCTION_INFO_V1(goes_feed_truncate);

/*
 * is_restarted tells whether a sequence got its file in this transaction, as it does when it is
 * restarted. One that was made in this transaction has had no readers.
 */
static bool
is_restarted(Oid oid)
{
	Relation sequence = relation_open(oid, AccessShareLock);
	bool	 is_restarted = sequence->rd_createSubid == InvalidSubTransactionId &&
						sequence->rd_first_file != InvalidSubTransactionId;

	relation_close(sequence, AccessShareLock);
	return is_restarted;
}

/*
 * goes_feed_truncate notes that the feed was rewound, if it was.
 */
Datum
goes_feed_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = feed_trigger_data(fcinfo, &truncate_trigger);
	FeedParts	 parts = feed_parts(fcinfo, trigger->tg_relation);

	if (!OidIsValid(parts.sequence) || !OidIsValid(parts.mark) ||
		(!is_restarted(parts.sequence) && !is_feed_rewound(&parts)))
		return PointerGetDatum(NULL);
	require_same_owner(trigger->tg_relation, &parts);
	write_feed_row(parts.table, true);
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}
