/*
 * server_append_hooks.c
 *    Appends between hooks.
 */
#include "appends.h"
#include "hooks.h"

static goes_uuid id;
static bool		 has_aggregate; /* seen by note_aggregate */

static int
begin(void **state)
{
	open_for_hooks("together");
	id = new_id();
	return 0;
}

/*
 * A hook that notes, too, whether its events have the aggregate and versions one after the other.
 */
static int
note_aggregate(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	has_aggregate = true;
	for (size_t i = 0; i < n; i++)
	{
		if (strcmp(events[i].aggregate_name, "order") != 0 ||
			memcmp(&events[i].aggregate_id, &id, sizeof id) != 0 ||
			(events[0].aggregate_version != 0 &&
			 events[i].aggregate_version != events[0].aggregate_version + (int32_t) i))
			has_aggregate = false;
	}
	return note(tx, events, n, user);
}

static void
test_hooks_hear_of_the_aggregate_before_and_of_versions_after(void **state)
{
	goes_event events[3];

	add_hook(GOES_PRE_INSERT, note_aggregate, "a");
	make_events(events, 3);
	append(store, &id, events, 2, 0);
	assert_string_equal(seen.calls, "a");
	assert_true(has_aggregate);
	assert_int_equal(seen.version, 0);
	assert_false(seen.was_there);

	open_anew("together");
	add_hook(GOES_POST_INSERT, note_aggregate, "x");
	make_events(events, 3);
	append(store, &id, events, 3, 2);
	assert_string_equal(seen.calls, "ax");
	assert_true(has_aggregate);
	assert_int_equal(seen.version, 3);
	assert_true(seen.was_there);
}

static void
test_no_events_have_no_hooks(void **state)
{
	goes_tx *tx;

	add_hook(GOES_PRE_INSERT, note, "a");
	append(store, &id, NULL, 0, 0);
	tx = begin_tx();
	append(goes_tx_store(tx), &id, NULL, 0, 0);
	goes_tx_rollback(tx);
	assert_string_equal(seen.calls, "");
}

/*
 * A hook that refuses an append leaves nothing stored, and the caller's events as they were, even
 * if it refuses after they got their versions.
 */
static void
test_a_hook_that_refuses_leaves_no_trace(void **state)
{
	for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
	{
		goes_error *error = NULL;
		goes_event	events[2];

		open_anew("together");
		add_hook((goes_hook_point) point, note, "r");
		make_events(events, 2);
		seen.returned = 1;
		expect_error(try_append(store, "order", &id, events, 2, 0, NULL, &error), &error,
					 GOES_ERR_HOOK, "1");
		seen.returned = GOES_ERR_READ_ONLY;
		expect_error(try_append(store, "order", &id, events, 2, 0, NULL, &error), &error,
					 GOES_ERR_READ_ONLY, "hook");
		expect_history(store, "order", &id, NULL, 0, 0);
	}
	assert_string_equal(seen.calls, "rrrr");
}

static void
test_an_append_that_conflicts_has_no_hooks_after_it(void **state)
{
	goes_error *error = NULL;
	Details		details = {"VE001", "order", id, 0, 1, 0};
	goes_event	event;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, note, "x");
	make_events(&event, 1);
	expect_conflict(try_append(store, "order", &id, &event, 1, GOES_EXPECT_EXISTS, NULL, &error),
					&error, &details);
	assert_string_equal(seen.calls, "a");
}

static void
test_hooks_of_an_append_run_in_the_programs_transaction(void **state)
{
	goes_error *error = NULL;
	goes_event	events[4];
	goes_tx	   *tx = NULL;

	add_hook(GOES_PRE_INSERT, note, "a");
	add_hook(GOES_POST_INSERT, note, "x");
	tx = begin_tx();
	make_events(events, 4);
	append(goes_tx_store(tx), &id, events, 2, 0);
	append(goes_tx_store(tx), &id, events + 2, 1, 2);
	assert_string_equal(seen.calls, "axax");
	seen.returned = 3;
	expect_error(try_append(goes_tx_store(tx), "order", &id, events + 3, 1, 3, NULL, &error),
				 &error, GOES_ERR_HOOK, "3");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_history(store, "order", &id, NULL, 0, 0);

	seen.returned = 0;
	tx = begin_tx();
	make_events(events, 4);
	append(goes_tx_store(tx), &id, events, 4, 0);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	expect_history(store, "order", &id, events, 4, 0);
}

/*
 * append_more appends to the same aggregate, and to the one whose id is `user`.
 */
static int
append_more(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event more[2];
	int		   status;

	strcat(seen.calls, "m");
	make_events(more, 2);
	status = goes_append(goes_tx_store(tx), events[0].aggregate_name, &events[0].aggregate_id, more,
						 1, events[n - 1].aggregate_version, NULL, NULL);
	if (status != GOES_OK)
		return status;
	return goes_append(goes_tx_store(tx), "summary", user, more + 1, 1, GOES_EXPECT_ANY, NULL,
					   NULL);
}

static void
test_what_a_hook_appends_has_no_hooks_and_is_committed_with_it(void **state)
{
	goes_error *error = NULL;
	goes_uuid	summary = new_id();
	goes_event	events[2];

	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, append_more, &summary), GOES_OK);
	make_events(events, 2);
	assert_int_equal(append(store, &id, events, 2, 0), 1);
	assert_string_equal(seen.calls, "m");
	assert_ok(try_append(store, "order", &id, NULL, 0, 3, NULL, &error));
	assert_ok(try_append(store, "summary", &summary, NULL, 0, 1, NULL, &error));
}

/*
 * A hook must not use the store that it was added to, for appends or for anything else.
 */
static int
append_outside(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event event;

	make_events(&event, 1);
	return goes_append(store, "order", &id, &event, 1, GOES_EXPECT_ANY, NULL, NULL) ==
				   GOES_ERR_STATE
			   ? GOES_OK
			   : GOES_ERR_HOOK;
}

static void
test_a_hook_keeps_to_its_transaction(void **state)
{
	goes_event event;

	add_hook(GOES_PRE_INSERT, append_outside, "");
	make_events(&event, 1);
	assert_int_equal(append(store, &id, &event, 1, 0), 1);
	expect_history(store, "order", &id, &event, 1, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_hooks_hear_of_the_aggregate_before_and_of_versions_after),
		OWN_STORE(test_no_events_have_no_hooks),
		OWN_STORE(test_a_hook_that_refuses_leaves_no_trace),
		OWN_STORE(test_an_append_that_conflicts_has_no_hooks_after_it),
		OWN_STORE(test_hooks_of_an_append_run_in_the_programs_transaction),
		OWN_STORE(test_what_a_hook_appends_has_no_hooks_and_is_committed_with_it),
		OWN_STORE(test_a_hook_keeps_to_its_transaction),
	};

	return RUN_TESTS(tests);
}
