/*
 * server_append_tx.c
 *    Appends in transactions.
 */
#include "appends.h"
#include "own_store.h"

static goes_uuid id;

static int
begin(void **state)
{
	store = open_with_one_connection("together");
	id = new_id();
	return 0;
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_appends_to_several_aggregates_are_one_change),
		OWN_STORE(test_a_rollback_leaves_nothing_of_them),
		OWN_STORE(test_a_conflict_undoes_all_of_it),
		OWN_STORE(test_any_failed_append_ends_the_transaction),
		OWN_STORE(test_appends_and_inserts_and_own_statements_together),
		OWN_STORE(test_a_repeated_append_in_a_transaction),
		OWN_STORE(test_an_append_while_a_cursor_is_open),
		OWN_STORE(test_a_late_append_stores_nothing),
	};

	return RUN_TESTS(tests);
}
