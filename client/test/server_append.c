/*
 * server_append.c
 *    goes_append: what events get from it, and what it may expect.
 */
#define OWN_TABLE "appended"

#include "appends.h"
#include "own_store.h"

#define MANY 10000

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
	expect_append_refused(store, &id, events, MANY, MANY + 4, GOES_ERR_INVALID, MANY - 2,
						  "is not JSON");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_events_get_the_next_versions_of_their_aggregate),
		OWN_STORE(test_every_expectation_that_is_met),
		OWN_STORE(test_every_expectation_that_is_not),
		OWN_STORE(test_no_events_are_a_question_about_the_version),
		OWN_STORE(test_events_may_have_what_they_would_get),
		OWN_STORE(test_any_name_may_be_an_aggregates),
		OWN_STORE(test_ten_thousand_events_in_one_append),
		OWN_STORE(test_a_repeated_append_is_the_first_one),
		OWN_STORE(test_appends_go_on_where_inserts_left_off),
		OWN_STORE(test_appends_without_prepared_statements),
	};

	return RUN_TESTS(tests);
}
