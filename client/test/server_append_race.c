/*
 * server_append_race.c
 *    Threads that append to one aggregate at once: who wins, what the others learn, and that nothing is
 *    lost or left out.
 */
#include <pthread.h>

#include "appends.h"
#include "own_store.h"

#define THREADS 20
#define ROUNDS 10
#define BATCH 3

/* What a thread does, and what became of it. */
typedef struct Racer
{
	pthread_t	  thread;
	int			  number;
	int32_t		  expected;
	size_t		  n; /* events of each append */
	int			  status;
	goes_conflict conflict;
	bool		  has_details;
	char		  message[256];
	char		  sqlstate[6];
	int			  conflicts; /* on the way */
	goes_event	  events[ROUNDS * BATCH];
} Racer;

static Racer			 racers[THREADS];
static goes_uuid		 id;
static goes_uuid		 other;
static pthread_barrier_t start;

static int
begin(void **state)
{
	goes_store_options options = options_of("raced");
	goes_error		  *error = NULL;
	char			   url[1024];

	snprintf(url, sizeof url, "%s options='-c deadlock_timeout=20ms'", server_url());
	options.url = url;
	options.max_connections = THREADS;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	id = new_id();
	other = new_id();
	return 0;
}

/*
 * race runs a function in every thread, and waits for them all.
 */
static void
race(void *(*function)(void *), int32_t expected, size_t n)
{
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
	{
		racers[i] = (Racer){.number = i, .expected = expected, .n = n};
		make_events(racers[i].events, ROUNDS * BATCH);
		assert_int_equal(pthread_create(&racers[i].thread, NULL, function, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

/*
 * note_error keeps what an error says, and frees it.
 */
static void
note_error(Racer *racer, goes_error *error)
{
	racer->conflict = (goes_conflict){.size = sizeof racer->conflict};
	racer->has_details = goes_error_conflict(error, &racer->conflict);
	snprintf(racer->message, sizeof racer->message, "%s", goes_error_message(error));
	snprintf(racer->sqlstate, sizeof racer->sqlstate, "%s", goes_error_sqlstate(error));
	goes_error_free(error);
}

/*
 * append_rounds appends round after round, until one fails.
 */
static void
append_rounds(Racer *racer, int rounds)
{
	pthread_barrier_wait(&start);
	for (int i = 0; i < rounds && racer->status == GOES_OK; i++)
	{
		goes_error *error = NULL;

		racer->status = goes_append(store, "order", &id, racer->events + (size_t) i * racer->n,
									racer->n, racer->expected, NULL, &error);
		if (racer->status != GOES_OK)
			note_error(racer, error);
	}
}

static void *
append_once(void *racer)
{
	append_rounds(racer, 1);
	return NULL;
}

static void *
append_often(void *racer)
{
	append_rounds(racer, ROUNDS);
	return NULL;
}

/*
 * append_after appends after a version, and as long as others are faster after the one that they made.
 */
static void
append_after(Racer *racer, goes_event *event, int32_t *version)
{
	goes_error *error = NULL;

	while ((racer->status = goes_append(store, "order", &id, event, 1, *version, NULL, &error)) ==
		   GOES_ERR_CONFLICT)
	{
		note_error(racer, error);
		racer->conflicts++;
		if (!racer->has_details || racer->conflict.current_version <= *version)
			return;
		*version = racer->conflict.current_version;
	}
	if (racer->status != GOES_OK)
		note_error(racer, error);
	*version = event->aggregate_version;
}

static void *
append_and_retry(void *argument)
{
	Racer  *racer = argument;
	int32_t version = 0;

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS && racer->status == GOES_OK; i++)
		append_after(racer, &racer->events[i], &version);
	return NULL;
}

/*
 * insert_and_retry inserts with versions of its own, as a writer does that knows nothing of appends.
 */
static void *
insert_and_retry(void *argument)
{
	Racer  *racer = argument;
	int32_t version = 1;

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS; i += racer->status == GOES_OK)
	{
		goes_event *event = &racer->events[i];
		goes_error *error = NULL;

		event->aggregate_name = "order";
		event->aggregate_id = id;
		event->aggregate_version = version++;
		racer->status = goes_insert(store, event, 1, NULL, &error);
		if (racer->status == GOES_OK)
			continue;
		note_error(racer, error);
		if (racer->status != GOES_ERR_CONFLICT || !racer->has_details ||
			racer->conflict.current_version < event->aggregate_version)
			break;
		version = racer->conflict.current_version + 1;
	}
	return NULL;
}

static void *
append_or_insert(void *argument)
{
	Racer *racer = argument;

	return racer->number % 2 == 0 ? append_often(racer) : insert_and_retry(racer);
}

/*
 * expect_all_landed checks that every racer's events are there, with the versions that they were told,
 * in the order of the racer, and that together they are all versions.
 */
static void
expect_all_landed(size_t n)
{
	goes_event *events = calloc(THREADS * n, sizeof *events);

	for (int i = 0; i < THREADS; i++)
	{
		if (racers[i].status != GOES_OK)
			fail_msg("%s: %s", goes_status_text(racers[i].status), racers[i].message);
		for (size_t j = 0; j < n; j++)
		{
			int32_t version = racers[i].events[j].aggregate_version;

			assert_in_range(version, 1, THREADS * n);
			assert_null(events[version - 1].name);
			assert_true(j == 0 || version > racers[i].events[j - 1].aggregate_version);
			events[version - 1] = racers[i].events[j];
		}
	}
	expect_history(store, "order", &id, events, THREADS * n, 0);
	free(events);
}

/*
 * expect_one_winner checks that one append came through, and that the others know where it led to.
 */
static void
expect_one_winner(int32_t before, size_t n)
{
	int winners = 0;

	for (int i = 0; i < THREADS; i++)
	{
		const Racer *racer = &racers[i];

		winners += racer->status == GOES_OK;
		if (racer->status == GOES_OK)
		{
			assert_int_equal(racer->events[0].aggregate_version, before + 1);
			continue;
		}
		if (racer->status != GOES_ERR_CONFLICT || !racer->has_details)
			fail_msg("%s: %s", goes_status_text(racer->status), racer->message);
		assert_string_equal(racer->sqlstate, "VE001");
		assert_int_equal(racer->conflict.current_version, before + n);
		assert_int_equal(racer->conflict.event_version, before + 1);
		assert_memory_equal(&racer->conflict.aggregate_id, &id, sizeof id);
		assert_int_equal(racer->events[0].aggregate_version, 0);
		assert_null(racer->events[0].aggregate_name);
	}
	assert_int_equal(winners, 1);
}

static void
test_of_twenty_with_the_same_expectation_one_wins(void **state)
{
	int32_t version = 0;

	for (size_t n = 1; n <= BATCH; n++)
	{
		race(append_once, version, n);
		expect_one_winner(version, n);
		version += (int32_t) n;
	}
	assert_int_equal(append(store, &id, NULL, 0, version), 0);
}

static void
test_of_twenty_that_expect_anything_all_land(void **state)
{
	race(append_often, GOES_EXPECT_ANY, BATCH);
	expect_all_landed(ROUNDS * BATCH);
}

static void
test_a_loop_that_retries_ends_well(void **state)
{
	int conflicts = 0;

	race(append_and_retry, 0, 1);
	expect_all_landed(ROUNDS);
	for (int i = 0; i < THREADS; i++)
		conflicts += racers[i].conflicts;
	assert_true(conflicts > 0);
}

/*
 * Half of them insert, and meet the appends on the unique index only.
 */
static void
test_appends_among_inserts_all_land(void **state)
{
	race(append_or_insert, GOES_EXPECT_ANY, 1);
	expect_all_landed(ROUNDS);
}

static void *
append_the_same(void *argument)
{
	Racer *racer = argument;

	for (size_t i = 0; i < BATCH; i++) /* the same events in every thread */
	{
		racer->events[i].time = (int64_t) i;
		racer->events[i].id = (goes_uuid){{0}};
		memcpy(racer->events[i].id.bytes, id.bytes, sizeof id.bytes);
		racer->events[i].id.bytes[0] = (unsigned char) i;
	}
	return append_once(racer);
}

/*
 * The same append from twenty threads is stored once, and all hear the same.
 */
static void
test_the_same_append_twenty_times_is_one(void **state)
{
	append_new(store, &id, 2);
	race(append_the_same, GOES_EXPECT_ANY, BATCH);
	for (int i = 0; i < THREADS; i++)
	{
		if (racers[i].status != GOES_OK)
			fail_msg("%s: %s", goes_status_text(racers[i].status), racers[i].message);
		assert_int_equal(racers[i].events[0].aggregate_version, 3);
	}
	assert_int_equal(append(store, &id, NULL, 0, 2 + BATCH), 0);
}

/*
 * append_to_both appends to two aggregates in a transaction; every second racer the other way round.
 */
static int
append_to_both(Racer *racer, goes_event *events, goes_error **error)
{
	goes_tx *tx;
	int		 status = goes_tx_begin(store, &tx, NULL, error);

	for (int i = 0; status == GOES_OK && i < 2; i++)
		status = goes_append(goes_tx_store(tx), "order", racer->number % 2 == i ? &id : &other,
							 &events[i], 1, GOES_EXPECT_ANY, NULL, error);
	if (status == GOES_OK)
		return goes_tx_commit(tx, NULL, error);
	goes_tx_rollback(tx);
	return status;
}

static void *
append_crossed(void *argument)
{
	Racer *racer = argument;
	bool   is_retryable;

	pthread_barrier_wait(&start);
	do
	{
		goes_event	events[2] = {racer->events[0], racer->events[1]};
		goes_error *error = NULL;

		racer->status = append_to_both(racer, events, &error);
		is_retryable = goes_error_is_retryable(error);
		racer->conflicts += is_retryable;
		if (racer->status != GOES_OK)
			note_error(racer, error);
	} while (racer->status != GOES_OK && is_retryable);
	return NULL;
}

/*
 * Transactions that append to the same aggregates in different orders may deadlock: one is told to
 * try again.
 */
static void
test_appends_that_cross_each_other_end_well(void **state)
{
	int		deadlocks = 0;
	int32_t version = 0;

	for (int tries = 0; tries < 20 && deadlocks == 0; tries++)
	{
		race(append_crossed, GOES_EXPECT_ANY, 1);
		version += THREADS;
		for (int i = 0; i < THREADS; i++)
		{
			if (racers[i].status != GOES_OK)
				fail_msg("%s: %s", goes_status_text(racers[i].status), racers[i].message);
			if (racers[i].conflicts > 0)
				assert_string_equal(racers[i].sqlstate, "40P01");
			deadlocks += racers[i].conflicts;
		}
		assert_int_equal(append(store, &id, NULL, 0, version), 0);
		assert_int_equal(append(store, &other, NULL, 0, version), 0);
	}
	assert_true(deadlocks > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_of_twenty_with_the_same_expectation_one_wins),
		OWN_STORE(test_of_twenty_that_expect_anything_all_land),
		OWN_STORE(test_a_loop_that_retries_ends_well),
		OWN_STORE(test_appends_among_inserts_all_land),
		OWN_STORE(test_the_same_append_twenty_times_is_one),
		OWN_STORE(test_appends_that_cross_each_other_end_well),
	};

	return RUN_TESTS(tests);
}
