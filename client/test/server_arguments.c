/*
 * server_arguments.c
 *    Arguments that a call cannot use: it says which, and nothing has happened. What has NULL in
 *    place of a feed, a worker or a writer does not crash either.
 */
#include "subscribes.h"

#define TABLE "argued"

static void
test_calls_without_what_they_need(void **state)
{
	goes_store *store = open_store(TABLE);
	goes_error *error = NULL;
	goes_uuid	id = {{1}};
	int64_t		count = -1;
	char	   *token = NULL;

	expect_error(goes_count(NULL, NULL, &count, NULL, &error), &error, GOES_ERR_INVALID, "store");
	expect_error(goes_count(store, NULL, NULL, NULL, &error), &error, GOES_ERR_INVALID, "out");
	assert_int_equal(count, -1);
	expect_error(goes_delete(NULL, &id, 1, NULL, &error), &error, GOES_ERR_INVALID, "store");
	expect_error(goes_delete(store, NULL, 1, NULL, &error), &error, GOES_ERR_INVALID, "ids");
	expect_error(goes_delete(store, &id, SIZE_MAX, NULL, &error), &error, GOES_ERR_INVALID,
				 "at most");
	expect_error(goes_store_write_token(NULL, &token, NULL, &error), &error, GOES_ERR_INVALID,
				 "store");
	expect_error(goes_store_write_token(store, NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "token");
	expect_error(goes_store_connect(NULL, NULL, &error), &error, GOES_ERR_INVALID, "store");
	goes_store_close(store);
}

static void
test_stores_that_cannot_be_opened(void **state)
{
	goes_store_options options = options_of(TABLE);
	goes_store		  *store = NULL;
	goes_error		  *error = NULL;

	expect_error(goes_store_open(NULL, &options, &error), &error, GOES_ERR_INVALID, "out");
	options.size = 0;
	expect_error(goes_store_open(&store, &options, &error), &error, GOES_ERR_INVALID, "size");
	options = options_of(TABLE);
	options.read_url = "";
	expect_error(goes_store_open(&store, &options, &error), &error, GOES_ERR_INVALID, "read_url");
	options = options_of("");
	expect_error(goes_store_open(&store, &options, &error), &error, GOES_ERR_INVALID, "table");
	assert_null(store);
}

static void
test_pools_that_cannot_be_made(void **state)
{
	goes_pool_options options = {.size = sizeof options, .url = server_url()};
	goes_pool		 *pool = NULL;
	goes_error		 *error = NULL;

	expect_error(goes_pool_new(NULL, &options, &error), &error, GOES_ERR_INVALID, "out");
	expect_error(goes_pool_new(&pool, NULL, &error), &error, GOES_ERR_INVALID, "options");
	options.size = 0;
	expect_error(goes_pool_new(&pool, &options, &error), &error, GOES_ERR_INVALID, "size");
	assert_null(pool);
}

/*
 * The server would look for another name than the program's.
 */
static void
test_a_database_whose_name_is_no_utf8(void **state)
{
	goes_store_options options = options_of(TABLE);
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.database = "caf\xe9";
	store = open_with(&options);
	expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_INVALID, "database");
	goes_store_close(store);
}

/*
 * Each host has a port, or all have the same.
 */
static void
test_hosts_and_ports_that_do_not_agree(void **state)
{
	goes_store_options options = options_of(TABLE);
	goes_store		  *store;
	goes_error		  *error = NULL;
	char			   url[1024];

	snprintf(url, sizeof url, "%s port=1,2,3 host=/nowhere,/else", server_url());
	options.url = url;
	store = open_with(&options);
	expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_INVALID,
				 "different lengths");
	goes_store_close(store);
}

static void
test_no_writer(void **state)
{
	goes_store		   *store = open_store(TABLE);
	goes_writer_options options;
	goes_writer		   *writer = NULL;
	goes_event			event = event_of("happened", "{}");
	goes_uuid			id = {{1}};
	goes_error		   *error = NULL;
	const goes_outcome *outcome;

	expect_error(goes_writer_append(NULL, "order", &id, &event, 1, 0, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "writer");
	expect_error(goes_writer_process(NULL, &outcome, &error), &error, GOES_ERR_INVALID, "writer");
	expect_error(goes_writer_next(NULL, &outcome, NULL, &error), &error, GOES_ERR_INVALID,
				 "writer");
	expect_error(goes_writer_flush(NULL, NULL, &error), &error, GOES_ERR_INVALID, "writer");
	assert_int_equal(goes_writer_timeout_ms(NULL), -1);
	goes_writer_options_init(&options, sizeof options);
	assert_ok(goes_writer_open(&writer, store, &options, &error));
	expect_error(goes_writer_append(writer, "order", &id, NULL, 1, 0, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "events");
	expect_error(goes_writer_process(writer, NULL, &error), &error, GOES_ERR_INVALID, "out");
	expect_error(goes_writer_next(writer, NULL, NULL, &error), &error, GOES_ERR_INVALID, "out");
	assert_int_equal(goes_writer_next(writer, &outcome, NULL, &error), GOES_END);
	goes_writer_close(writer, NULL, NULL);
	goes_store_close(store);
}

static void
test_no_feed_and_no_worker(void **state)
{
	const goes_event	*event;
	const goes_delivery *delivery;
	goes_error			*error = NULL;

	expect_error(goes_feed_next(NULL, &event, NULL, &error), &error, GOES_ERR_INVALID, "feed");
	expect_error(goes_feed_process(NULL, &event, &error), &error, GOES_ERR_INVALID, "feed");
	assert_int_equal(goes_feed_timeout_ms(NULL), -1);
	assert_int_equal(goes_feed_fd(NULL), -1);
	expect_error(goes_subscription_next(NULL, &delivery, NULL, &error), &error, GOES_ERR_INVALID,
				 "subscription");
	expect_error(goes_subscription_process(NULL, &delivery, &error), &error, GOES_ERR_INVALID,
				 "subscription");
	assert_int_equal(goes_subscription_timeout_ms(NULL), -1);
	assert_int_equal(goes_subscription_fd(NULL), -1);
}

/*
 * A call that was cancelled before takes nothing: what it would have given comes next.
 */
static void
test_a_worker_that_was_cancelled_before(void **state)
{
	goes_store				 *store = open_store(TABLE);
	goes_subscription_options options = worker_options(-1);
	goes_cancel				 *cancel = goes_cancel_new();
	goes_context			  context = {.size = sizeof context, .cancel = cancel};
	goes_subscription		 *worker;
	const goes_delivery		 *delivery = NULL;
	goes_error				 *error = NULL;

	with_feed(store, TABLE);
	store_numbered(store, 0, 1);
	/* subscriptions in a table of the program's own */
	assert_ok(goes_subscription_open(store, "jobs", "argued", &options, &worker, &error));
	goes_cancel_trigger(cancel);
	expect_error(goes_subscription_next(worker, &delivery, &context, &error), &error,
				 GOES_ERR_CANCELLED, "");
	assert_null(delivery);
	expect_and_do(worker, 0, 1);
	goes_subscription_close(worker);
	assert_int_equal(number_of("SELECT count(*) FROM jobs WHERE name = 'argued'"), 1);
	goes_cancel_free(cancel);
	goes_store_close(store);
}

/*
 * A transaction's store has the pool of the store that it was begun on.
 */
static void
test_the_pool_of_a_transaction(void **state)
{
	goes_store *store = open_store(TABLE);
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	assert_null(goes_store_pool(store)); /* not connected */
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_non_null(goes_store_pool(store));
	assert_ptr_equal(goes_store_pool(goes_tx_store(tx)), goes_store_pool(store));
	goes_tx_rollback(tx);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_without_what_they_need),
		cmocka_unit_test(test_stores_that_cannot_be_opened),
		cmocka_unit_test(test_pools_that_cannot_be_made),
		cmocka_unit_test(test_a_database_whose_name_is_no_utf8),
		cmocka_unit_test(test_hosts_and_ports_that_do_not_agree),
		cmocka_unit_test(test_no_writer),
		cmocka_unit_test(test_no_feed_and_no_worker),
		cmocka_unit_test(test_a_worker_that_was_cancelled_before),
		cmocka_unit_test(test_the_pool_of_a_transaction),
	};

	return RUN_TESTS(tests);
}
