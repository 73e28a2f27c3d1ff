/*
 * bounds_aggregate.c
 *	  Reading one aggregate of 100 events through goes_query against the bare SELECT.
 *
 * Both are prepared, give binary rows and take turns call by call, each time with
 * another aggregate, so that neither finds in the processor's caches what it left there
 * itself. Both have their generic plans: PostgreSQL may otherwise settle on planning the
 * bare SELECT at every call, if ANALYZE's sample happens to make that look cheaper, and
 * goes_query, which never does so, would look better than it is.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define AGGREGATES 2000
#define VERSIONS 100
#define PAIRS 15000
#define WARM_UP 200 /* pairs that do not count */
#define TARGET 1.10

/* The ways to ask for an aggregate; the first is the one that the bound is about. */
enum Form
{
	BY_NAME_AND_ID,
	BY_REFERENCE,
	FORMS
};

#define EVENT_COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data "

static const char bare_select[] =
	"SELECT " EVENT_COLUMNS "FROM history "
	"WHERE aggregate_name = $1 AND aggregate_id = $2 ORDER BY aggregate_version";

static const struct
{
	const char *label;
	const char *text;
} forms[FORMS] = {
	[BY_NAME_AND_ID] = {"by name and id",
						"SELECT " EVENT_COLUMNS "FROM goes_query(aggregate_names => ARRAY[$1], "
						"aggregate_ids => ARRAY[$2], "
						"sort => '{aggregate_version}', store => 'history')"},
	[BY_REFERENCE] = {"by reference", "SELECT " EVENT_COLUMNS "FROM goes_query("
									  "aggregates => ARRAY[ROW($1, $2)::goes_aggregate_ref], "
									  "sort => '{aggregate_version}', store => 'history')"},
};

/* How an aggregate's events lie in the table, which is filled in this order. */
static const struct
{
	const char *label;
	const char *order;
} layouts[] = {
	{"events as they came", "version, aggregate"},
	{"each aggregate's together", "aggregate, version"},
};

enum
{
	LAYOUTS = sizeof(layouts) / sizeof(layouts[0])
};

/* Median durations, in seconds. */
typedef struct Times
{
	double bare;
	double function;
} Times;

/*
 * fill makes a store with the events of all aggregates.
 */
static void
fill(PGconn *connection, const char *order)
{
	run(connection, "SELECT goes_create_store('history')");
	run(connection,
		"INSERT INTO history SELECT goes_uuid_v7(), 'shop.order.item_added', goes_now(), "
		"md5(aggregate::text)::uuid, '" AGGREGATE_NAME "', version, "
		"jsonb_build_object('sku', md5(version::text), 'quantity', version %% 7, 'customer', "
		"md5(aggregate::text), 'note', 'leave it at the back door, please', 'channel', 'web') "
		"FROM generate_series(1, %d) AS aggregate, generate_series(1, %d) AS version ORDER BY %s",
		AGGREGATES, VERSIONS, order);
	run(connection, "VACUUM ANALYZE history");
	run(connection, "CHECKPOINT");
}

/*
 * read_aggregate reads an aggregate and returns how long that took.
 */
static double
read_aggregate(PGconn *connection, const char *statement, const char *id)
{
	const char *values[] = {AGGREGATE_NAME, id};
	int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH};
	int			formats[] = {1, 1};
	double		start = seconds_now();
	PGresult   *result = PQexecPrepared(connection, statement, 2, values, lengths, formats, 1);
	double		duration = seconds_now() - start;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) != VERSIONS)
		die("an aggregate has %d events in place of %d", PQntuples(result), VERSIONS);
	check_result(connection, result, PGRES_TUPLES_OK);
	return duration;
}

/*
 * time_pairs reads aggregates both ways in turn and finds the median durations.
 */
static Times
time_pairs(PGconn *connection, PGresult *ids)
{
	static double bare[PAIRS];
	static double function[PAIRS];

	for (int i = 0; i < WARM_UP + PAIRS; i++)
	{
		int			place = i < WARM_UP ? 0 : i - WARM_UP;
		const char *one = PQgetvalue(ids, (int) (random_number() % AGGREGATES), 0);
		const char *other = PQgetvalue(ids, (int) (random_number() % AGGREGATES), 0);

		bare[place] = read_aggregate(connection, "bare", one);
		function[place] = read_aggregate(connection, "function", other);
	}
	return (Times){median(bare, PAIRS), median(function, PAIRS)};
}

/*
 * measure_form measures one way to ask for an aggregate, in a backend of its own.
 */
static Times
measure_form(const char *text)
{
	static const Oid types[] = {TEXT_OID, UUID_OID};
	PGconn			*connection = connect_to_server();
	PGresult		*ids = query(connection, "SELECT DISTINCT aggregate_id FROM history");
	Times			 times;

	run(connection, "SET plan_cache_mode = force_generic_plan");
	prepare(connection, "bare", bare_select, 2, types);
	prepare(connection, "function", text, 2, types);
	times = time_pairs(connection, ids);
	PQclear(ids);
	PQfinish(connection);
	return times;
}

/*
 * measure_layout measures all forms with the events lying in the table in some order.
 */
static void
measure_layout(const char *order, Times *times)
{
	PGconn *connection = connect_to_server();

	fill(connection, order);
	for (int i = 0; i < FORMS; i++)
		times[i] = measure_form(forms[i].text);
	run(connection, "DROP TABLE history");
	PQfinish(connection);
}

/*
 * ratio_of compares goes_query to the bare SELECT.
 */
static double
ratio_of(Times times)
{
	return times.function / times.bare;
}

/*
 * print_details prints what the bound was made of.
 */
static void
print_details(Times times[LAYOUTS][FORMS])
{
	for (int i = 0; i < LAYOUTS; i++)
	{
		for (int k = 0; k < FORMS; k++)
			detail("%-26s %-15s goes_query %.1f us, SELECT %.1f us: %.2f x", layouts[i].label,
				   forms[k].label, times[i][k].function * 1e6, times[i][k].bare * 1e6,
				   ratio_of(times[i][k]));
	}
	detail("(medians of %d pairs)", PAIRS);
}

/*
 * measure_aggregate measures and reports the bound, which the worse layout decides.
 */
void
measure_aggregate(void)
{
	Times  times[LAYOUTS][FORMS];
	double worst = 0;
	char   measured[64];

	for (int i = 0; i < LAYOUTS; i++)
	{
		double ratio;

		measure_layout(layouts[i].order, times[i]);
		ratio = ratio_of(times[i][BY_NAME_AND_ID]);
		worst = ratio > worst ? ratio : worst;
	}
	snprintf(measured, sizeof(measured), "%.2f x bare SELECT", worst);
	report("goes_query of one aggregate of 100 events", measured, "at most 1.10 x",
		   worst <= TARGET);
	print_details(times);
}
