/*
 * server_table_denied.c
 *    Tables of snapshots and models that cannot be made: a store or a role may not, or the name is none.
 */
#include "server_control.h"
#include "tables.h"

/* PostgreSQL keeps 63 bytes of it. */
#define LONG_NAME "\"tenant\"\"901234567890123456789012345678901234567890123456789-00045\""

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
test_a_role_that_may_not_create_side_tables(void **state)
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
test_names_that_can_be_none(void **state)
{
	goes_error *error = NULL;

	for (size_t i = 0; i < USES; i++)
	{
		goes_tx *tx;

		expect_error(uses[i].use(store, "", &error), &error, GOES_ERR_INVALID, "table");
		expect_error(uses[i].use(store, "a b", &error), &error, GOES_ERR_INVALID, "a b");
		expect_error(uses[i].use(store, LONG_NAME, &error), &error, GOES_ERR_INVALID, "too long");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_NEW_STORE(test_no_create_makes_no_table),
		ON_A_NEW_STORE(test_a_role_that_may_not_create_side_tables),
		ON_A_NEW_STORE(test_names_that_can_be_none),
	};

	return RUN_TESTS(tests);
}
