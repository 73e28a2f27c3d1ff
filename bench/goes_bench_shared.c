/*
 * goes_bench_shared.c
 *	  Appends that share commits, by libgoes: the threads of a process with coalesce_appends, and a writer.
 *
 * All clients have the one store of their process, as a service has.
 */
#include <stdlib.h>

#include "goes_bench.h"

typedef struct Shared
{
	goes_store	*store;
	goes_writer *writer;
} Shared;

static Shared shared;

static void *
connect_shared(const char *url)
{
	goes_writer_options options;
	goes_error		   *error = NULL;

	if (shared.store != NULL)
		return &shared;
	shared.store = open_table(url, "events", true);
	goes_writer_options_init(&options, sizeof options);
	require(goes_writer_open(&shared.writer, shared.store, &options, &error), error);
	return &shared;
}

static long
append_shared(Client *client)
{
	int	  expected = client->version;
	Event event;

	make_events(client, &event, 1);
	return append_events(shared.store, &client->stream, &event, 1, expected);
}

static long
append_hot(Client *client)
{
	Event event;

	make_events(client, &event, 1);
	return append_events(shared.store, &client->turn->hot, &event, 1, GOES_EXPECT_ANY);
}

/*
 * take_outcomes takes the outcomes of all that the writer was given.
 */
static long
take_outcomes(void)
{
	const goes_outcome *outcome;
	goes_error		   *error = NULL;
	long				count = 0;
	int					status;

	while ((status = goes_writer_next(shared.writer, &outcome, NULL, &error)) == GOES_OUTCOME)
	{
		if (outcome->status != GOES_OK)
			die("libgoes: %s", goes_error_message(outcome->error));
		count++;
	}
	require(status, error);
	return count;
}

/*
 * write_appends has the writer make appends of one event to aggregates of their own.
 */
static long
write_appends(Client *client)
{
	for (int i = 0; i < client->turn->count; i++)
	{
		Event		made;
		goes_event	event;
		goes_error *error = NULL;

		make_first_event(client, &made);
		goes_event_init(&event, COMMON_NAME, made.data);
		require(goes_writer_append(shared.writer, AGGREGATE_NAME, &client->stream, &event, 1, 0,
								   NULL, NULL, &error),
				error);
	}
	return take_outcomes();
}

const Participant with_shared_commits = {
	"shared",
	connect_shared,
	NULL,
	NULL,
	{{"append", append_shared}, {"hot", append_hot}, {"each", write_appends}}};
