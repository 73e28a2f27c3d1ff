/*
 * server_memory_feed.c
 *    Every allocation of a feed and of a subscription fails in turn.
 */
#include "memory_server.h"
#include "follows.h"

static int
make_feed(void **state)
{
	goes_store *store;
	int			status = make_first_database(state);

	if (status != GOES_OK || try_open(&store) != GOES_OK)
		return -1;
	with_feed(store, "events");
	store_numbered(store, 0, 7);
	goes_store_close(store);
	return 0;
}

static int
follow(void *unused)
{
	goes_feed_options options = feed_options(-1);
	goes_query		 *query = goes_query_new();
	goes_store		 *store = NULL;
	goes_feed		 *feed = NULL;
	const goes_event *event;
	int				  status = try_open(&store);
	int				  count = 0;

	(void) goes_query_name(query, "odd");
	(void) goes_query_aggregate_name(query, "");
	options.filter = query;
	options.page = 2;
	if (query == NULL)
		status = GOES_ERR_NOMEM;
	if (status == GOES_OK)
		status = goes_feed_open(store, &options, &feed, NULL);
	while (status == GOES_OK && (status = goes_feed_next(feed, &event, NULL, NULL)) == GOES_EVENT)
	{
		count++;
		status = GOES_OK;
	}
	(void) count;
	goes_feed_close(feed);
	goes_query_free(query);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_feed(void **state)
{
	assert_true(every_allocation_fails(follow, NULL, GOES_OK, MAY_RECOVER) > 20);
}

static int
work(void *is_manual)
{
	goes_subscription_options options;
	goes_store				 *store = NULL;
	goes_subscription		 *worker = NULL;
	goes_tx					 *tx = NULL;
	const goes_delivery		 *delivery;
	int						  status = try_open(&store);
	bool					  is_failed = false;

	/* else the deliveries would be done after the first life that gets so far */
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe(name) FROM subscriptions");
	goes_subscription_options_init(&options, sizeof options);
	options.worker = "careful";
	options.wait_ms = -1;
	options.partitions = 1;
	options.manual_commit = *(bool *) is_manual;
	if (status == GOES_OK)
		status = goes_subscription_open(store, NULL, "memory", &options, &worker, NULL);
	if (status == GOES_OK && options.manual_commit)
		status = goes_tx_begin(store, &tx, NULL, NULL);
	while (status == GOES_OK &&
		   (status = goes_subscription_next(worker, &delivery, NULL, NULL)) == GOES_EVENT)
	{
		status = is_failed ? goes_delivery_done(worker, delivery, NULL)
						   : goes_delivery_failed(worker, delivery, "why not", NULL);
		is_failed = true;
	}
	if (tx != NULL && status == GOES_OK)
		status = goes_subscription_commit(worker, tx, NULL, NULL);
	else if (tx != NULL)
		goes_subscription_rollback(worker, tx);
	goes_subscription_close(worker);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_subscription(void **state)
{
	for (int i = 0; i < 2; i++)
	{
		bool is_manual = i == 1;

		admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
		assert_true(every_allocation_fails(work, &is_manual, GOES_OK, MAY_RECOVER) > 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out_in_a_feed),
		cmocka_unit_test(memory_runs_out_in_a_subscription),
	};

	return RUN_GROUP(tests, make_feed, NULL);
}
