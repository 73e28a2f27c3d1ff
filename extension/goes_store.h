/*
 * goes_store.h
 *	  What the rooms of the extension offer each other, grouped by the file that
 *	  defines it. Data flows down this list: an SQL function asks a room below its
 *	  own, never one above.
 */
#ifndef GOES_STORE_H
#define GOES_STORE_H

#include "fmgr.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "nodes/primnodes.h"
#include "storage/lock.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "compat.h"

/* Before 16 PGXS exports every symbol, where another module's could take its place. */
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

/* Column numbers of the type goes_event, which is frozen; row.c has the columns. */
enum EventColumn
{
	EVENT_ID,
	EVENT_NAME,
	EVENT_TIME,
	EVENT_AGGREGATE_ID,
	EVENT_AGGREGATE_NAME,
	EVENT_AGGREGATE_VERSION,
	EVENT_DATA,
	EVENT_COLUMNS
};

/* row.c: what the rows that functions take and return must be */
typedef struct RowType RowType;
extern const RowType   event_row;
extern const RowType   reference_row;
extern const RowType   snapshot_row;
extern const RowType   load_row;
extern const RowType   problem_row;

/* kind.c: what the table of a store must be; kind.h says what that is made of */
typedef struct StoreKind StoreKind;
extern const StoreKind	 event_store;
extern const StoreKind	 snapshot_store;
extern const StoreKind	 model_store;

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
	bool		is_fresh; /* a query that sees what was committed since the caller's snapshot */
} Statement;

/* What every writer's versions are held to. */
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

/* guard.c: the triggers that hold every writer to a rule; guard.h is for who switches them */
extern List *guard_problems(FunctionCallInfo fcinfo, Oid table);

/* filter.c: query arguments -> a statement */
extern Statement filter_select(FunctionCallInfo fcinfo);
extern Statement filter_count(FunctionCallInfo fcinfo);
extern Statement filter_delete(FunctionCallInfo fcinfo, ArrayType *ids);
extern Statement filter_snapshots(FunctionCallInfo fcinfo);

/* result.c: the rows of a set-returning function */
extern void	 start_result(FunctionCallInfo fcinfo, const RowType *row);
extern void	 add_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement);
extern Datum return_rows(FunctionCallInfo fcinfo, Store *store, const Statement *statement);
extern Datum return_nothing(FunctionCallInfo fcinfo, Store *store);

/* save.c: storing one row */
extern void				save_row(Store *store, const Statement *statement);
pg_noreturn extern void reject_lost_row(Store *store);

/* insert.c: storing events */
extern void require_stored(Store *store, uint64 stored, int count);

/* event.c: what an event must be */
typedef void (*EventCheck)(int element, const Datum *values, const bool *nulls, void *state);
extern int		  prepare_batch(ArrayType **events);
extern int		  prepare_events(ArrayType **events, Datum **out, EventCheck check, void *state);
extern ArrayType *event_array(Oid event_type, Datum *events, int count);
extern Datum	  event_datum(Oid event_type, Datum *values, bool *nulls);
extern void		  complete_event(Datum *values, bool *nulls);

/* version_check.c: new rows against the versions that are there */
extern void check_versions(TriggerData *trigger, VersionRule rule);

/* aggregate_version.c: the newest version of an aggregate */
extern Version fetch_version(Store *store, const Statement *statement);
extern Version newest_version(Store *store, const Aggregate *aggregate, bool is_fresh);

/* aggregate.c: an aggregate and its lock */
extern Aggregate aggregate_argument(FunctionCallInfo fcinfo, int number);
extern uint32	 aggregate_lock(const Aggregate *aggregate);
extern bool		 may_lock_aggregates(uint16 lock_class, int count);
extern void		 lock_in_store(Oid store, uint32 number, uint16 lock_class, LOCKMODE mode);
extern char		*describe_aggregate(const Aggregate *aggregate);

/* conflict.c: raising VE001 */
typedef struct Conflict
{
	Relation  table;
	Aggregate aggregate;
	Version	  current;
	int64	  event_version;
	int64	  event_index; /* from 1; 0: it is about no event */
} Conflict;

pg_noreturn extern void report_conflict(const Conflict *conflict, const char *format, ...)
	pg_attribute_printf(2, 3);

/* store.c: a name -> an opened table */
#define NO_SCHEMA_HINT                                                                            \
	"Write the table with its schema, as in shop.events, or have search_path name a schema that " \
	"exists."
#define NAME_HINT \
	"Write it as in SQL: events, shop.events, or \"Odd Name\" with its quotation marks."
#define CUT_NAME_DETAIL "PostgreSQL keeps the first %d bytes of a name."
#define CUT_NAME_HINT "Choose a shorter name."
extern bool		   is_store_name(const char *name);
extern bool		   is_name_cut(const char *name);
extern char		  *store_name(FunctionCallInfo fcinfo, int argument, const StoreKind *kind);
extern RangeVar	  *store_range(const char *name, const char *argument_name);
extern const char *missing_schema(const RangeVar *range);
extern char		  *create_store_commands(FunctionCallInfo fcinfo, const StoreKind *kind,
										 const char *name);
extern Store	  *store_open(FunctionCallInfo fcinfo, int argument, LOCKMODE mode);
extern Store	  *store_open_kind(FunctionCallInfo fcinfo, int argument, const StoreKind *kind,
								   LOCKMODE mode);
extern Store	  *store_find(FunctionCallInfo fcinfo, int argument, const char *argument_name,
							  const StoreKind *kind, LOCKMODE mode);
extern void		   store_require_key(Store *store);
extern void		   store_close(Store *store);
extern void		   store_leave(Store *store);

/* schema.c: what a store's table must be */
extern bool	 columns_fit(Relation relation, const StoreKind *kind);
extern List *schema_problems(Relation relation, const StoreKind *kind);
extern char *create_table_command(const StoreKind *kind, const char *schema, const char *table);
extern char *comment_commands(const StoreKind *kind, const char *schema, const char *table);

/* index.c: the indexes that it needs */
extern bool	 has_key(Relation relation, const StoreKind *kind);
extern bool	 has_unique_versions(Relation relation);
extern Oid	 version_index(Relation relation);
extern List *version_index_problem(List *problems, Relation relation);

/* problem.c: what can be wrong with a table */
typedef enum ProblemKind
{
	PROBLEM_KIND,  /* it is not an ordinary table */
	PROBLEM_TABLE, /* its columns do not fit */
	PROBLEM_INDEX, /* an index is missing and can be added */
	PROBLEM_GUARD  /* a guard does not hold */
} ProblemKind;

typedef struct Problem
{
	ProblemKind kind;
	char	   *text;
	char	   *remedy;		/* SQL; NULL: none can mend it */
	char	   *index_name; /* the index that the remedy creates */

	/* what the remedy makes unique; NULL: nothing */
	const struct RequiredIndex *unique;
} Problem;

extern List			   *add_problem(List *problems, ProblemKind kind, char *text, char *remedy,
									char *index_name);
pg_noreturn extern void report_mismatch(Relation relation, List *problems, const char *hint);

/* privilege.c: what the caller may do with a table, asked before others have to wait */
extern bool may_use_columns(Relation table, AclMode privilege, const char *const *columns,
							int count);
extern void require_columns(Relation table, AclMode privilege, const char *const *columns,
							int count);
extern void reject_hidden_rows(Relation table);

/* table.c: looking at a table */
extern Form_pg_attribute find_column(Relation relation, const char *name);
extern char				*qualified_name(Relation relation);
extern bool				 has_parent(Relation relation);
extern bool				 has_heirs(Relation relation);

/* row.c: rows, as composite values */
extern void		 require_row(TupleDesc descriptor, const RowType *row);
extern TupleDesc row_descriptor(Oid type, const RowType *row);
extern void		 row_values(TupleDesc descriptor, const RowType *row, Datum value, Datum *values,
							bool *nulls);
extern Datum	 row_datum(TupleDesc descriptor, const RowType *row, const Datum *values,
						   const bool *nulls);

/* plan.c: the one door to SPI */
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
extern Oid	 return_type(FunctionCallInfo fcinfo);
extern Datum required_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern Datum name_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern Datum id_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *hint);
extern bool	 is_name_too_long(text *name, int *length);
pg_noreturn extern void reject_cut_name(const char *name, const char *value);
extern ArrayType	   *array_argument(FunctionCallInfo fcinfo, int number, const char *name);
extern void				reject_null_elements(ArrayType *array, const char *name);
extern void				reject_nested_array(ArrayType *array, const char *name);

/* module.c: settings */
extern char *default_store;
extern bool	 allow_changes;

#pragma GCC visibility pop

#endif
