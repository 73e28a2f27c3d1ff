/*
 * server_fork.c
 *    A child process that inherits a store: it can do no harm to its parent's connections.
 */
#include <sys/wait.h>

#include "leave.h"
#include "server_control.h"

#define EVENTS 5000

/* All that a process may have open when it forks. */
typedef struct Opened
{
	goes_store			*store;
	goes_pool			*pool;
	struct pg_conn		*taken;
	goes_cursor			*large;
	goes_cursor			*small;
	goes_cursor			*inner;
	goes_tx				*tx;
	goes_store			*following;
	goes_feed			*feed;
	goes_subscription	*worker;
	const goes_delivery *delivery;
} Opened;

static int hook_calls;

static int
count_hook_call(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	hook_calls++;
	return 0;
}

/*
 * insert_counted stores events of one aggregate.
 */
static void
insert_counted(goes_store *store, const goes_uuid *aggregate)
{
	static goes_event events[EVENTS];
	goes_error		 *error = NULL;

	for (int i = 0; i < EVENTS; i++)
	{
		goes_event_init(&events[i], "counted", "{\"filler\": \"0123456789\"}");
		events[i].aggregate_name = "counter";
		events[i].aggregate_id = *aggregate;
		events[i].aggregate_version = i + 1;
	}
	assert_ok(goes_insert(store, events, EVENTS, NULL, &error));
}

/*
 * open_following opens a feed and a subscription, and takes what comes first.
 */
static void
open_following(Opened *opened)
{
	goes_subscription_options options;
	const goes_event		 *event;
	goes_error				 *error = NULL;

	admin_do(TEST_DATABASE, "CREATE TABLE IF NOT EXISTS followed ()");
	admin_do(TEST_DATABASE, "DROP TABLE followed");
	opened->following = open_store("followed");
	assert_ok(goes_store_connect(opened->following, NULL, &error));
	admin_do(TEST_DATABASE, "SELECT goes_alter_store('followed', feed => true)");
	assert_ok(insert_one(opened->following, "first", NULL, &error));
	assert_ok(insert_one(opened->following, "second", NULL, &error));
	assert_ok(goes_feed_open(opened->following, NULL, &opened->feed, &error));
	assert_int_equal(goes_feed_next(opened->feed, &event, NULL, &error), GOES_EVENT);
	goes_subscription_options_init(&options, sizeof options);
	options.partitions = 1;
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	admin_do(TEST_DATABASE, "SELECT goes_unsubscribe(name) FROM subscriptions");
	assert_ok(goes_subscription_open(opened->following, NULL, "forked", &options, &opened->worker,
									 &error));
	assert_int_equal(goes_subscription_next(opened->worker, &opened->delivery, NULL, &error),
					 GOES_EVENT);
}

/*
 * open_all opens everything, and reads the first event of each cursor.
 */
static Opened
open_all(void)
{
	char			  url[1024];
	goes_pool_options pool_options = {
		.size = sizeof pool_options, .url = url, .max_connections = 1};
	goes_store_options options = make_options(server_url());
	goes_query		  *history = goes_query_new();
	Opened			   opened = {0};
	const goes_event  *event;
	goes_error		  *error = NULL;
	goes_uuid		   aggregate;

	options.table = "forked";
	options.max_connections = 8;
	opened.store = open_with(&options);
	assert_int_equal(goes_store_add_hook(opened.store, GOES_PRE_INSERT, count_hook_call, NULL),
					 GOES_OK);
	goes_uuid_v7(&aggregate);
	insert_counted(opened.store, &aggregate);
	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, server_url());
	assert_ok(goes_pool_new(&opened.pool, &pool_options, &error));
	assert_ok(goes_pool_acquire(opened.pool, &opened.taken, NULL, &error));
	goes_query_aggregate(history, "counter", &aggregate);
	assert_ok(goes_query_run(opened.store, NULL, &opened.large, NULL, &error));
	assert_ok(goes_query_run(opened.store, history, &opened.small, NULL, &error));
	assert_ok(goes_tx_begin(opened.store, &opened.tx, NULL, &error));
	assert_ok(insert_one(goes_tx_store(opened.tx), "before the fork", NULL, &error));
	assert_ok(goes_query_run(goes_tx_store(opened.tx), NULL, &opened.inner, NULL, &error));
	assert_int_equal(goes_cursor_next(opened.large, &event, &error), GOES_EVENT);
	assert_int_equal(goes_cursor_next(opened.small, &event, &error), GOES_EVENT);
	assert_int_equal(goes_cursor_next(opened.inner, &event, &error), GOES_EVENT);
	goes_query_free(history);
	open_following(&opened);
	return opened;
}

/*
 * read_on reads a cursor to its end or an error, which it returns, and counts the events.
 */
static int
read_on(goes_cursor *cursor, int *count, goes_error **error)
{
	const goes_event *event;
	int				  status;

	*count = 0;
	while ((status = goes_cursor_next(cursor, &event, error)) == GOES_EVENT)
		(*count)++;
	return status;
}

/*
 * run_child forks and runs a function in the child, where failed checks end in an exit status.
 */
static void
run_child(void (*function)(Opened *), Opened *opened)
{
	pid_t child = fork();
	int	  status;

	assert_true(child >= 0);
	if (child == 0)
	{
		function(opened);
		leave(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* In the child cmocka cannot end the test; the process ends instead. */
#define check(condition)                                                            \
	do                                                                              \
	{                                                                               \
		if (!(condition))                                                           \
		{                                                                           \
			fprintf(stderr, "# in the child, line %d: %s\n", __LINE__, #condition); \
			leave(1);                                                               \
		}                                                                           \
	} while (0)

#define check_refused(call)                                         \
	do                                                              \
	{                                                               \
		check((call) == GOES_ERR_STATE);                            \
		check(strstr(goes_error_message(error), "parent") != NULL); \
		goes_error_free(error);                                     \
		error = NULL;                                               \
	} while (0)

static int
never_tried(goes_store *store, const goes_context *context, void *user, goes_error **err)
{
	check(false);
	return GOES_OK;
}

/*
 * use_store makes every call on a store of the parent's.
 */
static void
use_store(goes_store *store)
{
	goes_error	*error = NULL;
	goes_uuid	 id;
	goes_event	 event;
	goes_event	*found;
	goes_cursor *cursor;
	int64_t		 count;

	goes_store_statistics stats = {.size = sizeof stats};

	goes_uuid_v7(&id);
	goes_event_init(&event, "in the child", NULL);
	check_refused(goes_append(store, "order", &id, &event, 1, GOES_EXPECT_ANY, NULL, &error));
	check_refused(goes_store_connect(store, NULL, &error));
	check_refused(insert_one(store, "in the child", NULL, &error));
	check_refused(goes_find(store, &id, &found, NULL, &error));
	check_refused(goes_delete(store, &id, 1, NULL, &error));
	check_refused(goes_count(store, NULL, &count, NULL, &error));
	check_refused(goes_query_run(store, NULL, &cursor, NULL, &error));
	check(goes_retry(store, never_tried, NULL, NULL, NULL) == GOES_ERR_STATE);
	check(goes_store_pool(store) == NULL);
	check(goes_store_stats(store, &stats) == GOES_ERR_STATE);
}

/*
 * use_following makes every call on a feed and a subscription of the parent's.
 */
static void
use_following(Opened *opened)
{
	const goes_event	*event;
	const goes_delivery *delivery;
	goes_subscription	*worker;
	goes_feed			*feed;
	goes_error			*error = NULL;

	check_refused(goes_feed_open(opened->following, NULL, &feed, &error));
	check_refused(goes_feed_next(opened->feed, &event, NULL, &error));
	check_refused(goes_feed_process(opened->feed, &event, &error));
	check_refused(goes_subscription_open(opened->following, NULL, "x", NULL, &worker, &error));
	check_refused(goes_subscription_next(opened->worker, &delivery, NULL, &error));
	check_refused(goes_subscription_process(opened->worker, &delivery, &error));
	check_refused(goes_subscription_commit(opened->worker, NULL, NULL, &error));
	check_refused(goes_subscription_renew(opened->worker, NULL, &error));
	check_refused(goes_delivery_done(opened->worker, opened->delivery, &error));
	check_refused(goes_delivery_failed(opened->worker, opened->delivery, "", &error));
	goes_subscription_rollback(opened->worker, NULL);
}

static void
use_all(Opened *opened)
{
	goes_context	context = {.size = sizeof context, .timeout_ms = 5000};
	struct pg_conn *connection;
	goes_error	   *error = NULL;
	goes_tx		   *tx;
	int				count;

	goes_pool_statistics stats = {.size = sizeof stats};

	hook_calls = 0;
	use_store(opened->store);
	use_store(goes_tx_store(opened->tx));
	check(hook_calls == 0);
	check_refused(goes_tx_begin(opened->store, &tx, NULL, &error));
	check(goes_tx_conn(opened->tx) == NULL);
	check_refused(goes_pool_acquire(opened->pool, &connection, &context, &error));
	check(goes_pool_stats(opened->pool, &stats) == GOES_ERR_STATE);
	check_refused(read_on(opened->large, &count, &error));
	check_refused(read_on(opened->small, &count, &error));
	check_refused(read_on(opened->inner, &count, &error));
	use_following(opened);
}

static void
use_and_close_all(Opened *opened)
{
	goes_error *error = NULL;

	use_all(opened);
	goes_cursor_close(opened->large);
	goes_cursor_close(opened->small);
	goes_cursor_close(opened->inner);
	check_refused(goes_tx_commit(opened->tx, NULL, &error));
	goes_pool_release(opened->pool, opened->taken);
	goes_pool_free(opened->pool);
	goes_store_close(opened->store);
	goes_feed_close(opened->feed);
	goes_subscription_close(opened->worker);
	goes_store_close(opened->following);
}

static void
roll_back_and_close(Opened *opened)
{
	goes_cursor_close(opened->inner);
	goes_tx_rollback(opened->tx);
	goes_store_close(opened->store);
}

/*
 * The child opens a store of its own.
 */
static void
open_own_in_child(Opened *opened)
{
	goes_store_options options = make_options(server_url());
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.table = "forked";
	goes_store_close(opened->store);
	check(goes_store_open(&store, &options, &error) == GOES_OK);
	check(insert_one(store, "child", NULL, &error) == GOES_OK);
	goes_store_close(store);
}

/*
 * finish_following goes on with the feed and the subscription.
 */
static void
finish_following(Opened *opened)
{
	const goes_event *event;
	goes_error		 *error = NULL;

	assert_int_equal(goes_feed_next(opened->feed, &event, NULL, &error), GOES_EVENT);
	assert_string_equal(event->name, "second");
	goes_feed_close(opened->feed);
	assert_string_equal(opened->delivery->event.name, "first");
	assert_ok(goes_delivery_done(opened->worker, opened->delivery, &error));
	assert_int_equal(goes_subscription_next(opened->worker, &opened->delivery, NULL, &error),
					 GOES_EVENT);
	assert_string_equal(opened->delivery->event.name, "second");
	goes_subscription_close(opened->worker);
	goes_store_close(opened->following);
}

/*
 * finish_all goes on where the parent was, as if there had been no child, and closes everything.
 */
static void
finish_all(Opened *opened)
{
	goes_error *error = NULL;
	PGresult   *result;
	int			count;

	assert_int_equal(read_on(opened->small, &count, &error), GOES_END);
	assert_int_equal(count, EVENTS - 1);
	assert_int_equal(read_on(opened->inner, &count, &error), GOES_END);
	assert_int_equal(count, EVENTS);
	assert_int_equal(read_on(opened->large, &count, &error), GOES_END);
	assert_int_equal(count, EVENTS - 1);
	goes_cursor_close(opened->large);
	goes_cursor_close(opened->small);
	goes_cursor_close(opened->inner);
	assert_ok(goes_tx_commit(opened->tx, NULL, &error));
	assert_ok(insert_one(opened->store, "parent", NULL, &error));
	result = PQexec(opened->taken, "SELECT 1");
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	PQclear(result);
	goes_pool_release(opened->pool, opened->taken);
	goes_pool_free(opened->pool);
	goes_store_close(opened->store);
	finish_following(opened);
}

/*
 * assert_stored compares the names of the events, but the many ones, with those expected, and empties
 * the table.
 */
static void
assert_stored(const char *names)
{
	char *stored = admin(TEST_DATABASE, "SELECT string_agg(name, ', ' ORDER BY \"time\", id) "
										"FROM forked WHERE name <> 'counted'");

	assert_string_equal(stored, names);
	free(stored);
	admin_do(TEST_DATABASE, "TRUNCATE forked");
}

static void
test_a_child_may_not_use_its_parents_store(void **state)
{
	Opened opened = open_all();

	run_child(use_all, &opened);
	finish_all(&opened);
	assert_stored("before the fork, parent");
}

static void
test_closing_in_a_child_leaves_the_parents_connections(void **state)
{
	Opened opened = open_all();

	run_child(use_and_close_all, &opened);
	run_child(roll_back_and_close, &opened);
	finish_all(&opened);
	assert_stored("before the fork, parent");
}

static void
test_a_child_opens_its_own_store(void **state)
{
	Opened opened = open_all();

	run_child(open_own_in_child, &opened);
	finish_all(&opened);
	assert_stored("before the fork, child, parent");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_may_not_use_its_parents_store),
		cmocka_unit_test(test_closing_in_a_child_leaves_the_parents_connections),
		cmocka_unit_test(test_a_child_opens_its_own_store),
	};

	return RUN_TESTS(tests);
}
