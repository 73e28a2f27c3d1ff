/*
 * server_writer_refused.c
 *    A server that takes no writes at all: each append of a writer has that outcome. In a
 *    transaction only what the events say about a conflict is known.
 */
#include "appends.h"

#define TABLE "refused"
#define APPENDS 20

static void
test_a_read_only_session(void **state)
{
	goes_store		   *first = open_store(TABLE);
	goes_store_options	options = options_of(TABLE);
	goes_writer_options writing;
	goes_store		   *store;
	goes_writer		   *writer = NULL;
	const goes_outcome *outcome;
	goes_error		   *error = NULL;
	char				url[1024];
	int					outcomes = 0;

	assert_ok(goes_store_connect(first, NULL, &error));
	snprintf(url, sizeof url, "%s options='-c default_transaction_read_only=on'", server_url());
	options.url = url;
	options.no_create = true;
	store = open_with(&options);
	goes_writer_options_init(&writing, sizeof writing);
	writing.connections = 1;
	assert_ok(goes_writer_open(&writer, store, &writing, &error));
	for (int i = 0; i < APPENDS; i++)
	{
		goes_event event = event_of("written", "{}");
		goes_uuid  id = new_id();

		assert_ok(goes_writer_append(writer, "order", &id, &event, 1, 0, NULL, NULL, &error));
	}
	for (; goes_writer_next(writer, &outcome, NULL, &error) == GOES_OUTCOME; outcomes++)
	{
		assert_int_equal(outcome->status, GOES_ERR_SERVER);
		assert_string_equal(goes_error_sqlstate(outcome->error), "25006");
	}
	assert_int_equal(outcomes, APPENDS);
	goes_writer_close(writer, NULL, NULL);
	goes_store_close(store);
	goes_store_close(first);
}

/*
 * The error ends the transaction, so the server cannot be asked which version is taken.
 */
static void
test_a_conflict_of_one_of_two_in_a_transaction(void **state)
{
	goes_store	 *store = open_store(TABLE);
	goes_uuid	  ids[2] = {new_id(), new_id()};
	goes_event	  stored = event_of_aggregate("order", &ids[1], 1);
	goes_event	  events[2] = {event_of_aggregate("order", &ids[0], 1),
							   event_of_aggregate("order", &ids[1], 1)};
	goes_conflict conflict = {.size = sizeof conflict};
	goes_error	 *error = NULL;
	goes_tx		 *tx = NULL;

	store_events(store, &stored, 1);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_int_equal(goes_insert(goes_tx_store(tx), events, 2, NULL, &error), GOES_ERR_CONFLICT);
	if (goes_error_conflict(error, &conflict)) /* a guard of the table says more */
		assert_memory_equal(&conflict.aggregate_id, &ids[1], sizeof ids[1]);
	goes_error_free(error);
	goes_tx_rollback(tx);
	assert_false(is_there(store, &events[0]));

	error = NULL;
	events[0] = event_of("of no aggregate", "{}");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_int_equal(goes_insert(goes_tx_store(tx), events, 2, NULL, &error), GOES_ERR_CONFLICT);
	goes_error_free(error);
	goes_tx_rollback(tx);
	assert_false(is_there(store, &events[0]));
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_read_only_session),
		cmocka_unit_test(test_a_conflict_of_one_of_two_in_a_transaction),
	};

	return RUN_TESTS(tests);
}
