/*
 * goes_bench_rows.c
 *	  libpq as a careful program uses it: prepared statements, binary values, and rows that are decoded
 *	  one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

/*
 * open_link connects a client.
 */
Link *
open_link(const char *url)
{
	Link *link = calloc(1, sizeof(Link));

	if (link == NULL)
		die("out of memory");
	link->connection = PQconnectdb(url);
	if (PQstatus(link->connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(link->connection));
	link->event_type = type_oid(link->connection, "goes_event");
	return link;
}

/*
 * decode reads a row's values into an event, as a program has to that wants to use them.
 */
static void
decode(const PGresult *result, int row, Event *event)
{
	size_t length = (size_t) PQgetlength(result, row, 6);
	char   bytes[8];

	memcpy(event->id, PQgetvalue(result, row, 0), UUID_LENGTH);
	memcpy(bytes, PQgetvalue(result, row, 2), 8);
	event->time = 0;
	for (int i = 0; i < 8; i++)
		event->time = event->time << 8 | (unsigned char) bytes[i];
	memcpy(event->aggregate_id, PQgetvalue(result, row, 3), UUID_LENGTH);
	memcpy(bytes, PQgetvalue(result, row, 5), 4);
	event->aggregate_version = 0;
	for (int i = 0; i < 4; i++)
		event->aggregate_version = event->aggregate_version << 8 | (unsigned char) bytes[i];
	if (length > sizeof(event->data))
		die("an event has %zu bytes of data", length);
	memcpy(event->data, PQgetvalue(result, row, 6) + 1, length - 1); /* after jsonb's version */
	event->data[length - 1] = '\0';
}

/*
 * take_rows decodes the rows of the query that was sent, and returns how many there were.
 */
long
take_rows(Link *link)
{
	PGresult *result;
	Event	  event;
	long	  rows = 0;

	while ((result = PQgetResult(link->connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_SINGLE_TUPLE &&
			PQresultStatus(result) != PGRES_TUPLES_OK)
			die("%s", PQerrorMessage(link->connection));
		for (int row = 0; row < PQntuples(result); row++)
			decode(result, row, &event);
		rows += PQntuples(result);
		PQclear(result);
	}
	return rows;
}

/*
 * read_rows runs a prepared query for events and returns how many there were. They come row by row, so
 * that the program decodes while the server goes on.
 */
long
read_rows(Link *link, const char *statement, int count, const char *const *values,
		  const int *lengths)
{
	static const int formats[] = {1, 1, 1, 1};

	if (!PQsendQueryPrepared(link->connection, statement, count, values, lengths, formats, 1) ||
		!PQsetSingleRowMode(link->connection))
		die("%s", PQerrorMessage(link->connection));
	return take_rows(link);
}

/*
 * store_events runs a prepared statement that takes the events as goes_event[] or, with an aggregate,
 * as goes_append does.
 */
void
store_events(Link *link, const char *statement, const goes_uuid *aggregate, const Event *events,
			 int count, int expected)
{
	char		version[4];
	const char *values[4];
	int			lengths[4];
	int			used = 0;

	encode_array(&link->buffer, link->event_type, events, count);
	if (aggregate != NULL)
	{
		values[used] = AGGREGATE_NAME;
		lengths[used++] = (int) strlen(AGGREGATE_NAME);
		values[used] = (const char *) aggregate->bytes;
		lengths[used++] = UUID_LENGTH;
	}
	values[used] = link->buffer.data;
	lengths[used++] = (int) link->buffer.length;
	if (aggregate != NULL && expected >= 0)
	{
		values[used] = big_endian(version, 4, (uint64_t) expected);
		lengths[used++] = 4;
	}
	(void) time_prepared(link->connection, statement, used, values, lengths,
						 aggregate != NULL ? PGRES_TUPLES_OK : PGRES_COMMAND_OK);
}

/*
 * load_rows runs the prepared statement "load" about one of the aggregates that were there before.
 */
long
load_rows(Client *client)
{
	long	  there = stored_aggregates(client->turn->size, client->turn->count);
	goes_uuid id =
		stored_aggregate(client->turn->count, (long) (next_random(client) % (uint64_t) there));
	const char *values[] = {AGGREGATE_NAME, (const char *) id.bytes};
	int			lengths[] = {(int) strlen(AGGREGATE_NAME), UUID_LENGTH};

	return read_rows(client->link, "load", 2, values, lengths);
}

/*
 * find_row runs the prepared statement "find" about one of the events that were there before.
 */
long
find_row(Client *client)
{
	goes_uuid	id = stored_id((long) (next_random(client) % (uint64_t) client->turn->size));
	const char *values[] = {(const char *) id.bytes};
	int			lengths[] = {UUID_LENGTH};

	return read_rows(client->link, "find", 1, values, lengths);
}
