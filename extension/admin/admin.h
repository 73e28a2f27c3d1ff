/*
 * admin.h
 *	  Making, checking and altering stores.
 */
#ifndef GOES_ADMIN_H
#define GOES_ADMIN_H

#include "table/kind.h"
#include "version/version.h"

#pragma GCC visibility push(hidden)

/* create.c: a table as it is now; an invalid OID: there is none */
extern Oid	inspect_table(RangeVar *range, const StoreKind *kind, List **problems);
extern void leave_table(Oid table);

/* top_level.c: a utility command as a client's own, not one of a function's */
extern void run_at_top_level(const char *command);

/* create.c: what a schema's owner has to run for the caller */
extern char *grant_command(Oid schema);

/* alter_feed.c: switching the feed of a table on and off */
extern LOCKMODE feed_lock(FunctionCallInfo fcinfo, int argument);
extern void		alter_feed(FunctionCallInfo fcinfo, Oid events, bool is_on);

/* check_feed.c, check_grants.c: what is wrong with it */
extern List *feed_problems(FunctionCallInfo fcinfo, Oid events);
extern List *grant_problems(List *problems, Relation events, AttrNumber column);

/* library.c: do the database's SQL and the server's library fit each other? */
extern List *library_problems(FunctionCallInfo fcinfo, List *problems);

/* number.c: the column of positions, and the numbers of the events that are there */
extern void add_position_column(FunctionCallInfo fcinfo, Oid events);

/* feed_table.c, feed_triggers.c: its own table, and the triggers on the table of events */
extern bool make_feed_table(FunctionCallInfo fcinfo, Oid events);
extern void drop_feed_table(Oid table);
extern void make_feed_triggers(FunctionCallInfo fcinfo, Oid events, Oid table);
extern void drop_feed_triggers(FunctionCallInfo fcinfo, Oid events);

#pragma GCC visibility pop

#endif
