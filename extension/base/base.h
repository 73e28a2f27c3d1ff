/*
 * base.h
 *	  What everything else is made of: statements about a store's table, arguments, locks,
 *	  ids and time. It knows neither events nor versions.
 */
#ifndef GOES_BASE_H
#define GOES_BASE_H

#include "executor/tuptable.h"
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
#define LOCK_CLASS_WAIT 0x6705		  /* of those who wait for events */
#define LOCK_CLASS_SENTINEL 0x6706	  /* of the one among them that is woken first */
#define FIRST_LOCK_CLASS LOCK_CLASS_CREATE
#define LOCK_CLASSES (LOCK_CLASS_SENTINEL - FIRST_LOCK_CLASS + 1)

typedef struct StoreKind StoreKind; /* table/kind.h */

/* A store's table, opened and locked. */
typedef struct Store
{
	Oid				 oid;
	Relation		 relation;
	LOCKMODE		 lock; /* on the table */
	const StoreKind *kind;
	bool			 is_distributed; /* are its rows elsewhere, where only statements find them? */
} Store;

/* A value for $1, $2, … of a statement. */
typedef struct Parameter
{
	Oid	  type;
	Datum value;
} Parameter;

/*
 * A statement about one store. A "%s" in its text stands for the table; everything
 * else that varies is a parameter, and the text decides their types. A query that is not kept can
 * have a second table, for which "%o" stands.
 */
typedef struct Statement
{
	const char	*text;
	const Store *other;
	Parameter	*parameters;
	int			 parameter_count;
	const bool	*nulls;			 /* which of the values are null; NULL: none is */
	int			 cursor_options; /* CURSOR_OPT_*: what the planner is told */
	bool		 is_kept;		 /* worth a place in the plan cache? */
	bool is_fresh; /* a query that also sees what was committed after the caller's snapshot */
} Statement;

/* statement.c: the one door to SPI */
extern Statement  kept_statement(const char *text, Parameter *parameters, int count);
extern uint64	  execute_statement(Store *store, const Statement *statement, int expected,
									DestReceiver *receiver);
extern void		  execute_query(const Statement *query, DestReceiver *receiver);
extern Datum	  fetch_value(Store *store, const Statement *statement);
extern bool		  fetch_row(Store *store, const Statement *statement, int expected, Datum *values,
							bool *nulls);
extern char		 *open_portal(Store *store, const Statement *statement, const char *name);
extern ArrayType *fetch_list(const char *portal_name, int most);
extern void		  close_portal(const char *portal_name);
extern void		  execute_command(const char *command);

/* plan.c */
extern void turn_off(const char *setting);

/* each_row.c: what is done with each row of a query; false: no more rows are wanted */
typedef bool (*RowUse)(TupleTableSlot *row, void *state);
extern void each_row(Store *store, const Statement *statement, int expected, RowUse use,
					 void *state);

/* numbers.c: lists of numbers as SQL values, and back */
extern Datum  int8_list(const int64 *values, int count);
extern Datum  int4_list(const int32 *values, int count);
extern int64 *list_values(ArrayType *list, int *count);

/* The DETAIL for a time that an event cannot have. */
#define TIME_RANGE_DETAIL "Nanoseconds since 1970 reach from 1677-09-21 to 2262-04-11 (UTC)."

/* uuid.c, time.c, iso_time.c */
extern bool		  is_nil_uuid(const pg_uuid_t *uuid);
extern pg_uuid_t *new_uuid_v7(void);
extern int64	  nanoseconds_now(void);
extern bool		  read_iso_time(const char *text, int64 *nanoseconds, bool *is_in_range);

/* argument.c: reading the arguments of SQL functions */
#define CUT_NAME_DETAIL "PostgreSQL keeps the first %d bytes of a name."
#define CUT_NAME_HINT "Choose a shorter name."
extern Oid	 return_type(FunctionCallInfo fcinfo);
extern char *function_schema(FunctionCallInfo fcinfo);
extern Datum required_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern Datum name_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern Datum id_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern bool	 is_name_too_long(text *name, int *length);
pg_noreturn extern void reject_cut_name(const char *name, const char *value);
extern ArrayType	   *array_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern void				reject_null_elements(ArrayType *array, const char *name);
extern void				reject_nested_array(ArrayType *array, const char *name);
extern int64			require_between(const char *name, int64 value, int64 least, int64 most);

/* lone_call.c */
extern void require_transaction_block(FunctionCallInfo fcinfo, const char *function,
									  const char *hint);

/* known_table.c: what a session keeps of tables */
typedef struct KnownTable
{
	Oid	 table;
	bool is_valid;
} KnownTable;

typedef struct KnownTables
{
	const char		   *name;
	Size				entry_size; /* of a struct that begins with a KnownTable */
	struct HTAB		   *entries;
	uint64				change_count; /* how many tables have changed */
	struct KnownTables *next;
} KnownTables;

typedef void (*LearnTable)(KnownTable *entry, Relation table, void *argument);

extern KnownTable *known_table(KnownTables *known, Relation table, LearnTable learn,
							   void *argument);

/* attempt.c: work that is kept or undone as a whole */
extern bool is_attempt_cheap(void);
extern bool attempt(bool (*work)(void *state), void *state, ErrorData **error);

/* lock.c: advisory locks of our own classes, that last to the transaction's end */
extern void lock_schema(Oid schema);
extern bool may_lock_aggregates(uint16 lock_class, int count);
extern void lock_in_store(Oid store, uint32 number, uint16 lock_class, LOCKMODE mode);

#pragma GCC visibility pop

#endif
