/*
 * queried.h
 *    For the tests of queries with a server: events that are known, read in every way there is.
 *
 * The events have their number as data. An expectation is a text with the numbers of the events that
 * a query returns, in order: "0 3 5".
 */
#ifndef GOES_TEST_QUERIED_H
#define GOES_TEST_QUERIED_H

#include "events.h"

#define EVENTS 10
#define MIN INT64_MIN
#define MAX INT64_MAX

static goes_store *store;
static goes_event  events[EVENTS];
static goes_uuid   order_one, order_two;
static goes_query *query; /* the test's own */

/* A name that has to be quoted wherever a name can be. */
#define ODD_NAME "it's \"odd\", {NULL} \\ ü"

static inline int
set_up_events(void **state)
{
	goes_error *error = NULL;

	store = open_store("queried");
	order_one = uuid_of("11111111-1111-1111-1111-111111111111");
	order_two = uuid_of("22222222-2222-2222-2222-222222222222");
	events[0] = event_of_aggregate("order", &order_one, 1);
	events[1] = event_of_aggregate("order", &order_one, 2);
	events[2] = event_of_aggregate("order", &order_two, 1);
	events[3] = event_of_aggregate("order", &order_two, 3);
	events[4] = event_of_aggregate("invoice", &order_one, 1);
	events[5] = event_of_aggregate("invoice", &order_two, INT32_MAX);
	events[6] = event_of("odd", NULL);
	events[7] = event_of_aggregate("", &order_one, 0);
	events[8] = event_of_aggregate(ODD_NAME, &(goes_uuid){0}, INT32_MIN);
	events[9] = event_of_aggregate("NULL", &order_one, 0);
	for (int i = 0; i < EVENTS; i++)
	{
		static char numbers[EVENTS][2];

		numbers[i][0] = (char) ('0' + i);
		events[i].data = numbers[i];
		events[i].data_len = 1;
		events[i].name = i % 2 == 0 ? "even" : "odd";
		events[i].time = 10 * i;
	}
	events[8].name = ODD_NAME;
	events[8].time = MIN;
	events[9].time = MAX;
	assert_ok(goes_insert(store, events, EVENTS, NULL, &error));
	return 0;
}

static inline int
tear_down_events(void **state)
{
	goes_store_close(store);
	return 0;
}

static inline int
new_own_query(void **state)
{
	query = goes_query_new();
	return query == NULL;
}

static inline int
free_own_query(void **state)
{
	goes_query_free(query);
	return 0;
}

/*
 * read_numbers runs a query and writes the numbers of its events, in their order or sorted.
 */
static inline void
read_numbers(goes_store *from, const goes_query *wanted, bool is_sorted, char out[3 * EVENTS])
{
	goes_error		 *error = NULL;
	goes_cursor		 *cursor;
	const goes_event *event;
	char			  numbers[EVENTS + 1] = "";
	int				  n = 0;
	int				  status;

	assert_ok(goes_query_run(from, wanted, &cursor, NULL, &error));
	while ((status = goes_cursor_next(cursor, &event, &error)) == GOES_EVENT)
	{
		int place = n++;

		assert_true(n <= EVENTS);
		for (; !is_sorted && place > 0 && numbers[place - 1] > *event->data; place--)
			numbers[place] = numbers[place - 1];
		numbers[place] = *event->data;
	}
	assert_ok(status);
	goes_cursor_close(cursor);
	out[0] = '\0';
	for (int i = 0; i < n; i++)
		sprintf(out + strlen(out), "%s%c", i == 0 ? "" : " ", numbers[i]);
}

/*
 * expect_read runs a query in every way: as it is, which is streamed for most, small, and
 * inside a transaction.
 */
static inline void
expect_read(const goes_query *wanted, bool is_sorted, const char *numbers)
{
	goes_error *error = NULL;
	char		found[3 * EVENTS];
	goes_query *small = query_for_few();
	goes_tx	   *tx;

	read_numbers(store, wanted, is_sorted, found);
	assert_string_equal(found, numbers);
	assert_int_equal(wanted == NULL ? 0 : goes_query_merge(small, wanted), GOES_OK);
	read_numbers(store, small, is_sorted, found);
	assert_string_equal(found, numbers);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	read_numbers(goes_tx_store(tx), wanted, is_sorted, found);
	assert_string_equal(found, numbers);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_query_free(small);
}

#define expect_in_order(numbers) expect_read(query, true, numbers)

/*
 * expect_found expects the events in any order, and the same of goes_count and goes_query_test.
 */
static inline void
expect_found_by(const goes_query *wanted, const char *numbers)
{
	goes_error *error = NULL;
	int64_t		count = -1;

	expect_read(wanted, false, numbers);
	assert_ok(goes_count(store, wanted, &count, NULL, &error));
	assert_int_equal(count, (strlen(numbers) + 1) / 2);
	for (int i = 0; wanted != NULL && i < EVENTS; i++)
		assert_int_equal(goes_query_test(wanted, &events[i]), strchr(numbers, '0' + i) != NULL);
}

#define expect_found(numbers) expect_found_by(query, numbers)

#define query_test(function) \
	cmocka_unit_test_setup_teardown(function, new_own_query, free_own_query)

/* RUN_QUERY_TESTS is what main returns. */
#define RUN_QUERY_TESTS(tests) RUN_GROUP(tests, set_up_events, tear_down_events)

#endif
