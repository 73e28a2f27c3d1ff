/*
 * server_subscription_proof.c
 *    Workers that are killed and stopped follow a store while others write to it: every event has its
 *    effect once, and those of an aggregate have it in their order, also behind one that cannot be
 *    done until much later.
 *
 * The run ends when everything has happened often enough, and fails if that takes too long. Its
 * random numbers have a seed, which is printed; GOES_TEST_SEED repeats the choices, though not the
 * moments at which they meet.
 */
#include <signal.h>
#include <sys/wait.h>

#include "leave.h"
#include "subscription_worker.h"
#include "subscription_writer.h"

#define MOST_MS 120000
#define KILL_EVERY_MS 300
#define STOPPED_MS (2 * LEASE_MS)

/* Events that have to wait behind those that cannot be done. */
#define MANY 1000

typedef struct Worker
{
	pid_t	process;
	int		life;
	int64_t stopped; /* since when; 0: it goes on */
} Worker;

static Worker	workers[WORKERS];
static pid_t	writers[WRITERS];
static uint64_t seed;
static Session	fate;
static int64_t	deadline;

/* What stood in the way when all but the poisoned aggregates were done. */
static int64_t parked_then;
static int64_t waiting_then;
static int64_t undone_then;

/*
 * make_store makes the store, what is poisoned in it, and the subscription.
 */
static void
make_store(void)
{
	admin_do("postgres", "CREATE DATABASE " TEST_DATABASE);
	admin_do(TEST_DATABASE, "CREATE EXTENSION goes_store");
	admin_do(TEST_DATABASE, "SELECT goes_create_store(), goes_alter_store(feed => true)");
	admin_do(TEST_DATABASE, WORKERS_SCHEMA);
	for (int i = 0; i < POISONED; i++)
		admin_do(TEST_DATABASE,
				 "SELECT goes_append('order', '" AGGREGATE_ID "', "
				 "ARRAY[goes_new_event('first'), goes_new_event('poison')])",
				 i);
	note(STORED, 2 * POISONED);
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	admin_do(TEST_DATABASE,
			 "SELECT goes_subscribe('proof', partitions => %d, max_attempts => 4, "
			 "backoff_ms => 50, backoff_max_ms => 500)",
			 PARTITIONS);
}

/*
 * start_worker starts a worker, in place of one that was killed.
 */
static void
start_worker(int number)
{
	Worker *worker = &workers[number];

	worker->life++;
	worker->stopped = 0;
	atomic_store(&run->holds[number], false);
	worker->process = fork();
	assert_true(worker->process >= 0);
	if (worker->process > 0)
		return;
	claim_events(seed, number, worker->life);
	leave(0);
}

static void
start_writer(int number)
{
	writers[number] = fork();
	assert_true(writers[number] >= 0);
	if (writers[number] > 0)
		return;
	write_events(seed, number);
	leave(0);
}

/*
 * kill_worker kills a worker, whatever it is doing, and starts another one.
 */
static void
kill_worker(int number)
{
	if (workers[number].stopped != 0)
		return;
	kill(workers[number].process, SIGKILL);
	waitpid(workers[number].process, NULL, 0);
	note(KILLED, 1);
	start_worker(number);
}

/*
 * stop_worker stops a worker for longer than its lease, if it has one.
 */
static void
stop_worker(int number)
{
	if (workers[number].stopped != 0 || !atomic_load(&run->holds[number]))
		return;
	kill(workers[number].process, SIGSTOP);
	workers[number].stopped = milliseconds();
}

/*
 * wake_workers lets the workers go on that were stopped long enough; all of them, if need be.
 */
static void
wake_workers(bool is_all)
{
	for (int i = 0; i < WORKERS; i++)
	{
		if (workers[i].stopped == 0 ||
			(!is_all && milliseconds() - workers[i].stopped < STOPPED_MS))
			continue;
		kill(workers[i].process, SIGCONT);
		workers[i].stopped = 0;
	}
}

/*
 * strike kills and stops workers for a while. Two of them are always left alone.
 */
static void
strike(void)
{
	int64_t begun = milliseconds();

	kill_worker(below(&fate, WORKERS));
	while (milliseconds() - begun < KILL_EVERY_MS)
	{
		if (!is_enough(LOST))
			stop_worker(below(&fate, WORKERS - 2));
		wake_workers(false);
		usleep(20000);
	}
}

static bool
is_late(void)
{
	return milliseconds() > deadline;
}

static bool
is_failed(void)
{
	return atomic_load(&run->failures) > 0 || is_late();
}

/*
 * was_enough_done tells whether everything has happened often enough.
 */
static bool
was_enough_done(void)
{
	for (int deed = 0; deed < DEEDS; deed++)
	{
		if (!is_enough(deed))
			return false;
	}
	return true;
}

/*
 * left_to_do counts what workers can still do.
 */
static int64_t
left_to_do(void)
{
	return number_of("SELECT sum(behind + retrying) FROM goes_subscription_lag()");
}

static int64_t
held_back(const char *column)
{
	return number_of("SELECT sum(%s) FROM goes_subscription_lag()", column);
}

/*
 * end_writers ends all writers.
 */
static void
end_writers(void)
{
	atomic_store(&run->is_written, true);
	for (int i = 0; i < WRITERS; i++)
		waitpid(writers[i], NULL, 0);
}

static void
end_workers(void)
{
	atomic_store(&run->is_over, true);
	wake_workers(true);
	for (int i = 0; i < WORKERS; i++)
		waitpid(workers[i].process, NULL, 0);
}

/*
 * follow_until_poison lets workers do what they can. What several of them died of is none of it.
 */
static void
follow_until_poison(void)
{
	while (!is_failed() && !was_enough_done())
		strike();
	end_writers();
	while (!is_failed() && left_to_do() > 0)
		strike();
	parked_then = held_back("parked");
	waiting_then = held_back("waiting");
	undone_then = number_of("SELECT count(*) FROM events WHERE "
							"coalesce(aggregate_id::text NOT LIKE '%%00000000000_' OR "
							"right(aggregate_id::text, 1)::integer >= %d, true) "
							"AND position NOT IN (SELECT position FROM effects)",
							POISONED);
}

/*
 * follow_to_the_end lets them do the rest, once that can be done.
 */
static void
follow_to_the_end(void)
{
	atomic_store(&run->is_cured, true);
	while (!is_failed() && left_to_do() + held_back("parked + waiting") > 0)
	{
		admin_do(TEST_DATABASE, "SELECT goes_unpark('proof')");
		strike();
	}
}

/*
 * run_all is the run that the tests look at.
 */
static int
run_all(void **state)
{
	int64_t begun;

	seed = (uint64_t) number_from("GOES_TEST_SEED", (int64_t) time(NULL));
	print_message("# seed: GOES_TEST_SEED=%llu\n", (unsigned long long) seed);
	share_run();
	make_store();
	deadline = paced_ms(MOST_MS) + milliseconds();
	begun = milliseconds();
	fate.random = seed;
	for (int i = 0; i < WRITERS; i++)
		start_writer(i);
	for (int i = 0; i < WORKERS; i++)
		start_worker(i);
	follow_until_poison();
	follow_to_the_end();
	end_workers();
	print_message("# after %.1f s\n", (double) (milliseconds() - begun) / 1000);
	return 0;
}

static void
test_nothing_failed_and_it_ended_in_time(void **state)
{
	assert_int_equal(atomic_load(&run->failures), 0);
	assert_false(is_late());
}

static void
test_enough_was_done(void **state)
{
	for (int deed = 0; deed < DEEDS; deed++)
		print_message("# done: %ld %s\n", atomic_load(&run->done[deed]), floors[deed].what);
	assert_true(was_enough_done());
	assert_int_equal(count_rows("events"), atomic_load(&run->done[STORED]));
}

/*
 * The poisoned events held back their own aggregates, and no others.
 */
static void
test_poison_held_back_its_own_aggregates(void **state)
{
	print_message("# %lld parked, %lld waiting behind them\n", (long long) parked_then,
				  (long long) waiting_then);
	assert_int_equal(parked_then, POISONED);
	assert_true(waiting_then >= MANY);
	assert_int_equal(undone_then, 0);
}

static void
test_every_event_has_its_effect(void **state)
{
	assert_int_equal(number_of("SELECT count(*) FROM events WHERE position NOT IN "
							   "(SELECT position FROM effects)"),
					 0);
}

static void
test_no_effect_was_stored_twice(void **state)
{
	assert_int_equal(count_rows("effects"), count_rows("events"));
	assert_int_equal(number_of("SELECT count(*) - count(DISTINCT position) FROM effects"), 0);
}

static void
test_aggregates_kept_their_order(void **state)
{
	assert_int_equal(number_of("SELECT count(*) FROM (SELECT version - lag(version, 1, 0) OVER "
							   "(PARTITION BY aggregate ORDER BY place) AS step FROM effects "
							   "WHERE aggregate IS NOT NULL) AS steps WHERE step <> 1"),
					 0);
}

static void
test_nothing_is_left(void **state)
{
	assert_int_equal(count_rows("subscriptions_retries"), 0);
	assert_int_equal(count_rows("subscriptions_partitions WHERE batch <> '{}' OR worker IS NOT "
								"NULL OR look_at IS NOT NULL"),
					 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_failed_and_it_ended_in_time),
		cmocka_unit_test(test_enough_was_done),
		cmocka_unit_test(test_poison_held_back_its_own_aggregates),
		cmocka_unit_test(test_every_event_has_its_effect),
		cmocka_unit_test(test_no_effect_was_stored_twice),
		cmocka_unit_test(test_aggregates_kept_their_order),
		cmocka_unit_test(test_nothing_is_left),
	};

	return RUN_GROUP(tests, run_all, NULL);
}
