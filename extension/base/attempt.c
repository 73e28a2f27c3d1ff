/*
 * attempt.c
 *	  Work that is kept or undone as a whole: in a subtransaction of its own, as a block with
 *	  EXCEPTION in PL/pgSQL.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/base.h"

/*
 * A server's sessions see at a glance which transactions are part of another one, as long as no
 * transaction has more than PGPROC_MAX_CACHED_SUBXIDS parts; beyond it all of them have to look
 * it up. This leaves half of the parts to the application.
 */
#define MOST_PARTS (PGPROC_MAX_CACHED_SUBXIDS / 2)

/*
 * is_attempt_cheap tells whether one more attempt, if it is kept, slows nobody down. In a parallel
 * operation there can be none.
 */
bool
is_attempt_cheap(void)
{
	return !IsInParallelMode() && !MyProc->subxidStatus.overflowed &&
		   MyProc->subxidStatus.count < MOST_PARTS;
}

/*
 * attempt does some work, and tells whether it is kept. It is undone if the work returns false, and
 * if it raises an error, which is then in *error. A lock that the work took is released with it.
 */
bool
attempt(bool (*work)(void *state), void *state, ErrorData **error)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool is_kept = false;

	*error = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		is_kept = work(state);
		if (is_kept)
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		is_kept = false;
		MemoryContextSwitchTo(caller);
		*error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (!is_kept)
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return is_kept;
}
