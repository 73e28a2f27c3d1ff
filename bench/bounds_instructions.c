/*
 * bounds_instructions.c
 *	  What libgoes costs the program itself: instructions, beside a program on bare libpq.
 *
 * Valgrind's callgrind counts them, so the program starts itself once more under it, and
 * reads the counts from the files that callgrind writes. Neither the server nor what else
 * the machine does is in them.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <valgrind/callgrind.h>

#include "bounds.h"
#include "goes.h"

#define EVENTS 100
#define CALLS 20
#define WARM_UP 3 /* calls that do not count: they prepare statements */
#define INSERT_TARGET 1.15
#define FIND_TARGET 1.5
#define AGGREGATE_TARGET 1.8
#define COLUMNS 7
#define EVENT_LIST "id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data"
#define NAME "shop.order.item_added"
#define AGGREGATE "shop.order"
#define COUNTS "COUNTS_OF_CALLGRIND"

/* What both sides work on. */
typedef struct Work
{
	goes_store *store;
	PGconn	   *connection;
	Oid			event_type;
	Event		events[EVENTS];
	goes_uuid	aggregate; /* of the events that are read */
	goes_uuid	id;		   /* of one of them */
	int			version;   /* that was stored last by an insert */
	size_t		bytes;	   /* read: so that no compiler leaves out the reading */
} Work;

/*
 * require ends the program when libgoes failed.
 */
static void
require(int status, goes_error *const *error)
{
	if (status < 0)
		die("libgoes: %s", goes_error_message(*error));
}

/*
 * set_aggregate gives the i-th event of a batch its aggregate and the next version.
 */
static void
set_aggregate(goes_event *event, Work *work, int i)
{
	event->aggregate_name = AGGREGATE;
	memcpy(event->aggregate_id.bytes, work->events[i].aggregate_id, UUID_LENGTH);
	event->aggregate_version = ++work->version;
}

static void
insert_with_libgoes(Work *work)
{
	goes_event	events[EVENTS];
	goes_error *error = NULL;

	for (int i = 0; i < EVENTS; i++)
	{
		goes_event_init(&events[i], NAME, work->events[i].data);
		set_aggregate(&events[i], work, i);
	}
	require(goes_insert(work->store, events, EVENTS, NULL, &error), &error);
}

static void
find_with_libgoes(Work *work)
{
	goes_event *event;
	goes_error *error = NULL;

	require(goes_find(work->store, &work->id, &event, NULL, &error), &error);
	work->bytes += event->data_len;
	goes_event_free(event);
}

static void
read_with_libgoes(Work *work)
{
	goes_query		 *query = goes_query_new();
	const goes_event *event;
	goes_cursor		 *cursor;
	goes_error		 *error = NULL;
	int				  count = 0;
	int				  status;

	goes_query_aggregate(query, AGGREGATE, &work->aggregate);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	require(goes_query_run(work->store, query, &cursor, NULL, &error), &error);
	goes_query_free(query);
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		work->bytes += event->data_len;
		count++;
	}
	require(status, &error);
	goes_cursor_close(cursor);
	if (count != EVENTS)
		die("%d events were read in place of %d", count, EVENTS);
}

/*
 * put32 and put_value write a number and a value of a row, and return where they end.
 */
static char *
put32(char *place, uint32_t number)
{
	number = htobe32(number);
	memcpy(place, &number, sizeof number);
	return place + sizeof number;
}

static char *
put_value(char *place, Oid type, const void *bytes, size_t length)
{
	place = put32(put32(place, type), (uint32_t) length);
	memcpy(place, bytes, length);
	return place + length;
}

/*
 * put_event writes an event as an element of an array.
 */
static char *
put_event(char *start, const goes_event *event)
{
	char	*place = put32(start + 4, COLUMNS);
	uint64_t time = htobe64((uint64_t) event->time);
	uint32_t version = htobe32((uint32_t) event->aggregate_version);

	place = put_value(place, UUID_OID, event->id.bytes, UUID_LENGTH);
	place = put_value(place, TEXT_OID, event->name, strlen(event->name));
	place = put_value(place, INT8_OID, &time, sizeof time);
	place = put_value(place, UUID_OID, event->aggregate_id.bytes, UUID_LENGTH);
	place = put_value(place, TEXT_OID, event->aggregate_name, strlen(event->aggregate_name));
	place = put_value(place, INT4_OID, &version, sizeof version);
	place = put32(put32(place, JSONB_OID), (uint32_t) event->data_len + 1);
	*place++ = 1;
	memcpy(place, event->data, event->data_len);
	place += event->data_len;
	(void) put32(start, (uint32_t) (place - start - 4));
	return place;
}

/*
 * make_bare makes an event with a UUID of version 7, of the clock and of random bytes for
 * which the kernel is asked each time.
 */
static void
make_bare(goes_event *event, const char *name, const char *json)
{
	struct timespec now;
	uint64_t		half;

	clock_gettime(CLOCK_REALTIME, &now);
	*event = (goes_event){.name = name, .data = json, .data_len = strlen(json)};
	event->time = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	half = htobe64((uint64_t) (event->time / 1000000) << 16 | 0x7000 |
				   ((uint64_t) (event->time % 1000000) << 12) / 1000000);
	memcpy(event->id.bytes, &half, sizeof half);
	if (getrandom(event->id.bytes + 8, 8, 0) != 8)
		die("the kernel has no random bytes");
	event->id.bytes[8] = (event->id.bytes[8] & 0x3f) | 0x80;
}

/*
 * send_bare runs the statement that stores an array of events.
 */
static void
send_bare(Work *work, const char *array, size_t length)
{
	const char *values[] = {array};
	int			lengths[] = {(int) length};
	int			formats[] = {1};

	check_result(work->connection,
				 PQexecPrepared(work->connection, "insert", 1, values, lengths, formats, 1),
				 PGRES_TUPLES_OK);
}

/*
 * insert_bare stores events in the way of the other measures: with a buffer that grows.
 */
static void
insert_bare(Work *work)
{
	static Buffer buffer;

	for (int i = 0; i < EVENTS; i++)
	{
		goes_event event;

		make_bare(&event, NAME, work->events[i].data);
		set_aggregate(&event, work, i);
		memcpy(work->events[i].id, event.id.bytes, UUID_LENGTH);
		work->events[i].time = event.time;
		work->events[i].aggregate_version = event.aggregate_version;
	}
	encode_array(&buffer, work->event_type, work->events, EVENTS);
	send_bare(work, buffer.data, buffer.length);
}

/*
 * insert_tightly stores events as nobody would: it checks nothing, not even that there is
 * room for them.
 */
static void
insert_tightly(Work *work)
{
	static char room[EVENTS * 512];
	char	   *place = put32(put32(put32(room, 1), 0), work->event_type);
	goes_event	events[EVENTS];

	for (int i = 0; i < EVENTS; i++)
	{
		make_bare(&events[i], NAME, work->events[i].data);
		set_aggregate(&events[i], work, i);
	}
	place = put32(put32(place, EVENTS), 1);
	for (int i = 0; i < EVENTS; i++)
		place = put_event(place, &events[i]);
	send_bare(work, room, (size_t) (place - room));
}

/*
 * decode_bare makes an event of a row, whose values stay where they are.
 */
static void
decode_bare(const PGresult *result, int row, goes_event *event)
{
	uint64_t time;
	uint32_t version;

	memcpy(event->id.bytes, PQgetvalue(result, row, 0), UUID_LENGTH);
	event->name = PQgetvalue(result, row, 1);
	memcpy(&time, PQgetvalue(result, row, 2), sizeof time);
	event->time = (int64_t) be64toh(time);
	memcpy(event->aggregate_id.bytes, PQgetvalue(result, row, 3), UUID_LENGTH);
	event->aggregate_name = PQgetvalue(result, row, 4);
	memcpy(&version, PQgetvalue(result, row, 5), sizeof version);
	event->aggregate_version = (int32_t) be32toh(version);
	event->data = PQgetvalue(result, row, 6) + 1;
	event->data_len = (size_t) PQgetlength(result, row, 6) - 1;
}

/*
 * read_bare runs a statement that returns so many events, and decodes them.
 */
static void
read_bare(Work *work, const char *statement, int count, const char *const *values,
		  const int *lengths, int expected)
{
	static const int formats[] = {1, 1};
	PGresult		*result =
		PQexecPrepared(work->connection, statement, count, values, lengths, formats, 1);
	goes_event event;

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != expected)
		die("%d events were read in place of %d: %s", PQntuples(result), expected,
			PQerrorMessage(work->connection));
	for (int row = 0; row < expected; row++)
	{
		decode_bare(result, row, &event);
		work->bytes += event.data_len;
	}
	PQclear(result);
}

static void
find_bare(Work *work)
{
	const char *values[] = {(const char *) work->id.bytes};
	int			lengths[] = {UUID_LENGTH};

	read_bare(work, "find", 1, values, lengths, 1);
}

static void
read_aggregate_bare(Work *work)
{
	const char *values[] = {AGGREGATE, (const char *) work->aggregate.bytes};
	int			lengths[] = {(int) strlen(AGGREGATE), UUID_LENGTH};

	read_bare(work, "read", 2, values, lengths, EVENTS);
}

/*
 * read_count reads what callgrind wrote, the n-th time.
 */
static double
read_count(int n)
{
	char   path[4096];
	char   line[4096];
	double count = -1;
	FILE  *file;

	snprintf(path, sizeof path, "%s.%d", getenv(COUNTS), n);
	file = fopen(path, "r");
	if (file == NULL)
		die("callgrind did not write %s", path);
	while (count < 0 && fgets(line, sizeof line, file) != NULL)
		sscanf(line, "totals: %lf", &count);
	fclose(file);
	if (count <= 0)
		die("%s has no totals", path);
	return count;
}

/*
 * count_instructions returns what a call takes.
 */
static double
count_instructions(void (*call)(Work *), Work *work)
{
	static int counts = 0;

	for (int i = 0; i < WARM_UP; i++)
		call(work);
	CALLGRIND_ZERO_STATS;
	for (int i = 0; i < CALLS; i++)
		call(work);
	CALLGRIND_DUMP_STATS;
	return read_count(++counts) / CALLS;
}

/*
 * compare prints the line of a bound, and returns what libgoes takes.
 */
static double
compare(const char *what, void (*with_libgoes)(Work *), void (*bare)(Work *), double most,
		Work *work)
{
	double libgoes = count_instructions(with_libgoes, work);
	double libpq = count_instructions(bare, work);
	char   measured[64];
	char   target[64];

	snprintf(measured, sizeof measured, "%.2f x bare libpq", libgoes / libpq);
	snprintf(target, sizeof target, "at most %.2f x", most);
	report(what, measured, target, libgoes <= most * libpq);
	detail("libgoes %.0f instructions, libpq %.0f (of %d calls)", libgoes, libpq, CALLS);
	return libgoes;
}

/*
 * open_work opens a store and a connection, prepares the bare statements, and stores the
 * events that are read.
 */
static Work *
open_work(void)
{
	static const Oid   aggregate_types[] = {TEXT_OID, UUID_OID};
	static const Oid   id_type[] = {UUID_OID};
	static Work		   work;
	goes_store_options options;
	goes_error		  *error = NULL;
	PGresult		  *ids;
	Oid				   array_type;

	work.connection = connect_to_server();
	goes_store_options_init(&options, sizeof options);
	options.url = "postgres://?sslmode=disable"; /* as bare; the environment says the rest */
	options.database = PQdb(work.connection);
	options.table = "counted";
	options.connect_timeout_ms = 60000; /* under callgrind everything takes fifty times as long */
	require(goes_store_open(&work.store, &options, &error), &error);
	require(goes_store_connect(work.store, NULL, &error), &error);
	work.event_type = type_oid(work.connection, "goes_event");
	array_type = type_oid(work.connection, "goes_event[]");
	prepare(work.connection, "insert", "SELECT goes_insert_batch($1, 'counted')", 1, &array_type);
	prepare(work.connection, "find", "SELECT " EVENT_LIST " FROM goes_find($1, 'counted')", 1,
			id_type);
	prepare(work.connection, "read",
			"SELECT " EVENT_LIST " FROM goes_query(aggregates => ARRAY[ROW($1, "
			"$2)::goes_aggregate_ref], sort => '{aggregate_version}', store => 'counted')",
			2, aggregate_types);
	make_batch(work.events, EVENTS, 0);
	for (int i = 0; i < EVENTS; i++)
		memcpy(work.events[i].aggregate_id, work.events[0].aggregate_id, UUID_LENGTH);
	insert_bare(&work);
	memcpy(work.aggregate.bytes, work.events[0].aggregate_id, UUID_LENGTH);
	ids = query(work.connection, "SELECT id FROM counted LIMIT 1");
	memcpy(work.id.bytes, PQgetvalue(ids, 0, 0), UUID_LENGTH);
	PQclear(ids);
	for (int i = 0; i < EVENTS; i++)
		work.events[i].aggregate_id[0]++;
	return &work;
}

/*
 * compare_all counts, in a program that runs under callgrind.
 */
static void
compare_all(void)
{
	Work  *work = open_work();
	double libgoes;
	double tightly;

	libgoes = compare("goes_insert of 100 events, instructions", insert_with_libgoes, insert_bare,
					  INSERT_TARGET, work);
	tightly = count_instructions(insert_tightly, work);
	detail("%.2f x the %.0f of a program that checks nothing, not even its memory",
		   libgoes / tightly, tightly);
	(void) compare("goes_find, instructions", find_with_libgoes, find_bare, FIND_TARGET, work);
	(void) compare("an aggregate of 100 events, instructions", read_with_libgoes,
				   read_aggregate_bare, AGGREGATE_TARGET, work);
	goes_store_close(work->store);
	PQfinish(work->connection);
}

/*
 * run_under_callgrind starts this program once more, for this measure only.
 */
static void
run_under_callgrind(void)
{
	char directory[] = "/tmp/bounds-XXXXXX";
	char counts[64];
	char command[256];
	int	 status;

	if (mkdtemp(directory) == NULL)
		die("cannot make a directory in /tmp");
	snprintf(counts, sizeof counts, "%s/counts", directory);
	setenv(COUNTS, counts, 1);
	snprintf(command, sizeof command,
			 "exec valgrind -q --tool=callgrind --callgrind-out-file=%s /proc/%d/exe instructions",
			 counts, (int) getpid());
	status = system(command);
	snprintf(command, sizeof command, "rm -r %s", directory);
	if (system(command) != 0 || status != 0)
		die("could not count instructions with valgrind");
}

void
measure_instructions(void)
{
	if (RUNNING_ON_VALGRIND)
		compare_all();
	else
		run_under_callgrind();
}
