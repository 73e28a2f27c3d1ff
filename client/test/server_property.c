/*
 * server_property.c
 *    Generated queries over generated events: goes_query_run, goes_count and goes_query_test agree.
 *
 * Values are drawn from a few, so that events and queries meet often, and from the ends of their
 * types. The order is pseudo-random and always the same; GOES_TEST_SEED sets another.
 */
#include "events.h"

#define EVENTS 300
#define QUERIES 3000
#define DEFAULT_SEED 20260726

static uint64_t random_state;

/*
 * draw returns a number below `below` (xorshift64*).
 */
static unsigned
draw(unsigned below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned) ((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static bool
one_in(unsigned n)
{
	return draw(n) == 0;
}

static const char *const names[] = {"placed", "paid", "it's, {\"odd\"} \\", "NULL", "größer €"};
static const char *const aggregate_names[] = {"order", "invoice", "Order", "", "a\\\"b", "NULL"};
static const int64_t	 times[] = {
		INT64_MIN, INT64_MIN + 1, -5,		-1, 0, 1, 2, 3, 10, 11, 12, 100, 101,
		102,	   INT64_MAX - 1, INT64_MAX};
static const int32_t versions[] = {INT32_MIN, INT32_MIN + 1, -1,	   0, 1, 2, 3, 4, 5,
								   6,		  INT32_MAX - 1, INT32_MAX};

#define DRAW(array) ((array)[draw(sizeof(array) / sizeof *(array))])

/*
 * draw_aggregate_id returns one of a few; every seventh is nil.
 */
static goes_uuid
draw_aggregate_id(void)
{
	goes_uuid id = {0};
	unsigned  number = draw(7);

	if (number > 0)
	{
		memset(id.bytes, (int) number, sizeof id.bytes);
		id.bytes[15] = 0x80;
	}
	return id;
}

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

#define KINDS 15

/*
 * add_step adds a step of a kind to a query.
 */
static void
add_step(goes_query *query, unsigned kind, const goes_event *events)
{
	goes_uuid id = draw_aggregate_id();

	switch (kind)
	{
		case 0:
			goes_query_name(query, DRAW(names));
			break;
		case 1:
			for (unsigned n = 1 + draw(EVENTS / 2); n > 0; n--)
				goes_query_id(query, &events[draw(EVENTS)].id);
			break;
		case 2:
			goes_query_time(query, DRAW(times));
			break;
		case 3:
			goes_query_time_min(query, DRAW(times));
			break;
		case 4:
			goes_query_time_max(query, DRAW(times));
			break;
		case 5:
			goes_query_time_after(query, DRAW(times));
			break;
		case 6:
			goes_query_time_before(query, DRAW(times));
			break;
		case 7:
			goes_query_time_range(query, DRAW(times), DRAW(times));
			break;
		case 8:
			goes_query_aggregate_name(query, DRAW(aggregate_names));
			break;
		case 9:
			goes_query_aggregate_id(query, &id);
			break;
		case 10:
			goes_query_aggregate(query, DRAW(aggregate_names), one_in(4) ? NULL : &id);
			break;
		case 11:
			goes_query_version(query, DRAW(versions));
			break;
		case 12:
			goes_query_version_min(query, DRAW(versions));
			break;
		case 13:
			goes_query_version_max(query, DRAW(versions));
			break;
		default:
			goes_query_version_range(query, DRAW(versions), DRAW(versions));
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
 * run reads a query's events and checks that each comes once and as it was inserted.
 */
static Found
run(goes_store *store, const goes_query *query, const goes_event *events)
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
	found = run(store, query, events);
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
	found = run(store, query, events);
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
			other = run(store, small, events);
			expect_same(&found, &other, keys > 0);
			break;
		case 2:
			other = run(goes_tx_store(tx), query, events);
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
	const char		 *seed = getenv("GOES_TEST_SEED");
	goes_store		 *store = open_store("generated");
	goes_error		 *error = NULL;
	goes_tx			 *tx;

	random_state = seed == NULL ? DEFAULT_SEED : strtoull(seed, NULL, 10);
	print_message("# GOES_TEST_SEED=%llu\n", (unsigned long long) random_state);
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
