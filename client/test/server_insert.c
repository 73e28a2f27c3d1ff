/*
 * server_insert.c
 *    Inserting, finding, counting and deleting events.
 */
#include "events.h"

#define MANY 1000

/*
 * expect_round_trip inserts every kind of event at once and reads each back.
 */
static void
expect_round_trip(goes_store *store)
{
	char	  *longest = unicode_name(255);
	goes_uuid  id;
	goes_event events[20];
	size_t	   n = 0;

	goes_uuid_v7(&id);
	events[n++] = event_of("no.aggregate", "{\"total\": 30}");
	events[n++] = event_of_aggregate("", &id, 0);
	events[n++] = event_of_aggregate(NULL, &id, 7);
	events[n++] = event_of_aggregate("only.a.name", &(goes_uuid){0}, 0);
	events[n++] = event_of_aggregate("name.and.version", &(goes_uuid){0}, 3);
	events[n++] = event_of_aggregate(NULL, &(goes_uuid){0}, -4);
	events[n++] = event_of_aggregate("version.zero", &id, 0);
	events[n++] = event_of_aggregate("lowest", &id, INT32_MIN);
	events[n++] = event_of_aggregate("highest", &id, INT32_MAX);
	events[n++] = event_of("data.is.NULL", NULL);
	events[n++] = event_of("data.is.null", "null");
	events[n++] = event_of("data.is.empty", "{}");
	events[n++] = event_of("data.is.text", "\"\\\\ \\\" ' € 😀\"");
	events[n++] = event_of(longest, "[]");
	events[n++] = event_of_aggregate(longest, &id, 1);
	events[n++] = event_of("it's \"quoted\" \\ {,} NULL $1 %s\n\t;--", "true");
	events[n++] = event_of("first.time", "1");
	events[n - 1].time = INT64_MIN;
	events[n++] = event_of("last.time", "2");
	events[n - 1].time = INT64_MAX;
	events[n++] = event_of("no.time", "3");
	events[n - 1].time = 0;
	store_events(store, events, n);
	for (size_t i = 0; i < n; i++)
		expect_stored_event(store, &events[i]);
	free(longest);
}

static void
test_every_kind_of_event_comes_back_as_it_went_in(void **state)
{
	goes_store *store = open_store("kinds");

	expect_round_trip(store);
	goes_store_close(store);
}

/*
 * prepared_statements counts those on the store's only connection.
 */
static int
prepared_statements(goes_store *store)
{
	goes_error *error = NULL;
	PGconn	   *connection = NULL;
	PGresult   *result;
	int			count;

	assert_ok(goes_pool_acquire(goes_store_pool(store), &connection, NULL, &error));
	result = PQexec(connection, "SELECT count(*) FROM pg_prepared_statements");
	count = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	goes_pool_release(goes_store_pool(store), connection);
	return count;
}

static void
test_statements_are_prepared_unless_the_program_says_no(void **state)
{
	goes_store_options options = options_of("unprepared");
	goes_store		  *store;

	options.max_connections = 1;
	store = open_with(&options);
	expect_round_trip(store);
	assert_true(prepared_statements(store) > 0);
	goes_store_close(store);

	options.no_prepared_statements = true;
	store = open_with(&options);
	expect_round_trip(store);
	assert_int_equal(run_to_end(store, NULL), 2 * 19);
	assert_int_equal(prepared_statements(store), 0);
	goes_store_close(store);
}

static void
test_no_events_are_stored_without_asking_the_server(void **state)
{
	goes_store *store = open_store("nothing");

	store_events(store, NULL, 0);
	assert_null(goes_store_pool(store));
	goes_store_close(store);
}

static void
test_ten_thousand_events_in_one_call(void **state)
{
	goes_store *store = open_store("ten_thousand");
	goes_event *events = calloc(10000, sizeof *events);

	for (int i = 0; i < 10000; i++)
		events[i] = event_of("one.of.many", "{\"is\": \"small\"}");
	store_events(store, events, 10000);
	assert_int_equal(count_events(store), 10000);
	expect_stored_event(store, &events[9999]);
	free(events);
	goes_store_close(store);
}

static void
test_an_unknown_event_is_not_found(void **state)
{
	goes_store *store = open_store("finding");
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	goes_event *found = &event;

	expect_error(goes_find(store, &event.id, &found, NULL, &error), &error, GOES_ERR_NOT_FOUND, "");
	assert_ptr_equal(found, &event);
	store_events(store, &event, 1);
	expect_stored_event(store, &event);
	expect_error(goes_find(store, &(goes_uuid){0}, &found, NULL, &error), &error,
				 GOES_ERR_NOT_FOUND, "");
	expect_error(goes_find(store, NULL, &found, NULL, &error), &error, GOES_ERR_INVALID, "");
	expect_error(goes_find(store, &event.id, NULL, NULL, &error), &error, GOES_ERR_INVALID, "");
	goes_store_close(store);
}

static void
test_delete_removes_what_is_there_and_minds_nothing_else(void **state)
{
	goes_store *store = open_store("deleting");
	goes_error *error = NULL;
	goes_event	events[MANY];
	goes_uuid  *ids = calloc(100000, sizeof *ids);

	for (int i = 0; i < MANY; i++)
		events[i] = event_of("happened", "{}");
	assert_ok(goes_delete(store, &events[0].id, 1, NULL, &error)); /* connects, and finds nothing */
	store_events(store, events, MANY);
	assert_ok(goes_delete(store, NULL, 0, NULL, &error));
	assert_int_equal(count_events(store), MANY);
	ids[0] = ids[1] = events[0].id;
	goes_uuid_v7(&ids[2]);
	assert_ok(
		goes_delete(store, ids, 4, NULL, &error)); /* one of them twice, one unknown, one nil */
	assert_int_equal(count_events(store), MANY - 1);
	assert_false(is_there(store, &events[0]));
	for (int i = 0; i < 100000; i++)
		ids[i] = events[i % (MANY - 1)].id;
	assert_ok(goes_delete(store, ids, 100000, NULL, &error));
	assert_int_equal(count_events(store), 1);
	expect_stored_event(store, &events[MANY - 1]);
	free(ids);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_of_event_comes_back_as_it_went_in),
		cmocka_unit_test(test_statements_are_prepared_unless_the_program_says_no),
		cmocka_unit_test(test_no_events_are_stored_without_asking_the_server),
		cmocka_unit_test(test_ten_thousand_events_in_one_call),
		cmocka_unit_test(test_an_unknown_event_is_not_found),
		cmocka_unit_test(test_delete_removes_what_is_there_and_minds_nothing_else),
	};

	return RUN_TESTS(tests);
}
