/*
 * server_basics.c
 *    A store from opening to closing, with a server.
 */
#include "server.h"

/*
 * The first call makes the database, the extension and the table; events come back as they went in.
 */
static void
test_first_call_makes_what_is_missing(void **state)
{
	goes_store *store = open_store("events");
	goes_error *error = NULL;
	goes_event	event;
	goes_event *found;

	goes_event_init(&event, "order.placed", "{\"total\": 30}");
	event.aggregate_name = "order";
	goes_uuid_v7(&event.aggregate_id);
	event.aggregate_version = 1;
	assert_null(goes_store_pool(store));
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_non_null(goes_store_pool(store));
	assert_ok(goes_find(store, &event.id, &found, NULL, &error));
	assert_string_equal(found->name, event.name);
	assert_int_equal(found->time, event.time);
	assert_memory_equal(&found->aggregate_id, &event.aggregate_id, sizeof event.aggregate_id);
	assert_string_equal(found->aggregate_name, "order");
	assert_int_equal(found->aggregate_version, 1);
	assert_string_equal(found->data, "{\"total\": 30}");
	assert_int_equal(found->data_len, strlen(found->data));
	goes_event_free(found);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_call_makes_what_is_missing),
	};

	return RUN_TESTS(tests);
}
