/*
 * goes_bench_sql.c
 *	  The extension's functions from libpq, as a program in any language calls them.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

#define COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"
#define PAGE "1000"

typedef struct Following
{
	Link	link; /* the first, so that it is one */
	int64_t position;
} Following;

static void *
connect_sql(const char *url)
{
	static const Oid text_and_uuid[] = {TEXT_OID, UUID_OID};
	static const Oid uuid[] = {UUID_OID};
	static const Oid text[] = {TEXT_OID};
	static const Oid number[] = {INT8_OID};
	Following		*following = calloc(1, sizeof(Following));
	PGconn			*connection;
	Link			*link = open_link(url);
	Oid				 append[] = {TEXT_OID, UUID_OID, 0, INT4_OID};
	Oid				 text_and_events[] = {TEXT_OID, 0};

	if (following == NULL)
		die("out of memory");
	following->link = *link;
	free(link);
	connection = following->link.connection;
	append[2] = text_and_events[1] = type_oid(connection, "goes_event[]");
	prepare(connection, "append", "SELECT goes_append($1, $2, $3, $4)", 4, append);
	prepare(connection, "append_any", "SELECT goes_append($1, $2, $3)", 3, append);
	prepare(connection, "append_followed", "SELECT goes_append($1, $2, $3, $4, 'followed')", 4,
			append);
	prepare(connection, "append_each",
			"SELECT count(aggregate_version) FROM goes_append_each(ARRAY("
			"SELECT ($1, e.aggregate_id, ARRAY[e], 0)::goes_append_item FROM unnest($2) e))",
			2, text_and_events);
	prepare(connection, "load", "SELECT " COLUMNS " FROM goes_history($1, $2)", 2, text_and_uuid);
	prepare(connection, "find", "SELECT " COLUMNS " FROM goes_find($1)", 1, uuid);
	prepare(connection, "named",
			"SELECT " COLUMNS " FROM goes_query(names => ARRAY[$1], sort => '{time}', "
			"max_events => 1000)",
			1, text);
	prepare(connection, "everything",
			"SELECT goes_query_cursor(sort => '{time}', max_events => 100000, portal => 'all')", 0,
			NULL);
	prepare(connection, "following",
			"SELECT position, name, data FROM goes_feed($1, wait_ms => 20, max_events => " PAGE
			", store => 'followed')",
			1, number);
	return following;
}

static long
append_sql(Client *client)
{
	bool  is_followed = strcmp(client->turn->scenario, "follow") == 0;
	int	  expected = client->version;
	Event event;

	make_events(client, &event, 1);
	store_events(client->link, is_followed ? "append_followed" : "append", &client->stream, &event,
				 1, expected);
	return 1;
}

/*
 * append_hot appends to the aggregate that all clients write, whatever its version is. The event's
 * own version is null then: goes_append takes events from goes_new_event.
 */
static long
append_hot(Client *client)
{
	Event event;

	client->stream = client->turn->hot;
	client->version = -1; /* the event has version 0: the next one */
	make_events(client, &event, 1);
	store_events(client->link, "append_any", &client->stream, &event, 1, -1);
	return 1;
}

static long
append_batch(Client *client)
{
	Event events[MOST_COUNT];

	make_aggregate(client, events);
	store_events(client->link, "append", &client->stream, events, client->turn->count, 0);
	return client->turn->count;
}

/*
 * append_each appends one event to each of many aggregates, in a call that has an outcome for each.
 */
static long
append_each(Client *client)
{
	static const int formats[] = {1, 1};
	Link			*link = client->link;
	Event			 events[MOST_COUNT];
	PGresult		*result;
	long			 count;

	for (int i = 0; i < client->turn->count; i++)
		make_first_event(client, &events[i]);
	encode_array(&link->buffer, link->event_type, events, client->turn->count);
	{
		const char *values[] = {AGGREGATE_NAME, link->buffer.data};
		int			lengths[] = {(int) strlen(AGGREGATE_NAME), (int) link->buffer.length};

		result = PQexecPrepared(link->connection, "append_each", 2, values, lengths, formats, 0);
	}
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(link->connection));
	count = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return count;
}

static long
read_named(Client *client, const char *name)
{
	const char *values[] = {name};
	int			lengths[] = {(int) strlen(name)};

	return read_rows(client->link, "named", 1, values, lengths);
}

static long
common_sql(Client *client)
{
	return read_named(client, COMMON_NAME);
}

static long
rare_sql(Client *client)
{
	return read_named(client, RARE_NAME);
}

/*
 * everything_sql reads from a cursor in the server, as docs/languages.md has it.
 */
static long
everything_sql(Client *client)
{
	Link *link = client->link;
	long  count = 0;
	long  page;

	run(link->connection, "BEGIN");
	(void) time_prepared(link->connection, "everything", 0, NULL, NULL, PGRES_TUPLES_OK);
	do
	{
		if (!PQsendQueryParams(link->connection, "FETCH " PAGE " FROM \"all\"", 0, NULL, NULL, NULL,
							   NULL, 1))
			die("%s", PQerrorMessage(link->connection));
		page = take_rows(link);
		count += page;
	} while (page > 0);
	run(link->connection, "COMMIT");
	return count;
}

static void
begin_following(void *link)
{
	Following *following = link;
	PGresult  *result =
		PQexec(following->link.connection, "SELECT goes_feed_position(0, store => 'followed')");

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(following->link.connection));
	following->position = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
}

/*
 * follow_sql reads the next page. Its last row, which has no name, is the cursor.
 */
static long
follow_sql(void *link, Numbers *latencies)
{
	Following  *following = link;
	char		after[8];
	const char *values[] = {big_endian(after, 8, (uint64_t) following->position)};
	int			lengths[] = {8};
	int			formats[] = {1};
	PGresult   *result =
		PQexecPrepared(following->link.connection, "following", 1, values, lengths, formats, 0);
	int events = PQntuples(result) - 1;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(following->link.connection));
	for (int row = 0; row < events; row++)
		keep_delay(latencies, PQgetvalue(result, row, 2));
	following->position = strtoll(PQgetvalue(result, events, 0), NULL, 10);
	PQclear(result);
	return events;
}

const Participant with_sql = {"sql",
							  connect_sql,
							  begin_following,
							  follow_sql,
							  {{"append", append_sql},
							   {"follow", append_sql},
							   {"hot", append_hot},
							   {"batch", append_batch},
							   {"each", append_each},
							   {"load", load_rows},
							   {"find", find_row},
							   {"common", common_sql},
							   {"rare", rare_sql},
							   {"everything", everything_sql}}};
