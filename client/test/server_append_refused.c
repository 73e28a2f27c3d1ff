/*
 * server_append_refused.c
 *    Appends that are refused: what they ask for cannot be.
 */
#define OWN_TABLE "appended"

#include "appends.h"
#include "own_store.h"

static void
test_arguments_that_cannot_be_used(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_uuid	nil = {0};
	goes_event	event;

	make_events(&event, 1);
#define expect_invalid(part, ...) \
	expect_error(try_append(__VA_ARGS__, NULL, &error), &error, GOES_ERR_INVALID, part)
	expect_invalid("store", NULL, "order", &id, &event, 1, 0);
	expect_invalid("name and id", store, NULL, &id, &event, 1, 0);
	expect_invalid("name and id", store, "", &id, &event, 1, 0);
	expect_invalid("name and id", store, "order", NULL, &event, 1, 0);
	expect_invalid("name and id", store, "order", &nil, &event, 1, 0);
	expect_invalid("-3", store, "order", &id, &event, 1, -3);
	expect_invalid("-2147483648", store, "order", &id, &event, 1, INT32_MIN);
	expect_invalid("name and id", store, NULL, &id, NULL, 0, 0);
	assert_null(goes_store_pool(store)); /* nobody asked the server */
	assert_int_equal(goes_append(store, "order", &id, &event, 1, -3, NULL, NULL), GOES_ERR_INVALID);
}

static void
test_events_of_another_aggregate_are_refused(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[3];

	make_events(events, 3);
	events[1].aggregate_name = "invoice";
	expect_append_refused(store, &id, events, 3, 0, GOES_ERR_INVALID, 1, "aggregate");
	events[1].aggregate_name = "order";
	events[2].aggregate_id = other;
	expect_append_refused(store, &id, events, 3, 0, GOES_ERR_INVALID, 2,
						  "event 2 is of another aggregate");
	events[2].aggregate_id = id;
	assert_int_equal(append(store, &id, events, 3, 0), 1);
}

static void
test_versions_that_do_not_fit_each_other_are_refused(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[3];

	append_new(store, &id, 4);
	make_events(events, 3);
	events[0].aggregate_version = 5;
	events[2].aggregate_version = 8;
	expect_append_refused(store, &id, events, 3, GOES_EXPECT_ANY, GOES_ERR_INVALID, 2, "version 8");
	events[0].aggregate_version = 0;
	expect_append_refused(store, &id, events, 3, 4, GOES_ERR_INVALID, 2, "version 8 instead of 7");
	events[0].aggregate_version = INT32_MAX;
	expect_append_refused(store, &id, events, 3, 4, GOES_ERR_INVALID, 0, "instead of 5");
	expect_append_refused(store, &id, events, 3, GOES_EXPECT_ANY, GOES_ERR_INVALID, 2,
						  "2147483649");
}

/*
 * Versions of their own are an expectation, too.
 */
static void
test_versions_that_do_not_fit_the_aggregate_are_a_conflict(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	Details		details = {"VE001", "order", id, 4, 4, 0};
	goes_event	events[2];

	append_new(store, &id, 4);
	make_events(events, 2);
	events[1].aggregate_version = 5;
	expect_conflict(try_append(store, "order", &id, events, 2, GOES_EXPECT_ANY, NULL, &error),
					&error, &details);
	events[1].aggregate_version = INT32_MIN; /* the first would have one that cannot be */
	details.version = -1;
	expect_conflict(try_append(store, "order", &id, events, 2, GOES_EXPECT_ANY, NULL, &error),
					&error, &details);
}

static void
test_names_have_up_to_255_characters(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	event;
	char		name[256 * 2 + 1] = "";

	for (int i = 0; i < 255; i++)
		strcat(name, "ä");
	make_events(&event, 1);
	assert_ok(try_append(store, name, &id, &event, 1, 0, NULL, &error));
	strcat(name, "ä");
	make_events(&event, 1);
	expect_error(try_append(store, name, &id, &event, 1, 0, NULL, &error), &error, GOES_ERR_INVALID,
				 "255 characters");
	expect_error(try_append(store, name, &id, NULL, 0, 0, NULL, &error), &error, GOES_ERR_INVALID,
				 "255");
	expect_error(try_append(store, "caf\xe9", &id, &event, 1, 0, NULL, &error), &error,
				 GOES_ERR_INVALID, "not UTF-8");
}

static void
test_an_event_that_no_store_can_have_is_named(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[4];

	make_events(events, 4);
	events[3].data = "{";
	events[3].data_len = 1;
	expect_append_refused(store, &id, events, 4, 0, GOES_ERR_INVALID, 3, "is not JSON");
	events[2].name = "";
	expect_append_refused(store, &id, events, 4, 0, GOES_ERR_INVALID, 2, "no name");
	events[1].id = (goes_uuid){0};
	expect_append_refused(store, &id, events, 4, 0, GOES_ERR_INVALID, 1, "nil id");
	make_events(events, 4);
	assert_int_equal(append(store, &id, events, 4, 0), 1);
}

static void
test_a_repeated_append_that_differs_is_a_duplicate(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_uuid	other = new_id();
	goes_event	events[3];
	goes_event	again[3];

	make_events(events, 3);
	(void) append(store, &id, events, 2, 0);
	memcpy(again, events, sizeof again);
	expect_append_refused(store, &id, again, 3, GOES_EXPECT_ANY, GOES_ERR_DUPLICATE, 0,
						  "does not match");
	expect_append_refused(store, &id, again, 3, 0, GOES_ERR_DUPLICATE, 0, "does not match");
	expect_append_refused(store, &other, (make_events(again, 2), again[1].id = events[1].id, again),
						  2, 0, GOES_ERR_DUPLICATE, 1, "does not match");
	memcpy(again, events, sizeof again);
	again[1].data = "{\"other\": true}";
	again[1].data_len = strlen(again[1].data);
	assert_int_equal(try_append(store, "order", &id, again, 2, 0, NULL, &error),
					 GOES_ERR_DUPLICATE);
	assert_string_equal(goes_error_sqlstate(error), "VE003");
	assert_false(goes_error_is_retryable(error));
	assert_false(goes_error_conflict(error, &(goes_conflict){.size = sizeof(goes_conflict)}));
	goes_error_free(error);
	make_events(again, 2);
	again[1].id = again[0].id;
	expect_append_refused(store, &id, again, 2, 2, GOES_ERR_DUPLICATE, 1, "already exists");
	expect_history(store, "order", &id, events, 2, 0);
}

static void
test_versions_end_where_the_column_does(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	last = event_of_aggregate("order", &id, INT32_MAX - 1);
	goes_event	events[2];

	assert_ok(goes_insert(store, &last, 1, NULL, &error));
	make_events(events, 2);
	expect_append_refused(store, &id, events, 2, INT32_MAX - 1, GOES_ERR_INVALID, -1, "no room");
	assert_int_equal(append(store, &id, events, 1, INT32_MAX - 1), INT32_MAX);
	expect_append_refused(store, &id, events + 1, 1, GOES_EXPECT_ANY, GOES_ERR_INVALID, -1,
						  "no room");
	/* the last one is there, and may be repeated like any other */
	events[0].aggregate_version = 0;
	assert_int_equal(append(store, &id, events, 1, INT32_MAX - 1), INT32_MAX);
	events[0].aggregate_version = 0;
	assert_int_equal(append(store, &id, events, 1, GOES_EXPECT_ANY), INT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_arguments_that_cannot_be_used),
		OWN_STORE(test_events_of_another_aggregate_are_refused),
		OWN_STORE(test_versions_that_do_not_fit_each_other_are_refused),
		OWN_STORE(test_versions_that_do_not_fit_the_aggregate_are_a_conflict),
		OWN_STORE(test_names_have_up_to_255_characters),
		OWN_STORE(test_an_event_that_no_store_can_have_is_named),
		OWN_STORE(test_a_repeated_append_that_differs_is_a_duplicate),
		OWN_STORE(test_versions_end_where_the_column_does),
	};

	return RUN_TESTS(tests);
}
