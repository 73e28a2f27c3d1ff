/*
 * server_memory.c
 *    Every allocation of libgoes fails in turn, with a server: the caller is told, nothing leaks,
 *    nothing crashes, and nothing is stored that was not acknowledged.
 */
#include "memory_server.h"

static int
insert_and_find(void *unused)
{
	goes_event	event = make_event();
	goes_event *found = NULL;
	goes_store *store;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_insert(store, &event, 1, NULL, NULL);
	if (status == GOES_OK)
		status = goes_find(store, &event.id, &found, NULL, NULL);
	if (status == GOES_OK)
		status = goes_delete(store, &event.id, 1, NULL, NULL);
	goes_event_free(found);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_an_insert(void **state)
{
	assert_true(every_allocation_fails(insert_and_find, NULL, GOES_OK, MAY_RECOVER) > 20);
}

/*
 * read_query reads a query's events to the end.
 */
static int
read_query(goes_store *store, const goes_query *query)
{
	const goes_event *event;
	goes_cursor		 *cursor;
	int				  status = goes_query_run(store, query, &cursor, NULL, NULL);

	if (status != GOES_OK)
		return status;
	while ((status = goes_cursor_next(cursor, &event, NULL)) == GOES_EVENT)
		;
	goes_cursor_close(cursor);
	return status;
}

static int
query_both_ways(void *unused)
{
	goes_query *query = goes_query_new();
	goes_store *store = NULL;
	int64_t		count;
	int			status = try_open(&store);

	(void) goes_query_name(query, "order.placed");
	(void) goes_query_aggregate(query, "order", NULL);
	(void) goes_query_sort(query, GOES_SORT_TIME, GOES_DESC);
	if (query == NULL)
		status = GOES_ERR_NOMEM;
	if (status == GOES_OK)
		status = read_query(store, query);
	if (status == GOES_OK)
		status = goes_query_limit(query, 10);
	if (status == GOES_OK)
		status = read_query(store, query);
	if (status == GOES_OK)
		status = goes_count(store, query, &count, NULL, NULL);
	goes_query_free(query);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_query(void **state)
{
	assert_true(every_allocation_fails(query_both_ways, NULL, GOES_OK, MAY_RECOVER) > 20);
}

static int
insert_another(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event event = make_event();

	return goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
}

static int
insert_with_hooks(void *unused)
{
	goes_event	event = make_event();
	goes_store *store;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_store_add_hook(store, GOES_PRE_INSERT, insert_another, NULL);
	if (status == GOES_OK)
		status = goes_store_add_hook(store, GOES_POST_INSERT, insert_another, NULL);
	if (status == GOES_OK)
		status = goes_insert(store, &event, 1, NULL, NULL);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_hook(void **state)
{
	char *before = admin(TEST_DATABASE, "SELECT count(*) %% 3 FROM events");
	char *after;

	assert_true(every_allocation_fails(insert_with_hooks, NULL, GOES_OK, MAY_RECOVER) > 20);
	after = admin(TEST_DATABASE, "SELECT count(*) %% 3 FROM events");
	assert_string_equal(before, after); /* an event and those of its hooks, or none of them */
	free(before);
	free(after);
}

static int
read_in_a_transaction(void *unused)
{
	goes_event	event = make_event();
	goes_store *store;
	goes_tx	   *tx;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_tx_begin(store, &tx, NULL, NULL);
	if (status == GOES_OK)
	{
		status = goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
		if (status == GOES_OK)
			status = read_query(goes_tx_store(tx), NULL);
		goes_tx_rollback(tx);
	}
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_a_transaction(void **state)
{
	assert_true(every_allocation_fails(read_in_a_transaction, NULL, GOES_OK, MAY_RECOVER) > 20);
}

static int
refuse_a_duplicate(void *input)
{
	const goes_event *stored = input;
	goes_store		 *store;
	goes_error		 *error = NULL;
	int				  status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_insert(store, stored, 1, NULL, &error);
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_an_error_is_made(void **state)
{
	goes_event	event = make_event();
	goes_store *store;

	assert_int_equal(try_open(&store), GOES_OK);
	assert_int_equal(goes_insert(store, &event, 1, NULL, NULL), GOES_OK);
	goes_store_close(store);
	assert_true(
		every_allocation_fails(refuse_a_duplicate, &event, GOES_ERR_DUPLICATE, MAY_RECOVER) > 20);
}

/*
 * append_all appends to new aggregates, alone and in a transaction.
 */
static int
append_all(void *unused)
{
	goes_event	events[2] = {make_event(), make_event()};
	goes_uuid	id = events[0].aggregate_id;
	goes_store *store;
	goes_tx	   *tx;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	for (int i = 0; i < 2; i++)
		goes_event_init(&events[i], "order.placed", "{}");
	status = goes_append(store, "order", &id, events, 2, 0, NULL, NULL);
	assert_int_equal(events[1].aggregate_version, status == GOES_OK ? 2 : 0);
	if (status == GOES_OK)
		status = goes_tx_begin(store, &tx, NULL, NULL);
	if (status == GOES_OK)
	{
		for (int i = 0; i < 2; i++)
			goes_event_init(&events[i], "order.placed", "{}");
		status = goes_append(goes_tx_store(tx), "order", &id, events, 2, 2, NULL, NULL);
		if (status == GOES_OK)
			status = goes_append(goes_tx_store(tx), "order", &id, NULL, 0, 4, NULL, NULL);
		goes_tx_rollback(tx);
	}
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_in_an_append(void **state)
{
	assert_true(every_allocation_fails(append_all, NULL, GOES_OK, MAY_RECOVER) > 20);
}

/*
 * expect_true_conflict checks that a conflict's details are true, as far as they are known.
 */
static void
expect_true_conflict(const goes_error *error, const goes_uuid *id)
{
	goes_conflict conflict = {.size = sizeof conflict};

	if (goes_error_status(error) != GOES_ERR_CONFLICT || !goes_error_conflict(error, &conflict))
		return;
	assert_string_equal(conflict.aggregate_name, "order");
	assert_memory_equal(&conflict.aggregate_id, id, sizeof *id);
	assert_true(conflict.current_version == 1 || conflict.current_version == -1);
	assert_true(conflict.event_version == 1 || conflict.event_version == -1);
}

static int
append_too_late(goes_store *store, const goes_event *stored, goes_error **error)
{
	goes_event event;

	goes_event_init(&event, "order.placed", "{}");
	return goes_append(store, "order", &stored->aggregate_id, &event, 1, 0, NULL, error);
}

static int
insert_too_late(goes_store *store, const goes_event *stored, goes_error **error)
{
	goes_event event = *stored;

	goes_uuid_v7(&event.id);
	return goes_insert(store, &event, 1, NULL, error);
}

static goes_event stored; /* what the late ones conflict with */

static int
run_into_a_conflict(void *function)
{
	int (*const *call)(goes_store *, const goes_event *, goes_error **) = function;
	goes_error *error = NULL;
	goes_store *store;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = (*call)(store, &stored, &error);
	assert_int_equal(goes_error_status(error), status);
	expect_true_conflict(error, &stored.aggregate_id);
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_details_are_looked_up(void **state)
{
	int (*calls[])(goes_store *, const goes_event *, goes_error **) = {append_too_late,
																	   insert_too_late};
	goes_store *store;

	stored = make_event();
	assert_int_equal(try_open(&store), GOES_OK);
	assert_int_equal(goes_insert(store, &stored, 1, NULL, NULL), GOES_OK);
	goes_store_close(store);
	for (int i = 0; i < 2; i++)
		assert_true(every_allocation_fails(run_into_a_conflict, &calls[i], GOES_ERR_CONFLICT,
										   MAY_RECOVER) > 20);
}

/* ---- What is refused */

static int
insert_unstorable(void *unused)
{
	goes_event	events[3] = {make_event(), make_event(), make_event()};
	goes_store *store;
	goes_error *error = NULL;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	events[1].data = "\"\\u0000\"";
	events[1].data_len = strlen(events[1].data);
	status = goes_insert(store, events, 3, NULL, &error);
	assert_int_equal(goes_error_status(error), status);
	if (goes_error_event_index(error) >= 0)
		assert_int_equal(goes_error_event_index(error), 1);
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_an_event_cannot_be_stored(void **state)
{
	assert_true(every_allocation_fails(insert_unstorable, NULL, GOES_ERR_INVALID, MAY_RECOVER) >
				20);
}

static int
refuse_always(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	goes_event event = {0};

	(void) goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
	return 7;
}

static int
insert_with_a_refusing_hook(void *unused)
{
	goes_event	event = make_event();
	goes_store *store;
	goes_error *error = NULL;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_store_add_hook(store, GOES_PRE_INSERT, refuse_always, NULL);
	if (status == GOES_OK)
	{
		status = goes_insert(store, &event, 1, NULL, &error);
		assert_int_equal(goes_error_status(error), status);
	}
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_a_hook_refuses(void **state)
{
	assert_true(
		every_allocation_fails(insert_with_a_refusing_hook, NULL, GOES_ERR_HOOK, MAY_RECOVER) > 20);
}

static int
commit_a_failure(void *unused)
{
	goes_event	nameless = {.id = {{1}}};
	goes_store *store;
	goes_tx	   *tx;
	goes_error *error = NULL;
	int			status = try_open(&store);

	if (status != GOES_OK)
		return status;
	status = goes_tx_begin(store, &tx, NULL, NULL);
	if (status == GOES_OK)
	{
		(void) goes_insert(goes_tx_store(tx), &nameless, 1, NULL, NULL);
		status = goes_tx_commit(tx, NULL, &error);
		assert_int_equal(goes_error_status(error), status);
	}
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_a_transaction_has_failed(void **state)
{
	assert_true(every_allocation_fails(commit_a_failure, NULL, GOES_ERR_STATE, MAY_RECOVER) > 20);
}

/*
 * The server itself is the standby.
 */
static int
read_elsewhere(void *unused)
{
	goes_store_options options = options_of(NULL);
	goes_store		  *store = NULL;
	goes_freshness	   freshness = {.size = sizeof freshness};
	goes_context	   context = {.size = sizeof context, .freshness = &freshness};
	char			  *token = NULL;
	int64_t			   count;
	int				   status;

	options.read_url = server_url();
	status = goes_store_open(&store, &options, NULL);
	if (status == GOES_OK)
		status = goes_store_write_token(store, &token, NULL, NULL);
	freshness.token = token;
	if (status == GOES_OK)
		status = goes_count(store, NULL, &count, &context, NULL);
	goes_free(token);
	goes_store_close(store);
	return status;
}

static void
memory_runs_out_when_it_is_read_elsewhere(void **state)
{
	assert_true(every_allocation_fails(read_elsewhere, NULL, GOES_OK, MAY_RECOVER) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out_in_an_insert),
		cmocka_unit_test(memory_runs_out_in_a_query),
		cmocka_unit_test(memory_runs_out_in_a_hook),
		cmocka_unit_test(memory_runs_out_in_a_transaction),
		cmocka_unit_test(memory_runs_out_when_an_error_is_made),
		cmocka_unit_test(memory_runs_out_in_an_append),
		cmocka_unit_test(memory_runs_out_when_details_are_looked_up),
		cmocka_unit_test(memory_runs_out_when_an_event_cannot_be_stored),
		cmocka_unit_test(memory_runs_out_when_a_hook_refuses),
		cmocka_unit_test(memory_runs_out_when_a_transaction_has_failed),
		cmocka_unit_test(memory_runs_out_when_it_is_read_elsewhere),
	};

	return RUN_GROUP(tests, make_first_database, NULL);
}
