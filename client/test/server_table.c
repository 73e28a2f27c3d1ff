/*
 * server_table.c
 *    The tables of snapshots and models: which one is meant, and who makes it when.
 */
#include <pthread.h>

#include "server_control.h"
#include "snapshots.h"

#define THREADS 10

static goes_store *store;
static goes_uuid   order;

static int
open_anew(void **state)
{
	goes_error *error = NULL;

	store = open_store("events");
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "SET client_min_messages = warning; "
							"DROP TABLE IF EXISTS snapshots, models, \"Odd Name\", shop.kept; "
							"CREATE SCHEMA IF NOT EXISTS shop");
	goes_uuid_v7(&order);
	return 0;
}

static int
close_again(void **state)
{
	goes_store_close(store);
	return 0;
}

static bool
has_table(const char *name)
{
	char *found = admin(TEST_DATABASE, "SELECT pg_catalog.to_regclass('%s')", name);
	bool  is_there = found != NULL;

	free(found);
	return is_there;
}

/* A call that needs a table, of snapshots or of models. */
typedef int (*Use)(goes_store *store, const char *table, goes_error **err);

static int
use_save(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 1, "x");

	return goes_snapshot_save(used, table, &snapshot, NULL, err);
}

static int
use_latest(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot *found = NULL;
	int			   status = goes_snapshot_latest(used, table, "order", &order, &found, NULL, err);

	goes_snapshot_free(found);
	return status;
}

static int
use_delete(goes_store *used, const char *table, goes_error **err)
{
	return goes_snapshot_delete(used, table, "order", &order, 9, NULL, err);
}

static int
use_query(goes_store *used, const char *table, goes_error **err)
{
	goes_snapshot_cursor *cursor = NULL;
	int					  status = goes_snapshot_query(used, table, NULL, &cursor, NULL, err);

	goes_snapshot_cursor_close(cursor);
	return status;
}

static int
use_model_save(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_save(used, table, "total", "1", NULL, err);
}

static int
use_model_fetch(goes_store *used, const char *table, goes_error **err)
{
	char *json = NULL;
	int	  status = goes_model_fetch(used, table, "total", &json, NULL, err);

	goes_free(json);
	return status;
}

static int
use_model_delete(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_delete(used, table, "nothing", NULL, err);
}

static int
keep(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return GOES_OK;
}

static int
use_model(goes_store *used, const char *table, goes_error **err)
{
	return goes_model_use(used, table, "total", "1", keep, NULL, NULL, err);
}

static const struct
{
	Use			use;
	const char *table;	/* the default */
	int			status; /* when the table is empty */
} uses[] = {
	{use_save, "snapshots", GOES_OK},	   {use_latest, "snapshots", GOES_ERR_NOT_FOUND},
	{use_delete, "snapshots", GOES_OK},	   {use_query, "snapshots", GOES_OK},
	{use_model_save, "models", GOES_OK},   {use_model_fetch, "models", GOES_ERR_NOT_FOUND},
	{use_model_delete, "models", GOES_OK}, {use_model, "models", GOES_OK},
};

#define USES (sizeof uses / sizeof *uses)

/*
 * expect_use makes a call and expects a status.
 */
static void
expect_use(size_t i, goes_store *used, const char *table, int expected)
{
	goes_error *error = NULL;
	int			status = uses[i].use(used, table, &error);

	if (status != expected)
		fail_msg("use %zu: %s: %s", i, goes_status_text(status), goes_error_message(error));
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
}

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
		(void) close_again(state);
		(void) open_anew(state);
		expect_use(i, store, NULL, uses[i].status);
		assert_true(has_table(uses[i].table));
	}
}

/*
 * In a transaction the table goes with it; in the next one it is made again.
 */
static void
test_a_transaction_makes_a_missing_table(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		(void) close_again(state);
		(void) open_anew(state);
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
test_no_create_makes_no_table(void **state)
{
	goes_store_options options = options_of("events");
	goes_store		  *cautious;

	options.no_create = true;
	cautious = open_with(&options);
	for (size_t i = 0; i < USES; i++)
	{
		goes_tx	   *tx;
		goes_error *error = NULL;

		expect_error(uses[i].use(cautious, NULL, &error), &error, GOES_ERR_SCHEMA, uses[i].table);
		assert_ok(goes_tx_begin(cautious, &tx, NULL, &error));
		expect_error(uses[i].use(goes_tx_store(tx), NULL, &error), &error, GOES_ERR_SCHEMA,
					 uses[i].table);
		expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
		assert_false(has_table(uses[i].table));
	}
	for (size_t i = 0; i < USES; i++)
	{
		expect_use(i, store, NULL, uses[i].status);
		expect_use(i, cautious, NULL, uses[i].status);
		admin_do(TEST_DATABASE, "TRUNCATE %s", uses[i].table);
	}
	goes_store_close(cautious);
}

static void
test_a_role_that_may_not_create(void **state)
{
	char			  *url = uri_of("novice", "/postgres");
	goes_store_options options = make_options(url);
	goes_store		  *novice;
	goes_error		  *error = NULL;

	admin_do(TEST_DATABASE, "SET client_min_messages = warning; DROP ROLE IF EXISTS novice; "
							"CREATE ROLE novice LOGIN; "
							"REVOKE CREATE ON SCHEMA public FROM public; "
							"GRANT SELECT, INSERT ON events TO novice");
	options.table = "events";
	novice = open_with(&options);
	for (size_t i = 0; i < USES; i++)
	{
		goes_tx *tx;

		expect_error(uses[i].use(novice, NULL, &error), &error, GOES_ERR_PERMISSION, "");
		assert_ok(goes_tx_begin(novice, &tx, NULL, &error));
		expect_error(uses[i].use(goes_tx_store(tx), NULL, &error), &error, GOES_ERR_PERMISSION, "");
		goes_tx_rollback(tx);
	}
	/* one that somebody else made is good enough */
	admin_do(TEST_DATABASE, "SELECT goes_create_snapshot_store(), goes_create_model_store()");
	admin_do(TEST_DATABASE, "GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots, models TO novice");
	for (size_t i = 0; i < USES; i++)
	{
		goes_tx *tx;

		expect_use(i, novice, NULL, uses[i].status);
		admin_do(TEST_DATABASE, "TRUNCATE snapshots, models");
		assert_ok(goes_tx_begin(novice, &tx, NULL, &error));
		expect_use(i, goes_tx_store(tx), NULL, uses[i].status);
		goes_tx_rollback(tx);
	}
	goes_store_close(novice);
	admin_do(TEST_DATABASE, "DROP OWNED BY novice; DROP ROLE novice");
	free(url);
}

static void
test_a_name_is_read_as_in_sql(void **state)
{
	for (size_t i = 0; i < USES; i++)
	{
		(void) close_again(state);
		(void) open_anew(state);
		expect_use(i, store, "\"Odd Name\"", uses[i].status);
		assert_true(has_table("public.\"Odd Name\""));
		expect_use(i, store, "Shop.KEPT", uses[i].status);
		assert_true(has_table("shop.kept"));
		assert_false(has_table(uses[i].table));
	}
}

static void
test_names_that_can_be_none(void **state)
{
	goes_error *error = NULL;

	for (size_t i = 0; i < USES; i++)
	{
		goes_tx *tx;

		expect_error(uses[i].use(store, "", &error), &error, GOES_ERR_INVALID, "table");
		expect_error(uses[i].use(store, "a b", &error), &error, GOES_ERR_INVALID, "a b");
		expect_error(uses[i].use(store, "nowhere.kept", &error), &error, GOES_ERR_SCHEMA,
					 "nowhere");
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_error(uses[i].use(goes_tx_store(tx), "nowhere.kept", &error), &error,
					 GOES_ERR_SCHEMA, "nowhere");
		goes_tx_rollback(tx);
		/* a table of another kind */
		expect_error(uses[i].use(store, "events", &error), &error, GOES_ERR_SCHEMA, "events");
	}
}

/*
 * What the store knows to be there may be dropped later. In a transaction that shows too late, but the
 * next one makes it.
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
race(size_t use, const char *table, bool is_in_transaction)
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
		race(0, NULL, false);
		race(4, NULL, false);
		snprintf(name, sizeof name, "a%d", round);
		race(0, name, true);
		snprintf(name, sizeof name, "b%d", round);
		race(USES - 1, name, false);
		assert_true(has_table(name));
	}
}

#define ON_A_NEW_STORE(test) cmocka_unit_test_setup_teardown(test, open_anew, close_again)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_NEW_STORE(test_every_call_makes_a_missing_table),
		ON_A_NEW_STORE(test_a_transaction_makes_a_missing_table),
		ON_A_NEW_STORE(test_no_create_makes_no_table),
		ON_A_NEW_STORE(test_a_role_that_may_not_create),
		ON_A_NEW_STORE(test_a_name_is_read_as_in_sql),
		ON_A_NEW_STORE(test_names_that_can_be_none),
		ON_A_NEW_STORE(test_a_dropped_table_is_made_again),
		ON_A_NEW_STORE(test_threads_that_find_a_table_missing_at_once),
	};

	return RUN_TESTS(tests);
}
