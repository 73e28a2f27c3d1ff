/*
 * base.h
 *	  What everything else is made of: statements about a store's table, arguments, locks,
 *	  ids and time. It knows neither events nor versions.
 */
#ifndef GOES_BASE_H
#define GOES_BASE_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/primnodes.h"
#include "storage/lock.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Longest event or aggregate name, in characters: goes' columns are varchar(255). */
#define MAX_NAME_LENGTH 255

/* Our classes of advisory locks; pg_advisory_lock() and its like use 1 and 2. */
#define LOCK_CLASS_CREATE 0x6701
#define LOCK_CLASS_APPEND 0x6702	  /* of an aggregate, by goes_append */
#define LOCK_CLASS_GUARD 0x6703		  /* of an aggregate, by the guard "increasing" */
#define LOCK_CLASS_GUARD_TABLE 0x6704 /* of all aggregates of a table */
#define FIRST_LOCK_CLASS LOCK_CLASS_CREATE
#define LOCK_CLASSES (LOCK_CLASS_GUARD_TABLE - FIRST_LOCK_CLASS + 1)

typedef struct StoreKind StoreKind; /* table/kind.h */

/* A store's table, opened and locked. */
typedef struct Store
{
	Oid				 oid;
	Relation		 relation;
	LOCKMODE		 lock; /* on the table */
	const StoreKind *kind;
} Store;

/* A value for $1, $2, … of a statement. Values are never null. */
typedef struct Parameter
{
	Oid	  type;
	Datum value;
} Parameter;

/*
 * A statement about one store. A "%s" in its text stands for the table; everything
 * else that varies is a parameter, and the text decides their types.
 */
typedef struct Statement
{
	const char *text;
	Parameter  *parameters;
	int			parameter_count;
	int			cursor_options; /* CURSOR_OPT_*: what the planner is told */
	bool		is_kept;		/* worth a place in the plan cache? */
	bool is_fresh; /* a query that also sees what was committed after the caller's snapshot */
} Statement;

/* statement.c: the one door to SPI */
extern Statement  kept_statement(const char *text, Parameter *parameters, int count);
extern uint64	  execute_statement(Store *store, const Statement *statement, int expected,
									DestReceiver *receiver);
extern Datum	  fetch_value(Store *store, const Statement *statement);
extern bool		  fetch_row(Store *store, const Statement *statement, int expected, Datum *values,
							bool *nulls);
extern char		 *open_portal(Store *store, const Statement *statement, const char *name);
extern ArrayType *fetch_list(const char *portal_name, int most);
extern void		  close_portal(const char *portal_name);
extern void		  execute_command(const char *command);

/* uuid.c, time.c */
extern bool		  is_nil_uuid(const pg_uuid_t *uuid);
extern pg_uuid_t *new_uuid_v7(void);
extern int64	  nanoseconds_now(void);

/* argument.c: reading the arguments of SQL functions */
#define CUT_NAME_DETAIL "PostgreSQL keeps the first %d bytes of a name."
#define CUT_NAME_HINT "Choose a shorter name."
extern Oid	 return_type(FunctionCallInfo fcinfo);
extern Datum required_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern Datum name_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern Datum id_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern bool	 is_name_too_long(text *name, int *length);
pg_noreturn extern void reject_cut_name(const char *name, const char *value);
extern ArrayType	   *array_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern void				reject_null_elements(ArrayType *array, const char *name);
extern void				reject_nested_array(ArrayType *array, const char *name);

/* lock.c: advisory locks of our own classes, that last to the transaction's end */
extern void lock_schema(Oid schema);
extern bool may_lock_aggregates(uint16 lock_class, int count);
extern void lock_in_store(Oid store, uint32 number, uint16 lock_class, LOCKMODE mode);

#pragma GCC visibility pop

#endif
