/*
 * server_pool_restart.c
 *    A server that goes away under load: nothing that was acknowledged is lost, nothing that was
 *    refused is stored, and the next calls work.
 */
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
	bool		uses_transactions;
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
static int
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
 * note_outcome remembers what was said of an event.
 */
static void
note_outcome(Writer *writer, const goes_event *event, int status, const goes_error *error)
{
	Outcome outcome = status == GOES_OK				? ACKNOWLEDGED
					  : status == GOES_ERR_IN_DOUBT ? IN_DOUBT
													: REFUSED;

	writer->ids[writer->count] = event->id;
	writer->outcomes[writer->count++] = outcome;
	atomic_fetch_add(&successes, outcome == ACKNOWLEDGED);
	if (outcome != REFUSED || status == GOES_ERR_CONNECT)
		return;
	fprintf(stderr, "# %s: %s\n", goes_status_text(status), goes_error_message(error));
	writer->wrong++;
}

static void *
write_events(void *argument)
{
	Writer *writer = argument;

	while (!atomic_load(&is_over) && writer->count < MOST_EVENTS)
	{
		goes_error *error = NULL;
		goes_event	event;
		int			status;

		goes_event_init(&event, "written", "{}");
		status = writer->uses_transactions ? write_in_transaction(writer->store, &event, &error)
										   : goes_insert(writer->store, &event, 1, NULL, &error);
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
static void
wait_for_successes(int more)
{
	int		wanted = atomic_load(&successes) + more;
	int64_t start = milliseconds();

	while (atomic_load(&successes) < wanted)
	{
		assert_true(milliseconds() - start < 20000);
		usleep(1000);
	}
}

/*
 * check_outcomes compares what the writers were told with what is there. Returns how many events had
 * an outcome.
 */
static int
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

/*
 * Threads write while the server is restarted in a hurry, in peace, and with a pause that is longer
 * than the time libgoes spends on finding out what became of a lost insert.
 */
static void
test_the_server_restarts_under_load(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_store		  *store;
	int				   counts[OUTCOMES] = {0};

	options.connect_timeout_ms = 500;
	options.max_connections = THREADS - 1;
	store = open_with(&options);
	for (int i = 0; i < THREADS; i++)
	{
		writers[i].store = store;
		writers[i].uses_transactions = i % 2 != 0;
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_events, &writers[i]), 0);
	}
	wait_for_successes(200);
	restart_server();
	wait_for_successes(200);
	stop_server();
	start_server();
	wait_for_successes(200);
	stop_server();
	usleep(800 * 1000);
	start_server();
	wait_for_successes(200);
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
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_server_restarts_under_load),
	};

	return RUN_TESTS(tests);
}
