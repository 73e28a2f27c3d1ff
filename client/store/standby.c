/*
 * standby.c
 *    Waiting until what a look-up found cannot be lost to a failover.
 *
 * With synchronous replication the server answers a commit only when a standby has it. But after a
 * restart the server shows what it has committed whether the standby has it or not, and if the
 * standby takes over, that is gone. So a look-up alone proves nothing. A commit after it does: it
 * waits until the standby has everything that was written before.
 */
#include "store/request.h"

int
await_standbys(Call *call, goes_error **err)
{
	return exec_discard(call->connection->pg,
						"SELECT pg_catalog.pg_logical_emit_message(true, 'libgoes', '')",
						&call->deadline, err);
}
