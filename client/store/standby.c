/*
 * standby.c
 *    Waiting until what was found is safe.
 *
 * With synchronous replication a commit waits for a standby before it is answered. A server that was
 * restarted meanwhile shows what it has committed whether the standby has it or not; if the standby
 * takes over, it is gone. So a look-up proves nothing yet that a later commit does not: that one waits,
 * and the standby takes all that was written before it.
 */
#include "store/request.h"

int
await_standbys(Call *call, goes_error **err)
{
	return exec_discard(call->connection->pg,
						"SELECT pg_catalog.pg_logical_emit_message(true, 'libgoes', '')",
						&call->deadline, err);
}
