/*
 * pool.h
 *    Connections that are shared by threads.
 */
#ifndef GOES_POOL_H
#define GOES_POOL_H

#include "net/connection.h"

/*
 * database: NULL for the URL's own; copied. connect_timeout_ms: of making one connection; 0: as the
 * URL says, below 0: none.
 */
int	 pool_make(goes_pool **out, const goes_pool_options *options, const char *database,
			   int64_t connect_timeout_ms, goes_error **err);
int	 pool_take(goes_pool *pool, Connection **out, const Deadline *deadline, goes_error **err);
void pool_give(goes_pool *pool, Connection *connection);
const Target   *pool_target(const goes_pool *pool);
const Conninfo *pool_conninfo(const goes_pool *pool);
void pool_is_behind_pooler(goes_pool *pool); /* which gives every transaction another session */

#endif
