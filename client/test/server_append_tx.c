/*
 * server_append_tx.c
 *    Appends in transactions and between hooks.
 */
#include "appends.h"
#include "events.h"

static goes_store *store;
static goes_uuid   id;

/* What hooks are told to do, and what they saw. */
static struct
{
	char	calls[64]; /* a letter for each that ran */
	bool	has_aggregate;
	int32_t version;   /* of the first event */
	bool	was_there; /* the first event, for the transaction */
	int		returned;
} seen;

static int
begin(void **state)
{
	store = open_with_one_connection("together");
	id = new_id();
	memset(&seen, 0, sizeof seen);
	return 0;
}

static int
end(void **state)
{
	goes_store_close(store);
	return 0;
}

static goes_tx *
begin_tx(void)
{
	goes_error *error = NULL;
	goes_tx	   *tx = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	return tx;
}

static void
add_hook(goes_hook_point point, goes_hook hook, const char *letter)
{
	assert_int_equal(goes_store_add_hook(store, point, hook, (void *) letter), GOES_OK);
}

/* ---- Transactions ---- */

static void
test_appends_to_several_aggregates_are_one_change(void **state)
{
	goes_error *error = NULL;
	goes_uuid	other = new_id();
	goes_event	events[3];
	goes_event	more[2];
	goes_tx	   *tx = begin_tx();

	make_events(events, 3);
	make_events(more, 2);
	assert_int_equal(append(goes_tx_store(tx), &id, events, 2, 0), 1);
	assert_int_equal(append(goes_tx_store(tx), &other, more, 2, GOES_EXPECT_ANY), 1);
	assert_int_equal(append(goes_tx_store(tx), &id, events + 2, 1, 2), 3);
	assert_int_equal(append(goes_tx_store(tx), &id, NULL, 0, 3), 0);
	expect_history(goes_tx_store(tx), "order", &id, events, 3, 0);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	expect_history(store, "order", &id, events, 3, 0);
	expect_history(store, "order", &other, more, 2, 0);
}

static void
test_a_rollback_leaves_nothing_of_them(void **state)
{
	goes_uuid  other = new_id();
	goes_event events[2];
	goes_tx	  *tx = begin_tx();

	append_new(goes_tx_store(tx), &id, 3);
	append_new(goes_tx_store(tx), &other, 1);
	goes_tx_rollback(tx);
	expect_history(store, "order", &id, NULL, 0, 0);
	expect_history(store, "order", &other, NULL, 0, 0);
	make_events(events, 2);
	assert_int_equal(append(store, &id, events, 2, 0), 1);
}

/*
 * A conflict ends the transaction, and with it the appends before it; the server's details are there
 * although nobody can be asked any more.
 */
static void
test_a_conflict_undoes_all_of_it(void **state)
{
	goes_error *error = NULL;
	goes_uuid	other = new_id();
	Details		details = {"VE001", "order", other, 2, 2, 0};
	goes_event	event;
	goes_tx	   *tx;

	append_new(store, &other, 2);
	tx = begin_tx();
	append_new(goes_tx_store(tx), &id, 3);
	make_events(&event, 1);
	expect_conflict(try_append(goes_tx_store(tx), "order", &other, &event, 1, 1, NULL, &error),
					&error, &details);
	expect_error(try_append(goes_tx_store(tx), "order", &other, &event, 1, 2, NULL, &error), &error,
				 GOES_ERR_STATE, "roll it back");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_history(store, "order", &id, NULL, 0, 0);
	assert_int_equal(append(store, &other, NULL, 0, 2), 0);
}

static void
test_any_failed_append_ends_the_transaction(void **state)
{
	goes_error *error = NULL;
	goes_event	events[2];

	for (int kind = 0; kind < 4; kind++)
	{
		goes_tx *tx = begin_tx();
		int		 status;

		make_events(events, 2);
		if (kind == 0)
			events[1].id = (goes_uuid){0};
		else if (kind == 1)
			events[1].data = "nUll"; /* as long as the one that it had */
		else if (kind == 2)
			events[1].id = events[0].id;
		else
			events[1].aggregate_name = "invoice";
		append_new(goes_tx_store(tx), &id, 1);
		status = try_append(goes_tx_store(tx), "order", &id, events, 2, 1, NULL, &error);
		if (status != (kind == 2 ? GOES_ERR_DUPLICATE : GOES_ERR_INVALID))
			fail_msg("%d: %s", kind, goes_status_text(status));
		goes_error_free(error);
		expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
		expect_history(store, "order", &id, NULL, 0, 0);
	}
}

static void
test_appends_and_inserts_and_own_statements_together(void **state)
{
	goes_error *error = NULL;
	goes_event	events[3];
	goes_event	inserted = event_of_aggregate("order", &id, 3);
	goes_tx	   *tx = begin_tx();

	make_events(events, 3);
	assert_int_equal(append(goes_tx_store(tx), &id, events, 2, 0), 1);
	assert_ok(goes_insert(goes_tx_store(tx), &inserted, 1, NULL, &error));
	PQclear(PQexec(goes_tx_conn(tx), "DELETE FROM together WHERE aggregate_version = 2"));
	assert_int_equal(append(goes_tx_store(tx), &id, events + 2, 1, 3), 4);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(append(store, &id, NULL, 0, 4), 0);
	assert_false(is_there(store, &events[1]));
}

static void
test_a_repeated_append_in_a_transaction(void **state)
{
	goes_error *error = NULL;
	goes_event	events[2];
	goes_tx	   *tx;

	make_events(events, 2);
	assert_int_equal(append(store, &id, events, 2, 0), 1);
	append_new(store, &id, 1);
	tx = begin_tx();
	assert_int_equal(append(goes_tx_store(tx), &id, events, 2, 0), 1);
	append_new(goes_tx_store(tx), &id, 1);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(append(store, &id, NULL, 0, 4), 0);
}

/*
 * A cursor that is open meanwhile goes on with what it began with.
 */
static void
test_an_append_while_a_cursor_is_open(void **state)
{
	goes_error		 *error = NULL;
	goes_query		 *query = query_for_few();
	goes_cursor		 *cursor = NULL;
	const goes_event *found;
	goes_tx			 *tx;

	append_new(store, &id, 3);
	goes_query_aggregate(query, "order", &id);
	tx = begin_tx();
	assert_ok(goes_query_run(goes_tx_store(tx), query, &cursor, NULL, &error));
	assert_int_equal(goes_cursor_next(cursor, &found, &error), GOES_EVENT);
	append_new(goes_tx_store(tx), &id, 2);
	assert_int_equal(read_to_end(cursor), 2);
	goes_cursor_close(cursor);
	assert_int_equal(run_to_end(goes_tx_store(tx), query), 5);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	goes_query_free(query);
}

static void
test_a_late_append_stores_nothing(void **state)
{
	goes_context context = {.size = sizeof context, .timeout_ms = 50};
	goes_cancel *cancel = goes_cancel_new();
	goes_error	*error = NULL;
	goes_event	 event;
	goes_tx		*tx = begin_tx(); /* has the only connection */

	make_events(&event, 1);
	expect_error(try_append(store, "order", &id, &event, 1, 0, &context, &error), &error,
				 GOES_ERR_TIMEOUT, "");
	goes_tx_rollback(tx);
	goes_cancel_trigger(cancel);
	context.cancel = cancel;
	expect_error(try_append(store, "order", &id, &event, 1, 0, &context, &error), &error,
				 GOES_ERR_CANCELLED, "");
	expect_history(store, "order", &id, NULL, 0, 0);
	goes_cancel_free(cancel);
}

/* ---- Hooks ---- */

/*
 * A hook notes its letter, which is its `user`, and what it was given.
 */
static int
note(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	strcat(seen.calls, user);
	seen.has_aggregate = true;
	for (size_t i = 0; i < n; i++)
	{
		if (strcmp(events[i].aggregate_name, "order") != 0 ||
			memcmp(&events[i].aggregate_id, &id, sizeof id) != 0 ||
			(events[0].aggregate_version != 0 &&
			 events[i].aggregate_version != events[0].aggregate_version + (int32_t) i))
			seen.has_aggregate = false;
	}
	seen.version = events[0].aggregate_version;
	seen.was_there = is_there(goes_tx_store(tx), &events[0]);
	return seen.returned;
}

static void
test_hooks_hear_of_the_aggregate_before_and_of_versions_after(void **state)
{
	goes_event events[3];

	add_hook(GOES_PRE_INSERT, note, "a");
	make_events(events, 3);
	append(store, &id, events, 2, 0);
	assert_string_equal(seen.calls, "a");
	assert_true(seen.has_aggregate);
	assert_int_equal(seen.version, 0);
	assert_false(seen.was_there);

	goes_store_close(store);
	store = open_with_one_connection("together");
	add_hook(GOES_POST_INSERT, note, "x");
	make_events(events, 3);
	append(store, &id, events, 3, 2);
	assert_string_equal(seen.calls, "ax");
	assert_true(seen.has_aggregate);
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
 * A hook that says no leaves nothing, on the caller's events neither: not even when it has said so
 * after they had their versions.
 */
static void
test_a_hook_that_refuses_leaves_no_trace(void **state)
{
	for (int point = GOES_PRE_INSERT; point <= GOES_POST_INSERT; point++)
	{
		goes_error *error = NULL;
		goes_event	events[2];

		goes_store_close(store);
		store = open_with_one_connection("together");
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
test_hooks_run_in_the_programs_transaction(void **state)
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
 * The store that a hook was added to is closed to it, for appends as for all else.
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

#define tx_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		tx_test(test_appends_to_several_aggregates_are_one_change),
		tx_test(test_a_rollback_leaves_nothing_of_them),
		tx_test(test_a_conflict_undoes_all_of_it),
		tx_test(test_any_failed_append_ends_the_transaction),
		tx_test(test_appends_and_inserts_and_own_statements_together),
		tx_test(test_a_repeated_append_in_a_transaction),
		tx_test(test_an_append_while_a_cursor_is_open),
		tx_test(test_a_late_append_stores_nothing),
		tx_test(test_hooks_hear_of_the_aggregate_before_and_of_versions_after),
		tx_test(test_no_events_have_no_hooks),
		tx_test(test_a_hook_that_refuses_leaves_no_trace),
		tx_test(test_an_append_that_conflicts_has_no_hooks_after_it),
		tx_test(test_hooks_run_in_the_programs_transaction),
		tx_test(test_what_a_hook_appends_has_no_hooks_and_is_committed_with_it),
		tx_test(test_a_hook_keeps_to_its_transaction),
	};

	return RUN_TESTS(tests);
}
