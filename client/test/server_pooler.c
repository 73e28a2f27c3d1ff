/*
 * server_pooler.c
 *    What docs/operations.md says of pgbouncer: what works in which of its modes. Skipped where there
 *    is no pgbouncer (tools/packages pooler installs it).
 */
#include "calls.h"
#include "pooler.h"
#include "snapshots.h"

#define LARGE 20000 /* events: more than are read whole */

/*
 * The database and the table are made on the server itself, as the page says.
 */
static int
start_poolers(void **state)
{
	goes_store *store;
	goes_error *error = NULL;

	if (!is_installed())
		return 0;
	store = open_store("pooled");
	assert_ok(goes_store_connect(store, NULL, &error));
	fill_store(store, "pooled", LARGE, 10);
	goes_store_close(store);
	admin_do(TEST_DATABASE, "CREATE SCHEMA shop");
	for (Mode mode = SESSION; mode < MODES; mode++)
		start_pooler(mode);
	return 0;
}

static goes_store *
open_pooled(Mode mode, const char *table)
{
	goes_store_options options = options_of(table);

	options.url = poolers[mode].url;
	options.max_connections = 2;
	options.no_prepared_statements = mode != SESSION;
	return open_with(&options);
}

static void
expect_all_calls_to_work(Mode mode)
{
	goes_store *store = open_pooled(mode, "shop.events");
	goes_error *error = NULL;

	store_one(store);
	for (int round = 0; round < 3; round++)
	{
		for (size_t i = 0; i < CALLS; i++)
			assert_ok(calls[i](store, &error));
		assert_ok(call_transaction(store, &error));
		assert_ok(goes_model_use(store, "shop.models", "id", "0", keep_model, NULL, NULL, &error));
		save_version(store, "shop.snapshots", "order", &stored.aggregate_id, round + 1);
	}
	goes_store_close(store);
	store = open_pooled(mode, "pooled");
	assert_int_equal(run_to_end(store, NULL), LARGE);
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DROP TABLE shop.events, shop.models, shop.snapshots");
}

static void
test_with_session_pooling_everything_works(void **state)
{
	skip_without_pooler();
	expect_all_calls_to_work(SESSION);
}

static void
test_with_transaction_pooling_everything_works_without_prepared_statements(void **state)
{
	skip_without_pooler();
	expect_all_calls_to_work(TRANSACTION);
}

static void
test_with_statement_pooling_a_large_result_cannot_be_read(void **state)
{
	goes_store	*store;
	goes_cursor *cursor = NULL;
	goes_error	*error = NULL;

	skip_without_pooler();
	store = open_pooled(STATEMENT, "pooled");
	assert_true(goes_query_run(store, NULL, &cursor, NULL, &error) < 0);
	assert_non_null(strstr(goes_error_message(error), "transaction"));
	goes_error_free(error);
	goes_cursor_close(cursor);
	goes_store_close(store);
}

/*
 * With transaction pooling two clients may meet in one session of the server.
 */
static void
test_a_setting_is_left_to_whoever_comes_next(void **state)
{
	char	url[256];
	PGconn *clients[2];

	skip_without_pooler();
	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, poolers[TRANSACTION].url);
	for (int i = 0; i < 2; i++)
		clients[i] = PQconnectdb(url);
	for (int is_local = 1; is_local >= 0; is_local--)
	{
		PGresult *result;

		PQclear(PQexec(clients[0], "BEGIN"));
		PQclear(PQexec(clients[0],
					   is_local ? "SET LOCAL search_path = shop" : "SET search_path = shop"));
		PQclear(PQexec(clients[0], "COMMIT"));
		result = PQexec(clients[1], "SHOW search_path");
		assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
		assert_int_equal(strcmp(PQgetvalue(result, 0, 0), "shop") == 0, !is_local);
		PQclear(result);
	}
	PQclear(PQexec(clients[0], "RESET search_path"));
	for (int i = 0; i < 2; i++)
		PQfinish(clients[i]);
}

static void
test_a_search_path_in_the_url_does_not_get_through(void **state)
{
	char			   url[256] = "";
	goes_store_options options = make_options(url);
	goes_error		  *error = NULL;
	int				   status;

	skip_without_pooler();
	snprintf(url, sizeof url, "%s search_path=shop", poolers[SESSION].url);
	status = try_options(&options, &error);
	expect_error(status, &error, GOES_ERR_CONNECT, "options");
	assert_null(admin(TEST_DATABASE, "SELECT to_regclass('shop.events')"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_session_pooling_everything_works),
		cmocka_unit_test(
			test_with_transaction_pooling_everything_works_without_prepared_statements),
		cmocka_unit_test(test_with_statement_pooling_a_large_result_cannot_be_read),
		cmocka_unit_test(test_a_setting_is_left_to_whoever_comes_next),
		cmocka_unit_test(test_a_search_path_in_the_url_does_not_get_through),
	};

	return RUN_GROUP(tests, start_poolers, stop_poolers);
}
