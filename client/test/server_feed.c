/*
 * server_feed.c
 *    Following a store by goes_feed_next: each event once and in order, from a cursor, with a filter;
 *    waiting, and how long; what is refused.
 */
#include "follows.h"

#define PAST 9000 /* events, more than two pages */

static goes_store *store;

static int
begin(void **state)
{
	store = open_store("followed");
	with_feed(store, "followed");
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	admin_do(TEST_DATABASE, "DROP TABLE followed");
	return 0;
}

static void
test_events_come_once_and_in_order(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;
	goes_uuid		  id;

	store_numbered(store, 0, PAST);
	feed = open_feed(store, &options);
	assert_int_equal(goes_feed_position(feed, &id), 0);
	assert_true(goes_uuid_is_nil(&id));
	expect_numbers(feed, 0, PAST);
	assert_int_equal(goes_feed_position(feed, &id), PAST);
	expect_end(feed);
	expect_end(feed);
	store_numbered(store, PAST, 3);
	expect_numbers(feed, PAST, 3);
	expect_end(feed);
	assert_int_equal(goes_feed_position(feed, NULL), PAST + 3);
	goes_feed_close(feed);
}

static void
test_a_feed_goes_on_from_its_cursor(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;

	store_numbered(store, 0, 10);
	for (int i = 0; i < 10; i++)
	{
		feed = open_feed(store, &options);
		expect_number(feed, i);
		options.after = goes_feed_position(feed, &options.after_id);
		assert_int_equal(options.after, i + 1);
		goes_feed_close(feed);
	}
}

static void
test_a_filter_leaves_out_and_moves_on(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_query		 *odd = goes_query_new();
	goes_feed		 *feed;

	store_numbered(store, 0, 101);
	goes_query_name(odd, "odd");
	options.filter = odd;
	options.page = 7;
	feed = open_feed(store, &options);
	goes_query_free(odd);
	for (int i = 1; i < 101; i += 2)
		expect_number(feed, i);
	assert_int_equal(goes_feed_position(feed, NULL), 100);
	expect_end(feed);
	assert_int_equal(goes_feed_position(feed, NULL), 101);
	goes_feed_close(feed);
}

static void
test_a_feed_waits_for_news(void **state)
{
	goes_feed_options options = feed_options(20000);
	goes_feed		 *feed = open_feed(store, &options);
	pthread_t		  thread;
	int64_t			  begun = milliseconds();

	for (int i = 0; i < 3; i++)
	{
		Later later = {store, i};

		assert_int_equal(pthread_create(&thread, NULL, store_later, &later), 0);
		expect_number(feed, i);
		pthread_join(thread, NULL);
	}
	assert_true(milliseconds() - begun >= 600);
	assert_true(is_within(begun, 2000));
	goes_feed_close(feed);
}

/*
 * One that does not wait does not do so either behind goes_feed_process, which leaves a question that the
 * server answers when there is news.
 */
static void
test_a_feed_that_does_not_wait(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed = open_feed(store, &options);
	const goes_event *event;
	goes_error		 *error = NULL;
	int64_t			  begun;

	for (int i = 0; i < 20; i++)
	{
		assert_ok(goes_feed_process(feed, &event, &error));
		usleep(5000);
	}
	begun = milliseconds();
	for (int i = 0; i < 3; i++)
		expect_end(feed);
	assert_true(is_within(begun, 2000));
	store_numbered(store, 0, 1);
	begun = milliseconds();
	while (goes_feed_next(feed, &event, NULL, &error) != GOES_EVENT)
	{
		assert_true(is_within(begun, 5000));
		usleep(1000);
	}
	goes_feed_close(feed);
}

static void
test_it_waits_as_long_as_it_should(void **state)
{
	goes_feed_options options = feed_options(300);
	goes_feed		 *feed = open_feed(store, &options);

	for (int i = 0; i < 2; i++)
	{
		int64_t begun = milliseconds();

		expect_end(feed);
		assert_true(milliseconds() - begun >= 295);
		assert_true(is_within(begun, 700));
	}
	goes_feed_close(feed);
}

static void
test_a_context_bounds_a_call_and_no_more(void **state)
{
	goes_feed_options options = feed_options(60000);
	goes_feed		 *feed = open_feed(store, &options);
	goes_context	  context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	const goes_event *event;
	goes_error		 *error = NULL;
	int64_t			  begun = milliseconds();
	pthread_t		  thread;

	expect_error(goes_feed_next(feed, &event, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	context.cancel = goes_cancel_new();
	context.timeout_ms = -1;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, context.cancel), 0);
	expect_error(goes_feed_next(feed, &event, &context, &error), &error, GOES_ERR_CANCELLED, "");
	pthread_join(thread, NULL);
	assert_true(is_within(begun, 2000));
	store_numbered(store, 0, 1);
	expect_error(goes_feed_next(feed, &event, &context, &error), &error, GOES_ERR_CANCELLED, "");
	expect_number(feed, 0);
	goes_cancel_free(context.cancel);
	goes_feed_close(feed);
}

static void *
close_later(void *feed)
{
	usleep(200 * 1000);
	goes_feed_close(feed);
	return NULL;
}

/*
 * The server is not left with a session that waits on.
 */
static void
test_a_feed_is_closed_while_it_waits(void **state)
{
	goes_feed_options options = feed_options(60000);
	const goes_event *event;
	goes_error		 *error = NULL;
	int64_t			  begun = milliseconds();

	for (int i = 0; i < 2; i++)
	{
		goes_feed	*feed = open_feed(store, &options);
		goes_context context = {.size = sizeof context, .timeout_ms = 1};
		pthread_t	 thread;

		expect_error(goes_feed_next(feed, &event, &context, &error), &error, GOES_ERR_TIMEOUT, "");
		if (i == 0)
		{
			goes_feed_close(feed);
			continue;
		}
		assert_int_equal(pthread_create(&thread, NULL, close_later, feed), 0);
		expect_error(goes_feed_next(feed, &event, NULL, &error), &error, GOES_ERR_CANCELLED,
					 "closed");
		pthread_join(thread, NULL);
	}
	assert_true(is_within(begun, 2000));
	while (number_of("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%goes_feed_page(%%' "
					 "AND pid <> pg_backend_pid() AND state = 'active'") > 0)
	{
		assert_true(is_within(begun, 3000));
		usleep(10000);
	}
}

static void
test_a_store_may_be_closed_before_its_feed(void **state)
{
	goes_store *other = open_store("followed");
	goes_feed  *feed;

	store_numbered(store, 0, 1);
	feed = open_feed(other, NULL);
	goes_store_close(other);
	expect_number(feed, 0);
	goes_feed_close(feed);
}

/*
 * The error says which call switches a feed on.
 */
static void
test_a_store_without_a_feed(void **state)
{
	goes_store *other = open_unfollowed();
	goes_feed  *feed = NULL;
	goes_error *error = NULL;

	expect_error(goes_feed_open(other, NULL, &feed, &error), &error, GOES_ERR_SCHEMA,
				 "goes_alter_store('public.unfollowed', feed => true)");
	assert_null(feed);
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('unfollowed', feed => true)");
	feed = open_feed(other, NULL);
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('unfollowed', feed => false)");
	for (int i = 0; i < 2; i++)
	{
		const goes_event *event;

		expect_error(goes_feed_next(feed, &event, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "feed => true");
	}
	goes_feed_close(feed);
	goes_store_close(other);
}

static void
test_a_rewound_feed(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed;
	goes_error		 *error = NULL;
	const goes_event *event;

	store_numbered(store, 0, 5);
	feed = open_feed(store, &options);
	expect_numbers(feed, 0, 5);
	expect_end(feed);
	options.after = goes_feed_position(feed, &options.after_id);
	admin_do(TEST_DATABASE, "TRUNCATE followed RESTART IDENTITY");
	store_numbered(store, 100, 1);
	expect_error(goes_feed_next(feed, &event, NULL, &error), &error, GOES_ERR_REWOUND, "");
	expect_error(goes_feed_next(feed, &event, NULL, &error), &error, GOES_ERR_REWOUND, "");
	goes_feed_close(feed);
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('followed', feed => true)");
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_REWOUND, "");
	options = feed_options(-1);
	feed = open_feed(store, &options);
	expect_number(feed, 100);
	goes_feed_close(feed);
}

static void
test_arguments_that_cannot_be_used(void **state)
{
	goes_feed_options options = feed_options(-1);
	goes_feed_options unsized = {.size = 0};
	goes_feed_options longer[2] = {feed_options(-1)}; /* of a newer header */
	goes_query		 *query = goes_query_new();
	goes_error		 *error = NULL;
	goes_feed		 *feed = NULL;
	goes_tx			 *tx;
	const goes_event *event;

	expect_error(goes_feed_open(NULL, NULL, &feed, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_feed_open(store, NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_feed_open(store, &unsized, &feed, &error), &error, GOES_ERR_INVALID, "size");
	options.page = -1;
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_INVALID, "page");
	options = feed_options(-1);
	options.after = -1;
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_INVALID, "after");
	options = feed_options(-1);
	options.after = 7;
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_REWOUND, "");
	options = feed_options(-1);
	options.filter = query;
	goes_query_limit(query, 3);
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_INVALID, "limit");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_name(query, NULL);
	options.filter = query;
	expect_error(goes_feed_open(store, &options, &feed, &error), &error, GOES_ERR_INVALID, "step");
	goes_query_free(query);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_error(goes_feed_open(goes_tx_store(tx), NULL, &feed, &error), &error, GOES_ERR_STATE,
				 "transaction");
	goes_tx_rollback(tx);
	assert_null(feed);

	longer[0].size = sizeof longer;
	feed = open_feed(store, longer);
	expect_error(goes_feed_next(NULL, &event, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_feed_next(feed, NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	assert_int_equal(goes_feed_next(feed, NULL, NULL, NULL), GOES_ERR_INVALID);
	assert_int_equal(goes_feed_position(NULL, NULL), 0);
	goes_feed_close(feed);
	goes_feed_close(NULL);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(test_events_come_once_and_in_order),
		FEED_TEST(test_a_feed_goes_on_from_its_cursor),
		FEED_TEST(test_a_filter_leaves_out_and_moves_on),
		FEED_TEST(test_a_feed_waits_for_news),
		FEED_TEST(test_a_feed_that_does_not_wait),
		FEED_TEST(test_it_waits_as_long_as_it_should),
		FEED_TEST(test_a_context_bounds_a_call_and_no_more),
		FEED_TEST(test_a_feed_is_closed_while_it_waits),
		FEED_TEST(test_a_store_may_be_closed_before_its_feed),
		FEED_TEST(test_a_store_without_a_feed),
		FEED_TEST(test_a_rewound_feed),
		FEED_TEST(test_arguments_that_cannot_be_used),
	};

	return RUN_TESTS(tests);
}
