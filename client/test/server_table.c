/*
 * server_table.c
 *    The tables of snapshots and models: which one is meant, and who makes it when.
 */
#include <pthread.h>

#include "tables.h"

#define THREADS 10

/*
 * expect_calls_possible expects a transaction to go on.
 */
static void
expect_calls_possible(goes_store *inner)
{
	goes_error *error = NULL;
	int64_t		count;

	assert_ok(goes_count(inner, NULL, &count, NULL, &error));
}

static void
test_every_call_makes_a_missing_table(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		reopen_without_tables();
		expect_use(i, store, NULL, uses[i].status);
		assert_true(has_table(uses[i].table));
	}
}

/*
 * A transaction that is rolled back takes the table with it; the next one makes it again.
 */
static void
test_a_transaction_makes_a_missing_table(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		reopen_without_tables();
		for (int round = 0; round < 3; round++)
		{
			goes_error *error = NULL;
			goes_tx	   *tx;

			assert_ok(goes_tx_begin(store, &tx, NULL, &error));
			expect_use(i, goes_tx_store(tx), "\"Odd Name\"", uses[i].status);
			assert_false(has_table("\"Odd Name\""));
			expect_calls_possible(goes_tx_store(tx));
			if (round == 2)
				assert_ok(goes_tx_commit(tx, NULL, &error));
			else
				goes_tx_rollback(tx);
			assert_int_equal(has_table("\"Odd Name\""), round == 2);
		}
		/* what the store has learned of a transaction that was committed */
		expect_use(i, store, "\"Odd Name\"", uses[i].status);
	}
}

static void
test_a_name_is_read_as_in_sql(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		reopen_without_tables();
		expect_use(i, store, "\"Odd Name\"", uses[i].status);
		assert_true(has_table("public.\"Odd Name\""));
		expect_use(i, store, "Shop.KEPT", uses[i].status);
		assert_true(has_table("shop.kept"));
		assert_false(has_table(uses[i].table));
	}
}

/*
 * A table that the store has seen may be dropped later. A transaction notices that too late and
 * fails, but the next one makes the table.
 */
static void
test_a_dropped_table_is_made_again(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		goes_tx	   *tx;
		goes_error *error = NULL;

		admin_do(TEST_DATABASE, "SELECT goes_create_snapshot_store(), goes_create_model_store()");
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_use(i, goes_tx_store(tx), NULL, uses[i].status);
		assert_ok(goes_tx_commit(tx, NULL, &error));
		admin_do(TEST_DATABASE, "DROP TABLE %s", uses[i].table);
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_error(uses[i].use(goes_tx_store(tx), NULL, &error), &error, GOES_ERR_SCHEMA,
					 uses[i].table);
		goes_tx_rollback(tx);
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_use(i, goes_tx_store(tx), NULL, uses[i].status);
		assert_ok(goes_tx_commit(tx, NULL, &error));
		if (uses[i].use == use_model) /* it has a transaction of its own */
			continue;
		admin_do(TEST_DATABASE, "DROP TABLE %s", uses[i].table);
		expect_use(i, store, NULL, uses[i].status);
		admin_do(TEST_DATABASE, "DROP TABLE %s", uses[i].table);
	}
}

/* A thread that uses a missing table. */
typedef struct Rival
{
	pthread_t	thread;
	size_t		use;
	const char *table;
	int			status;
	bool		is_in_transaction;
	char		message[256];
} Rival;

static void *
use_missing(void *argument)
{
	Rival	   *rival = argument;
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;
	goes_store *used = store;

	rival->status = GOES_OK;
	if (rival->is_in_transaction)
		rival->status = goes_tx_begin(store, &tx, NULL, &error);
	if (tx != NULL)
		used = goes_tx_store(tx);
	if (rival->status == GOES_OK)
		rival->status = uses[rival->use].use(used, rival->table, &error);
	if (tx != NULL && rival->status == GOES_OK)
		rival->status = goes_tx_commit(tx, NULL, &error);
	else
		goes_tx_rollback(tx);
	snprintf(rival->message, sizeof rival->message, "%s", goes_error_message(error));
	goes_error_free(error);
	return NULL;
}

static void
race_for_table(size_t use, const char *table, bool is_in_transaction)
{
	Rival rivals[THREADS];

	for (int i = 0; i < THREADS; i++)
	{
		rivals[i] = (Rival){.use = use, .table = table, .is_in_transaction = is_in_transaction};
		assert_int_equal(pthread_create(&rivals[i].thread, NULL, use_missing, &rivals[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(rivals[i].thread, NULL);
	for (int i = 0; i < THREADS; i++)
	{
		if (rivals[i].status != GOES_OK)
			fail_msg("use %zu: %s: %s", use, goes_status_text(rivals[i].status), rivals[i].message);
	}
}

static void
test_threads_that_find_a_table_missing_at_once(void **state)
{
	goes_store_options options = options_of("events");
	goes_error		  *error = NULL;
	char			   name[16];

	goes_store_close(store);
	options.max_connections = THREADS;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	for (int round = 0; round < 6; round++)
	{
		admin_do(TEST_DATABASE,
				 "SET client_min_messages = warning; "
				 "DROP TABLE IF EXISTS snapshots, models, a%d, b%d",
				 round, round);
		race_for_table(0, NULL, false);
		race_for_table(4, NULL, false);
		snprintf(name, sizeof name, "a%d", round);
		race_for_table(0, name, true);
		snprintf(name, sizeof name, "b%d", round);
		race_for_table(USES - 1, name, false);
		assert_true(has_table(name));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_NEW_STORE(test_every_call_makes_a_missing_table),
		ON_A_NEW_STORE(test_a_transaction_makes_a_missing_table),
		ON_A_NEW_STORE(test_a_name_is_read_as_in_sql),
		ON_A_NEW_STORE(test_a_dropped_table_is_made_again),
		ON_A_NEW_STORE(test_threads_that_find_a_table_missing_at_once),
	};

	return RUN_TESTS(tests);
}
