/*
 * server_load.c
 *    goes_load: the newest snapshot and every later event, of one moment.
 */
#include <pthread.h>

#include "events.h"
#include "one_store.h"
#include "snapshots.h"

static void
append_many(goes_store *used, int n)
{
	goes_event	events[100];
	goes_error *error = NULL;

	assert_true(n <= 100);
	for (int i = 0; i < n; i++)
	{
		events[i] = event_of("größer", "{\"total\": 30.0, \"items\": [1, 2]}");
		events[i].time = -1000 - i;
	}
	assert_ok(
		goes_append(used, "order", &order, events, (size_t) n, GOES_EXPECT_ANY, NULL, &error));
}

/* What was loaded. */
typedef struct Loaded
{
	int32_t snapshot; /* its version; -1: none */
	int		events;
	int32_t first; /* of the events; -1: none */
	int32_t last;
} Loaded;

/*
 * read_loaded reads the events, whose versions have no gap.
 */
static void
read_loaded(goes_cursor *cursor, Loaded *loaded)
{
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		assert_memory_equal(&event->aggregate_id, &order, sizeof order);
		assert_string_equal(event->aggregate_name, "order");
		if (loaded->events++ == 0)
			loaded->first = event->aggregate_version;
		else
			assert_int_equal(event->aggregate_version, loaded->last + 1);
		loaded->last = event->aggregate_version;
	}
	assert_ok(status);
	assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_END);
}

static Loaded
load_order(goes_store *used, const char *table)
{
	goes_snapshot *snapshot = (goes_snapshot *) &order; /* not to be left as it is */
	goes_cursor	  *cursor = NULL;
	goes_error	  *error = NULL;
	Loaded		   loaded = {.snapshot = -1, .first = -1, .last = -1};

	assert_ok(goes_load(used, table, "order", &order, &snapshot, &cursor, NULL, &error));
	if (snapshot != NULL)
	{
		goes_snapshot expected = snapshot_of("order", &order, snapshot->aggregate_version, "state");

		assert_same_snapshot(snapshot, &expected);
		loaded.snapshot = snapshot->aggregate_version;
	}
	goes_snapshot_free(snapshot);
	read_loaded(cursor, &loaded);
	goes_cursor_close(cursor);
	return loaded;
}

static void
expect_loaded(goes_store *used, const char *table, int32_t snapshot, int events, int32_t first)
{
	Loaded loaded = load_order(used, table);

	assert_int_equal(loaded.snapshot, snapshot);
	assert_int_equal(loaded.events, events);
	assert_int_equal(loaded.first, first);
}

static void
expect_loads(goes_store *used)
{
	expect_loaded(used, "no_such_table", -1, 0, -1);
	append_many(used, 10);
	expect_loaded(used, "no_such_table", -1, 10, 1);
	expect_loaded(used, "\"No Such\".\"Table\"", -1, 10, 1);
	save_version(used, NULL, "other", &order, 3);
	expect_loaded(used, NULL, -1, 10, 1);
	save_version(used, NULL, "order", &order, 2);
	save_version(used, NULL, "order", &order, 7);
	expect_loaded(used, NULL, 7, 3, 8);
	expect_loaded(used, "no_such_table", -1, 10, 1);
	save_version(used, NULL, "order", &order, 10);
	expect_loaded(used, NULL, 10, 0, -1);
	/* newer than the events */
	save_version(used, NULL, "order", &order, 12);
	expect_loaded(used, NULL, 12, 0, -1);
	append_many(used, 3);
	expect_loaded(used, NULL, 12, 1, 13);
	save_version(used, NULL, "order", &order, INT32_MAX);
	expect_loaded(used, NULL, INT32_MAX, 0, -1);
}

static void
test_the_newest_snapshot_and_later_events(void **state)
{
	expect_loads(store);
}

static void
test_so_in_a_transaction(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_loads(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	expect_loaded(store, NULL, INT32_MAX, 0, -1);
}

static void
test_a_snapshot_without_events(void **state)
{
	save_version(store, "\"Odd Name\"", "order", &order, -3);
	expect_loaded(store, "\"Odd Name\"", -3, 0, -1);
}

static void
test_a_loaded_state_may_be_empty(void **state)
{
	goes_snapshot  saved = snapshot_of("order", &order, 1, NULL);
	goes_snapshot *snapshot = NULL;
	goes_cursor	  *cursor = NULL;
	goes_error	  *error = NULL;

	append_many(store, 2);
	store_snapshot(store, NULL, &saved);
	assert_ok(goes_load(store, NULL, "order", &order, &snapshot, &cursor, NULL, &error));
	assert_non_null(snapshot);
	assert_same_snapshot(snapshot, &saved);
	assert_int_equal(read_to_end(cursor), 1);
	goes_cursor_close(cursor);
	goes_snapshot_free(snapshot);
}

static void
assert_same_event(const goes_event *one, const goes_event *other)
{
	assert_memory_equal(&one->id, &other->id, sizeof one->id);
	assert_string_equal(one->name, other->name);
	assert_int_equal(one->time, other->time);
	assert_memory_equal(&one->aggregate_id, &other->aggregate_id, sizeof one->aggregate_id);
	assert_string_equal(one->aggregate_name, other->aggregate_name);
	assert_int_equal(one->aggregate_version, other->aggregate_version);
	assert_int_equal(one->data_len, other->data_len);
	assert_string_equal(one->data, other->data);
}

static void
test_the_events_are_those_of_a_query(void **state)
{
	goes_snapshot	 *snapshot;
	goes_cursor		 *loaded;
	goes_cursor		 *queried;
	const goes_event *one;
	const goes_event *other;
	goes_query		 *query = goes_query_new();
	goes_error		 *error = NULL;
	goes_tx			 *tx;

	append_many(store, 50);
	save_version(store, NULL, "order", &order, 20);
	goes_query_aggregate(query, "order", &order);
	goes_query_version_min(query, 21);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_ok(
		goes_load(goes_tx_store(tx), NULL, "order", &order, &snapshot, &loaded, NULL, &error));
	assert_ok(goes_query_run(goes_tx_store(tx), query, &queried, NULL, &error));
	for (int i = 0; i < 30; i++)
	{
		assert_int_equal(goes_cursor_next(loaded, &one, &error), GOES_EVENT);
		assert_int_equal(goes_cursor_next(queried, &other, &error), GOES_EVENT);
		assert_same_event(one, other);
	}
	assert_int_equal(goes_cursor_next(loaded, &one, &error), GOES_END);
	goes_cursor_close(loaded);
	goes_cursor_close(queried);
	goes_snapshot_free(snapshot);
	goes_query_free(query);
	assert_ok(goes_tx_commit(tx, NULL, &error));
}

/*
 * A history that does not fit into what a connection holds on its way.
 */
static void
test_closing_early(void **state)
{
	char id[37];

	goes_uuid_format(&order, id);
	admin_do(TEST_DATABASE,
			 "INSERT INTO events (id, name, \"time\", aggregate_id, aggregate_name, "
			 "aggregate_version, data) SELECT gen_random_uuid(), 'filled', i, '%s', 'order', i, "
			 "to_jsonb(repeat('x', 200)) FROM generate_series(1, 50000) AS i",
			 id);
	save_version(store, NULL, "order", &order, 100);
	for (int n = 0; n < 2000; n = n * 10 + 1)
	{
		goes_snapshot	 *snapshot;
		goes_cursor		 *cursor;
		const goes_event *event;
		goes_error		 *error = NULL;
		int64_t			  begun;

		assert_ok(goes_load(store, NULL, "order", &order, &snapshot, &cursor, NULL, &error));
		goes_snapshot_free(snapshot);
		for (int i = 1; i <= n; i++)
		{
			assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_EVENT);
			assert_int_equal(event->aggregate_version, 100 + i);
		}
		begun = milliseconds();
		goes_cursor_close(cursor);
		assert_true(is_within(begun, 1000));
		assert_true(count_events(store) > 0);
	}
	expect_loaded(store, NULL, 100, 49900, 101);
	admin_do(TEST_DATABASE, "DELETE FROM events WHERE aggregate_id = '%s'", id);
}

/*
 * Calls outside a transaction know nothing of what it reads.
 */
static void
test_other_calls_interleave_with_a_load(void **state)
{
	goes_snapshot	 *snapshot;
	goes_cursor		 *cursor;
	const goes_event *event;
	goes_error		 *error = NULL;
	goes_tx			 *tx;

	append_many(store, 20);
	save_version(store, NULL, "order", &order, 5);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_ok(
		goes_load(goes_tx_store(tx), NULL, "order", &order, &snapshot, &cursor, NULL, &error));
	for (int32_t version = 6; version <= 20; version++)
	{
		assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_EVENT);
		assert_int_equal(event->aggregate_version, version);
		append_many(goes_tx_store(tx), 1);
	}
	assert_int_equal(goes_cursor_next(cursor, &event, &error), GOES_END);
	goes_cursor_close(cursor);
	goes_snapshot_free(snapshot);
	expect_loaded(goes_tx_store(tx), NULL, 5, 30, 6);
	goes_tx_rollback(tx);
	expect_loaded(store, NULL, 5, 15, 6);
}

/* Somebody who appends and saves while others load. */
typedef struct Rival
{
	pthread_t	thread;
	goes_store *store;
	int			rounds;
} Rival;

static void *
append_and_save(void *argument)
{
	Rival *rival = argument;

	for (int32_t version = 0; version < rival->rounds * 5;)
	{
		goes_tx	   *tx;
		goes_error *error = NULL;

		assert_ok(goes_tx_begin(rival->store, &tx, NULL, &error));
		append_many(goes_tx_store(tx), 5);
		version += 5;
		save_version(goes_tx_store(tx), NULL, "order", &order, version - 2);
		assert_ok(goes_tx_commit(tx, NULL, &error));
	}
	return NULL;
}

/*
 * Each transaction appends five events and saves a snapshot of the third of them: whoever sees one of
 * them sees all, and so always two events behind the snapshot.
 */
static void
test_a_load_is_of_one_moment(void **state)
{
	Rival rival = {.store = open_with_one_connection("events"), .rounds = 200};
	int	  loads = 0;

	assert_int_equal(pthread_create(&rival.thread, NULL, append_and_save, &rival), 0);
	for (Loaded loaded = {0}; loaded.last < rival.rounds * 5; loads++)
	{
		loaded = load_order(store, NULL);
		if (loaded.snapshot == -1)
			assert_int_equal(loaded.events, 0);
		else
		{
			assert_int_equal(loaded.events, 2);
			assert_int_equal(loaded.first, loaded.snapshot + 1);
		}
	}
	pthread_join(rival.thread, NULL);
	assert_true(loads > 20);
	goes_store_close(rival.store);
}

static void
test_arguments_that_no_load_can_have(void **state)
{
	goes_snapshot *snapshot = NULL;
	goes_cursor	  *cursor = NULL;
	goes_uuid	   nil = {{0}};
	goes_error	  *error = NULL;

	expect_error(goes_load(NULL, NULL, "order", &order, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "store");
	expect_error(goes_load(store, "", "order", &order, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "table");
	expect_error(goes_load(store, NULL, NULL, &order, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	expect_error(goes_load(store, NULL, "", &order, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	expect_error(goes_load(store, NULL, "order", NULL, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	expect_error(goes_load(store, NULL, "order", &nil, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	expect_error(goes_load(store, NULL, "order", &order, NULL, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "snapshot");
	expect_error(goes_load(store, NULL, "order", &order, &snapshot, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "later_events");
	expect_error(goes_load(store, "a b", "order", &order, &snapshot, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "a b");
	expect_error(goes_load(store, "events", "order", &order, &snapshot, &cursor, NULL, &error),
				 &error, GOES_ERR_SCHEMA, "events");
	assert_null(snapshot);
	assert_null(cursor);
}

/*
 * Somebody else holds the table.
 */
static void
test_a_load_that_has_to_wait(void **state)
{
	PGconn		  *holder = admin_connection(TEST_DATABASE);
	goes_context   context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_snapshot *snapshot = NULL;
	goes_cursor	  *cursor = NULL;
	goes_error	  *error = NULL;
	int64_t		   begun;

	append_many(store, 3);
	PQclear(PQexec(holder, "BEGIN; LOCK TABLE events"));
	begun = milliseconds();
	expect_error(goes_load(store, NULL, "order", &order, &snapshot, &cursor, &context, &error),
				 &error, GOES_ERR_TIMEOUT, "");
	assert_true(milliseconds() - begun >= 90);
	assert_true(is_within(begun, 1100));
	PQfinish(holder);
	expect_loaded(store, NULL, -1, 3, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF_AN_ORDER(test_the_newest_snapshot_and_later_events),
		OF_AN_ORDER(test_so_in_a_transaction),
		OF_AN_ORDER(test_a_snapshot_without_events),
		OF_AN_ORDER(test_a_loaded_state_may_be_empty),
		OF_AN_ORDER(test_the_events_are_those_of_a_query),
		OF_AN_ORDER(test_closing_early),
		OF_AN_ORDER(test_other_calls_interleave_with_a_load),
		OF_AN_ORDER(test_a_load_is_of_one_moment),
		OF_AN_ORDER(test_arguments_that_no_load_can_have),
		OF_AN_ORDER(test_a_load_that_has_to_wait),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
