/*
 * stats.c
 *    goes stats: what a store has in it, and how large it is.
 */
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	(void) argument;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	argp_error(state, "stats takes no argument; --table names another table");
	return 0;
}

static const struct argp argp = {
	.parser = parse,
	.doc =
		"Counts the events of a store, by name and by kind of aggregate, and says how large it is, "
		"which guards it has, and how far its feed is. It reads the whole table.\v"
		"Example:\n\n"
		"  goes stats --json | jq .events",
	.children = format_children};

/* What the catalogs know. $1 is the table's name. */
static const char facts_text[] =
	"SELECT pg_catalog.current_database()::text AS database, $1::text::regclass::text AS store, "
	"pg_catalog.pg_table_size($1::text::regclass) AS table_bytes, "
	"pg_catalog.pg_indexes_size($1::text::regclass) AS index_bytes, "
	"coalesce((SELECT pg_catalog.split_part(pg_catalog.encode(tgargs, 'escape'), '\\', 1) "
	"FROM pg_catalog.pg_trigger WHERE tgrelid = $1::text::regclass AND tgname = "
	"'goes_validate_versions'), "
	"'off') AS validate_versions, "
	"EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1::text::regclass "
	"AND tgname = 'goes_append_only') AS append_only, "
	"EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1::text::regclass "
	"AND tgname = 'goes_feed_truncate') AS feed";

static const char feed_text[] =
	"SELECT @goes_feed_position(store => $1::text) AS feed_position, "
	"(SELECT pg_catalog.count(*) FROM @goes_feed_writers($1::text)) AS feed_writers";

/* # is the table, as the server writes it. Each reads the whole table, once. */
static const char names_text[] = "SELECT name, pg_catalog.count(*) AS events, "
								 "pg_catalog.to_char(@goes_timestamp(min(\"time\")) AT TIME ZONE "
								 "'UTC', 'YYYY-MM-DD HH24:MI:SS') || 'Z' "
								 "AS first, "
								 "pg_catalog.to_char(@goes_timestamp(max(\"time\")) AT TIME ZONE "
								 "'UTC', 'YYYY-MM-DD HH24:MI:SS') || 'Z' "
								 "AS last FROM # GROUP BY name ORDER BY events DESC, name";

static const char aggregates_text[] =
	"SELECT aggregate_name, pg_catalog.count(*) AS aggregates, "
	"pg_catalog.sum(events)::pg_catalog.int8 AS events, pg_catalog.max(events) AS most_events "
	"FROM (SELECT aggregate_name, pg_catalog.count(*) AS events FROM # "
	"WHERE aggregate_id IS NOT NULL GROUP BY aggregate_name, aggregate_id) AS one "
	"GROUP BY aggregate_name ORDER BY events DESC, aggregate_name";

/*
 * ask_of_table asks with the table's name in the place of #.
 */
static PGresult *
ask_of_table(goes_pool *pool, const char *text, const char *table)
{
	size_t	  before = strcspn(text, "#");
	PGresult *result;
	char	 *copy;

	if (asprintf(&copy, "%.*s%s%s", (int) before, text, table, text + before + 1) < 0)
		fail(EXIT_OTHER, "out of memory");
	result = ask(pool, copy, 0, NULL);
	free(copy);
	return result;
}

/*
 * sum_column adds up a column of numbers.
 */
static int64_t
sum_column(const PGresult *result, int column)
{
	int64_t sum = 0;

	for (int row = 0; row < PQntuples(result); row++)
		sum += strtoll(PQgetvalue(result, row, column), NULL, 10);
	return sum;
}

static const char *
size_text(const char *bytes)
{
	static char buffers[2][32];
	static int	turn = 0;
	double		size = strtod(bytes, NULL);
	const char *units = "kMGT";
	char	   *buffer = buffers[turn++ % 2];

	for (size /= 1024; size >= 1024 && units[1] != '\0'; units++)
		size /= 1024;
	snprintf(buffer, sizeof buffers[0], "%.1f %cB", size, *units);
	return buffer;
}

static bool
is_true(const PGresult *facts, int column)
{
	return *PQgetvalue(facts, 0, column) == 't';
}

typedef struct Statistics
{
	PGresult *facts;
	PGresult *feed; /* NULL: there is none */
	PGresult *names;
	PGresult *aggregates;
} Statistics;

static void
show_people(const Statistics *found)
{
	static const Format table = {0};
	const PGresult	   *facts = found->facts;

	printf("store       %s in %s\n", PQgetvalue(facts, 0, 1), PQgetvalue(facts, 0, 0));
	printf("events      %s\n", grouped(sum_column(found->names, 1)));
	printf("aggregates  %s\n", grouped(sum_column(found->aggregates, 1)));
	printf("size        %s, and indexes of %s\n", size_text(PQgetvalue(facts, 0, 2)),
		   size_text(PQgetvalue(facts, 0, 3)));
	printf("guards      validate_versions %s, append_only %s\n", PQgetvalue(facts, 0, 4),
		   is_true(facts, 5) ? "on" : "off");
	if (found->feed == NULL)
		printf("feed        off\n");
	else
		printf("feed        at position %s, %s writing now\n", PQgetvalue(found->feed, 0, 0),
			   PQgetvalue(found->feed, 0, 1));
	if (PQntuples(found->names) > 0)
		putchar('\n');
	show_result(found->names, &table);
	if (PQntuples(found->aggregates) > 0)
		putchar('\n');
	show_result(found->aggregates, &table);
}

static void
write_list(FILE *file, const char *key, const PGresult *result)
{
	fprintf(file, ", \"%s\": [", key);
	for (int row = 0; row < PQntuples(result); row++)
	{
		fputs(row > 0 ? ", {" : "{", file);
		write_json_members(file, result, row);
		putc('}', file);
	}
	putc(']', file);
}

static void
show_json(const Statistics *found)
{
	char  *text = NULL;
	size_t length;
	FILE  *file = allocated(open_memstream(&text, &length));

	putc('{', file);
	write_json_members(file, found->facts, 0);
	fprintf(file, ", \"events\": %lld, \"aggregates\": %lld",
			(long long) sum_column(found->names, 1), (long long) sum_column(found->aggregates, 1));
	if (found->feed != NULL)
	{
		fputs(", ", file);
		write_json_members(file, found->feed, 0);
	}
	write_list(file, "event_names", found->names);
	write_list(file, "aggregate_names", found->aggregates);
	putc('}', file);
	fclose(file);
	if (chosen_format()->is_pretty)
		json_write_pretty(stdout, allocated(text), length, 0);
	else
		fputs(allocated(text), stdout);
	putchar('\n');
	free(text);
}

static int
run(void)
{
	goes_store *store = open_store(false);
	goes_pool  *pool = goes_store_pool(store);
	const char *values[] = {store_table()};
	Statistics	found = {0};
	const char *table;

	found.facts = ask(pool, facts_text, 1, values);
	table = PQgetvalue(found.facts, 0, 1);
	if (is_true(found.facts, 6))
		found.feed = ask(pool, feed_text, 1, values);
	found.names = ask_of_table(pool, names_text, table);
	found.aggregates = ask_of_table(pool, aggregates_text, table);
	if (chosen_format()->is_json)
		show_json(&found);
	else
		show_people(&found);
	require_written(stdout);
	return EXIT_FINE;
}

const Command stats_command = {"stats", "say what a store has in it, and how large it is", &argp,
							   run};
