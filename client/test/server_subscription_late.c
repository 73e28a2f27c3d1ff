/*
 * server_subscription_late.c
 *    Workers to whom something happens between a delivery and its answer: the lease ends, the
 *    subscription is removed or locked, an earlier event fails after a later one. And what an event
 *    loop is told meanwhile.
 */
#include "subscribes.h"

#define TABLE "late"

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

/*
 * next_status asks for the next delivery, and returns only the status.
 */
static int
next_status(goes_subscription *worker, goes_error **err)
{
	const goes_delivery *delivery;

	return goes_subscription_next(worker, &delivery, NULL, err);
}

/*
 * A delivery of before can still be answered when the worker has other ones: that is too late.
 */
static void
test_an_answer_after_the_subscription_was_rewound(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *before;
	const goes_delivery		 *again;
	goes_error				 *error = NULL;

	store_numbered(store, 0, 2);
	worker = open_worker(store, "mails", &options);
	before = expect_delivery(worker, 0);
	say_done(worker, expect_delivery(worker, 1));
	admin_do(TEST_DATABASE, "SELECT goes_rewind('mails', 0)");
	expect_error(goes_subscription_renew(worker, NULL, &error), &error, GOES_ERR_LEASE_LOST, "");
	again = expect_delivery(worker, 0);
	assert_ptr_not_equal(again, before);
	expect_error(goes_delivery_done(worker, before, &error), &error, GOES_ERR_LEASE_LOST, "");
	assert_int_equal(goes_error_lost_deliveries(error), 0); /* the error is freed */
	say_done(worker, again);
	expect_and_do(worker, 1, 1);
	expect_nothing(worker);
	goes_subscription_close(worker);
}

static void
test_a_subscription_that_is_removed_meanwhile(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	goes_error				 *error = NULL;

	store_numbered(store, 0, 1);
	expect_and_do(worker, 0, 1);
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe('mails')");
	expect_error(next_status(worker, &error), &error, GOES_ERR_NOT_FOUND, "mails");
	expect_error(next_status(worker, &error), &error, GOES_ERR_NOT_FOUND, "mails");
	goes_subscription_close(worker);
}

/*
 * The last of an aggregate's events fails first, then the first: both are held back, and come in
 * order.
 */
static void
test_an_earlier_event_fails_after_a_later_one(void **state)
{
	goes_subscription_options options = worker_options(5000);
	goes_subscription		 *worker = open_worker(store, "mails", &options);
	const goes_delivery		 *deliveries[3];
	goes_uuid				  id;

	goes_uuid_v7(&id);
	append_numbered(store, &id, 0, 3);
	for (int i = 0; i < 3; i++)
		deliveries[i] = expect_delivery(worker, i);
	say_failed(worker, deliveries[1]);
	say_failed(worker, deliveries[0]);
	say_done(worker, deliveries[2]);
	expect_and_do(worker, 0, 3);
	goes_subscription_close(worker);
	assert_int_equal(number_of("SELECT sum(behind) FROM goes_subscription_lag()"), 0);
}

/*
 * Somebody else has the subscription's rows locked: a call that waits for them is over in time, and
 * nothing is lost.
 */
static void
test_a_renewal_that_takes_too_long(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_context			  context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_subscription		 *worker;
	PGconn					 *rival = admin_connection(TEST_DATABASE);
	goes_error				 *error = NULL;
	int64_t					  begun;

	store_numbered(store, 0, 2);
	worker = open_worker(store, "mails", &options);
	say_done(worker, expect_delivery(worker, 0));
	PQclear(PQexec(rival, "BEGIN; LOCK TABLE subscriptions_partitions"));
	assert_int_equal(PQtransactionStatus(rival), PQTRANS_INTRANS);
	begun = milliseconds();
	expect_error(goes_subscription_renew(worker, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_true(is_within(begun, 1100));
	PQfinish(rival);
	assert_ok(goes_subscription_renew(worker, NULL, &error));
	say_done(worker, expect_delivery(worker, 1));
	expect_nothing(worker);
	goes_subscription_close(worker);
	assert_int_equal(number_of("SELECT sum(behind) FROM goes_subscription_lag()"), 0);
}

/*
 * take_all takes deliveries without waiting until so many have come.
 */
static void
take_all(goes_subscription *worker, const goes_delivery **deliveries, int count)
{
	goes_error *error = NULL;
	int64_t		begun = milliseconds();

	for (int i = 0; i < count;)
	{
		int status = goes_subscription_process(worker, &deliveries[i], &error);

		assert_ok(status);
		i += status == GOES_EVENT;
		assert_true(is_within(begun, 10000));
		if (status != GOES_EVENT)
			usleep(1000);
	}
}

/*
 * take_what_comes takes deliveries until there are none for a while, and returns how many came.
 */
static int
take_what_comes(goes_subscription *worker, const goes_delivery **deliveries, int most)
{
	goes_error *error = NULL;
	int64_t		begun = milliseconds();
	int			count = 0;

	while (count < most && (count < 2 || milliseconds() - begun < paced_ms(300)))
	{
		int status = goes_subscription_process(worker, &deliveries[count], &error);

		assert_ok(status);
		count += status == GOES_EVENT;
		assert_true(is_within(begun, 10000));
		if (status != GOES_EVENT)
			usleep(1000);
	}
	return count;
}

/*
 * An event loop comes back at once while something is to be handed out or said, and otherwise in
 * time for the next renewal.
 */
static void
test_when_an_event_loop_comes_back(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *deliveries[3];

	options.lease_ms = (int) paced_ms(6000);
	store_numbered(store, 0, 3);
	worker = open_worker(store, "mails", &options);
	take_all(worker, deliveries, 1);
	assert_int_equal(goes_subscription_timeout_ms(worker), 0); /* two are at hand */
	take_all(worker, deliveries + 1, 2);
	assert_in_range(goes_subscription_timeout_ms(worker), 1, options.lease_ms / 3);
	for (int i = 0; i < 3; i++)
		say_done(worker, deliveries[i]);
	assert_int_equal(goes_subscription_timeout_ms(worker), 0); /* the server is to be told */
	goes_subscription_close(worker);
}

/*
 * append_to_eight appends an event to each of eight aggregates, which are always in the same of eight
 * partitions: a claim takes four of them, and finds events in several.
 */
static void
append_to_eight(void)
{
	for (int i = 0; i < 8; i++)
	{
		goes_uuid id = {{(unsigned char) (i + 1)}};

		append_numbered(store, &id, i, 1);
	}
}

/*
 * The same when one lease after the other is worked off: it never waits for one that is over.
 */
static void
test_an_event_loop_with_several_leases(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *deliveries[8];
	const goes_delivery		 *none;
	goes_error				 *error = NULL;
	int64_t					  begun;
	int						  count;

	options.partitions = 8;
	options.lease_ms = (int) paced_ms(6000);
	append_to_eight();
	worker = open_worker(store, "mails", &options);
	count = take_what_comes(worker, deliveries, 8);
	for (int i = 0; i < count - 1; i++)
	{
		say_done(worker, deliveries[i]);
		begun = milliseconds();
		do
		{
			assert_int_equal(goes_subscription_process(worker, &none, &error), GOES_END);
			usleep(1000);
		} while (goes_subscription_timeout_ms(worker) < 1 && is_within(begun, 10000));
		assert_in_range(goes_subscription_timeout_ms(worker), 1, options.lease_ms / 3);
	}
	goes_subscription_close(worker);
}

static goes_tx *
begin_effect(void)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return tx;
}

/*
 * Only what is answered is committed or undone, whichever lease it is in.
 */
static void
test_one_of_two_leases_has_answers(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *deliveries[8];
	goes_error				 *error = NULL;
	int						  count;

	options.partitions = 8;
	options.manual_commit = true;
	append_to_eight();
	worker = open_worker(store, "mails", &options);
	count = take_what_comes(worker, deliveries, 8);
	assert_true(count >= 2);
	say_done(worker, deliveries[0]);
	goes_subscription_rollback(worker, begin_effect());
	/* what is in the same lease has gone back with it */
	while (--count > 0 && goes_delivery_done(worker, deliveries[count], NULL) != GOES_OK)
		;
	assert_true(count > 0);
	assert_ok(goes_subscription_commit(worker, begin_effect(), NULL, &error));
	goes_subscription_close(worker);
	options.manual_commit = false;
	worker = open_worker(store, "mails", &options);
	for (count = 0; goes_subscription_next(worker, &deliveries[0], NULL, &error) == GOES_EVENT;
		 count++)
		say_done(worker, deliveries[0]);
	assert_int_equal(count, 7);
	goes_subscription_close(worker);
}

/*
 * A renewal is on its way when the transaction is committed: neither disturbs the other.
 */
static void
test_a_commit_while_a_lease_is_renewed(void **state)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker;
	const goes_delivery		 *deliveries[2];
	const goes_delivery		 *none;
	goes_error				 *error = NULL;

	options.lease_ms = (int) paced_ms(900);
	options.manual_commit = true;
	store_numbered(store, 0, 2);
	worker = open_worker(store, "mails", &options);
	take_all(worker, deliveries, 2);
	for (int i = 0; i < 2; i++)
		say_done(worker, deliveries[i]);
	usleep((useconds_t) (options.lease_ms / 3 + 10) * 1000);
	assert_int_equal(goes_subscription_process(worker, &none, &error), GOES_END);
	assert_ok(goes_subscription_commit(worker, begin_effect(), NULL, &error));
	assert_int_equal(number_of("SELECT sum(behind) FROM goes_subscription_lag()"), 0);
	expect_nothing(worker);
	goes_subscription_close(worker);
}

#define OWN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(test_an_answer_after_the_subscription_was_rewound),
		OWN(test_a_subscription_that_is_removed_meanwhile),
		OWN(test_an_earlier_event_fails_after_a_later_one),
		OWN(test_a_renewal_that_takes_too_long),
		OWN(test_when_an_event_loop_comes_back),
		OWN(test_an_event_loop_with_several_leases),
		OWN(test_one_of_two_leases_has_answers),
		OWN(test_a_commit_while_a_lease_is_renewed),
	};

	return RUN_TESTS(tests);
}
