/*
 * server_snapshot_query.c
 *    Snapshots that a query finds: that they are the right ones in the right order.
 */
#include "drawn.h"
#include "events.h"
#include "one_store.h"
#include "snapshots.h"

#define SNAPSHOTS 250
#define QUERIES 1500

static goes_snapshot drawn[SNAPSHOTS];

static int
compare(int64_t one, int64_t other)
{
	return one < other ? -1 : one > other;
}

/*
 * compare_by compares snapshots by one sort key.
 */
static int
compare_by(goes_sort sort, const goes_snapshot *one, const goes_snapshot *other)
{
	switch (sort)
	{
		case GOES_SORT_TIME:
			return compare(one->time, other->time);
		case GOES_SORT_AGGREGATE_NAME:
			return strcmp(one->aggregate_name, other->aggregate_name);
		case GOES_SORT_AGGREGATE_ID:
			return memcmp(&one->aggregate_id, &other->aggregate_id, sizeof(goes_uuid));
		default:
			return compare(one->aggregate_version, other->aggregate_version);
	}
}

/*
 * compare_keys compares snapshots by what no two have in common.
 */
static int
compare_keys(const void *left, const void *right)
{
	static const goes_sort keys[] = {GOES_SORT_AGGREGATE_NAME, GOES_SORT_AGGREGATE_ID,
									 GOES_SORT_AGGREGATE_VERSION};
	int					   order = 0;

	for (size_t i = 0; order == 0 && i < sizeof keys / sizeof *keys; i++)
		order = compare_by(keys[i], left, right);
	return order;
}

static void
draw_snapshots(void)
{
	static char states[SNAPSHOTS][8];

	for (int i = 0; i < SNAPSHOTS; i++)
	{
		bool is_taken;

		do
		{
			is_taken = false;
			drawn[i] = (goes_snapshot){.aggregate_id = draw_aggregate_id(),
									   .aggregate_name = DRAW(aggregate_names),
									   .aggregate_version = DRAW(versions),
									   .time = DRAW(times),
									   .state = states[i]};
			drawn[i].state_len = (size_t) snprintf(states[i], sizeof states[i], "%d", i);
			for (int j = 0; j < i && !is_taken; j++)
				is_taken = compare_keys(&drawn[i], &drawn[j]) == 0;
		} while (is_taken || goes_uuid_is_nil(&drawn[i].aggregate_id) ||
				 *drawn[i].aggregate_name == '\0' || drawn[i].time == 0);
		store_snapshot(store, NULL, &drawn[i]);
	}
	qsort(drawn, SNAPSHOTS, sizeof *drawn, compare_keys);
}

/* A query, and what is expected of it. */
typedef struct Expectation
{
	goes_query	  *query;
	int			   sorts;
	goes_sort	   by[4];
	goes_direction direction[4];
	int			   limit; /* -1: none */
} Expectation;

static Expectation
draw_query(void)
{
	Expectation drawn_one = {.query = goes_query_new(), .sorts = (int) draw(4), .limit = -1};

	for (unsigned kinds = draw(4); kinds > 0; kinds--)
	{
		unsigned kind = draw(FILTERS);

		for (unsigned values = 1 + draw(6); values > 0; values--)
			add_filter(drawn_one.query, kind);
	}
	for (int i = 0; i < drawn_one.sorts; i++)
	{
		drawn_one.by[i] = (goes_sort) draw(4);
		drawn_one.direction[i] = (goes_direction) draw(2);
		goes_query_sort(drawn_one.query, drawn_one.by[i], drawn_one.direction[i]);
	}
	if (one_in(4))
	{
		drawn_one.limit = (int) draw(20);
		goes_query_limit(drawn_one.query, drawn_one.limit);
	}
	return drawn_one;
}

/*
 * is_expected tells whether a query has to return a snapshot: just as it would return an event.
 */
static bool
is_expected(const Expectation *expectation, const goes_snapshot *snapshot)
{
	goes_event event = event_of_aggregate(snapshot->aggregate_name, &snapshot->aggregate_id,
										  snapshot->aggregate_version);

	event.time = snapshot->time;
	return goes_query_test(expectation->query, &event);
}

/*
 * comes_before tells whether a snapshot has to come before another.
 */
static bool
comes_before(const Expectation *expectation, const goes_snapshot *one, const goes_snapshot *other)
{
	for (int i = 0; i < expectation->sorts; i++)
	{
		int order = compare_by(expectation->by[i], one, other);

		if (order != 0)
			return (order < 0) == (expectation->direction[i] == GOES_ASC);
	}
	return compare_keys(one, other) < 0;
}

/*
 * number_of_snapshot finds one of the snapshots.
 */
static int
number_of_snapshot(const goes_snapshot *snapshot)
{
	const goes_snapshot *found = bsearch(snapshot, drawn, SNAPSHOTS, sizeof *drawn, compare_keys);

	assert_non_null(found);
	assert_same_snapshot(snapshot, found);
	return (int) (found - drawn);
}

/*
 * expect_found reads a query's snapshots: each is one of those that it has to return, and comes once
 * and at its place.
 */
static void
expect_found(goes_store *used, const Expectation *expectation)
{
	goes_snapshot_cursor *cursor = NULL;
	const goes_snapshot	 *snapshot;
	goes_error			 *error = NULL;
	bool				  is_found[SNAPSHOTS] = {false};
	int					  found = 0;
	int					  last = -1;
	int					  expected = 0;
	int					  status;

	assert_ok(goes_snapshot_query(used, NULL, expectation->query, &cursor, NULL, &error));
	while ((status = goes_snapshot_cursor_next(cursor, &snapshot, &error)) == GOES_EVENT)
	{
		int number = number_of_snapshot(snapshot);

		assert_false(is_found[number]);
		assert_true(is_expected(expectation, &drawn[number]));
		if (last >= 0 && expectation->sorts > 0)
			assert_true(comes_before(expectation, &drawn[last], &drawn[number]));
		is_found[number] = true;
		last = number;
		found++;
	}
	assert_ok(status);
	goes_snapshot_cursor_close(cursor);
	for (int i = 0; i < SNAPSHOTS; i++)
	{
		expected += is_expected(expectation, &drawn[i]);
		/* a limit leaves out those that come last */
		if (last >= 0 && expectation->sorts > 0 && !is_found[i] &&
			is_expected(expectation, &drawn[i]))
			assert_true(comes_before(expectation, &drawn[last], &drawn[i]));
	}
	if (expectation->limit >= 0 && expected > expectation->limit)
		expected = expectation->limit;
	assert_int_equal(found, expected);
}

static void
test_generated_queries(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	start_drawing();
	draw_snapshots();
	for (int i = 0; i < QUERIES; i++)
	{
		Expectation expectation = draw_query();

		if (i == QUERIES * 2 / 3)
			assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_found(tx == NULL ? store : goes_tx_store(tx), &expectation);
		goes_query_free(expectation.query);
	}
	assert_ok(goes_tx_commit(tx, NULL, &error));
}

/* ---- Bad arguments */

static void
test_what_is_no_query_of_snapshots(void **state)
{
	goes_snapshot_cursor *cursor = NULL;
	const goes_snapshot	 *snapshot;
	goes_error			 *error = NULL;
	goes_query			 *query = goes_query_new();
	goes_uuid			  id;

	goes_uuid_v7(&id);
	expect_error(goes_snapshot_query(NULL, NULL, query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "store");
	expect_error(goes_snapshot_query(store, NULL, query, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "out");
	expect_error(goes_snapshot_query(store, "", query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "table");
	goes_query_name(query, "placed");
	expect_error(goes_snapshot_query(store, NULL, query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_id(query, &id);
	expect_error(goes_snapshot_query(store, NULL, query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	goes_query_free(query);
	query = goes_query_new();
	assert_int_equal(goes_query_limit(query, -1), GOES_ERR_INVALID);
	expect_error(goes_snapshot_query(store, NULL, query, &cursor, NULL, &error), &error,
				 GOES_ERR_INVALID, "step");
	goes_query_free(query);
	expect_error(goes_snapshot_cursor_next(NULL, &snapshot, &error), &error, GOES_ERR_INVALID,
				 "cursor");
	assert_null(cursor);
	goes_snapshot_cursor_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generated_queries),
		cmocka_unit_test(test_what_is_no_query_of_snapshots),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
