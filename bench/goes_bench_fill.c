/*
 * goes_bench_fill.c
 *	  What a store has before the turns begin, and what its clients add.
 *
 * Every participant fills its store with the same events in the same order. They come in chunks of
 * 10, each the next events of one aggregate. Of 10 chunks 2 are for aggregates of 1,000 events, 2 for
 * those of 100, and 6 for those of 10; the chunks of the long ones are far apart, as in life.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "goes_bench.h"

#define CHUNK 10
#define FIRST_TIME 1767225600000000000

/* A chunk's class, its number in the class, and the aggregates of the class. */
#define FILL                                                                                      \
	"INSERT INTO events (id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, "   \
	"data) "                                                                                      \
	"SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, "                     \
	"CASE WHEN n %% (%ld / 100) = 0 THEN '" RARE_NAME "' WHEN n %% 10 = 5 THEN 'order.paid' "     \
	"ELSE '" COMMON_NAME "' END, " FIRST_TEXT " + n * 1000, "                                     \
	"(lpad(length::text, 8, '0') || '-0000-4000-8000-' || lpad(to_hex(place %% aggregates), 12, " \
	"'0'))::uuid, '" AGGREGATE_NAME "', (place / aggregates * 10 + n %% 10 + 1)::integer, "       \
	"jsonb_build_object('sku', md5(n::text), 'quantity', n %% 7, 'customer', md5(place::text), "  \
	"'channel', 'web', 'note', 'leave it at the back door, please') "                             \
	"FROM (SELECT n, n / 10 AS chunk FROM generate_series(0::bigint, %ld - 1) AS n) AS numbers, " \
	"LATERAL (SELECT CASE WHEN chunk %% 10 < 2 THEN 1000 WHEN chunk %% 10 < 4 THEN 100 "          \
	"ELSE 10 END AS length) AS class, "                                                           \
	"LATERAL (SELECT CASE WHEN length = 10 THEN chunk / 10 * 6 + chunk %% 10 - 4 "                \
	"ELSE chunk / 10 * 2 + chunk %% 2 END AS place, "                                             \
	"CASE WHEN length = 10 THEN %ld ELSE %ld / length END AS aggregates) AS places"

#define FIRST_TEXT "1767225600000000000"

/*
 * stored_aggregates tells how many aggregates of that many events a store has.
 */
long
stored_aggregates(long size, int length)
{
	return size / 10 * (length == 10 ? 6 : 2) / length;
}

/*
 * stored_aggregate returns the id of such an aggregate.
 */
goes_uuid
stored_aggregate(int length, long number)
{
	char	  text[40];
	goes_uuid id;

	snprintf(text, sizeof(text), "%08d-0000-4000-8000-%012lx", length, number);
	if (goes_uuid_parse(text, &id) != GOES_OK)
		die("\"%s\" is no id", text);
	return id;
}

/*
 * stored_id returns the id of an event.
 */
goes_uuid
stored_id(long number)
{
	char	  text[40];
	goes_uuid id;

	snprintf(text, sizeof(text), "019a0000-0000-7000-8000-%012lx", number);
	if (goes_uuid_parse(text, &id) != GOES_OK)
		die("\"%s\" is no id", text);
	return id;
}

/*
 * fill_store makes and fills the store, unless another participant has done so. "followed" is the
 * one that is followed.
 */
void
fill_store(const char *url, long size)
{
	PGconn	 *connection = PQconnectdb(url);
	PGresult *result;
	bool	  is_there;

	if (PQstatus(connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(connection));
	run(connection, "SET client_min_messages = warning");
	result = query(connection, "SELECT 1 WHERE to_regclass('followed') IS NOT NULL");
	is_there = PQntuples(result) > 0;
	PQclear(result);
	if (!is_there)
	{
		run(connection, "CREATE EXTENSION IF NOT EXISTS goes_store");
		run(connection, "SELECT goes_create_store()");
		run(connection, FILL, size, size, size / 10 * 6 / 10, size / 10 * 2);
		run(connection, "VACUUM (ANALYZE) events");
		run(connection, "SELECT goes_create_store('followed'); "
						"SELECT goes_alter_store('followed', feed => true)");
		run(connection, "CHECKPOINT");
	}
	PQfinish(connection);
}

/*
 * next_random returns the next number of a client's sequence (splitmix64), which begins anywhere.
 */
uint64_t
next_random(Client *client)
{
	uint64_t number;

	if (client->random == 0 &&
		getrandom(&client->random, sizeof(client->random), 0) != sizeof(client->random))
		die("there are no random numbers");
	number = client->random += 0x9e3779b97f4a7c15;
	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
	number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
	return number ^ (number >> 31);
}

/*
 * make_events makes the next events of the client's aggregate. The data is about 200 bytes of JSON, and
 * has the time of the call for whoever follows.
 */
void
make_events(Client *client, Event *events, int count)
{
	for (int i = 0; i < count; i++)
	{
		Event	 *event = &events[i];
		goes_uuid id;

		goes_uuid_v7(&id);
		memcpy(event->id, id.bytes, UUID_LENGTH);
		event->time = goes_now();
		memcpy(event->aggregate_id, client->stream.bytes, UUID_LENGTH);
		event->aggregate_version = ++client->version;
		snprintf(event->data, sizeof(event->data),
				 "{\"sent\": %.6f, \"sku\": \"%016llx\", \"quantity\": %d, \"channel\": \"web\", "
				 "\"customer\": \"%016llx%016llx\", \"note\": \"leave it at the back door, "
				 "please\"}",
				 seconds_now(), (unsigned long long) next_random(client), i % 7,
				 (unsigned long long) next_random(client),
				 (unsigned long long) next_random(client));
	}
}

/*
 * make_aggregate makes the events of a turn's batch, which are those of a new aggregate.
 */
void
make_aggregate(Client *client, Event *events)
{
	if (client->turn->count > MOST_COUNT)
		die("a batch of %d events is too large", client->turn->count);
	goes_uuid_v7(&client->stream);
	client->version = 0;
	make_events(client, events, client->turn->count);
}

/*
 * make_first_event makes the first event of a new aggregate.
 */
void
make_first_event(Client *client, Event *event)
{
	goes_uuid_v7(&client->stream);
	client->version = 0;
	make_events(client, event, 1);
}

/*
 * keep appends a number to others.
 */
void
keep(Numbers *numbers, double value)
{
	if (numbers->count == numbers->room)
	{
		numbers->room = numbers->room == 0 ? 1024 : numbers->room * 2;
		numbers->values = realloc(numbers->values, numbers->room * sizeof(double));
		if (numbers->values == NULL)
			die("out of memory");
	}
	numbers->values[numbers->count++] = value;
}

/*
 * keep_delay keeps how long ago an event was sent that has come now.
 */
void
keep_delay(Numbers *latencies, const char *data)
{
	const char *sent = strstr(data, "\"sent\": ");

	if (sent == NULL)
		die("an event does not say when it was sent: %s", data);
	keep(latencies, 1e6 * (seconds_now() - strtod(sent + strlen("\"sent\": "), NULL)));
}
