/*
 * server_property.c
 *    Generated queries over generated events: goes_query_run, goes_count and goes_query_test agree.
 */
#include "drawn.h"
#include "events.h"

#define EVENTS 300
#define QUERIES 3000

static const char *const names[] = {"placed", "paid", "it's, {\"odd\"} \\", "NULL", "größer €"};

/*
 * generate_events makes events that repeat everything but their ids and whole aggregates.
 */
static void
generate_events(goes_event *events)
{
	for (int i = 0; i < EVENTS; i++)
	{
		bool is_taken;

		events[i] = event_of(DRAW(names), "{}");
		events[i].time = DRAW(times);
		do
		{
			is_taken = false;
			events[i].aggregate_name = DRAW(aggregate_names);
			events[i].aggregate_id = draw_aggregate_id();
			events[i].aggregate_version = DRAW(versions);
			if (one_in(10))
			{
				events[i].aggregate_name = NULL;
				events[i].aggregate_id = (goes_uuid){0};
				events[i].aggregate_version = 0;
			}
			for (int j = 0; j < i && !is_taken; j++)
				is_taken = events[i].aggregate_name != NULL &&
						   events[j].aggregate_name == events[i].aggregate_name &&
						   events[j].aggregate_version == events[i].aggregate_version &&
						   !goes_uuid_is_nil(&events[i].aggregate_id) &&
						   memcmp(&events[j].aggregate_id, &events[i].aggregate_id,
								  sizeof(goes_uuid)) == 0;
		} while (is_taken);
	}
}

#define KINDS (2 + FILTERS)

/*
 * add_step adds a step of a kind to a query.
 */
static void
add_step(goes_query *query, unsigned kind, const goes_event *events)
{
	switch (kind)
	{
		case 0:
			goes_query_name(query, DRAW(names));
			break;
		case 1:
			for (unsigned n = 1 + draw(EVENTS / 2); n > 0; n--)
				goes_query_id(query, &events[draw(EVENTS)].id);
			break;
		default:
			add_filter(query, kind - 2);
	}
}

/*
 * generate_query makes a query; some are merged of two, some are sorted. Several values of one kind
 * find more, so that not every query of many steps is empty.
 */
static goes_query *
generate_query(const goes_event *events)
{
	goes_query *query = goes_query_new();

	for (unsigned steps = draw(5); steps > 0; steps--)
	{
		unsigned kind = draw(KINDS);

		for (unsigned values = 1 + draw(6); values > 0; values--)
			add_step(query, kind, events);
	}
	if (one_in(8))
	{
		goes_query *other = goes_query_new();

		add_step(other, draw(KINDS), events);
		assert_int_equal(goes_query_merge(query, other), GOES_OK);
		goes_query_free(other);
	}
	return query;
}

/* What a query returned: the numbers of its events. */
typedef struct Found
{
	int n;
	int numbers[EVENTS];
} Found;

/*
 * run_query reads a query's events and checks that each comes once and as it was inserted.
 */
static Found
run_query(goes_store *store, const goes_query *query, const goes_event *events)
{
	goes_error		 *error = NULL;
	goes_cursor		 *cursor = NULL;
	const goes_event *event;
	bool			  is_found[EVENTS] = {false};
	Found			  found = {0};
	int				  status;

	assert_ok(goes_query_run(store, query, &cursor, NULL, &error));
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		int number = atoi(event->data);

		assert_in_range(number, 0, EVENTS - 1);
		assert_memory_equal(&event->id, &events[number].id, sizeof event->id);
		assert_false(is_found[number]);
		is_found[number] = true;
		found.numbers[found.n++] = number;
	}
	assert_ok(status);
	goes_cursor_close(cursor);
	return found;
}

/*
 * expect_same expects two ways of reading to return the same events, in the same order if that is
 * determined.
 */
static void
expect_same(const Found *one, const Found *other, bool is_sorted)
{
	assert_int_equal(one->n, other->n);
	for (int i = 0; i < one->n; i++)
	{
		int j = is_sorted ? i : 0;

		while (!is_sorted && j < other->n && other->numbers[j] != one->numbers[i])
			j++;
		assert_true(j < other->n && other->numbers[j] == one->numbers[i]);
	}
}

/*
 * expect_limited expects the first events of a sorted query, or so many of any.
 */
static void
expect_limited(goes_store *store, goes_query *query, const Found *whole, bool is_sorted,
			   const goes_event *events)
{
	int	  limit = (int) draw(EVENTS / 4);
	Found found;
	Found first = *whole;

	goes_query_limit(query, limit);
	found = run_query(store, query, events);
	first.n = whole->n < limit ? whole->n : limit;
	if (is_sorted)
		expect_same(&found, &first, true);
	else
		assert_int_equal(found.n, first.n);
}

/*
 * expect_agreement checks a query as it is, and in one of the other ways of reading.
 */
static void
expect_agreement(goes_store *store, goes_tx *tx, goes_query *query, const goes_event *events)
{
	goes_error *error = NULL;
	goes_query *small = query_for_few();
	unsigned	keys = draw(3);
	int64_t		count = -1;
	int			expected = 0;
	Found		found;
	Found		other;

	for (unsigned i = 0; i < keys; i++)
		goes_query_sort(query, (goes_sort) draw(4), (goes_direction) draw(2));
	assert_int_equal(goes_query_merge(small, query), GOES_OK);
	found = run_query(store, query, events);
	for (int i = 0; i < EVENTS; i++)
		expected += goes_query_test(query, &events[i]);
	for (int i = 0; i < found.n; i++)
		assert_true(goes_query_test(query, &events[found.numbers[i]]));
	assert_int_equal(found.n, expected);
	assert_ok(goes_count(store, query, &count, NULL, &error));
	assert_int_equal(count, expected);
	switch (draw(4)) /* all of them on every query would take too long */
	{
		case 0:
		case 1:
			other = run_query(store, small, events);
			expect_same(&found, &other, keys > 0);
			break;
		case 2:
			other = run_query(goes_tx_store(tx), query, events);
			expect_same(&found, &other, keys > 0);
			break;
		default:
			expect_limited(store, query, &found, keys > 0, events);
	}
	goes_query_free(small);
}

static void
test_run_count_and_test_agree(void **state)
{
	static goes_event events[EVENTS];
	static char		  numbers[EVENTS][8];
	goes_store		 *store = open_store("generated");
	goes_error		 *error = NULL;
	goes_tx			 *tx;

	start_drawing();
	generate_events(events);
	for (int i = 0; i < EVENTS; i++)
	{
		snprintf(numbers[i], sizeof numbers[i], "%d", i);
		events[i].data = numbers[i];
		events[i].data_len = strlen(numbers[i]);
	}
	assert_ok(goes_insert(store, events, EVENTS, NULL, &error));
	admin_do(TEST_DATABASE, "ANALYZE generated");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	for (int i = 0; i < QUERIES; i++)
	{
		goes_query *query = generate_query(events);

		expect_agreement(store, tx, query, events);
		goes_query_free(query);
	}
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_count_and_test_agree),
	};

	return RUN_TESTS(tests);
}
