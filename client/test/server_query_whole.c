/*
 * server_query_whole.c
 *    Small results, which are read whole and leave the connection to others; and histories, which
 *    may be small or not.
 */
#include "cursors.h"

#define STORED 2500
#define WHOLE 1000

/*
 * history_of makes a query for the first versions of the aggregate.
 */
static goes_query *
history_of(int versions)
{
	goes_query *query = goes_query_new();
	goes_uuid	id = uuid_of(aggregate);

	goes_query_aggregate(query, "counter", &id);
	goes_query_version_max(query, versions);
	return query;
}

/*
 * read_versions reads a query to its end, expects each version to be the next one in a direction, and
 * returns how many there are. Without a direction they come in any order.
 */
static int
read_versions(goes_store *store, const goes_query *query, int direction)
{
	const goes_event *event;
	goes_cursor		 *cursor;
	goes_error		 *error = NULL;
	int				  before = 0;
	int				  count = 0;
	int				  status;

	assert_ok(goes_query_run(store, query, &cursor, NULL, &error));
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		if (direction != 0 && count > 0)
			assert_int_equal(event->aggregate_version, before + direction);
		before = event->aggregate_version;
		count++;
	}
	assert_ok(status);
	goes_cursor_close(cursor);
	return count;
}

/*
 * expect_histories reads histories of every length, in every order and up to every limit.
 */
static void
expect_histories(goes_store *store)
{
	static const int lengths[] = {0, 1, WHOLE - 1, WHOLE, WHOLE + 1, WHOLE + 2, STORED};
	static const int limits[] = {STORED * 2, WHOLE - 1, WHOLE, WHOLE + 1, WHOLE + 2};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
	{
		for (int direction = -1; direction <= 1; direction++)
		{
			goes_query *query = history_of(lengths[i]);

			if (direction != 0)
				goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION,
								direction > 0 ? GOES_ASC : GOES_DESC);
			assert_int_equal(read_versions(store, query, direction), lengths[i]);
			for (size_t k = 0; k < sizeof limits / sizeof *limits; k++)
			{
				goes_query_limit(query, limits[k]);
				assert_int_equal(read_versions(store, query, direction),
								 lengths[i] < limits[k] ? lengths[i] : limits[k]);
			}
			goes_query_free(query);
		}
	}
}

static void
test_histories_of_every_length(void **state)
{
	goes_store *store = open_store("histories");
	goes_error *error = NULL;
	goes_tx	   *tx;

	make_history(store, "histories", STORED, 10);
	expect_histories(store);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_histories(goes_tx_store(tx));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_store_close(store);
}

/*
 * expect_connection_is_free starts a query on a store with one connection, which another call has to
 * get before any event is read. It frees the query.
 */
static void
expect_connection_is_free(goes_store *store, goes_query *query, int events)
{
	goes_context hurry = {.size = sizeof hurry, .timeout_ms = paced_ms(2000)};
	goes_error	*error = NULL;
	goes_cursor *cursor;
	int64_t		 count;

	assert_ok(goes_query_run(store, query, &cursor, NULL, &error));
	assert_ok(goes_count(store, NULL, &count, &hurry, &error));
	assert_int_equal(read_to_end(cursor), events);
	assert_ok(goes_count(store, NULL, &count, &hurry, &error));
	goes_cursor_close(cursor);
	goes_query_free(query);
}

static void
test_a_small_result_leaves_the_connection_to_others(void **state)
{
	goes_store *store = open_with_one_connection("freed");
	goes_query *limited = goes_query_new();
	goes_query *by_ids = goes_query_new();
	goes_query *sorted = history_of(WHOLE);
	goes_error *error = NULL;
	goes_event	event;

	make_history(store, "freed", STORED, 10);
	goes_event_init(&event, "another", NULL);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	goes_query_limit(limited, WHOLE);
	goes_query_id(by_ids, &event.id);
	goes_query_sort(sorted, GOES_SORT_AGGREGATE_VERSION, GOES_DESC);
	expect_connection_is_free(store, limited, WHOLE);
	expect_connection_is_free(store, by_ids, 1);
	expect_connection_is_free(store, history_of(WHOLE), WHOLE);
	expect_connection_is_free(store, sorted, WHOLE);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories_of_every_length),
		cmocka_unit_test(test_a_small_result_leaves_the_connection_to_others),
	};

	return RUN_TESTS(tests);
}
