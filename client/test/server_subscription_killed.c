/*
 * server_subscription_killed.c
 *    Workers that are killed and stopped while they work: effects in the transaction of the answers
 *    are stored exactly once, and in the order of each aggregate.
 */
#include <signal.h>
#include <sys/wait.h>

#include "leave.h"
#include "subscribes.h"

#define TABLE "shared"
#define WORKERS 4
#define AGGREGATES 12
#define ROUNDS 25 /* events of each aggregate */
#define EVENTS (AGGREGATES * ROUNDS)
#define LEASE_MS 300

/*
 * take_effect stores the effect of a delivery. Now and then one fails, and leaves none.
 */
static int
take_effect(goes_subscription *worker, goes_tx *tx, const goes_delivery *delivery)
{
	bool	  fails = delivery->attempts == 0 && delivery->position % 17 == 0;
	char	  text[128];
	PGresult *result;
	int		  status;

	usleep(2000);
	if (fails)
		return goes_delivery_failed(worker, delivery, "it is the first time", NULL);
	snprintf(text, sizeof text, "INSERT INTO effects (position) VALUES (%lld)",
			 (long long) delivery->position);
	result = PQexec(goes_tx_conn(tx), text);
	status = PQresultStatus(result) == PGRES_COMMAND_OK ? GOES_OK : GOES_ERR_SERVER;
	PQclear(result);
	(void) goes_delivery_done(worker, delivery, NULL);
	return status;
}

/*
 * work_batch works off a batch, and commits.
 */
static void
work_batch(goes_store *store, goes_subscription *worker)
{
	const goes_delivery *delivery;
	goes_tx				*tx = NULL;
	int					 status = goes_tx_begin(store, &tx, NULL, NULL);

	while (status == GOES_OK &&
		   (status = goes_subscription_next(worker, &delivery, NULL, NULL)) == GOES_EVENT)
		status = take_effect(worker, tx, delivery);
	if (tx != NULL && status == GOES_END)
		(void) goes_subscription_commit(worker, tx, NULL, NULL);
	else
		goes_subscription_rollback(worker, tx);
}

static void
work_for_ever(void)
{
	goes_store				 *store = open_store(TABLE);
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;

	options.partitions = 6;
	options.batch = 10;
	options.lease_ms = LEASE_MS;
	options.wait_ms = 100;
	options.manual_commit = true;
	worker = open_worker(store, "killed", &options);
	for (;;)
		work_batch(store, worker);
}

static pid_t
start_worker(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
	{
		work_for_ever();
		leave(0);
	}
	return child;
}

/*
 * disturb kills a worker, or stops one for longer than its lease.
 */
static void
disturb(pid_t *worker, bool kills)
{
	kill(*worker, kills ? SIGKILL : SIGSTOP);
	if (kills)
	{
		waitpid(*worker, NULL, 0);
		*worker = start_worker();
		return;
	}
	usleep(LEASE_MS * 1500);
	kill(*worker, SIGCONT);
}

static void
expect_order(void)
{
	assert_int_equal(
		number_of(
			"SELECT count(*) FROM (SELECT e.aggregate_version - lag(e.aggregate_version, 1, 0) "
			"OVER (PARTITION BY e.aggregate_id ORDER BY effects.number) AS step "
			"FROM effects JOIN " TABLE " AS e USING (position)) AS steps WHERE step <> 1"),
		0);
}

static void
test_each_event_has_its_effect_once_and_in_order(void **state)
{
	goes_store *store = open_store(TABLE);
	goes_uuid	ids[AGGREGATES];
	pid_t		workers[WORKERS];
	int64_t		begun;

	with_feed(store, TABLE);
	admin_do(TEST_DATABASE,
			 "CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, position bigint)");
	for (int i = 0; i < AGGREGATES; i++)
		goes_uuid_v7(&ids[i]);
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start_worker();
	for (int round = 0; round < ROUNDS; round++)
	{
		for (int i = 0; i < AGGREGATES; i++)
			append_numbered(store, &ids[i], round, 1);
		disturb(&workers[round % WORKERS], round % 5 != 4);
		usleep(20000);
	}
	begun = milliseconds();
	while (count_rows("effects") < EVENTS)
	{
		if (!is_within(begun, 60000))
			fail_msg("%lld effects of %d", (long long) count_rows("effects"), EVENTS);
		usleep(50000);
	}
	usleep(LEASE_MS * 1000);
	for (int i = 0; i < WORKERS; i++)
	{
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	assert_int_equal(count_rows("effects"), EVENTS);
	assert_int_equal(number_of("SELECT count(DISTINCT position) FROM effects"), EVENTS);
	expect_order();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_event_has_its_effect_once_and_in_order),
	};

	(void) paced_ms(0);
	return RUN_TESTS(tests);
}
