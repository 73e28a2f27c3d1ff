/*
 * append_repeat.c
 *	  Is an append stored already?
 *
 * A caller that lost the answer may repeat the append: the ids of its events tell whether the
 * first call stored them.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "write/append.h"
#include "errors.h"

static const char stored_text[] =
	"SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE "
	"stored.aggregate_name OPERATOR(pg_catalog.=) $2 "
	"AND stored.aggregate_id OPERATOR(pg_catalog.=) $3 "
	"AND stored.name OPERATOR(pg_catalog.=) sent.name "
	"AND stored.\"time\" OPERATOR(pg_catalog.=) sent.\"time\" "
	"AND COALESCE(stored.data, 'null'::pg_catalog.jsonb) OPERATOR(pg_catalog.=) sent.data "
	"AND stored.aggregate_version IS NOT NULL "
	"AND (sent.aggregate_version IS NULL OR sent.aggregate_version OPERATOR(pg_catalog.=) 0 "
	"OR sent.aggregate_version OPERATOR(pg_catalog.=) stored.aggregate_version)), "
	"pg_catalog.min(stored.aggregate_version OPERATOR(pg_catalog.-) sent.place), "
	"pg_catalog.max(stored.aggregate_version OPERATOR(pg_catalog.-) sent.place) "
	"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent " PLACED_COLUMNS
	"JOIN %s AS stored ON stored.id OPERATOR(pg_catalog.=) sent.id";

/*
 * report_repeat_mismatch raises VE003.
 */
pg_noreturn static void
report_repeat_mismatch(const AppendCall *append, char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_GOES_REPEAT_MISMATCH),
					errmsg("the append to aggregate %s does not match what is stored",
						   describe_aggregate(&append->aggregate)),
					errdetail_internal("%s", detail),
					errhint("To repeat an append, send the same events in the same order, with the "
							"same times and data; give new events new ids."),
					errtable(append->store->relation)));
}

void
report_taken_id(const AppendCall *append, int64 place)
{
	report_repeat_mismatch(append,
						   psprintf("The id of event " INT64_FORMAT " is taken, but the id of the "
									"first event is not.",
									place));
}

bool
is_repeat(const AppendCall *append, int32 *last)
{
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = {.text = stored_text,
						   .parameters = parameters,
						   .parameter_count = AGGREGATE_PARAMETERS,
						   .is_fresh = true};
	Datum	  values[4];
	bool	  nulls[4];
	int64	  stored;
	int64	  same;
	int64	  base;

	append_parameters(append, append->events, 0, parameters);
	(void) fetch_row(append->store, &statement, SPI_OK_SELECT, values, nulls);
	stored = DatumGetInt64(values[0]);
	same = DatumGetInt64(values[1]);
	if (stored == 0)
		return false;
	base = DatumGetInt64(values[2]);
	if (same != append->count)
		report_repeat_mismatch(append,
							   psprintf("The ids of " INT64_FORMAT " of its %d events are taken, "
										"and " INT64_FORMAT " of those events are the same.",
										stored, append->count, same));
	if (base != DatumGetInt64(values[3]))
		report_repeat_mismatch(append,
							   pstrdup("All of its events are stored, but not consecutively "
									   "in this order."));
	*last = (int32) (base + append->count);
	return true;
}
