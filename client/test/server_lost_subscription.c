/*
 * server_lost_subscription.c
 *    A worker whose connection breaks, anywhere: each event is done, effects in a transaction are
 *    stored once, and nothing waits for longer than a lease.
 */
#include "lost.h"
#include "subscribes.h"

#define TABLE "shared"
#define EVENTS 12

static goes_store *
open_shared(void)
{
	goes_store *store = open_by_proxy(TABLE, PATIENCE_MS, 3);

	leave_in_peace();
	with_feed(store, TABLE);
	if (count_rows(TABLE) == 0)
		store_numbered(store, 0, EVENTS);
	admin_do(TEST_DATABASE, "CREATE TABLE IF NOT EXISTS effects (position bigint)");
	return store;
}

static goes_subscription_options
quick_options(void)
{
	goes_subscription_options options = worker_options(10);

	options.partitions = 2;
	options.batch = 5;
	/* what a claim has given whose answer was lost comes again so soon */
	options.lease_ms = (int) paced_ms(60);
	return options;
}

static void
open_anew(void)
{
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe(name) FROM subscriptions");
	admin_do(TEST_DATABASE, "TRUNCATE effects");
}

/*
 * work_off works until all events are seen; returns how many deliveries that took.
 */
static int
work_off(goes_store *store, const Plan *plan)
{
	goes_subscription_options options = quick_options();
	goes_subscription		 *worker = NULL;
	goes_error				 *error = NULL;
	bool					  is_seen[EVENTS] = {false};
	int64_t					  begun = milliseconds();
	int						  seen = 0;
	int						  deliveries = 0;

	while (worker == NULL)
	{
		int status = goes_subscription_open(store, NULL, "lost", &options, &worker, &error);

		if (status != GOES_OK && status != GOES_ERR_CONNECT)
			fail_msg(PLACE ": %s", PLACE_OF(plan), goes_error_message(error));
		goes_error_free(error);
		error = NULL;
	}
	while (seen < EVENTS)
	{
		const goes_delivery *delivery;
		int					 status = goes_subscription_next(worker, &delivery, NULL, &error);

		if (status < 0 && status != GOES_ERR_LEASE_LOST)
			fail_msg(PLACE ": %s", PLACE_OF(plan), goes_error_message(error));
		goes_error_free(error);
		error = NULL;
		expect_soon(plan, begun, 10000);
		if (status != GOES_EVENT)
			continue;
		seen += !is_seen[delivery->position - 1];
		is_seen[delivery->position - 1] = true;
		deliveries++;
		(void) goes_delivery_done(worker, delivery, NULL);
	}
	goes_subscription_close(worker);
	return deliveries;
}

static void
test_every_event_is_done_wherever_it_breaks(void **state)
{
	goes_store *store = open_shared();
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			places = 0;

	do
	{
		leave_in_peace();
		open_anew();
		proxy_plan(proxy, &plan, 1);
		assert_true(work_off(store, &plan) >= EVENTS);
		places++;
	} while (next_message(&plan));
	assert_true(places > 20);
	leave_in_peace();
	goes_store_close(store);
}

/*
 * try_batch handles what comes in a transaction of its own, and commits; false: there was nothing.
 */
static bool
try_batch(goes_store *store, goes_subscription *worker)
{
	const goes_delivery *delivery;
	goes_tx				*tx = NULL;
	int					 count = 0;
	int					 status = goes_tx_begin(store, &tx, NULL, NULL);

	while (status == GOES_OK &&
		   (status = goes_subscription_next(worker, &delivery, NULL, NULL)) == GOES_EVENT)
	{
		char	  text[64];
		PGresult *result;

		snprintf(text, sizeof text, "INSERT INTO effects VALUES (%lld)",
				 (long long) delivery->position);
		result = PQexec(goes_tx_conn(tx), text);
		status = PQresultStatus(result) == PGRES_COMMAND_OK ? GOES_OK : GOES_ERR_CONNECT;
		PQclear(result);
		if (status == GOES_OK)
			status = goes_delivery_done(worker, delivery, NULL);
		else
			(void) goes_delivery_done(worker, delivery, NULL);
		count++;
	}
	if (tx != NULL && status == GOES_OK)
		(void) goes_subscription_commit(worker, tx, NULL, NULL);
	else
		goes_subscription_rollback(worker, tx);
	return count > 0 || status < 0;
}

static void
test_effects_are_stored_once_wherever_it_breaks(void **state)
{
	goes_store				 *store = open_shared();
	goes_subscription_options options = quick_options();
	Plan					  plan = PLACES_FROM_THE_FIRST;

	options.manual_commit = true;
	do
	{
		goes_subscription *worker;
		int64_t			   begun = milliseconds();

		leave_in_peace();
		open_anew();
		worker = open_worker(store, "lost", &options);
		proxy_plan(proxy, &plan, 1);
		while (try_batch(store, worker) || count_rows("effects") < EVENTS)
			expect_soon(&plan, begun, 10000);
		goes_subscription_close(worker);
		if (count_rows("effects") != EVENTS)
			fail_msg(PLACE ": %lld effects", PLACE_OF(&plan), (long long) count_rows("effects"));
		assert_int_equal(number_of("SELECT count(DISTINCT position) FROM effects"), EVENTS);
	} while (next_message(&plan));
	leave_in_peace();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_is_done_wherever_it_breaks),
		cmocka_unit_test(test_effects_are_stored_once_wherever_it_breaks),
	};

	return RUN_LOST_TESTS(tests);
}
