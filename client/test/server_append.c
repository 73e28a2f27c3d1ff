/*
 * server_append.c
 *    goes_append: what events get from it, what it may expect, and what it refuses.
 */
#include "appends.h"
#include "events.h"

#define MANY 10000

static goes_store *store;

static int
begin(void **state)
{
	store = open_with_one_connection("appended");
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	return 0;
}

/*
 * expect_refused appends to "order" and expects the status and the event it is about, and nothing new.
 */
static void
expect_refused(const goes_uuid *id, goes_event *events, size_t n, int32_t expected, int status,
			   int64_t index, const char *part_of_message)
{
	goes_error *error = NULL;
	int64_t		before = count_events(store);
	int			returned = try_append(store, "order", id, events, n, expected, NULL, &error);

	assert_int_equal(goes_error_event_index(error), index);
	expect_error(returned, &error, status, part_of_message);
	assert_int_equal(count_events(store), before);
}

static void
test_events_get_the_next_versions_of_their_aggregate(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[7];

	make_events(events, 7);
	assert_int_equal(append(store, &id, events, 3, GOES_EXPECT_ANY), 1);
	append_new(store, &other, 5);
	assert_int_equal(append(store, &id, events + 3, 1, GOES_EXPECT_ANY), 4);
	assert_int_equal(append(store, &id, events + 4, 3, GOES_EXPECT_ANY), 5);
	expect_history(store, "order", &id, events, 7, 0);
}

static void
test_every_expectation_that_is_met(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[6];

	make_events(events, 6);
	assert_int_equal(append(store, &id, events, 2, 0), 1);
	assert_int_equal(append(store, &id, events + 2, 1, GOES_EXPECT_EXISTS), 3);
	assert_int_equal(append(store, &id, events + 3, 2, 3), 4);
	assert_int_equal(append(store, &id, events + 5, 1, GOES_EXPECT_ANY), 6);
	expect_history(store, "order", &id, events, 6, 0);
}

/*
 * expect_unmet appends n events with an expectation that is not met.
 */
static void
expect_unmet(const goes_uuid *id, size_t n, int32_t expected, int32_t current, int32_t version)
{
	Details	   details = {"VE001", "order", *id, current, version, n > 0 ? 0 : -1};
	goes_event events[3];

	make_events(events, 3);
	for (int with_error = 1; with_error >= 0; with_error--)
	{
		goes_error *error = NULL;
		int64_t		before = count_events(store);
		int			status =
			try_append(store, "order", id, events, n, expected, NULL, with_error ? &error : NULL);

		if (with_error)
			expect_conflict(status, &error, &details);
		assert_int_equal(status, GOES_ERR_CONFLICT);
		assert_int_equal(count_events(store), before);
	}
}

static void
test_every_expectation_that_is_not(void **state)
{
	goes_uuid id = new_id();

	for (size_t n = 1; n <= 3; n++)
	{
		expect_unmet(&id, n, GOES_EXPECT_EXISTS, 0, 1);
		expect_unmet(&id, n, 1, 0, 2);
		expect_unmet(&id, n, INT32_MAX, 0, -1); /* the next version is one that cannot be */
	}
	append_new(store, &id, 5);
	for (size_t n = 1; n <= 3; n++)
	{
		expect_unmet(&id, n, 0, 5, 1);
		expect_unmet(&id, n, 4, 5, 5);
		expect_unmet(&id, n, 6, 5, 7);
	}
}

static void
test_no_events_are_a_question_about_the_version(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();

	assert_int_equal(append(store, &id, NULL, 0, 0), 0);
	assert_int_equal(append(store, &id, NULL, 0, GOES_EXPECT_ANY), 0);
	expect_unmet(&id, 0, GOES_EXPECT_EXISTS, 0, -1);
	expect_unmet(&id, 0, 1, 0, -1);
	append_new(store, &id, 2);
	assert_int_equal(append(store, &id, NULL, 0, 2), 0);
	assert_int_equal(append(store, &id, NULL, 0, GOES_EXPECT_EXISTS), 0);
	expect_unmet(&id, 0, 0, 2, -1);
	expect_unmet(&id, 0, 1, 2, -1);
	expect_error(goes_append(store, "order", &id, NULL, 1, 2, NULL, &error), &error,
				 GOES_ERR_INVALID, "NULL");
}

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
test_events_may_have_what_they_would_get(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[6];

	make_events(events, 6);
	events[0].aggregate_name = "order";
	events[1].aggregate_id = id;
	events[2] = event_of_aggregate("order", &id, 3);
	assert_int_equal(append(store, &id, events, 3, GOES_EXPECT_ANY), 1);
	events[3].aggregate_version = 4;
	events[4].aggregate_name = "";
	events[4].aggregate_version = 5;
	assert_int_equal(append(store, &id, events + 3, 3, 3), 4);
	expect_history(store, "order", &id, events, 6, 0);
}

static void
test_events_of_another_aggregate_are_refused(void **state)
{
	goes_uuid  id = new_id();
	goes_uuid  other = new_id();
	goes_event events[3];

	make_events(events, 3);
	events[1].aggregate_name = "invoice";
	expect_refused(&id, events, 3, 0, GOES_ERR_INVALID, 1, "aggregate");
	events[1].aggregate_name = "order";
	events[2].aggregate_id = other;
	expect_refused(&id, events, 3, 0, GOES_ERR_INVALID, 2, "event 2 is of another aggregate");
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
	expect_refused(&id, events, 3, GOES_EXPECT_ANY, GOES_ERR_INVALID, 2, "version 8");
	events[0].aggregate_version = 0;
	expect_refused(&id, events, 3, 4, GOES_ERR_INVALID, 2, "version 8 in place of 7");
	events[0].aggregate_version = INT32_MAX;
	expect_refused(&id, events, 3, 4, GOES_ERR_INVALID, 0, "in place of 5");
	expect_refused(&id, events, 3, GOES_EXPECT_ANY, GOES_ERR_INVALID, 2, "2147483649");
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

/*
 * Whatever the name, the details have it as it is.
 */
static void
test_any_name_may_be_an_aggregates(void **state)
{
	static const char *const names[] = {"größer €😀",
										"it's \"quoted\"",
										"back\\slash\\",
										"{\"aggregate_name\": \"x\"}",
										"line\nfeed\ttab\rreturn\bback\fform\x01\x1f\x7f",
										"%s $1 ; -- /*",
										" "};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
	{
		goes_error *error = NULL;
		goes_uuid	id = new_id();
		Details		details = {"VE001", names[i], id, 2, 2, 0};
		goes_event	events[3];

		make_events(events, 3);
		assert_ok(try_append(store, names[i], &id, events, 2, 0, NULL, &error));
		expect_conflict(try_append(store, names[i], &id, events + 2, 1, 1, NULL, &error), &error,
						&details);
		expect_history(store, names[i], &id, events, 2, 0);
	}
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
				 GOES_ERR_INVALID, "encoding");
}

static void
test_an_event_that_no_store_can_have_is_named(void **state)
{
	goes_uuid  id = new_id();
	goes_event events[4];

	make_events(events, 4);
	events[3].data = "{";
	events[3].data_len = 1;
	expect_refused(&id, events, 4, 0, GOES_ERR_INVALID, 3, "is no JSON");
	events[2].name = "";
	expect_refused(&id, events, 4, 0, GOES_ERR_INVALID, 2, "no name");
	events[1].id = (goes_uuid){0};
	expect_refused(&id, events, 4, 0, GOES_ERR_INVALID, 1, "nil id");
	make_events(events, 4);
	assert_int_equal(append(store, &id, events, 4, 0), 1);
}

static void
test_ten_thousand_events_in_one_append(void **state)
{
	goes_uuid	id = new_id();
	goes_event *events = calloc(MANY, sizeof *events);

	make_events(events, MANY);
	append_new(store, &id, 3);
	assert_int_equal(append(store, &id, events, MANY, 3), 4);
	assert_int_equal(events[MANY - 1].aggregate_version, MANY + 3);
	append_new(store, &id, 1);
	make_events(events, MANY);
	events[MANY - 2].data = "no";
	events[MANY - 2].data_len = 2;
	expect_refused(&id, events, MANY, MANY + 4, GOES_ERR_INVALID, MANY - 2, "is no JSON");
	free(events);
}

/*
 * The same append again does what it did: whatever was expected, with and without the versions that it
 * had given out, and when others have appended since.
 */
static void
test_a_repeated_append_is_the_first_one(void **state)
{
	static const int32_t expectations[] = {0, 1, 2, 7, GOES_EXPECT_ANY, GOES_EXPECT_EXISTS};
	goes_uuid			 id = new_id();
	goes_event			 events[5];

	make_events(events, 5);
	(void) append(store, &id, events, 2, 0);
	(void) append(store, &id, events + 2, 2, 2);
	(void) append(store, &id, events + 4, 1, 4);
	for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
	{
		goes_event again[2];

		for (int j = 0; j < 2; j++)
		{
			again[j] = events[2 + j];
			again[j].aggregate_version = 0;
			again[j].aggregate_name = NULL;
		}
		assert_int_equal(append(store, &id, again, 2, expectations[i]), 3);
	}
	assert_int_equal(append(store, &id, events + 2, 2, 2), 3);
	expect_history(store, "order", &id, events, 5, 0);
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
	expect_refused(&id, again, 3, GOES_EXPECT_ANY, GOES_ERR_DUPLICATE, -1, "does not match");
	expect_refused(&id, again, 3, 0, GOES_ERR_DUPLICATE, -1, "does not match");
	expect_refused(&other, (make_events(again, 2), again[1].id = events[1].id, again), 2, 0,
				   GOES_ERR_DUPLICATE, -1, "does not match");
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
	expect_refused(&id, again, 2, 2, GOES_ERR_DUPLICATE, -1, "already exists");
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
	expect_refused(&id, events, 2, INT32_MAX - 1, GOES_ERR_INVALID, -1, "no room");
	assert_int_equal(append(store, &id, events, 1, INT32_MAX - 1), INT32_MAX);
	expect_refused(&id, events + 1, 1, GOES_EXPECT_ANY, GOES_ERR_INVALID, -1, "no room");
	/* the last one is there, and may be repeated like any other */
	events[0].aggregate_version = 0;
	assert_int_equal(append(store, &id, events, 1, INT32_MAX - 1), INT32_MAX);
	events[0].aggregate_version = 0;
	assert_int_equal(append(store, &id, events, 1, GOES_EXPECT_ANY), INT32_MAX);
}

/*
 * Others insert with versions of their own making, and leave gaps.
 */
static void
test_appends_go_on_where_inserts_left_off(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_event	inserted = event_of_aggregate("order", &id, 7);
	goes_event	event;

	assert_ok(goes_insert(store, &inserted, 1, NULL, &error));
	make_events(&event, 1);
	assert_int_equal(append(store, &id, &event, 1, 7), 8);
	inserted = event_of_aggregate("order", &id, 9);
	assert_ok(goes_insert(store, &inserted, 1, NULL, &error));
	expect_unmet(&id, 1, 8, 9, 9);
	make_events(&event, 1);
	assert_int_equal(append(store, &id, &event, 1, GOES_EXPECT_EXISTS), 10);
}

static void
test_appends_without_prepared_statements(void **state)
{
	goes_store_options options = options_of("appended");
	goes_uuid		   id = new_id();
	goes_error		  *error = NULL;
	goes_event		   events[3];
	goes_event		   taken = event_of_aggregate("order", &id, 2);
	Details			   details = {"23505", "order", id, 2, 2, 0};

	goes_store_close(store);
	options.no_prepared_statements = true;
	store = open_with(&options);
	make_events(events, 3);
	assert_int_equal(append(store, &id, events, 2, 0), 1);
	expect_unmet(&id, 1, 1, 2, 2);
	expect_conflict(goes_insert(store, &taken, 1, NULL, &error), &error, &details);
	assert_int_equal(append(store, &id, events + 2, 1, GOES_EXPECT_ANY), 3);
	expect_history(store, "order", &id, events, 3, 0);
}

#define append_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		append_test(test_events_get_the_next_versions_of_their_aggregate),
		append_test(test_every_expectation_that_is_met),
		append_test(test_every_expectation_that_is_not),
		append_test(test_no_events_are_a_question_about_the_version),
		append_test(test_arguments_that_cannot_be_used),
		append_test(test_events_may_have_what_they_would_get),
		append_test(test_events_of_another_aggregate_are_refused),
		append_test(test_versions_that_do_not_fit_each_other_are_refused),
		append_test(test_versions_that_do_not_fit_the_aggregate_are_a_conflict),
		append_test(test_any_name_may_be_an_aggregates),
		append_test(test_names_have_up_to_255_characters),
		append_test(test_an_event_that_no_store_can_have_is_named),
		append_test(test_ten_thousand_events_in_one_append),
		append_test(test_a_repeated_append_is_the_first_one),
		append_test(test_a_repeated_append_that_differs_is_a_duplicate),
		append_test(test_versions_end_where_the_column_does),
		append_test(test_appends_go_on_where_inserts_left_off),
		append_test(test_appends_without_prepared_statements),
	};

	return RUN_TESTS(tests);
}
