/*
 * pool.h
 *    Connections that are shared by threads.
 */
#ifndef GOES_POOL_H
#define GOES_POOL_H

#include "conninfo.h"

/* A unique index of the events table. */
typedef struct UniqueIndex
{
	char name[64]; /* PostgreSQL's NAMEDATALEN */
	bool is_of_ids;
} UniqueIndex;

#define MOST_UNIQUE_INDEXES 8

/* What a connection knows of its database: looked up when it is first needed. */
typedef struct Session
{
	bool		is_known;
	char	   *schema; /* of the extension, quoted */
	char	   *table;	/* the store's name for the table that the next ones are about */
	char		table_schema[64];
	char		table_name[64];
	UniqueIndex indexes[MOST_UNIQUE_INDEXES];
	int			index_count;
	Oid			event_type;
	Oid			event_array_type;
	Oid			reference_type;
	Oid			reference_array_type;
	unsigned	prepared;			 /* a bit for each kind of request */
	char		statements[37];		 /* a UUID, part of their names; made with the first */
	bool		keeps_no_statements; /* they were gone once: texts are sent instead */
} Session;

typedef struct Connection
{
	PGconn			  *pg;
	Session			   session;
	int64_t			   made_at;
	int64_t			   idle_since;
	struct Connection *next;
} Connection;

/*
 * database: NULL for the URL's own; copied. connect_timeout_ms: of making one connection; 0: as the
 * URL says, below 0: none.
 */
int	 pool_make(goes_pool **out, const goes_pool_options *options, const char *database,
			   int64_t connect_timeout_ms, goes_error **err);
int	 pool_take(goes_pool *pool, Connection **out, const Deadline *deadline, goes_error **err);
void pool_give(goes_pool *pool, Connection *connection);
const Conninfo *pool_conninfo(const goes_pool *pool);

/* session.c */
void session_forget(Session *session);

#endif
