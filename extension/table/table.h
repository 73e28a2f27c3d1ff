/*
 * table.h
 *	  The tables of stores: from a name to an opened table that fits, and what is wrong
 *	  with one that does not.
 */
#ifndef GOES_TABLE_H
#define GOES_TABLE_H

#include "commands/trigger.h"

#include "base/base.h"

#pragma GCC visibility push(hidden)

/* kind.c: what the table of a store must be; kind.h says what that is made of */
extern const StoreKind event_store;
extern const StoreKind snapshot_store;
extern const StoreKind model_store;

/* kind_subscription.c */
extern const StoreKind subscription_store;
extern const StoreKind partition_store;
extern const StoreKind retry_store;

/* kind.c: the setting goes_store.default_store */
extern char *default_store;

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

/*
 * The columns of an event and of a snapshot, for SQL. They need no cast to be a goes_event or a
 * goes_snapshot, since varchar and text are the same bytes; without a cast PostgreSQL copies a
 * row as it lies in the table.
 */
#define EVENT_LIST "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"
#define MEMBER_LIST "\"position\", id, aggregate_id, aggregate_name" /* with a feed */
#define SNAPSHOT_LIST "aggregate_id, aggregate_name, aggregate_version, \"time\", state"

/*
 * Column numbers of the type goes_append_item, in the order of goes_append's arguments, and of the
 * rows of goes_append_each.
 */
enum ItemColumn
{
	ITEM_AGGREGATE_NAME,
	ITEM_AGGREGATE_ID,
	ITEM_EVENTS,
	ITEM_EXPECTED_VERSION,
	ITEM_COLUMNS
};

enum OutcomeColumn
{
	OUTCOME_ITEM,
	OUTCOME_AGGREGATE_VERSION,
	OUTCOME_SQLSTATE,
	OUTCOME_MESSAGE,
	OUTCOME_DETAIL,
	OUTCOME_COLUMNS
};

/* Column numbers of the rows of goes_feed: those of an event come after the position. */
enum FeedColumn
{
	FEED_POSITION,
	FEED_ID,
	FEED_NAME,
	FEED_TIME,
	FEED_AGGREGATE_ID,
	FEED_AGGREGATE_NAME,
	FEED_AGGREGATE_VERSION,
	FEED_DATA,
	FEED_COLUMNS
};

/* Column numbers of the rows of goes_claim: those of an event come last. */
enum ClaimColumn
{
	CLAIM_PARTITION,
	CLAIM_EPOCH,
	CLAIM_POSITION,
	CLAIM_ATTEMPTS,
	CLAIM_EVENT,
	CLAIM_COLUMNS = CLAIM_EVENT + EVENT_COLUMNS
};

/* row.c: what the rows that functions take and return must be */
typedef struct RowType RowType;
extern const RowType   event_row;
extern const RowType   reference_row;
extern const RowType   item_row;
extern const RowType   outcome_row;
extern const RowType   snapshot_row;
extern const RowType   load_row;
extern const RowType   feed_row;
extern const RowType   writer_row;
extern const RowType   claim_row;
extern const RowType   lag_row;
extern const RowType   parked_row;
extern const RowType   problem_row;

/* store.c: a name -> an opened table */
#define NO_SCHEMA_HINT                                                                            \
	"Write the table with its schema, as in shop.events, or have search_path name a schema that " \
	"exists."
#define NAME_HINT \
	"Write it as in SQL: events, shop.events, or \"Odd Name\" with its quotation marks."
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
extern Store	  *store_open_oid(Oid table, const StoreKind *kind, LOCKMODE mode);
extern RangeVar	  *companion_range(Oid table, const StoreKind *kind);
extern Store	  *store_open_companion(const Store *store, const StoreKind *kind, LOCKMODE mode);
extern void		   store_require_columns(Store *store);
extern void		   store_require_key(Store *store);
extern void		   store_close(Store *store);
extern void		   store_leave(Store *store);

/* distributed.c: tables whose rows are not in them */
extern bool is_distributed(Oid table);
extern bool is_tenant_schema(Oid schema);
extern bool is_sent_by_citus(void);
extern void tell_rows_elsewhere(Relation table);
extern void require_rows_here(Relation table, const char *what, const char *detail,
							  const char *hint);

/* schema.c: what a store's table must be */
extern bool	 columns_fit(Relation relation, const StoreKind *kind);
extern List *schema_problems(Relation relation, const StoreKind *kind);
extern char *create_table_command(const StoreKind *kind, const char *schema, const char *table);
extern char *comment_commands(const StoreKind *kind, const char *schema, const char *table);

/* index.c: which of its indexes serve */
extern bool has_key(Relation relation, const StoreKind *kind);
extern bool has_unique_versions(Relation relation);
extern bool has_deferrable_index(Relation relation);
extern Oid	version_index(Relation relation);

/* missing_index.c: those that it lacks */
extern List *version_index_problem(List *problems, Relation relation);

/* problem.c: what can be wrong with a table */
typedef enum ProblemKind
{
	PROBLEM_KIND,		  /* it is not an ordinary table */
	PROBLEM_TABLE,		  /* its columns do not fit */
	PROBLEM_INDEX,		  /* an index is missing and can be added */
	PROBLEM_GUARD,		  /* a guard does not hold */
	PROBLEM_FEED,		  /* the feed is not whole */
	PROBLEM_SUBSCRIPTION, /* a subscription to it cannot be followed */
	PROBLEM_VERSION		  /* the extension and its library are of different versions */
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

/* privilege.c: what the caller may do with a table */
extern bool may_use_columns(Relation table, AclMode privilege, const char *const *columns,
							int count);
extern void require_columns(Relation table, AclMode privilege, const char *const *columns,
							int count);
extern void require_privileges(const Store *store, AclMode privileges);
extern void require_insert(const Store *store);
extern bool can_read_directly(const Store *store, Oid index);
extern void reject_hidden_rows(Relation table);

/* relation.c: looking at a table */
extern Form_pg_attribute find_column(Relation relation, const char *name);
extern char				*qualified_name(Relation relation);
extern char				*relation_name(Oid relation);
extern Oid				 table_owner(Oid table);
extern bool				 has_parent(Relation relation);
extern bool				 has_heirs(Relation relation);
extern void				 reject_relatives(Relation table, const char *what);

/* trigger.c: our triggers on a table */
extern Oid			trigger_function(FunctionCallInfo fcinfo, const char *name);
extern TriggerDesc *copy_triggers(Relation table);
extern Trigger	   *find_trigger(Relation table, Oid function);
extern bool			is_enabled_trigger(const Trigger *trigger);
extern char		   *drop_trigger_command(Relation table, const Trigger *trigger);
extern char		   *alter_store_call(FunctionCallInfo fcinfo, Relation table, const char *argument,
									 const char *value);
extern void			reject_other_trigger(Relation table, const Trigger *trigger, const char *name);

/* row.c: rows, as composite values */
extern void		 require_row(TupleDesc descriptor, const RowType *row);
extern TupleDesc row_descriptor(Oid type, const RowType *row);
extern void		 row_values(TupleDesc descriptor, const RowType *row, Datum value, Datum *values,
							bool *nulls);
extern Datum	 row_datum(TupleDesc descriptor, const RowType *row, const Datum *values,
						   const bool *nulls);

#pragma GCC visibility pop

#endif
