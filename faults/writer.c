/*
 * writer.c
 *    A program that stores events by libgoes while faults are made, and notes in a file what it was told:
 *
 *        writer WAY URL TABLE NUMBER SEED LEDGER
 *
 *    WAY is insert (goes_insert), append (goes_append) or writer (goes_writer). Each call stores a
 *    batch, whose events say which batch they are of and how many it has. Before a call the ledger gets
 *    the line "begin BATCH COUNT", and after it "end BATCH STATUS VERSION SQLSTATE". Lines are written
 *    at once, by a process that no fault ends: so the ledger knows what was acknowledged. The program
 *    ends on SIGTERM, once every batch has its second line.
 */
#include <errno.h>
#include <fcntl.h>
#include <goes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATABASE "faults"
#define MOST_EVENTS 12
#define AGGREGATES 40
#define MOST_PENDING 50
#define BATCH_NAME 48
#define PAUSE_US 20000
#define TIMEOUT_MS 60000

/* A batch of events, and the memory of what they refer to. */
typedef struct Batch
{
	char	   name[BATCH_NAME];
	size_t	   count;
	goes_event events[MOST_EVENTS];
	char	   data[MOST_EVENTS][BATCH_NAME + 64];
	char	   sent; /* to a goes_writer, and without an outcome */
} Batch;

static volatile sig_atomic_t is_over;
static const char			*way;
static const char			*number;
static int					 ledger;
static unsigned				 drawn;
static long					 batch_count;
static goes_uuid			 aggregates[AGGREGATES];

static void
end(int signal_number)
{
	(void) signal_number;
	is_over = 1;
}

/*
 * note writes a line of the ledger.
 */
static void
note(const char *line, int length)
{
	if (write(ledger, line, (size_t) length) != length)
	{
		perror("the ledger cannot be written");
		exit(1);
	}
}

static void
note_begin(const Batch *batch)
{
	char line[BATCH_NAME + 64];

	note(line, snprintf(line, sizeof line, "begin %s %zu\n", batch->name, batch->count));
}

static void
note_end(const Batch *batch, int status, int version, const goes_error *error)
{
	char		line[BATCH_NAME + 64];
	const char *sqlstate = goes_error_sqlstate(error);

	note(line, snprintf(line, sizeof line, "end %s %d %d %s\n", batch->name, status, version,
						*sqlstate == '\0' ? "-" : sqlstate));
}

/*
 * fill_batch makes the events of the next batch.
 */
static void
fill_batch(Batch *batch)
{
	memset(batch, 0, sizeof *batch);
	snprintf(batch->name, sizeof batch->name, "%s%s-%ld", way, number, ++batch_count);
	batch->count = 1 + (size_t) rand_r(&drawn) % (rand_r(&drawn) % 3 == 0 ? MOST_EVENTS : 2);
	for (size_t i = 0; i < batch->count; i++)
	{
		snprintf(batch->data[i], sizeof batch->data[i],
				 "{\"batch\": \"%s\", \"n\": %zu, \"of\": %zu}", batch->name, i, batch->count);
		goes_event_init(&batch->events[i], "fault.stored", batch->data[i]);
	}
}

static const goes_uuid *
any_aggregate(void)
{
	return &aggregates[rand_r(&drawn) % AGGREGATES];
}

/*
 * store_batch stores a batch in one call, and waits for that.
 */
static void
store_batch(goes_store *store, Batch *batch)
{
	goes_error *error = NULL;
	int			status;

	note_begin(batch);
	if (strcmp(way, "insert") == 0)
		status = goes_insert(store, batch->events, batch->count, NULL, &error);
	else
		status = goes_append(store, "thing", any_aggregate(), batch->events, batch->count,
							 GOES_EXPECT_ANY, NULL, &error);
	note_end(batch, status, batch->events[batch->count - 1].aggregate_version, error);
	goes_error_free(error);
}

static void
store_batches(goes_store *store)
{
	static Batch batch;

	while (!is_over)
	{
		fill_batch(&batch);
		store_batch(store, &batch);
		usleep(PAUSE_US);
	}
}

static void
take_outcome(const goes_outcome *outcome, void *unused)
{
	Batch *batch = outcome->tag;

	(void) unused;
	note_end(batch, outcome->status, outcome->version, outcome->error);
	batch->sent = 0;
}

/*
 * send_batches has a writer make many appends at a time.
 */
static void
send_batches(goes_store *store)
{
	static Batch		batches[MOST_PENDING];
	goes_writer		   *writer = NULL;
	const goes_outcome *outcome;
	goes_error		   *error = NULL;

	if (goes_writer_open(&writer, store, NULL, &error) != GOES_OK)
	{
		fprintf(stderr, "%s\n", goes_error_message(error));
		exit(1);
	}
	for (int i = 0; !is_over; i = (i + 1) % MOST_PENDING)
	{
		Batch *batch = &batches[i];

		while (batch->sent && goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME)
			take_outcome(outcome, NULL);
		fill_batch(batch);
		batch->sent = 1;
		note_begin(batch);
		if (goes_writer_append(writer, "thing", any_aggregate(), batch->events, batch->count,
							   GOES_EXPECT_ANY, batch, NULL, &error) != GOES_OK)
		{
			fprintf(stderr, "%s\n", goes_error_message(error));
			exit(1);
		}
		usleep(PAUSE_US);
	}
	while (goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME)
		take_outcome(outcome, NULL);
	goes_writer_close(writer, take_outcome, NULL);
}

/*
 * open_store opens the store, whose server may be away.
 */
static goes_store *
open_store(const char *url, const char *table)
{
	goes_store_options options;
	goes_store		  *store = NULL;
	goes_error		  *error = NULL;

	goes_store_options_init(&options, sizeof options);
	options.url = url;
	options.database = DATABASE;
	options.table = table;
	options.no_create = true;
	options.operation_timeout_ms = TIMEOUT_MS;
	if (goes_store_open(&store, &options, &error) != GOES_OK)
	{
		fprintf(stderr, "%s\n", goes_error_message(error));
		exit(1);
	}
	return store;
}

int
main(int count, char **arguments)
{
	goes_store *store;

	if (count != 7)
	{
		fprintf(stderr, "usage: writer insert|append|writer URL TABLE NUMBER SEED LEDGER\n");
		return 1;
	}
	way = arguments[1];
	number = arguments[4];
	drawn = (unsigned) strtoul(arguments[5], NULL, 10);
	ledger = open(arguments[6], O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (ledger < 0)
	{
		perror(arguments[6]);
		return 1;
	}
	signal(SIGTERM, end);
	for (int i = 0; i < AGGREGATES; i++)
		goes_uuid_v7(&aggregates[i]);
	store = open_store(arguments[2], arguments[3]);
	if (strcmp(way, "writer") == 0)
		send_batches(store);
	else
		store_batches(store);
	goes_store_close(store);
	return 0;
}
