/*
 * version.h
 *	  Aggregates and their versions: the newest one, conflicts, and the guards, which are
 *	  triggers that hold every writer to a rule.
 */
#ifndef GOES_VERSION_H
#define GOES_VERSION_H

#include "table/table.h"

#pragma GCC visibility push(hidden)

/* The rule for the versions of new events, whoever writes them. */
typedef enum VersionRule
{
	VERSIONS_INCREASING, /* above the aggregate's newest */
	VERSIONS_SEQUENTIAL	 /* the one after it */
} VersionRule;

/* The newest version of an aggregate. */
typedef struct Version
{
	bool  exists;
	int32 number; /* 0 if it has none */
} Version;

/* An aggregate, as the arguments and the rows name it. */
typedef struct Aggregate
{
	Datum name; /* text */
	Datum id;	/* uuid */
} Aggregate;

/* aggregate_version.c: the newest version of an aggregate */
extern Version	fetch_version(Store *store, const Statement *statement);
extern Version	newest_version(Store *store, const Aggregate *aggregate, bool is_fresh);
extern Version *newest_versions(Store *store, const Aggregate *aggregates, int count);

/* aggregate.c: an aggregate, and the number of its lock */
extern Aggregate aggregate_argument(FunctionCallInfo fcinfo, int number);
extern uint32	 aggregate_lock(const Aggregate *aggregate);
extern char		*describe_aggregate(const Aggregate *aggregate);

/* conflict.c: raising VE001 */
typedef struct Conflict
{
	Relation  table;
	Aggregate aggregate;
	Version	  current;
	int64	  event_version;
	int64	  event_index; /* from 1; 0: no single event is the cause */
} Conflict;

pg_noreturn extern void report_conflict(const Conflict *conflict, const char *format, ...)
	pg_attribute_printf(2, 3);

/* guard.c: the triggers that hold every writer to a rule */

/* What CREATE TRIGGER says about a guard. Trigger and function have the same name. */
typedef struct Guard
{
	const char *name;
	const char *argument; /* of goes_alter_store, which sets the guard */
	int16		type;
	const char *events;
	bool		has_mode; /* is the mode the trigger's argument? */
} Guard;

extern const Guard versions_guard;
extern const Guard append_only_guard;

extern int	 guard_rule(const char *name);
extern Oid	 guard_function(FunctionCallInfo fcinfo, const Guard *guard);
extern bool	 is_sound_trigger(const Trigger *trigger, const Guard *guard);
extern List *guard_problems(FunctionCallInfo fcinfo, Oid table);

/* guard.c: the setting goes_store.allow_changes */
extern bool allow_changes;

#pragma GCC visibility pop

#endif
