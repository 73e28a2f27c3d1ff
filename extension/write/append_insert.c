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

static const char insert_one[] =
	INSERT "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

static const char			 insert_several[] =
	"WITH first AS (" INSERT SELECT_EVENTS
	"WHERE place OPERATOR(pg_catalog.=) 1 ON CONFLICT DO NOTHING RETURNING 1), "
	"rest AS (" INSERT SELECT_EVENTS
	"WHERE place OPERATOR(pg_catalog.>) 1 AND EXISTS (SELECT FROM first) "
	"ON CONFLICT DO NOTHING RETURNING 1) "
	"SELECT pg_catalog.count(*) FROM (SELECT FROM first UNION ALL SELECT FROM rest) AS stored";

static const char insert_plainly[] = INSERT SELECT_EVENTS;

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
 * insert_single stores the only event of an append, as most appends have one, without the cost
 * of an array. It returns how many events it stored.
 */
uint64
insert_single(const AppendCall *append, int32 base)
{
	const Datum *event = append->first;
	Parameter	 parameters[] = {{UUIDOID, event[EVENT_ID]},		{TEXTOID, event[EVENT_NAME]},
								 {INT8OID, event[EVENT_TIME]},		{UUIDOID, append->aggregate.id},
								 {TEXTOID, append->aggregate.name}, {INT4OID, Int32GetDatum(base + 1)},
								 {JSONBOID, event[EVENT_DATA]}};
	Statement	 statement = kept_statement(insert_one, parameters, lengthof(parameters));

	return execute_statement(append->store, &statement, SPI_OK_INSERT, NULL);
}

/*
 * insert_batch stores the events with the versions after base and returns how many it stored.
 * It skips an event whose id or version is taken, and all events if the first is skipped. It is
 * one statement, so that a guard takes its locks after all rows are stored, as with every
 * writer.
 */
uint64
insert_batch(const AppendCall *append, int32 base)
{
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = kept_statement(insert_several, parameters, APPEND_PARAMETERS);

	append_parameters(append, append->events, base, parameters);
	statement.is_fresh = true;
	return DatumGetInt64(fetch_value(append->store, &statement));
}

/*
 * insert_or_fail stores some of the events, the first of them with the version after
 * base, and returns how many it stored. PostgreSQL's own error says what is in the way.
 */
uint64
insert_or_fail(const AppendCall *append, int first, int count, int64 base)
{
	Oid		  type = ARR_ELEMTYPE(append->events);
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = kept_statement(insert_plainly, parameters, APPEND_PARAMETERS);

	append_parameters(append, event_array(type, append->elements + first, count), base, parameters);
	return execute_statement(append->store, &statement, SPI_OK_INSERT, NULL);
}
