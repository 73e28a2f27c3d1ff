/*
 * writers.h
 *    Threads that write events while something happens to the server, and whether what they were told
 *    is true: nothing that was acknowledged is lost, nothing that was refused is stored.
 */
#ifndef GOES_TEST_WRITERS_H
#define GOES_TEST_WRITERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "server_control.h"

#define THREADS 6
#define MOST_EVENTS 100000

typedef enum Outcome
{
	ACKNOWLEDGED,
	REFUSED,
	IN_DOUBT,
	OUTCOMES
} Outcome;

static const char *const outcome_names[] = {"acknowledged", "refused", "in doubt"};

/* A thread that writes events, and what it was told of each. */
typedef struct Writer
{
	pthread_t	thread;
	goes_store *store;
	int			number;
	int			count;
	int			wrong; /* statuses that are none of the three outcomes */
	goes_uuid	ids[MOST_EVENTS];
	Outcome		outcomes[MOST_EVENTS];
} Writer;

static Writer	   writers[THREADS];
static atomic_bool is_over;
static atomic_int  successes;

/*
 * write_in_transaction stores an event in a transaction of its own.
 */
static inline int
write_in_transaction(goes_store *store, const goes_event *event, goes_error **error)
{
	goes_tx *tx;
	int		 status = goes_tx_begin(store, &tx, NULL, error);

	if (status != GOES_OK)
		return status;
	status = goes_insert(goes_tx_store(tx), event, 1, NULL, error);
	if (status == GOES_OK)
		return goes_tx_commit(tx, NULL, error);
	goes_tx_rollback(tx);
	return status;
}

/*
 * note_outcome remembers what was said of an event. On a busy machine a call may be late, and then
 * nobody knows either.
 */
static inline void
note_outcome(Writer *writer, const goes_event *event, int status, const goes_error *error)
{
	bool	is_unknown = status == GOES_ERR_IN_DOUBT || status == GOES_ERR_TIMEOUT;
	Outcome outcome = status == GOES_OK ? ACKNOWLEDGED : is_unknown ? IN_DOUBT : REFUSED;

	writer->ids[writer->count] = event->id;
	writer->outcomes[writer->count++] = outcome;
	atomic_fetch_add(&successes, outcome == ACKNOWLEDGED);
	if (outcome != REFUSED || status == GOES_ERR_CONNECT)
		return;
	fprintf(stderr, "# %s: %s\n", goes_status_text(status), goes_error_message(error));
	writer->wrong++;
}

#define WAYS_TO_WRITE 3

/*
 * write_event stores an event, in one way or another.
 */
static inline int
write_event(goes_store *store, int way, goes_event *event, goes_error **error)
{
	goes_uuid aggregate = {.bytes = {1, (unsigned char) way}};

	switch (way % WAYS_TO_WRITE)
	{
		case 0:
			return goes_insert(store, event, 1, NULL, error);
		case 1:
			return goes_append(store, "writer", &aggregate, event, 1, GOES_EXPECT_ANY, NULL, error);
		default:
			return write_in_transaction(store, event, error);
	}
}

static inline void *
write_events(void *argument)
{
	Writer *writer = argument;

	while (!atomic_load(&is_over) && writer->count < MOST_EVENTS)
	{
		goes_error *error = NULL;
		goes_event	event;
		int			status;

		goes_event_init(&event, "written", "{}");
		status = write_event(writer->store, writer->number, &event, &error);
		note_outcome(writer, &event, status, error);
		if (status != GOES_OK)
			usleep(5000);
		goes_error_free(error);
	}
	return NULL;
}

/*
 * wait_for_successes waits until so many more calls have succeeded.
 */
static inline void
wait_for_successes(int more)
{
	int		wanted = atomic_load(&successes) + more;
	int64_t start = milliseconds();

	while (atomic_load(&successes) < wanted)
	{
		assert_true(is_within(start, 20000));
		usleep(1000);
	}
}

/*
 * check_outcomes compares what the writers were told with what is there. Returns how many events had
 * an outcome.
 */
static inline int
check_outcomes(const Writer *writer, Outcome outcome)
{
	goes_error *error = NULL;
	int			count = 0;

	for (int i = 0; i < writer->count; i++)
	{
		goes_event *found = NULL;
		int			status;

		if (writer->outcomes[i] != outcome)
			continue;
		count++;
		status = goes_find(writer->store, &writer->ids[i], &found, NULL, &error);
		if (outcome == ACKNOWLEDGED)
			assert_ok(status);
		else if (outcome == REFUSED)
			expect_error(status, &error, GOES_ERR_NOT_FOUND, "");
		goes_error_free(error);
		error = NULL;
		goes_event_free(found);
	}
	return count;
}

static inline void
start_writers(goes_store *store)
{
	for (int i = 0; i < THREADS; i++)
	{
		writers[i].store = store;
		writers[i].number = i;
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_events, &writers[i]), 0);
	}
}

/*
 * stop_writers stops them, and checks what they were told. Some calls have to have been refused, or
 * nothing has happened.
 */
static inline void
stop_writers(void)
{
	int counts[OUTCOMES] = {0};

	atomic_store(&is_over, true);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(writers[i].thread, NULL);
		assert_int_equal(writers[i].wrong, 0);
	}
	for (int i = 0; i < THREADS; i++)
	{
		for (Outcome outcome = 0; outcome < OUTCOMES; outcome++)
			counts[outcome] += check_outcomes(&writers[i], outcome);
	}
	for (Outcome outcome = 0; outcome < OUTCOMES; outcome++)
		printf("# %d %s\n", counts[outcome], outcome_names[outcome]);
	assert_true(counts[REFUSED] > 0);
}

#endif
