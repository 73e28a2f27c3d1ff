/*
 * server_subscription_commit.c
 *    Exactly once: effects and what is done are committed together, or neither is.
 */
#include "subscribes.h"

#define TABLE "shared"

static goes_store *store;

static int
begin(void **state)
{
	store = open_store(TABLE);
	with_feed(store, TABLE);
	admin_do(TEST_DATABASE, "CREATE TABLE effects (number integer)");
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	/* a test that has failed leaves a transaction, which would keep the tables */
	admin_do(TEST_DATABASE, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
							"WHERE datname = current_database() AND state LIKE 'idle in%%'");
	admin_do(TEST_DATABASE, "DROP TABLE subscriptions, subscriptions_partitions, "
							"subscriptions_retries, effects");
	admin_do(TEST_DATABASE, "DROP TABLE " TABLE);
	return 0;
}

static goes_subscription *
open_committing(int lease_ms)
{
	goes_subscription_options options = worker_options(-1);

	options.manual_commit = true;
	options.lease_ms = lease_ms;
	return open_worker(store, "effects", &options);
}

static goes_tx *
begin_tx(void)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return tx;
}

/* take_effect stores the effect of a delivery, and says that it is done. */
static void
take_effect(goes_subscription *worker, goes_tx *tx, const goes_delivery *delivery)
{
	char	  text[64];
	PGresult *result;

	snprintf(text, sizeof text, "INSERT INTO effects VALUES (%s)", delivery->event.data);
	result = PQexec(goes_tx_conn(tx), text);
	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
	say_done(worker, delivery);
}

static void
take_effects(goes_subscription *worker, goes_tx *tx, int first, int count)
{
	for (int i = 0; i < count; i++)
		take_effect(worker, tx, expect_delivery(worker, first + i));
}

static void
expect_effects(int count)
{
	assert_int_equal(number_of("SELECT count(*) FROM effects"), count);
	assert_int_equal(number_of("SELECT count(DISTINCT number) FROM effects"), count);
}

static void
test_effects_and_answers_are_committed_together(void **state)
{
	goes_subscription *worker = open_committing(0);
	goes_error		  *error = NULL;
	goes_tx			  *tx;

	store_numbered(store, 0, 250);
	for (int first = 0; first < 250; first += 50)
	{
		tx = begin_tx();
		take_effects(worker, tx, first, 50);
		expect_effects(first);
		assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
		expect_effects(first + 50);
	}
	expect_nothing(worker);
	assert_ok(goes_subscription_commit(worker, begin_tx(), NULL, &error));
	goes_subscription_close(worker);
	assert_int_equal(number_of("SELECT max(behind) FROM goes_subscription_lag()"), 0);
}

/*
 * Nothing is told before it is committed: a batch at its end waits for that.
 */
static void
test_a_batch_at_its_end_waits_for_the_commit(void **state)
{
	goes_subscription *worker = open_committing(0);
	goes_error		  *error = NULL;
	goes_tx			  *tx = begin_tx();

	store_numbered(store, 0, 120);
	take_effects(worker, tx, 0, 100);
	expect_nothing(worker);
	expect_nothing(worker);
	assert_int_equal(number_of("SELECT cardinality(batch) FROM subscriptions_partitions"), 100);
	assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
	tx = begin_tx();
	take_effects(worker, tx, 100, 20);
	assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
	expect_effects(120);
	goes_subscription_close(worker);
}

static void
test_what_is_rolled_back_comes_again(void **state)
{
	goes_subscription *worker = open_committing(0);
	goes_error		  *error = NULL;
	goes_tx			  *tx = begin_tx();

	store_numbered(store, 0, 5);
	take_effects(worker, tx, 0, 3);
	goes_subscription_rollback(worker, tx);
	expect_effects(0);
	tx = begin_tx();
	take_effects(worker, tx, 0, 5);
	PQclear(PQexec(goes_tx_conn(tx), "SELECT 1/0"));
	expect_error(goes_subscription_commit(worker, tx, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_effects(0);
	tx = begin_tx();
	take_effects(worker, tx, 0, 4);
	goes_subscription_rollback(worker, NULL);
	goes_tx_rollback(tx);
	tx = begin_tx();
	take_effects(worker, tx, 0, 5);
	assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
	expect_effects(5);
	goes_subscription_close(worker);
}

/*
 * The effects of a worker that has lost its lease are undone.
 */
static void
test_a_lost_lease_undoes_the_effects(void **state)
{
	goes_subscription	*worker = open_committing(50);
	goes_subscription	*rival = open_committing(60000);
	goes_error			*error = NULL;
	goes_tx				*tx = begin_tx();
	goes_tx				*rival_tx = begin_tx();
	const goes_delivery *delivery;
	int					 count = 3;

	store_numbered(store, 0, 5);
	take_effects(worker, tx, 0, 3);
	usleep(100 * 1000);
	take_effects(rival, rival_tx, 0, 5);
	while (goes_subscription_next(worker, &delivery, NULL, &error) == GOES_EVENT)
	{
		take_effect(worker, tx, delivery);
		count++;
	}
	assert_int_equal(goes_subscription_commit(worker, tx, NULL, &error), GOES_ERR_LEASE_LOST);
	assert_true(goes_error_lost_deliveries(error) >= 3);
	assert_true(goes_error_lost_deliveries(error) <= count);
	goes_error_free(error);
	error = NULL;
	assert_ok(goes_subscription_commit(rival, rival_tx, NULL, &error));
	expect_effects(5);
	expect_nothing(worker);
	goes_subscription_close(worker);
	goes_subscription_close(rival);
}

static void
test_failures_are_committed_too(void **state)
{
	goes_subscription	*worker = open_committing(0);
	goes_error			*error = NULL;
	goes_tx				*tx = begin_tx();
	const goes_delivery *delivery;
	goes_uuid			 id;

	goes_uuid_v7(&id);
	append_numbered(store, &id, 0, 3);
	take_effect(worker, tx, expect_delivery(worker, 0));
	say_failed(worker, expect_delivery(worker, 1));
	expect_nothing(worker);
	assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
	expect_effects(1);
	usleep(150 * 1000);
	tx = begin_tx();
	delivery = expect_delivery(worker, 1);
	assert_int_equal(delivery->attempts, 1);
	take_effect(worker, tx, delivery);
	take_effect(worker, tx, expect_delivery(worker, 2));
	assert_ok(goes_subscription_commit(worker, tx, NULL, &error));
	expect_effects(3);
	goes_subscription_close(worker);
}

static int
commit_in_hook(goes_tx *tx, const goes_event *events, size_t n, void *worker)
{
	goes_error *error = NULL;

	expect_error(goes_subscription_commit(*(goes_subscription **) worker, tx, NULL, &error), &error,
				 GOES_ERR_STATE, "hook");
	return GOES_OK;
}

static void
test_a_hook_does_not_commit(void **state)
{
	goes_store		  *hooked = open_store(TABLE);
	goes_subscription *worker = open_committing(0);

	assert_int_equal(goes_store_add_hook(hooked, GOES_PRE_INSERT, commit_in_hook, &worker),
					 GOES_OK);
	store_numbered(hooked, 0, 1);
	goes_store_close(hooked);
	goes_subscription_close(worker);
}

#define WORKER_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORKER_TEST(test_effects_and_answers_are_committed_together),
		WORKER_TEST(test_a_batch_at_its_end_waits_for_the_commit),
		WORKER_TEST(test_what_is_rolled_back_comes_again),
		WORKER_TEST(test_a_lost_lease_undoes_the_effects),
		WORKER_TEST(test_failures_are_committed_too),
		WORKER_TEST(test_a_hook_does_not_commit),
	};

	return RUN_TESTS(tests);
}
