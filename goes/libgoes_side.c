/*
 * libgoes_side.c
 *    libgoes' half of `make goes`: does what the Go program says, line by line.
 *
 *        POSTGRES_EVENTSTORE=postgres://... libgoes_side DATABASE
 *
 * Fields are separated by tabs. A request is one line, except that events to store follow it, one a
 * line, in the fields of print_event:
 *
 *    connect
 *    insert  COUNT
 *    append  COUNT  EXPECTED_VERSION
 *    query   KEY=VALUE ...
 *    delete  ID
 *
 * The answer is any number of lines "event ...", then "ok" or "error STATUS SQLSTATE CURRENT_VERSION
 * MESSAGE". The aggregate of an append is that of its first event; its events come back with their
 * versions. CURRENT_VERSION is goes_conflict's, -1 if it is not known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <goes.h>

#define MAX_FIELDS 64

/* A line taken apart. */
typedef struct Line
{
	char  *text;
	size_t room;
	char  *fields[MAX_FIELDS];
	int	   count;
} Line;

/* ---- Lines */

/* Ends the program: the Go side sent what it should not. */
static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "libgoes_side: %s\n", what);
	exit(2);
}

/* Reads a line and takes it apart; false at the end of the input. */
static bool
read_line(Line *line)
{
	ssize_t length = getline(&line->text, &line->room, stdin);
	char   *rest = line->text;

	if (length < 0)
		return false;
	if (length > 0 && line->text[length - 1] == '\n')
		line->text[length - 1] = '\0';
	for (line->count = 0; rest != NULL; line->count++)
	{
		if (line->count == MAX_FIELDS)
			fail("too many fields");
		line->fields[line->count] = strsep(&rest, "\t");
	}
	return true;
}

static goes_uuid
read_uuid(const char *text)
{
	goes_uuid id;

	if (goes_uuid_parse(text, &id) != GOES_OK)
		fail("not a UUID");
	return id;
}

static int64_t
read_number(const char *text)
{
	char   *end;
	int64_t number = strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		fail("not a number");
	return number;
}

/* Prints how a request ended. */
static void
print_end(int status, goes_error *error)
{
	goes_conflict conflict = {.size = sizeof conflict};

	if (status >= GOES_OK)
		printf("ok\n");
	else
	{
		if (!goes_error_conflict(error, &conflict))
			conflict.current_version = -1;
		printf("error\t%d\t%s\t%" PRId32 "\t", status, goes_error_sqlstate(error),
			   conflict.current_version);
		for (const char *c = goes_error_message(error); *c != '\0'; c++)
			putchar(*c == '\n' || *c == '\t' ? ' ' : *c);
		putchar('\n');
	}
	goes_error_free(error);
	fflush(stdout);
}

static void
print_event(const goes_event *event)
{
	char id[37];
	char aggregate_id[37];

	goes_uuid_format(&event->id, id);
	goes_uuid_format(&event->aggregate_id, aggregate_id);
	printf("event\t%s\t%s\t%" PRId64 "\t%s\t%s\t%" PRId32 "\t%.*s\n", id, event->name, event->time,
		   aggregate_id, event->aggregate_name == NULL ? "" : event->aggregate_name,
		   event->aggregate_version, (int) event->data_len, event->data);
}

/* ---- Queries */

static void
add_time_range(goes_query *query, char *value)
{
	char *first = strsep(&value, ",");

	if (value == NULL)
		fail("a range is FIRST,LAST");
	goes_query_time_range(query, read_number(first), read_number(value));
}

static void
add_version_range(goes_query *query, char *value)
{
	char *first = strsep(&value, ",");

	if (value == NULL)
		fail("a range is FIRST,LAST");
	goes_query_version_range(query, (int32_t) read_number(first), (int32_t) read_number(value));
}

/* Adds an aggregate, written ID,NAME. */
static void
add_aggregate(goes_query *query, char *value)
{
	goes_uuid id = read_uuid(strsep(&value, ","));

	if (value == NULL)
		fail("an aggregate is ID,NAME");
	goes_query_aggregate(query, value, &id);
}

/* Adds a sorting: a field's name, with a minus before it for descending. */
static void
add_sort(goes_query *query, const char *value)
{
	static const char *const names[] = {"time", "aggregate_name", "aggregate_id",
										"aggregate_version"};
	static const goes_sort	 sorts[] = {GOES_SORT_TIME, GOES_SORT_AGGREGATE_NAME,
										GOES_SORT_AGGREGATE_ID, GOES_SORT_AGGREGATE_VERSION};
	goes_direction			 direction = *value == '-' ? GOES_DESC : GOES_ASC;

	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
	{
		if (strcmp(value + (direction == GOES_DESC), names[i]) == 0)
		{
			goes_query_sort(query, sorts[i], direction);
			return;
		}
	}
	fail("unknown sorting");
}

/* Adds what is about the event itself; false if the key is another one. */
static bool
add_event_step(goes_query *query, const char *key, char *value)
{
	goes_uuid id;

	if (strcmp(key, "name") == 0)
		goes_query_name(query, value);
	else if (strcmp(key, "id") == 0)
	{
		id = read_uuid(value);
		goes_query_id(query, &id);
	}
	else if (strcmp(key, "time") == 0)
		goes_query_time(query, read_number(value));
	else if (strcmp(key, "time_min") == 0)
		goes_query_time_min(query, read_number(value));
	else if (strcmp(key, "time_max") == 0)
		goes_query_time_max(query, read_number(value));
	else if (strcmp(key, "time_after") == 0)
		goes_query_time_after(query, read_number(value));
	else if (strcmp(key, "time_before") == 0)
		goes_query_time_before(query, read_number(value));
	else if (strcmp(key, "time_range") == 0)
		add_time_range(query, value);
	else
		return false;
	return true;
}

/* Adds what is about its aggregate; false if the key is another one. */
static bool
add_aggregate_step(goes_query *query, const char *key, char *value)
{
	goes_uuid id;

	if (strcmp(key, "aggregate_name") == 0)
		goes_query_aggregate_name(query, value);
	else if (strcmp(key, "aggregate_id") == 0)
	{
		id = read_uuid(value);
		goes_query_aggregate_id(query, &id);
	}
	else if (strcmp(key, "aggregate") == 0)
		add_aggregate(query, value);
	else if (strcmp(key, "version") == 0)
		goes_query_version(query, (int32_t) read_number(value));
	else if (strcmp(key, "version_min") == 0)
		goes_query_version_min(query, (int32_t) read_number(value));
	else if (strcmp(key, "version_max") == 0)
		goes_query_version_max(query, (int32_t) read_number(value));
	else if (strcmp(key, "version_range") == 0)
		add_version_range(query, value);
	else
		return false;
	return true;
}

/* ---- Requests. A step of a query that failed makes its run fail, so the steps are not checked. */

static int
run_query(goes_store *store, Line *line, goes_error **error)
{
	goes_query		 *query = goes_query_new();
	goes_cursor		 *cursor;
	const goes_event *event;
	int				  status;

	for (int i = 1; i < line->count; i++)
	{
		char *value = line->fields[i];
		char *key = strsep(&value, "=");

		if (value == NULL)
			fail("a query's fields are KEY=VALUE");
		if (strcmp(key, "sort") == 0)
			add_sort(query, value);
		else if (!add_event_step(query, key, value) && !add_aggregate_step(query, key, value))
			fail("unknown key");
	}
	status = goes_query_run(store, query, &cursor, NULL, error);
	goes_query_free(query);
	if (status != GOES_OK)
		return status;
	while ((status = goes_cursor_next(cursor, &event, error)) == GOES_EVENT)
		print_event(event);
	goes_cursor_close(cursor);
	return status;
}

/* Reads an event's line; the copy is the caller's. */
static goes_event *
read_event(Line *line)
{
	goes_event event;

	if (!read_line(line) || line->count != 7)
		fail("an event has seven fields");
	event = (goes_event){.id = read_uuid(line->fields[0]),
						 .name = line->fields[1],
						 .time = read_number(line->fields[2]),
						 .aggregate_id = read_uuid(line->fields[3]),
						 .aggregate_name = line->fields[4],
						 .aggregate_version = (int32_t) read_number(line->fields[5]),
						 .data = *line->fields[6] == '\0' ? NULL : line->fields[6],
						 .data_len = strlen(line->fields[6])};
	return goes_event_copy(&event);
}

/* Events to store, and the copies that they borrow from. */
typedef struct Batch
{
	goes_event	*events;
	goes_event **copies;
	size_t		 count;
} Batch;

static Batch
read_batch(Line *line, size_t count)
{
	Batch batch = {calloc(count + 1, sizeof *batch.events), calloc(count + 1, sizeof *batch.copies),
				   count};

	if (batch.events == NULL || batch.copies == NULL)
		fail("out of memory");
	for (size_t i = 0; i < count; i++)
	{
		batch.copies[i] = read_event(line);
		if (batch.copies[i] == NULL)
			fail("out of memory");
		batch.events[i] = *batch.copies[i];
	}
	return batch;
}

static void
free_batch(Batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		goes_event_free(batch->copies[i]);
	free(batch->copies);
	free(batch->events);
}

static int
run_insert(goes_store *store, Line *line, goes_error **error)
{
	Batch batch;
	int	  status;

	if (line->count != 2)
		fail("insert takes a count");
	batch = read_batch(line, (size_t) read_number(line->fields[1]));
	status = goes_insert(store, batch.events, batch.count, NULL, error);
	free_batch(&batch);
	return status;
}

static int
run_append(goes_store *store, Line *line, goes_error **error)
{
	int32_t expected;
	Batch	batch;
	int		status;

	if (line->count != 3 || read_number(line->fields[1]) < 1)
		fail("append takes a count above 0 and a version");
	expected = (int32_t) read_number(line->fields[2]);
	batch = read_batch(line, (size_t) read_number(line->fields[1]));
	status = goes_append(store, batch.copies[0]->aggregate_name, &batch.copies[0]->aggregate_id,
						 batch.events, batch.count, expected, NULL, error);
	for (size_t i = 0; i < batch.count && status == GOES_OK; i++)
		print_event(&batch.events[i]);
	free_batch(&batch);
	return status;
}

static int
run_delete(goes_store *store, Line *line, goes_error **error)
{
	goes_uuid id;

	if (line->count != 2)
		fail("delete takes an id");
	id = read_uuid(line->fields[1]);
	return goes_delete(store, &id, 1, NULL, error);
}

static int
run(goes_store *store, Line *line, goes_error **error)
{
	const char *request = line->fields[0];

	if (strcmp(request, "connect") == 0)
		return goes_store_connect(store, NULL, error);
	if (strcmp(request, "insert") == 0)
		return run_insert(store, line, error);
	if (strcmp(request, "append") == 0)
		return run_append(store, line, error);
	if (strcmp(request, "query") == 0)
		return run_query(store, line, error);
	if (strcmp(request, "delete") == 0)
		return run_delete(store, line, error);
	fail("unknown request");
}

int
main(int argc, char **argv)
{
	goes_store_options options;
	goes_store		  *store;
	goes_error		  *error = NULL;
	Line			   line = {0};

	if (argc != 2)
		fail("usage: POSTGRES_EVENTSTORE=postgres://... libgoes_side DATABASE");
	goes_store_options_init(&options, sizeof options);
	options.database = argv[1];
	options.connect_timeout_ms = 30000;
	if (goes_store_open(&store, &options, &error) != GOES_OK)
		fail(goes_error_message(error));
	while (read_line(&line))
	{
		int status;

		error = NULL;
		status = run(store, &line, &error);
		print_end(status, error);
	}
	free(line.text);
	goes_store_close(store);
	return 0;
}
