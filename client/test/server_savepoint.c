/*
 * server_savepoint.c
 *    ROLLBACK TO a savepoint of the program's own undoes whatever failed in a transaction.
 */
#include "own_tx.h"

static goes_event first; /* stored before the savepoint */

/*
 * begin_with_savepoint stores an event and makes a savepoint.
 */
static void
begin_with_savepoint(void)
{
	first = event_of("first", "{}");
	insert(&first);
	assert_true(run_own("SAVEPOINT before"));
}

/*
 * begin_with_hooks begins a transaction of a store whose hook refuses every event of this name.
 */
static int
refuse_by_name(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	return strcmp(events[0].name, user) == 0;
}

static void
begin_with_hooks(void)
{
	goes_tx_rollback(tx);
	goes_store_close(store);
	store = open_with_one_connection("events");
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, refuse_by_name, "refused before"),
					 GOES_OK);
	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, refuse_by_name, "refused after"),
					 GOES_OK);
	tx = begin_tx();
}

/* ---- Ways to fail */

static int
fail_by_duplicate(goes_store *inner, goes_error **err)
{
	return goes_insert(inner, &first, 1, NULL, err);
}

static int
fail_by_unsent_event(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("", "{}");

	return goes_insert(inner, &event, 1, NULL, err);
}

static int
fail_by_json(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("bad", "{");

	return goes_insert(inner, &event, 1, NULL, err);
}

static int
fail_by_hook_before(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("refused before", "{}");

	return goes_insert(inner, &event, 1, NULL, err);
}

static int
fail_by_hook_after(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("refused after", "{}");

	return goes_insert(inner, &event, 1, NULL, err);
}

static int
fail_by_append(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("appended", "{}");

	event.aggregate_name = "another";
	return goes_append(inner, "order", &event.id, &event, 1, 0, NULL, err);
}

static int
fail_by_conflict(goes_store *inner, goes_error **err)
{
	goes_event event = event_of("appended", "{}");

	return goes_append(inner, "order", &event.id, &event, 1, 7, NULL, err);
}

static int
fail_by_query(goes_store *inner, goes_error **err)
{
	goes_query	*query = goes_query_new();
	goes_cursor *cursor;
	int			 status;

	goes_query_name(query, NULL);
	status = goes_query_run(inner, query, &cursor, NULL, err);
	goes_query_free(query);
	return status;
}

static int
fail_by_cancelled_cursor(goes_store *inner, goes_error **err)
{
	goes_context	  context = {.size = sizeof context, .cancel = goes_cancel_new()};
	goes_cursor		 *cursor;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	assert_ok(goes_query_run(inner, NULL, &cursor, &context, &error));
	goes_cancel_trigger(context.cancel);
	status = goes_cursor_next(cursor, &event, err);
	goes_cursor_close(cursor);
	goes_cancel_free(context.cancel);
	return status;
}

static int
refuse_model(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return 1;
}

static int
fail_by_model(goes_store *inner, goes_error **err)
{
	return goes_model_use(inner, NULL, "id", "0", refuse_model, NULL, NULL, err);
}

static int
fail_by_snapshot(goes_store *inner, goes_error **err)
{
	goes_snapshot snapshot = {.aggregate_name = "order", .aggregate_version = 1};

	return goes_snapshot_save(inner, "\"", &snapshot, NULL, err);
}

static int (*const ways_to_fail[])(goes_store *, goes_error **) = {
	fail_by_duplicate,		  fail_by_unsent_event, fail_by_json,	  fail_by_hook_before,
	fail_by_hook_after,		  fail_by_append,		fail_by_conflict, fail_by_query,
	fail_by_cancelled_cursor, fail_by_model,		fail_by_snapshot,
};

#define WAYS_TO_FAIL (sizeof ways_to_fail / sizeof *ways_to_fail)

static void
test_any_failure_within_a_savepoint_can_be_undone(void **state)
{
	begin_with_hooks();
	for (size_t way = 0; way < WAYS_TO_FAIL; way++)
	{
		goes_store *inner = goes_tx_store(tx);
		goes_event	second = event_of("second", "{}");
		goes_error *error = NULL;
		int64_t		count;

		begin_with_savepoint();
		if (ways_to_fail[way](inner, NULL) >= 0)
			fail_msg("way %zu did not fail", way);
		expect_error(goes_count(inner, NULL, &count, NULL, &error), &error, GOES_ERR_STATE,
					 "savepoint");
		assert_true(run_own("ROLLBACK TO before"));
		assert_true(is_there(inner, &first));
		insert(&second);
		commit();
		assert_int_equal(count_rows("events"), 2);
		admin_do(TEST_DATABASE, "TRUNCATE events");
		tx = begin_tx();
	}
}

/*
 * Without a savepoint each of them ends the transaction, on the server, too: even a COMMIT of the
 * program's own stores nothing.
 */
static void
test_any_failure_without_a_savepoint_is_the_end(void **state)
{
	begin_with_hooks();
	for (size_t way = 0; way < WAYS_TO_FAIL; way++)
	{
		for (int is_own_commit = 0; is_own_commit < 2; is_own_commit++)
		{
			first = event_of("first", "{}");
			insert(&first);
			if (ways_to_fail[way](goes_tx_store(tx), NULL) >= 0)
				fail_msg("way %zu did not fail", way);
			if (is_own_commit)
			{
				assert_true(run_own("COMMIT"));
				goes_tx_rollback(tx);
			}
			else
				expect_commit_refused();
			if (count_rows("events") != 0)
				fail_msg("way %zu, own commit %d: stored", way, is_own_commit);
			tx = begin_tx();
		}
	}
}

/*
 * A table that was made after the savepoint is made again.
 */
static void
test_a_table_made_within_a_savepoint(void **state)
{
	goes_error *error = NULL;

	admin_do(TEST_DATABASE, "DROP TABLE IF EXISTS models");
	begin_with_savepoint();
	assert_ok(goes_model_save(goes_tx_store(tx), NULL, "id", "1", NULL, &error));
	assert_true(fail_by_duplicate(goes_tx_store(tx), NULL) < 0);
	assert_true(run_own("ROLLBACK TO before"));
	assert_ok(goes_model_save(goes_tx_store(tx), NULL, "id", "2", NULL, &error));
	commit();
	assert_int_equal(count_rows("models"), 1);
	assert_int_equal(count_rows("events"), 1);
}

/*
 * A hook may undo what failed in it.
 */
static int
try_in_vain(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	PGconn *connection = goes_tx_conn(tx);
	int		status;

	PQclear(PQexec(connection, "SAVEPOINT of_hook"));
	status = fail_by_unsent_event(goes_tx_store(tx), NULL);
	PQclear(PQexec(connection, "ROLLBACK TO of_hook"));
	return status == GOES_ERR_INVALID ? 0 : 1;
}

static void
test_a_hook_may_undo_its_failure(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	goes_tx_rollback(tx);
	tx = NULL;
	goes_store_close(store);
	store = open_with_one_connection("events");
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, try_in_vain, NULL), GOES_OK);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_int_equal(count_rows("events"), 1);
}

/* ---- A connection in a state in which calls would go wrong */

static void
test_a_pipeline_is_refused(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");
	int64_t		start = milliseconds();

	insert(&event);
	assert_int_equal(PQenterPipelineMode(goes_tx_conn(tx)), 1);
	expect_error(fail_by_duplicate(goes_tx_store(tx), &error), &error, GOES_ERR_STATE, "busy");
	assert_int_equal(PQexitPipelineMode(goes_tx_conn(tx)), 1);
	assert_true(is_there(goes_tx_store(tx), &event));
	assert_int_equal(PQenterPipelineMode(goes_tx_conn(tx)), 1);
	expect_commit_refused();
	assert_true(is_within(start, 5000));
	assert_int_equal(count_events(store), 0);
}

static void
test_another_encoding_is_refused(void **state)
{
	goes_error *error = NULL;
	goes_event	event = event_of("gr\xc3\xbc\xc3\x9f", "{}");

	assert_true(run_own("SET client_encoding = LATIN1"));
	expect_error(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error), &error, GOES_ERR_STATE,
				 "client_encoding");
	assert_true(run_own("SET client_encoding = UTF8"));
	insert(&event);
	commit();
	assert_int_equal(count_rows("events WHERE name = U&'gr\\00FC\\00DF'"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TX(test_any_failure_within_a_savepoint_can_be_undone),
		OWN_TX(test_any_failure_without_a_savepoint_is_the_end),
		OWN_TX(test_a_table_made_within_a_savepoint),
		OWN_TX(test_a_hook_may_undo_its_failure),
		OWN_TX(test_a_pipeline_is_refused),
		OWN_TX(test_another_encoding_is_refused),
	};

	return RUN_TESTS(tests);
}
