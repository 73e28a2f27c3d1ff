/*
 * dpkg_events.c
 *    The log of Debian's package manager as a store of events: what `make demo` shows.
 *
 *        cc -o dpkg_events dpkg_events.c $(pkg-config --cflags --libs libgoes libpq uuid)
 *        POSTGRES_EVENTSTORE=postgres://localhost ./dpkg_events /var/log/dpkg.log
 *
 * dpkg(1) describes the lines of the log under --log:
 *
 *    YYYY-MM-DD HH:MM:SS startup type command
 *    YYYY-MM-DD HH:MM:SS status state package version
 *    YYYY-MM-DD HH:MM:SS action package installed-version available-version
 *    YYYY-MM-DD HH:MM:SS conffile file decision
 *
 * A status says what became of a package: the event "package.unpacked", for example. An action says
 * what dpkg is about to do: "dpkg.upgrade". Lines of any other kind become events that belong to no
 * package. The times are local ones.
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <goes.h>
#include <libpq-fe.h>
#include <uuid/uuid.h>

#define BATCH 1000
#define LEASE_MS 100 /* of the worker that is undone */
#define NANOSECONDS 1000000000LL

/* A package, and its history as far as the log was read. */
typedef struct Package
{
	char	 *name;
	goes_uuid id;
	int32_t	  version;
	goes_uuid first_event;
	char	 *first_line;
} Package;

/* What was read. */
typedef struct Log
{
	goes_event *events;
	size_t		count;
	size_t		lines;
	size_t		package_count;
	void	   *packages; /* by name, in a tree of tsearch(3) */
	int64_t		first_time;
	int64_t		last_time;
} Log;

/* A line of the log: its time, what it is about, and up to three words on that. */
typedef struct Line
{
	int64_t		time;
	char		kind[65];
	int			word_count; /* 4 if there are more than three */
	char		words[3][256];
	const char *rest; /* all of them */
} Line;

/* ---- Helpers */

/* Ends the program. */
static void
fail(const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "dpkg_events: %s: %s\n", what, why);
	exit(1);
}

/* Ends the program unless a call of libgoes succeeded. */
static void
require(int status, goes_error **error)
{
	if (status < GOES_OK)
		fail(goes_status_text(status), goes_error_message(*error));
}

/* Ends the program if there is no memory. */
static void *
allocated(void *memory)
{
	if (memory == NULL)
		fail("memory", "used up");
	return memory;
}

/* Writes a number with commas between its thousands, into one of a few buffers that take turns. */
static const char *
grouped(int64_t number)
{
	static char buffers[4][32];
	static int	turn = 0;
	char	   *buffer = buffers[turn++ % 4];
	int			length = snprintf(buffer, sizeof buffers[0], "%lld", (long long) number);

	for (int at = length - 3; at > 0; at -= 3)
	{
		memmove(buffer + at + 1, buffer + at, strlen(buffer + at) + 1);
		buffer[at] = ',';
	}
	return buffer;
}

/* Writes a time in local time, into one of two buffers that take turns. */
static const char *
local_time(int64_t time, const char *format)
{
	static char buffers[2][32];
	static int	turn = 0;
	char	   *buffer = buffers[turn++ % 2];
	time_t		seconds = (time_t) (time / NANOSECONDS);

	strftime(buffer, sizeof buffers[0], format, localtime(&seconds));
	return buffer;
}

/* ---- Reading the log */

/* Makes plain text of a line: a crash may leave anything in a log, and JSON takes only UTF-8. */
static void
clean(char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\n')
		line[--length] = '\0';
	for (size_t i = 0; i < length; i++)
	{
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	}
}

/* Takes a line to pieces; false if it does not start as lines of the log do. */
static bool
parse(const char *text, Line *line)
{
	struct tm time = {.tm_isdst = -1};
	char	  more[2];
	int		  rest = 0;
	int		  count = sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d %64[a-z-]%*1[ ]%n%255s %255s %255s %1s",
							 &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour, &time.tm_min,
							 &time.tm_sec, line->kind, &rest, line->words[0], line->words[1],
							 line->words[2], more);

	if (count < 8 || rest == 0)
		return false;
	if (time.tm_year < 1970 || time.tm_year > 2261 || time.tm_mon < 1 || time.tm_mon > 12 ||
		time.tm_mday < 1 || time.tm_mday > 31 || time.tm_hour > 23 || time.tm_min > 59 ||
		time.tm_sec > 60)
		return false;
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	line->time = (int64_t) mktime(&time) * NANOSECONDS;
	line->word_count = count - 7;
	line->rest = text + rest;
	return true;
}

/* Tells whether a line says what became of a package. */
static bool
is_status(const Line *line)
{
	const char *state = line->words[0];

	return line->word_count == 3 && strcmp(line->kind, "status") == 0 && strlen(state) <= 64 &&
		   strspn(state, "abcdefghijklmnopqrstuvwxyz-") == strlen(state);
}

/* Tells whether a line says what dpkg is about to do to a package. */
static bool
is_action(const Line *line)
{
	static const char actions[] = " install upgrade configure trigproc disappear remove purge ";
	char			  word[sizeof line->kind + 2];

	snprintf(word, sizeof word, " %s ", line->kind);
	return line->word_count == 3 && strstr(actions, word) != NULL;
}

/* Makes a JSON object of names and values; those that the log calls "<none>" are left out. */
static char *
make_json(const char *const members[][2], size_t n)
{
	char	   *text = NULL;
	size_t		length;
	const char *separator = "{";
	FILE	   *json = allocated(open_memstream(&text, &length));

	for (size_t i = 0; i < n; i++)
	{
		if (strcmp(members[i][1], "<none>") == 0)
			continue;
		fprintf(json, "%s\"%s\": \"", separator, members[i][0]);
		for (const char *c = members[i][1]; *c != '\0'; c++)
			fprintf(json, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		fprintf(json, "\"");
		separator = ", ";
	}
	fprintf(json, *separator == '{' ? "{}" : "}");
	fclose(json);
	return allocated(text);
}

/* Orders packages by name, for tsearch. */
static int
compare_packages(const void *a, const void *b)
{
	return strcmp(((const Package *) a)->name, ((const Package *) b)->name);
}

/*
 * Finds a package by its name, or makes it. The id of an aggregate is a UUID, but a package has only
 * a name. An id derived from the name needs no table to remember it, and is the same whoever
 * computes it.
 */
static Package *
find_package(Log *log, char *name)
{
	Package *package = allocated(calloc(1, sizeof *package));
	Package *found;

	package->name = name;
	found = *(Package **) allocated(tsearch(package, &log->packages, compare_packages));
	if (found != package)
	{
		free(package);
		return found;
	}
	package->name = allocated(strdup(name));
	uuid_generate_sha1(package->id.bytes, *uuid_get_template("x500"), name, strlen(name));
	log->package_count++;
	return package;
}

/* Makes an event the next version of a package. */
static void
number_event(Log *log, goes_event *event, char *name, const char *text)
{
	Package *package = find_package(log, name);

	event->aggregate_name = "package";
	event->aggregate_id = package->id;
	event->aggregate_version = ++package->version;
	if (package->version == 1)
	{
		package->first_event = event->id;
		package->first_line = allocated(strdup(text));
	}
}

/* Makes an event of a line. */
static goes_event
make_event(Log *log, Line *line, const char *text)
{
	bool	   status = is_status(line);
	bool	   action = is_action(line);
	char	  *package = status ? line->words[1] : action ? line->words[0] : "<none>";
	char	  *name = allocated(malloc(sizeof "package." + 64));
	char	  *data;
	goes_event event;

	sprintf(name, "%s.%s", status ? "package" : "dpkg", status ? line->words[0] : line->kind);
	if (status)
		data = make_json(
			(const char *const[][2]){{"package", package}, {"version", line->words[2]}}, 2);
	else if (action)
		data = make_json((const char *const[][2]){{"package", package},
												  {"installed", line->words[1]},
												  {"available", line->words[2]}},
						 3);
	else
		data = make_json((const char *const[][2]){{"text", line->rest}}, 1);
	goes_event_init(&event, name, data);
	event.time = line->time;
	if (strcmp(package, "<none>") != 0)
		number_event(log, &event, package, text);
	return event;
}

/* Makes events of all the lines that start as lines of the log do. */
static void
read_log(Log *log, const char *path)
{
	FILE  *file = fopen(path, "r");
	char  *text = NULL;
	size_t room = 0;
	Line   line;

	if (file == NULL)
		fail(path, strerror(errno));
	for (ssize_t length; (length = getline(&text, &room, file)) >= 0; log->lines++)
	{
		clean(text, (size_t) length);
		if (!parse(text, &line))
			continue;
		if (log->count % BATCH == 0)
			log->events =
				allocated(realloc(log->events, (log->count + BATCH) * sizeof *log->events));
		log->events[log->count] = make_event(log, &line, text);
		if (log->count == 0 || line.time < log->first_time)
			log->first_time = line.time;
		if (log->count == 0 || line.time > log->last_time)
			log->last_time = line.time;
		log->count++;
	}
	free(text);
	fclose(file);
	if (log->package_count == 0)
		fail(path, "does not tell of any package");
}

/* ---- Telling about it */

static void
tell_what_was_read(const Log *log)
{
	printf("\n"
		   "1. What was read\n"
		   "----------------\n"
		   "\n"
		   "%s lines, from %s to %s.\n",
		   grouped((int64_t) log->lines), local_time(log->first_time, "%F"),
		   local_time(log->last_time, "%F"));
	if (log->lines > log->count)
		printf("Left out, because their form is unknown: %s\n",
			   grouped((int64_t) (log->lines - log->count)));
	printf(
		"\n"
		"Each line becomes an event: something that happened, with a name, a time and some data.\n"
		"All that happens to one package is its history, in which the events are numbered 1, 2, 3\n"
		"and so on. goes_store calls the package an aggregate, and the number a version.\n");
}

static void
tell_insert(goes_store *store, const Log *log)
{
	goes_error *error = NULL;
	int64_t		batches = 0;
	int64_t		started;
	double		seconds;

	/* Every call connects first if need be; this one is here so that the time is the inserts'. */
	require(goes_store_connect(store, NULL, &error), &error);
	started = goes_now();
	for (size_t i = 0; i < log->count; i += BATCH, batches++)
	{
		size_t n = log->count - i < BATCH ? log->count - i : BATCH;

		require(goes_insert(store, log->events + i, n, NULL, &error), &error);
	}
	seconds = (double) (goes_now() - started) / NANOSECONDS;
	printf("\n"
		   "2. Storing the events\n"
		   "---------------------\n"
		   "\n"
		   "    goes_store_open(&store, NULL, &error);     /* at $POSTGRES_EVENTSTORE */\n"
		   "    goes_insert(store, events, 1000, NULL, &error);\n"
		   "\n"
		   "The first call made what was missing: a database, the extension and the table\n"
		   "\"events\". Each goes_insert stores 1,000 events at once, all or nothing:\n"
		   "\n"
		   "    %s events of %s packages in %s %s: %s events a second\n",
		   grouped((int64_t) log->count), grouped((int64_t) log->package_count), grouped(batches),
		   batches == 1 ? "batch" : "batches", grouped((int64_t) ((double) log->count / seconds)));
}

/* Runs a statement on a connection from the store's pool. */
static PGresult *
ask(goes_store *store, const char *sql)
{
	goes_pool  *pool = goes_store_pool(store);
	PGconn	   *connection;
	PGresult   *result;
	goes_error *error = NULL;

	require(goes_pool_acquire(pool, &connection, NULL, &error), &error);
	result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail("SQL", PQerrorMessage(connection));
	goes_pool_release(pool, connection);
	return result;
}

/* Chooses the package with the most kinds of events; of several, the one with the shortest history. */
static const Package *
choose_package(goes_store *store, Log *log)
{
	PGresult *result = ask(store, "SELECT data ->> 'package' FROM events"
								  " WHERE aggregate_name = 'package' GROUP BY 1"
								  " ORDER BY count(DISTINCT name) DESC, count(*), 1 LIMIT 1");
	Package	 *package = find_package(log, PQgetvalue(result, 0, 0));

	PQclear(result);
	return package;
}

static void
tell_event(goes_store *store, const Package *package)
{
	goes_event *event;
	goes_error *error = NULL;
	char		id[37];
	char		aggregate_id[37];

	require(goes_find(store, &package->first_event, &event, NULL, &error), &error);
	goes_uuid_format(&event->id, id);
	goes_uuid_format(&event->aggregate_id, aggregate_id);
	printf("\n"
		   "One of the events was this line:\n"
		   "\n"
		   "    %s\n"
		   "\n"
		   "Its id finds it again:\n"
		   "\n"
		   "    goes_find(store, &id, &event, NULL, &error);\n"
		   "\n"
		   "id                | %s\n"
		   "name              | %s\n"
		   "time              | %lld\n"
		   "aggregate_id      | %s\n"
		   "aggregate_name    | %s\n"
		   "aggregate_version | %d\n"
		   "data              | %s\n",
		   package->first_line, id, event->name, (long long) event->time, aggregate_id,
		   event->aggregate_name, event->aggregate_version, event->data);
	goes_event_free(event);
}

/* Returns where an event's data goes on after the package's name, which is the first member. */
static const char *
behind_package(const char *data)
{
	const char *comma = strstr(data, ", \"");

	return comma == NULL ? "}" : comma + 2;
}

static void
tell_history(goes_store *store, const Package *package)
{
	goes_query		 *query = goes_query_new();
	goes_cursor		 *cursor;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	printf(
		"\n"
		"3. The history of one package\n"
		"-----------------------------\n"
		"\n"
		"No package has seen more kinds of events than %s. dpkg.* is what dpkg\n"
		"set out to do, package.* is what became of the package. The first of its %d events:\n"
		"\n"
		"    goes_query_aggregate(query, \"package\", &id);\n"
		"    goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);\n"
		"    goes_query_limit(query, 15);\n"
		"    goes_query_run(store, query, &cursor, NULL, &error);\n"
		"    while (goes_cursor_next(cursor, &event, &error) == GOES_EVENT)\n"
		"        ...\n"
		"\n"
		" version |        time         |          name           | data, without the package\n"
		"---------+---------------------+-------------------------+---------------------------\n",
		package->name, package->version);
	goes_query_aggregate(query, "package", &package->id);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	goes_query_limit(query, 15);
	require(goes_query_run(store, query, &cursor, NULL, &error), &error);
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
		printf(" %7d | %s | %-23s | {%s\n", event->aggregate_version,
			   local_time(event->time, "%F %T"), event->name, behind_package(event->data));
	require(status, &error);
	goes_cursor_close(cursor);
	goes_query_free(query);
}

static int64_t
count_events(goes_store *store, const char *name)
{
	goes_query *query = goes_query_new();
	goes_error *error = NULL;
	int64_t		count;

	goes_query_name(query, name);
	require(goes_count(store, query, &count, NULL, &error), &error);
	goes_query_free(query);
	return count;
}

static void
tell_busiest(goes_store *store)
{
	static const char sql[] = "SELECT\n"
							  "    count(*) AS events,\n"
							  "    max(\"time\") AS last_event,\n"
							  "    data ->> 'package' AS package\n"
							  "FROM events\n"
							  "WHERE aggregate_name = 'package'\n"
							  "GROUP BY package\n"
							  "ORDER BY events DESC, package\n"
							  "LIMIT 10;\n";
	PGresult		 *result = ask(store, sql);

	printf(
		"\n"
		"4. The busiest packages\n"
		"-----------------------\n"
		"\n"
		"The table is an ordinary one: what goes_query_run does not answer, SQL does. A program\n"
		"takes one of the store's connections for that:\n"
		"\n"
		"    goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error);\n"
		"\n"
		"%s"
		"\n"
		" events |     last_event      |        package\n"
		"--------+---------------------+-----------------------\n",
		sql);
	for (int i = 0; i < PQntuples(result); i++)
		printf(" %6s | %s | %s\n", PQgetvalue(result, i, 0),
			   local_time(strtoll(PQgetvalue(result, i, 1), NULL, 10), "%F %T"),
			   PQgetvalue(result, i, 2));
	PQclear(result);
	printf("\n"
		   "Counting takes no SQL:\n"
		   "\n"
		   "    goes_query_name(query, \"dpkg.install\");\n"
		   "    goes_count(store, query, &count, NULL, &error);\n"
		   "\n"
		   "%s installations; and likewise %s upgrades, %s removals.\n",
		   grouped(count_events(store, "dpkg.install")),
		   grouped(count_events(store, "dpkg.upgrade")),
		   grouped(count_events(store, "dpkg.remove")));
}

static void
tell_stale_write(goes_store *store, const Package *package)
{
	goes_event	event;
	goes_error *error = NULL;
	int			status;

	printf("\n"
		   "5. A stale write is refused\n"
		   "---------------------------\n"
		   "\n"
		   "The history of %s is at version %d. A program that read it one event\n"
		   "ago does not know that, and appends to what it saw:\n"
		   "\n"
		   "    goes_event_init(&event, \"package.held\", NULL);\n"
		   "    status = goes_append(store, \"package\", &id, &event, 1, %d, NULL, &error);\n"
		   "\n",
		   package->name, package->version, package->version - 1);
	goes_event_init(&event, "package.held", NULL);
	status =
		goes_append(store, "package", &package->id, &event, 1, package->version - 1, NULL, &error);
	if (status != GOES_ERR_CONFLICT)
	{
		require(status, &error);
		fail("the stale write", "it was not refused");
	}
	printf(
		"status is GOES_ERR_CONFLICT (%s). The error's message:\n"
		"%s\n"
		"\n"
		"So no program decides on outdated facts: it has to read again. Nothing of its append was\n"
		"stored: %s events are called \"package.held\".\n",
		goes_status_text(status), goes_error_message(error),
		grouped(count_events(store, "package.held")));
	goes_error_free(error);
}

/* Reads the feed from its start to its end; returns the last position, and tells how fast that was. */
static int64_t
read_feed(goes_store *store)
{
	int64_t after = 0;
	int64_t count = 0;
	int64_t pages = 0;
	int64_t started = goes_now();
	int		rows;
	double	seconds;

	do
	{
		char	  sql[80];
		PGresult *page;

		snprintf(sql, sizeof sql, "SELECT position, name FROM goes_feed(after => %lld)",
				 (long long) after);
		page = ask(store, sql);
		rows = PQntuples(page) - 1; /* the last row is where to go on */
		after = strtoll(PQgetvalue(page, rows, 0), NULL, 10);
		count += rows;
		pages += rows > 0;
		PQclear(page);
	} while (rows > 0);
	seconds = (double) (goes_now() - started) / NANOSECONDS;
	printf("    %s events in %s %s: %s events a second\n", grouped(count), grouped(pages),
		   pages == 1 ? "page" : "pages", grouped((int64_t) ((double) count / seconds)));
	return after;
}

/* Waits for an event behind a position on one connection, while another one stores it. */
static void
await_event(goes_store *store, const Package *package, int64_t after)
{
	goes_pool  *pool = goes_store_pool(store);
	PGconn	   *connection;
	PGresult   *news;
	goes_error *error = NULL;
	goes_event	event;
	char		sql[100];
	int64_t		stored;

	require(goes_pool_acquire(pool, &connection, NULL, &error), &error);
	snprintf(sql, sizeof sql, "SELECT position, name FROM goes_feed(%lld, wait_ms => 10000)",
			 (long long) after);
	if (PQsendQuery(connection, sql) != 1)
		fail("SQL", PQerrorMessage(connection));
	goes_event_init(&event, "package.noticed", NULL);
	stored = goes_now();
	require(goes_append(store, "package", &package->id, &event, 1, GOES_EXPECT_ANY, NULL, &error),
			&error);
	news = PQgetResult(connection);
	if (PQresultStatus(news) != PGRES_TUPLES_OK || PQntuples(news) != 2)
		fail("the feed", PQerrorMessage(connection));
	printf("    %s, %s: %.1f ms after goes_append was called\n", PQgetvalue(news, 0, 0),
		   PQgetvalue(news, 0, 1), (double) (goes_now() - stored) / (NANOSECONDS / 1000));
	PQclear(news);
	PQclear(PQgetResult(connection));
	goes_pool_release(pool, connection);
}

static void
tell_following(goes_store *store, const Package *package)
{
	int64_t last;

	PQclear(ask(store, "SET client_min_messages = warning;" /* it announces what it has to lock */
					   "SELECT goes_alter_store(feed => true)"));
	printf(
		"\n"
		"6. Following the store\n"
		"----------------------\n"
		"\n"
		"Other programs want to hear of what happens. With a feed the server gives each event a\n"
		"position, and a reader goes on from one position to the next:\n"
		"\n"
		"    SELECT goes_alter_store(feed => true);\n"
		"    SELECT * FROM goes_feed(after => 0);\n"
		"\n");
	last = read_feed(store);
	printf("\n"
		   "Who has read them all waits for the next one, and is woken when it is committed:\n"
		   "\n"
		   "    SELECT * FROM goes_feed(after => %lld, wait_ms => 10000);\n"
		   "\n",
		   (long long) last);
	await_event(store, package, last);
	printf(
		"\n"
		"Whoever writes, and with whatever, it comes once and in the same order for everybody.\n");
}

/* Counts the events of one partition that were claimed, and says that they are done, both or neither. */
static void
count_claimed(PGconn *connection, const char *partition, const char *epoch, const char *positions,
			  const char *end)
{
	static const char form[] =
		"BEGIN;"
		"INSERT INTO busiest SELECT data ->> 'package', count(*), max(\"time\") FROM events"
		" WHERE position = ANY ('%s') AND data ? 'package' GROUP BY 1"
		" ON CONFLICT (package) DO UPDATE SET events = busiest.events + excluded.events,"
		" last_event = greatest(busiest.last_event, excluded.last_event);"
		"SELECT goes_done('busiest', %s, %s, done => '%s');"
		"%s";
	size_t	  size = sizeof form + 2 * strlen(positions) + 100;
	char	 *sql = allocated(malloc(size));
	PGresult *result;

	snprintf(sql, size, form, positions, partition, epoch, positions, end);
	result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail("the read model", PQerrorMessage(connection));
	PQclear(result);
	free(sql);
}

/* Works off one claim, or is undone in the middle of it; returns how many events that were. */
static int64_t
work_once(goes_store *store, const char *worker, bool is_undone)
{
	goes_pool  *pool = goes_store_pool(store);
	PGconn	   *connection;
	goes_error *error = NULL;
	int64_t		count = 0;
	PGresult   *claimed;
	char		sql[300];

	snprintf(sql, sizeof sql,
			 "SELECT \"partition\", epoch, array_agg(position), count(*)"
			 " FROM goes_claim('busiest', '%s', 500, lease_ms => %d) GROUP BY 1, 2",
			 worker, is_undone ? LEASE_MS : 30000);
	claimed = ask(store, sql);
	require(goes_pool_acquire(pool, &connection, NULL, &error), &error);
	for (int i = 0; i < PQntuples(claimed); i++)
	{
		count_claimed(connection, PQgetvalue(claimed, i, 0), PQgetvalue(claimed, i, 1),
					  PQgetvalue(claimed, i, 2), is_undone ? "ROLLBACK" : "COMMIT");
		count += strtoll(PQgetvalue(claimed, i, 3), NULL, 10);
	}
	goes_pool_release(pool, connection);
	PQclear(claimed);
	return count;
}

static void
tell_read_model(goes_store *store)
{
	int64_t	  undone;
	int64_t	  done = 0;
	int64_t	  more;
	PGresult *result;

	PQclear(ask(store, "SET client_min_messages = warning;"
					   "CREATE TABLE IF NOT EXISTS busiest"
					   " (package text PRIMARY KEY, events bigint, last_event bigint);"
					   "SELECT goes_create_subscription_store();"
					   "SELECT goes_subscribe('busiest', aggregate_names => '{package}')"));
	undone = work_once(store, "first", true);
	nanosleep(&(struct timespec){.tv_nsec = 2L * LEASE_MS * 1000 * 1000}, NULL);
	do
		done += more = work_once(store, "second", false);
	while (more > 0);
	result = ask(store, "SELECT package, events FROM busiest ORDER BY 2 DESC, 1 LIMIT 3");
	printf(
		"\n"
		"7. The busiest packages, kept up to date\n"
		"----------------------------------------\n"
		"\n"
		"Counting anew each time is slow once there are many events. A subscription hands them\n"
		"out to workers, which count them in a table of their own:\n"
		"\n"
		"    SELECT goes_subscribe('busiest', aggregate_names => '{package}');\n"
		"\n"
		"    SELECT * FROM goes_claim('busiest', 'first', 500);\n"
		"    BEGIN;\n"
		"    INSERT INTO busiest ... ON CONFLICT ... events = busiest.events + excluded.events;\n"
		"    SELECT goes_done('busiest', ...);\n"
		"    COMMIT;\n"
		"\n"
		"The first worker had counted %s events when its transaction was undone, as if it had "
		"been\n"
		"killed. The second one got those as well, and counted %s, each exactly once:\n"
		"\n"
		" events |        package\n"
		"--------+-----------------------\n",
		grouped(undone), grouped(done));
	for (int i = 0; i < PQntuples(result); i++)
		printf(" %6s | %s\n", PQgetvalue(result, i, 1), PQgetvalue(result, i, 0));
	PQclear(result);
}

static void
tell_where_to_go(void)
{
	printf("\n"
		   "8. Where to go from here\n"
		   "------------------------\n"
		   "\n"
		   "README.md                what goes_store and libgoes can do\n"
		   "docs/feed.md             following a store: what to know of it\n"
		   "docs/subscriptions.md    many workers, exactly once\n"
		   "examples/dpkg_events.c   what you have just seen\n"
		   "examples/shop.c          a smaller program: two writers, a transaction, a hook\n"
		   "make test                every test, on throwaway servers as well\n"
		   "\n"
		   "The extension is installed now. In a database of your own:\n"
		   "\n"
		   "    CREATE EXTENSION goes_store;\n"
		   "    SELECT goes_create_store();\n"
		   "\n"
		   "make install installs libgoes and the tool, goes, as well.\n");
}

int
main(int argc, char **argv)
{
	Log			   log = {0};
	goes_store	  *store;
	goes_error	  *error = NULL;
	const Package *package;

	if (argc != 2)
	{
		fprintf(stderr,
				"usage: POSTGRES_EVENTSTORE=postgres://... dpkg_events /var/log/dpkg.log\n");
		return 2;
	}
	read_log(&log, argv[1]);
	tell_what_was_read(&log);
	require(goes_store_open(&store, NULL, &error), &error);
	tell_insert(store, &log);
	package = choose_package(store, &log);
	tell_event(store, package);
	tell_history(store, package);
	tell_busiest(store);
	tell_stale_write(store, package);
	tell_following(store, package);
	tell_read_model(store);
	tell_where_to_go();
	goes_store_close(store);
	return 0;
}
