/*
 * append_insert.c
 *	  The statements that store the events of an append.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "write/append.h"

#define INSERT "INSERT INTO %s (" EVENT_LIST ") "

/* Events of $1 of the aggregate $2, $3, with the versions after $4. */
#define SELECT_EVENTS                                                                      \
	"SELECT id, name, \"time\", $3, $2, (place OPERATOR(pg_catalog.+) $4)::integer, data " \
	"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent " PLACED_COLUMNS

#define SKIP "ON CONFLICT DO NOTHING"
#define VALUES "VALUES ($1, $2, $3, $4, $5, $6, $7) "

static const char insert_one[] = INSERT VALUES;

static const char insert_one_or_skip[] = INSERT VALUES SKIP;

static const char			 insert_several_or_skip[] =
	"WITH first AS (" INSERT SELECT_EVENTS "WHERE place OPERATOR(pg_catalog.=) 1 " SKIP
	" RETURNING 1), "
	"rest AS (" INSERT SELECT_EVENTS
	"WHERE place OPERATOR(pg_catalog.>) 1 AND EXISTS (SELECT FROM first) " SKIP " RETURNING 1) "
	"SELECT pg_catalog.count(*) FROM (SELECT FROM first UNION ALL SELECT FROM rest) AS stored";

static const char insert_several[] = INSERT SELECT_EVENTS;

/* where the rows are elsewhere */
static const char insert_several_distributed[] =
	INSERT SELECT_EVENTS "WHERE " SENT_WHOLE EACH_STORED;

static const char insert_rest_or_skip_distributed[] =
	INSERT SELECT_EVENTS "WHERE place OPERATOR(pg_catalog.>) 1 AND " SENT_WHOLE SKIP EACH_STORED;

/*
 * append_parameters sets the parameters of statements about an append: the events, the
 * aggregate and the version before the events.
 */
void
append_parameters(const AppendCall *append, ArrayType *events, int64 base, Parameter *parameters)
{
	parameters[0] =
		(Parameter){get_array_type(ARR_ELEMTYPE(append->events)), PointerGetDatum(events)};
	parameters[1] = (Parameter){TEXTOID, append->aggregate.name};
	parameters[2] = (Parameter){UUIDOID, append->aggregate.id};
	parameters[3] = (Parameter){INT8OID, Int64GetDatum(base)};
}

/*
 * store_one runs a statement that stores the only event of an append, as most appends have one,
 * without the cost of an array. It returns how many events it stored.
 */
static uint64
store_one(const AppendCall *append, const char *text, int32 base)
{
	const Datum *event = append->first;
	Parameter	 parameters[] = {{UUIDOID, event[EVENT_ID]},		{TEXTOID, event[EVENT_NAME]},
								 {INT8OID, event[EVENT_TIME]},		{UUIDOID, append->aggregate.id},
								 {TEXTOID, append->aggregate.name}, {INT4OID, Int32GetDatum(base + 1)},
								 {JSONBOID, event[EVENT_DATA]}};
	Statement	 statement = kept_statement(text, parameters, lengthof(parameters));

	if (append->store->is_distributed)
		return store_elsewhere(append->store, &statement, SPI_OK_INSERT);
	return execute_statement(append->store, &statement, SPI_OK_INSERT, NULL);
}

/*
 * store_several stores several events, the first of them with the version after base, by a plain
 * INSERT. It returns how many events it stored.
 */
static uint64
store_several(const AppendCall *append, ArrayType *events, int64 base)
{
	Parameter	parameters[APPEND_PARAMETERS];
	const char *text = append->store->is_distributed ? insert_several_distributed : insert_several;

	append_parameters(append, events, base, parameters);
	return insert_rows(append->store, text, parameters, APPEND_PARAMETERS);
}

/*
 * store_several_or_skip stores several events but skips one whose id or version is taken, and all
 * of them if the first is skipped. It is one statement, so that a guard takes its locks after all
 * rows are stored, as with every writer. It returns how many events it stored.
 */
static uint64
store_several_or_skip(const AppendCall *append, int32 base)
{
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = kept_statement(insert_several_or_skip, parameters, APPEND_PARAMETERS);

	append_parameters(append, append->events, base, parameters);
	statement.is_fresh = true;
	return DatumGetInt64(fetch_value(append->store, &statement));
}

/*
 * store_apart_or_skip does what store_several_or_skip does, where the rows are elsewhere: Citus refuses a
 * statement that stores rows in two places of its text.
 */
static uint64
store_apart_or_skip(const AppendCall *append, int32 base)
{
	Parameter parameters[APPEND_PARAMETERS];

	if (store_one(append, insert_one_or_skip, base) == 0)
		return 0;
	append_parameters(append, append->events, base, parameters);
	return 1 + insert_rows(append->store, insert_rest_or_skip_distributed, parameters,
						   APPEND_PARAMETERS);
}

/* The events of an append, to be stored with the versions after base. */
typedef struct Placed
{
	const AppendCall *append;
	int32			  base;
} Placed;

/*
 * store_all stores all events of an append, or returns false.
 */
static bool
store_all(void *state)
{
	const Placed	 *placed = state;
	const AppendCall *append = placed->append;
	uint64			  stored = append->count == 1 ? store_one(append, insert_one, placed->base)
												  : store_several(append, append->events, placed->base);

	return stored == (uint64) append->count;
}

/*
 * store_at_once stores all events, or none and returns false: if something is taken, or a trigger
 * kept an event out. A plain INSERT takes two thirds of the time of one with ON CONFLICT, which looks
 * into every unique index before it stores a row.
 */
static bool
store_at_once(const AppendCall *append, int32 base)
{
	Placed	   placed = {append, base};
	ErrorData *error;

	if (attempt(store_all, &placed, &error))
		return true;
	if (error != NULL && error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		error->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION)
		ReThrowError(error);
	return false;
}

/*
 * may_store_at_once tells whether a plain INSERT is worth a try. Without the lock other appends may
 * be about to take the versions, and rows that are to be undone would keep them waiting meanwhile; the
 * lock is one of this server, and rows that are elsewhere are written from other servers, too.
 */
static bool
may_store_at_once(const AppendCall *append)
{
	return append->is_locked && !append->store->is_distributed && is_attempt_cheap() &&
		   may_insert_plainly(append->store);
}

/*
 * store_or_skip stores the events with the versions after base and returns how many it stored. It
 * skips an event whose id or version is taken, and all events if the first is skipped.
 */
uint64
store_or_skip(const AppendCall *append, int32 base)
{
	if (may_store_at_once(append) && store_at_once(append, base))
		return append->count;
	if (append->count == 1)
		return store_one(append, insert_one_or_skip, base);
	if (append->store->is_distributed)
		return store_apart_or_skip(append, base);
	return store_several_or_skip(append, base);
}

/*
 * store_or_fail stores some of the events, the first of them with the version after base, and
 * returns how many it stored. PostgreSQL's own error says what is in the way.
 */
uint64
store_or_fail(const AppendCall *append, int first, int count, int64 base)
{
	Oid type = ARR_ELEMTYPE(append->events);

	return store_several(append, event_array(type, append->elements + first, count), base);
}
