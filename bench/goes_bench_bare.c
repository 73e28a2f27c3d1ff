/*
 * goes_bench_bare.c
 *	  The references: what the same server does without the extension's functions, on the same table. Bare
 *	  prepared INSERTs and SELECTs, COPY BINARY, and INSERT … SELECT FROM unnest.
 *
 * None of them looks at the aggregate's version: the unique index alone refuses an event.
 */
#include <string.h>

#include "goes_bench.h"

#define COLUMNS "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"

/* In the system's order: by time, and what has the same time by id. */
#define SYSTEM_ORDER " ORDER BY \"time\", id "

static const char copy_text[] = "COPY events (" COLUMNS ") FROM STDIN (FORMAT binary)";

static void *
connect_bare(const char *url)
{
	static const Oid text_and_uuid[] = {TEXT_OID, UUID_OID};
	static const Oid uuid[] = {UUID_OID};
	static const Oid text_and_number[] = {TEXT_OID, INT8_OID};
	static const Oid number[] = {INT8_OID};
	Link			*link = open_link(url);
	Oid				 events[] = {type_oid(link->connection, "goes_event[]")};

	prepare_bare(link->connection, "insert", "events");
	prepare(link->connection, "load",
			"SELECT " COLUMNS " FROM events WHERE aggregate_name = $1 AND aggregate_id = $2 "
			"ORDER BY aggregate_version",
			2, text_and_uuid);
	prepare(link->connection, "find", "SELECT " COLUMNS " FROM events WHERE id = $1", 1, uuid);
	prepare(link->connection, "named",
			"SELECT " COLUMNS " FROM events WHERE name = $1" SYSTEM_ORDER "LIMIT $2", 2,
			text_and_number);
	prepare(link->connection, "everything",
			"SELECT " COLUMNS " FROM events" SYSTEM_ORDER "LIMIT $1", 1, number);
	prepare(link->connection, "unnest",
			"INSERT INTO events (" COLUMNS ") SELECT " COLUMNS " FROM unnest($1)", 1, events);
	return link;
}

static long
append_bare(Client *client)
{
	Link *link = client->link;
	Event event;

	make_events(client, &event, 1);
	(void) time_bare(link->connection, "insert", &event);
	return 1;
}

static long
copy_batch(Client *client)
{
	Link   *link = client->link;
	PGconn *connection = link->connection;
	Event	events[MOST_COUNT];

	make_aggregate(client, events);
	encode_copy(&link->buffer, events, client->turn->count);
	check_result(connection, PQexec(connection, copy_text), PGRES_COPY_IN);
	if (PQputCopyData(connection, link->buffer.data, (int) link->buffer.length) != 1 ||
		PQputCopyEnd(connection, NULL) != 1)
		die("%s", PQerrorMessage(connection));
	check_result(connection, PQgetResult(connection), PGRES_COMMAND_OK);
	if (PQgetResult(connection) != NULL)
		die("COPY did not end");
	return client->turn->count;
}

static long
unnest_batch(Client *client)
{
	Event events[MOST_COUNT];

	make_aggregate(client, events);
	store_events(client->link, "unnest", NULL, events, client->turn->count, -1);
	return client->turn->count;
}

/*
 * read_named reads the first events of a name.
 */
static long
read_named(Client *client, const char *name)
{
	char		most[8];
	const char *values[] = {name, big_endian(most, 8, COMMON_READ)};
	int			lengths[] = {(int) strlen(name), 8};

	return read_rows(client->link, "named", 2, values, lengths);
}

static long
common_bare(Client *client)
{
	return read_named(client, COMMON_NAME);
}

static long
rare_bare(Client *client)
{
	return read_named(client, RARE_NAME);
}

static long
everything_bare(Client *client)
{
	char		most[8];
	const char *values[] = {big_endian(most, 8, MOST_READ)};
	int			lengths[] = {8};

	return read_rows(client->link, "everything", 1, values, lengths);
}

const Participant with_bare = {"bare",
							   connect_bare,
							   NULL,
							   NULL,
							   {{"append", append_bare},
								{"load", load_rows},
								{"find", find_row},
								{"common", common_bare},
								{"rare", rare_bare},
								{"everything", everything_bare}}};

const Participant with_copy = {"copy", connect_bare, NULL, NULL, {{"batch", copy_batch}}};

const Participant with_unnest = {"unnest", connect_bare, NULL, NULL, {{"batch", unnest_batch}}};
