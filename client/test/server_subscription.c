/*
 * server_subscription.c
 *    Working for a subscription: deliveries, answers, retries, leases, giving back, waiting; what is
 *    refused.
 */
#include "subscribes.h"

#define TABLE "shared"

static goes_store *store;

static int
begin(void **state)
{
	store = open_store(TABLE);
	with_feed(store, TABLE);
	return 0;
}

static int
end(void **state)
{
	close_subscribed(store, TABLE);
	return 0;
}

static void
test_deliveries_come_once(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *delivery;

	expect_nothing(worker);
	store_numbered(store, 0, 250);
	delivery = expect_delivery(worker, 0);
	assert_int_equal(delivery->position, 1);
	assert_int_equal(delivery->attempts, 0);
	say_done(worker, delivery);
	expect_and_do(worker, 1, 249);
	expect_nothing(worker);
	goes_subscription_close(worker);
	worker = open_worker(store, "mails", &options);
	store_numbered(store, 250, 1);
	expect_and_do(worker, 250, 1);
	goes_subscription_close(worker);
	worker = open_worker(store, "mails", &options);
	expect_nothing(worker);
	goes_subscription_close(worker);
}

/*
 * A failed event comes again, and in between no later one of its aggregate, but others.
 */
static void
test_a_failure_holds_its_aggregate_back(void **state)
{
	goes_subscription_options options = worker_options(5000);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *delivery;
	const goes_delivery		 *behind;
	goes_uuid				  ids[2];

	goes_uuid_v7(&ids[0]);
	goes_uuid_v7(&ids[1]);
	append_numbered(store, &ids[0], 0, 3);
	append_numbered(store, &ids[1], 10, 2);
	delivery = expect_delivery(worker, 0);
	behind = expect_delivery(worker, 1);
	say_done(worker, behind);
	say_failed(worker, delivery);
	expect_and_do(worker, 10, 2);
	delivery = expect_delivery(worker, 0);
	assert_int_equal(delivery->attempts, 1);
	say_done(worker, delivery);
	expect_and_do(worker, 1, 2);
	goes_subscription_close(worker);
	assert_int_equal(number_of("SELECT sum(behind) FROM goes_subscription_lag()"), 0);
}

static void
test_an_event_that_fails_for_good_is_parked(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;

	options.max_attempts = 1;
	worker = open_worker(store, "mails", &options);
	store_numbered(store, 0, 3);
	say_done(worker, expect_delivery(worker, 0));
	say_failed(worker, expect_delivery(worker, 1));
	say_done(worker, expect_delivery(worker, 2));
	expect_nothing(worker);
	assert_int_equal(number_of("SELECT count(*) FROM goes_parked('mails') WHERE position = 2 AND "
							   "error = 'no paper'"),
					 1);
	goes_subscription_close(worker);
}

/*
 * Closing tells what is done, and gives the rest back at once.
 */
static void
test_closing_gives_back(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *delivery;
	int64_t					  begun;

	store_numbered(store, 0, 5);
	expect_and_do(worker, 0, 2);
	(void) expect_delivery(worker, 2);
	begun = milliseconds();
	goes_subscription_close(worker);
	assert_true(is_within(begun, 1000));
	worker = open_worker(store, "mails", &options);
	delivery = expect_delivery(worker, 2);
	assert_int_equal(delivery->attempts, 0);
	say_done(worker, delivery);
	expect_and_do(worker, 3, 2);
	goes_subscription_close(worker);
}

/*
 * A lease lives through a long batch, since each call renews it, and through a long handler that says
 * so.
 */
static void
test_leases_are_renewed(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	goes_subscription		 *rival;
	goes_error				 *error = NULL;
	int						  lease_ms = (int) paced_ms(600);

	options.lease_ms = lease_ms;
	worker = open_worker(store, "mails", &options);
	rival = open_worker(store, "mails", &options);
	store_numbered(store, 0, 8);
	for (int i = 0; i < 7; i++)
	{
		const goes_delivery *delivery = expect_delivery(worker, i);

		usleep((useconds_t) lease_ms * 400);
		expect_nothing(rival);
		say_done(worker, delivery);
	}
	(void) expect_delivery(worker, 7);
	for (int i = 0; i < 4; i++)
	{
		usleep((useconds_t) lease_ms * 400);
		assert_ok(goes_subscription_renew(worker, NULL, &error));
		expect_nothing(rival);
	}
	goes_subscription_close(rival);
	goes_subscription_close(worker);
}

/*
 * Whoever is silent for too long has lost its deliveries, and is told how many.
 */
static void
test_a_lost_lease(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	goes_subscription		 *rival;
	const goes_delivery		 *deliveries[3];
	const goes_delivery		 *other;
	goes_error				 *error = NULL;
	int						  status;

	options.lease_ms = 50;
	worker = open_worker(store, "mails", &options);
	options.lease_ms = 60000;
	rival = open_worker(store, "mails", &options);
	store_numbered(store, 0, 5);
	for (int i = 0; i < 3; i++)
		deliveries[i] = expect_delivery(worker, i);
	say_done(worker, deliveries[0]);
	usleep(100 * 1000);
	other = expect_delivery(rival, 0);
	while ((status = goes_subscription_next(worker, &other, NULL, &error)) == GOES_EVENT)
		say_done(worker, other);
	assert_int_equal(status, GOES_ERR_LEASE_LOST);
	assert_true(goes_error_lost_deliveries(error) >= 3);
	goes_error_free(error);
	error = NULL;
	expect_error(goes_delivery_done(worker, deliveries[1], &error), &error, GOES_ERR_LEASE_LOST,
				 "");
	expect_error(goes_delivery_failed(worker, deliveries[2], "x", &error), &error,
				 GOES_ERR_LEASE_LOST, "");
	expect_nothing(worker);
	goes_subscription_close(worker);
	goes_subscription_close(rival);
}

static void
test_a_worker_waits(void **state)
{
	goes_subscription_options options = worker_options(20000);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	int64_t					  begun = milliseconds();
	pthread_t				  thread;

	for (int i = 0; i < 3; i++)
	{
		Later later = {store, i};

		assert_int_equal(pthread_create(&thread, NULL, store_later, &later), 0);
		expect_and_do(worker, i, 1);
		pthread_join(thread, NULL);
	}
	assert_true(is_within(begun, 2000));
	goes_subscription_close(worker);
	options.wait_ms = 200;
	worker = open_worker(store, "mails", &options);
	begun = milliseconds();
	expect_nothing(worker);
	assert_true(milliseconds() - begun >= 195);
	assert_true(is_within(begun, 600));
	goes_subscription_close(worker);
}

/*
 * One that does not wait does not do so either behind goes_subscription_process, which leaves a claim that
 * the server answers when there is work.
 */
static void
test_a_worker_that_does_not_wait(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *delivery;
	goes_error				 *error = NULL;
	int64_t					  begun;

	for (int i = 0; i < 20; i++)
	{
		assert_ok(goes_subscription_process(worker, &delivery, &error));
		usleep(5000);
	}
	begun = milliseconds();
	for (int i = 0; i < 3; i++)
		expect_nothing(worker);
	assert_true(is_within(begun, 2000));
	store_numbered(store, 0, 1);
	begun = milliseconds();
	while (goes_subscription_next(worker, &delivery, NULL, &error) != GOES_EVENT)
	{
		assert_true(is_within(begun, 5000));
		usleep(1000);
	}
	say_done(worker, delivery);
	goes_subscription_close(worker);
}

static void *
close_later(void *worker)
{
	usleep(200 * 1000);
	goes_subscription_close(worker);
	return NULL;
}

static void
test_a_worker_is_closed_while_it_waits(void **state)
{
	goes_subscription_options options = worker_options(60000);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *delivery;
	goes_error				 *error = NULL;
	int64_t					  begun = milliseconds();
	pthread_t				  thread;

	assert_int_equal(pthread_create(&thread, NULL, close_later, worker), 0);
	expect_error(goes_subscription_next(worker, &delivery, NULL, &error), &error,
				 GOES_ERR_CANCELLED, "closed");
	pthread_join(thread, NULL);
	assert_true(is_within(begun, 1300));
	/* nothing is left with a worker that is gone */
	worker = open_worker(store, "mails", &options);
	store_numbered(store, 0, 1);
	expect_and_do(worker, 0, 1);
	goes_subscription_close(worker);
}

static void
test_everything_handed_out_and_nothing_answered(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *first;
	const goes_delivery		 *second;
	const goes_delivery		 *none;
	goes_error				 *error = NULL;

	options.batch = 2;
	worker = open_worker(store, "mails", &options);
	store_numbered(store, 0, 3);
	first = expect_delivery(worker, 0);
	second = expect_delivery(worker, 1);
	expect_error(goes_subscription_next(worker, &none, NULL, &error), &error, GOES_ERR_STATE,
				 "2 are not answered");
	say_done(worker, second);
	say_done(worker, first);
	expect_error(goes_delivery_done(worker, first, &error), &error, GOES_ERR_STATE, "already");
	expect_and_do(worker, 2, 1);
	goes_subscription_close(worker);
}

static void
test_a_commit_without_transaction_tells_at_once(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_error				 *error = NULL;

	for (int i = 0; i < 2; i++)
	{
		goes_subscription *worker;
		char			   name[16];

		snprintf(name, sizeof name, "mails %d", i);
		options.manual_commit = i == 1;
		worker = open_worker(store, name, &options);
		store_numbered(store, 0, 3);
		say_done(worker, expect_delivery(worker, 0));
		say_done(worker, expect_delivery(worker, 1));
		assert_int_equal(number_of("SELECT cardinality(batch) FROM subscriptions_partitions "
								   "WHERE subscription = '%s'",
								   name),
						 3);
		assert_ok(goes_subscription_commit(worker, NULL, NULL, &error));
		assert_int_equal(number_of("SELECT cardinality(batch) FROM subscriptions_partitions "
								   "WHERE subscription = '%s'",
								   name),
						 1);
		goes_subscription_close(worker);
		admin_do(TEST_DATABASE, "DELETE FROM " TABLE);
	}
}

static void
test_what_is_not_there(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_store				 *other = open_unfollowed();
	goes_subscription		 *worker = NULL;
	const goes_delivery		 *delivery;
	goes_error				 *error = NULL;

	expect_error(goes_subscription_open(other, NULL, "mails", &options, &worker, &error), &error,
				 GOES_ERR_SCHEMA, "goes_alter_store('public.unfollowed', feed => true)");
	goes_store_close(other);
	assert_null(worker);
	worker = open_worker(store, "mails", &options);
	goes_subscription_close(worker);
	options.partitions = 2;
	expect_error(goes_subscription_open(store, NULL, "mails", &options, &worker, &error), &error,
				 GOES_ERR_INVALID, "partitions");
	options.join = true;
	worker = open_worker(store, "mails", &options);
	expect_nothing(worker);
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe('mails')");
	expect_error(goes_subscription_next(worker, &delivery, NULL, &error), &error,
				 GOES_ERR_NOT_FOUND, "mails");
	goes_subscription_close(worker);
}

static void
test_arguments_that_cannot_be_used(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription_options unsized = {.size = 0};
	goes_subscription_options longer[2] = {worker_options(-1)};
	goes_delivery			  foreign = {.position = 1};
	goes_subscription		 *worker = NULL;
	const goes_delivery		 *delivery;
	goes_error				 *error = NULL;
	goes_tx					 *tx;

#define OPEN(store, table, name, options) \
	goes_subscription_open(store, table, name, options, &worker, &error)
	expect_error(OPEN(NULL, NULL, "mails", NULL), &error, GOES_ERR_INVALID, "NULL");
	expect_error(OPEN(store, NULL, NULL, NULL), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_subscription_open(store, NULL, "mails", NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "NULL");
	expect_error(OPEN(store, NULL, "mails", &unsized), &error, GOES_ERR_INVALID, "size");
	expect_error(OPEN(store, "", "mails", NULL), &error, GOES_ERR_INVALID, "empty");
	expect_error(OPEN(store, NULL, "", NULL), &error, GOES_ERR_INVALID, "");
	options.batch = 1001;
	expect_error(OPEN(store, NULL, "mails", &options), &error, GOES_ERR_INVALID, "batch");
	options = worker_options(-1);
	options.lease_ms = -1;
	expect_error(OPEN(store, NULL, "mails", &options), &error, GOES_ERR_INVALID, "lease_ms");
	options = worker_options(-1);
	options.partitions = -1;
	expect_error(OPEN(store, NULL, "mails", &options), &error, GOES_ERR_INVALID, "partitions");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_error(OPEN(goes_tx_store(tx), NULL, "mails", NULL), &error, GOES_ERR_STATE,
				 "transaction");
	goes_tx_rollback(tx);
	assert_null(worker);

	longer[0].size = sizeof longer;
	worker = open_worker(store, "mails", longer);
	store_numbered(store, 0, 1);
	expect_error(goes_subscription_next(NULL, &delivery, NULL, &error), &error, GOES_ERR_INVALID,
				 "");
	expect_error(goes_subscription_next(worker, NULL, NULL, &error), &error, GOES_ERR_INVALID, "");
	expect_error(goes_delivery_done(worker, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_delivery_done(NULL, &foreign, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_delivery_done(worker, &foreign, &error), &error, GOES_ERR_INVALID,
				 "no delivery");
	expect_error(goes_delivery_failed(worker, NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	expect_error(goes_subscription_renew(NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_subscription_commit(NULL, NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	expect_error(goes_subscription_process(NULL, &delivery, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	assert_int_equal(goes_subscription_fd(NULL), -1);
	assert_int_equal(goes_subscription_events(NULL), 0);
	assert_int_equal(goes_subscription_timeout_ms(NULL), -1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_error(goes_subscription_commit(worker, tx, NULL, &error), &error, GOES_ERR_STATE,
				 "manual_commit");
	delivery = expect_delivery(worker, 0);
	assert_ok(goes_delivery_failed(worker, delivery, NULL, &error));
	goes_subscription_close(worker);
	goes_subscription_close(NULL);
	goes_subscription_rollback(NULL, NULL);
}

#define WORKER_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORKER_TEST(test_deliveries_come_once),
		WORKER_TEST(test_a_failure_holds_its_aggregate_back),
		WORKER_TEST(test_an_event_that_fails_for_good_is_parked),
		WORKER_TEST(test_closing_gives_back),
		WORKER_TEST(test_leases_are_renewed),
		WORKER_TEST(test_a_lost_lease),
		WORKER_TEST(test_a_worker_waits),
		WORKER_TEST(test_a_worker_that_does_not_wait),
		WORKER_TEST(test_a_worker_is_closed_while_it_waits),
		WORKER_TEST(test_everything_handed_out_and_nothing_answered),
		WORKER_TEST(test_a_commit_without_transaction_tells_at_once),
		WORKER_TEST(test_what_is_not_there),
		WORKER_TEST(test_arguments_that_cannot_be_used),
	};

	return RUN_TESTS(tests);
}
