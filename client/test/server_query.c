/*
 * server_query.c
 *    Every step of a query against events that are known, read in every way there is.
 *
 * The events have their number as data. An expectation is a text with the numbers of the events that
 * a query returns, in order: "0 3 5".
 */
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

static int
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

static int
tear_down_events(void **state)
{
	goes_store_close(store);
	return 0;
}

static int
new_query(void **state)
{
	query = goes_query_new();
	return query == NULL;
}

static int
free_query(void **state)
{
	goes_query_free(query);
	return 0;
}

/*
 * read_numbers runs a query and writes the numbers of its events, in their order or sorted.
 */
static void
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
static void
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
static void
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

#define EVERYTHING "0 1 2 3 4 5 6 7 8 9"

static void
test_an_empty_query_finds_everything(void **state)
{
	expect_found(EVERYTHING);
	expect_found_by(NULL, EVERYTHING);
}

static void
test_names_are_alternatives(void **state)
{
	goes_query_name(query, "even");
	expect_found("0 2 4 6");
	goes_query_name(query, ODD_NAME);
	goes_query_name(query, "unknown");
	expect_found("0 2 4 6 8");
}

static void
test_ids_are_alternatives(void **state)
{
	goes_query_id(query, &events[3].id);
	expect_found("3");
	goes_query_id(query, &events[8].id);
	goes_query_id(query, &events[8].id);
	goes_query_id(query, &order_one);
	goes_query_id(query, &(goes_uuid){0});
	expect_found("3 8");
}

static void
test_times_are_alternatives(void **state)
{
	goes_query_time(query, 30);
	expect_found("3");
	goes_query_time(query, MIN);
	goes_query_time(query, MAX);
	goes_query_time(query, 31);
	expect_found("3 8 9");
}

static void
test_the_last_time_bound_wins_and_counts_itself(void **state)
{
	goes_query_time_min(query, 60);
	goes_query_time_min(query, 30);
	expect_found("3 4 5 6 7 9");
	goes_query_time_max(query, 70);
	goes_query_time_max(query, 50);
	expect_found("3 4 5");
	goes_query_time_after(query, 30);
	expect_found("4 5");
	goes_query_time_before(query, 50);
	expect_found("4");
	goes_query_time_min(query, MIN);
	expect_found("0 1 2 3 4 8");
	goes_query_time_max(query, MAX);
	expect_found(EVERYTHING);
	goes_query_time_max(query, MIN);
	expect_found("8");
	goes_query_time_max(query, MAX);
	goes_query_time_min(query, MAX);
	expect_found("9");
}

static void
test_after_the_last_time_comes_nothing(void **state)
{
	goes_query_time_after(query, MAX);
	expect_found("");
	goes_query_time_after(query, MAX - 1);
	expect_found("9");
	goes_query_time_before(query, MIN);
	expect_found("");
	goes_query_time_min(query, MIN);
	expect_found("");
	goes_query_time_before(query, MIN + 1);
	expect_found("8");
}

static void
test_before_the_first_time_comes_nothing(void **state)
{
	goes_query_time_before(query, MIN);
	expect_found("");
	goes_query_time_before(query, 1);
	expect_found("0 8");
}

static void
test_time_ranges_have_both_ends(void **state)
{
	goes_query_time_range(query, 10, 30);
	expect_found("1 2 3");
	goes_query_time_range(query, 31, 39);
	goes_query_time_range(query, 60, 60);
	expect_found("1 2 3 6");
	goes_query_time_range(query, MAX, MAX);
	expect_found("1 2 3 6 9");
	goes_query_time_range(query, MIN, MIN);
	expect_found("1 2 3 6 8 9");
	goes_query_time_range(query, MIN, MAX);
	expect_found(EVERYTHING);
}

static void
test_a_reversed_time_range_is_empty_and_still_a_filter(void **state)
{
	goes_query_time_range(query, 30, 10);
	expect_found("");
	goes_query_time_range(query, MAX, MIN);
	expect_found("");
	goes_query_time_range(query, 20, 20);
	expect_found("2");
}

static void
test_aggregate_names_are_alternatives(void **state)
{
	goes_query_aggregate_name(query, "invoice");
	expect_found("4 5");
	goes_query_aggregate_name(query, ODD_NAME);
	expect_found("4 5 8");
	goes_query_aggregate_name(query, "NULL");
	expect_found("4 5 8 9");
}

static void
test_no_aggregate_name_matches_no_filter(void **state)
{
	goes_query_aggregate_name(query, "");
	expect_found("");
}

static void
test_aggregate_ids_are_alternatives(void **state)
{
	goes_query_aggregate_id(query, &order_one);
	expect_found("0 1 4 7 9");
	goes_query_aggregate_id(query, &order_two);
	expect_found("0 1 2 3 4 5 7 9");
}

static void
test_no_aggregate_id_matches_no_filter(void **state)
{
	goes_query_aggregate_id(query, &(goes_uuid){0});
	expect_found("");
}

static void
test_an_aggregates_history_is_its_name_and_id(void **state)
{
	goes_query_aggregate(query, "order", &order_one);
	expect_found("0 1");
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_DESC);
	expect_in_order("1 0");
	goes_query_version_min(query, 2);
	expect_found("1");
}

static void
test_aggregates_are_alternatives(void **state)
{
	goes_query_aggregate(query, "order", &order_one);
	goes_query_aggregate(query, "invoice", &order_two);
	expect_found("0 1 5");
	goes_query_aggregate(query, "order", NULL);
	expect_found("0 1 2 3 5");
	goes_query_aggregate(query, ODD_NAME, &(goes_uuid){0});
	expect_found("0 1 2 3 5 8");
	goes_query_aggregate(query, ODD_NAME, &order_one);
	goes_query_aggregate(query, "", &order_one);
	goes_query_aggregate(query, "", NULL);
	expect_found("0 1 2 3 5 8");
}

static void
test_versions_are_alternatives(void **state)
{
	goes_query_version(query, 3);
	expect_found("3");
	goes_query_version(query, INT32_MAX);
	goes_query_version(query, INT32_MIN);
	expect_found("3 5 8");
	goes_query_version(query, 0);
	expect_found("3 5 7 8 9");
}

static void
test_reaching_one_of_the_version_bounds_is_enough(void **state)
{
	goes_query_version_min(query, 3);
	expect_found("3 5");
	goes_query_version_min(query, 2);
	goes_query_version_min(query, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_max(query, 1);
	expect_found("");
	goes_query_version_max(query, 3);
	expect_found("1 3");
	goes_query_version_max(query, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_min(query, INT32_MIN);
	expect_found("0 1 2 3 4 5 7 8 9");
}

static void
test_version_ranges_have_both_ends(void **state)
{
	goes_query_version_range(query, 2, 3);
	expect_found("1 3");
	goes_query_version_range(query, INT32_MAX, INT32_MAX);
	expect_found("1 3 5");
	goes_query_version_range(query, INT32_MIN, INT32_MIN);
	expect_found("1 3 5 8");
	goes_query_version_range(query, 0, -1);
	expect_found("1 3 5 8");
	goes_query_version_range(query, INT32_MIN, INT32_MAX);
	expect_found("0 1 2 3 4 5 7 8 9");
}

static void
test_a_reversed_version_range_is_empty_and_still_a_filter(void **state)
{
	goes_query_version_range(query, 3, 1);
	expect_found("");
	goes_query_version_range(query, INT32_MAX, INT32_MIN);
	expect_found("");
}

static void
test_kinds_add_up(void **state)
{
	goes_query_name(query, "odd");
	goes_query_aggregate_name(query, "order");
	expect_found("1 3");
	goes_query_aggregate_name(query, "invoice");
	expect_found("1 3 5");
	goes_query_aggregate(query, "invoice", NULL);
	goes_query_aggregate(query, "order", &order_two);
	expect_found("3 5");
	goes_query_aggregate_id(query, &order_two);
	goes_query_version_min(query, 1);
	goes_query_version_max(query, INT32_MAX);
	goes_query_version(query, 3);
	goes_query_version(query, 1);
	goes_query_version_range(query, 2, 5);
	goes_query_time(query, 30);
	goes_query_time(query, 50);
	goes_query_time_min(query, 30);
	goes_query_time_max(query, 50);
	goes_query_time_range(query, 0, 49);
	expect_found("3");
	goes_query_id(query, &events[3].id);
	expect_found("3");
	goes_query_id(query, &events[5].id);
	goes_query_time_before(query, 30);
	expect_found("");
}

static void
test_sorting_by_time(void **state)
{
	goes_query_sort(query, GOES_SORT_TIME, GOES_ASC);
	expect_in_order("8 0 1 2 3 4 5 6 7 9");
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC); /* changes nothing: there are no ties */
	expect_in_order("8 0 1 2 3 4 5 6 7 9");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
}

static void
test_ties_go_to_the_next_key_and_then_by_id(void **state)
{
	goes_query_aggregate_name(query, "order");
	goes_query_aggregate_name(query, "invoice");
	goes_query_sort(query, GOES_SORT_AGGREGATE_NAME, GOES_ASC);
	expect_in_order("4 5 0 1 2 3");
	goes_query_sort(query, GOES_SORT_AGGREGATE_ID, GOES_DESC);
	expect_in_order("5 4 2 3 0 1");
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_DESC);
	expect_in_order("5 4 3 2 1 0");
	goes_query_free(query);
	query = goes_query_new();
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	goes_query_version_min(query, 1);
	expect_in_order("0 2 4 1 3 5");
}

static void
test_the_limit_cuts_what_is_sorted(void **state)
{
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	goes_query_limit(query, 3);
	expect_in_order("9 7 6");
	goes_query_limit(query, 0);
	expect_in_order("");
	goes_query_limit(query, 1);
	expect_in_order("9");
	goes_query_limit(query, 1001);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
	goes_query_limit(query, MAX);
	expect_in_order("9 7 6 5 4 3 2 1 0 8");
}

static void
test_count_minds_neither_limit_nor_sorting(void **state)
{
	goes_error *error = NULL;
	int64_t		count = -1;

	goes_query_name(query, "even");
	goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	goes_query_limit(query, 1);
	assert_ok(goes_count(store, query, &count, NULL, &error));
	assert_int_equal(count, 4);
	assert_true(goes_query_test(query, &events[0]));
}

static void
test_more_values_than_fit_a_small_request(void **state)
{
	char name[32];

	for (int i = 0; i < 3000; i++)
	{
		goes_uuid id;

		goes_uuid_v7(&id);
		goes_query_id(query, i == 2000 ? &events[4].id : &id);
		snprintf(name, sizeof name, "name %d", i);
		goes_query_name(query, i == 1000 ? "even" : name);
		goes_query_time_range(query, 100 * i, 100 * i + 50);
		goes_query_aggregate(query, i == 2500 ? "invoice" : name, &order_one);
	}
	expect_found("4");
}

static void
test_a_failed_step_fails_the_run(void **state)
{
	goes_error	*error = NULL;
	goes_cursor *cursor = NULL;
	int64_t		 count = 7;

	assert_int_equal(goes_query_name(query, NULL), GOES_ERR_INVALID);
	goes_query_name(query, "even");
	expect_error(goes_query_run(store, query, &cursor, NULL, &error), &error, GOES_ERR_INVALID,
				 "step");
	assert_null(cursor);
	expect_error(goes_count(store, query, &count, NULL, &error), &error, GOES_ERR_INVALID, "step");
	assert_int_equal(count, 7);
	assert_false(goes_query_test(query, &events[0]));
}

static void
test_a_query_for_a_table_that_is_gone_is_a_schema_error(void **state)
{
	goes_store	*gone = open_with_one_connection("gone");
	goes_error	*error = NULL;
	goes_cursor *cursor;
	goes_query	*small = query_for_few();
	int64_t		 count;

	assert_ok(goes_store_connect(gone, NULL, &error));
	admin_do(TEST_DATABASE, "DROP TABLE gone");
	for (int i = 0; i < 2; i++)
	{
		expect_error(goes_query_run(gone, query, &cursor, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
		expect_error(goes_query_run(gone, small, &cursor, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
		expect_error(goes_count(gone, query, &count, NULL, &error), &error, GOES_ERR_SCHEMA,
					 "gone");
	}
	goes_query_free(small);
	goes_store_close(gone);
}

#define query_test(function) cmocka_unit_test_setup_teardown(function, new_query, free_query)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		query_test(test_an_empty_query_finds_everything),
		query_test(test_names_are_alternatives),
		query_test(test_ids_are_alternatives),
		query_test(test_times_are_alternatives),
		query_test(test_the_last_time_bound_wins_and_counts_itself),
		query_test(test_after_the_last_time_comes_nothing),
		query_test(test_before_the_first_time_comes_nothing),
		query_test(test_time_ranges_have_both_ends),
		query_test(test_a_reversed_time_range_is_empty_and_still_a_filter),
		query_test(test_aggregate_names_are_alternatives),
		query_test(test_no_aggregate_name_matches_no_filter),
		query_test(test_aggregate_ids_are_alternatives),
		query_test(test_no_aggregate_id_matches_no_filter),
		query_test(test_an_aggregates_history_is_its_name_and_id),
		query_test(test_aggregates_are_alternatives),
		query_test(test_versions_are_alternatives),
		query_test(test_reaching_one_of_the_version_bounds_is_enough),
		query_test(test_version_ranges_have_both_ends),
		query_test(test_a_reversed_version_range_is_empty_and_still_a_filter),
		query_test(test_kinds_add_up),
		query_test(test_sorting_by_time),
		query_test(test_ties_go_to_the_next_key_and_then_by_id),
		query_test(test_the_limit_cuts_what_is_sorted),
		query_test(test_count_minds_neither_limit_nor_sorting),
		query_test(test_more_values_than_fit_a_small_request),
		query_test(test_a_failed_step_fails_the_run),
		query_test(test_a_query_for_a_table_that_is_gone_is_a_schema_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up_events, tear_down_events);
}
