/*
 * server_model_use.c
 *    goes_model_use: either all of a change is made or nothing.
 */
#define CONNECTIONS 4

#include "models.h"

/* ---- What becomes of it */

/*
 * change_and_return appends an event, changes the model and returns *user.
 */
static int
change_and_return(goes_tx *tx, const char *json, char **new_json, void *user)
{
	int status = append_order(goes_tx_store(tx));

	*new_json = strdup("\"changed\"");
	return status == GOES_OK ? *(int *) user : status;
}

static void
test_a_missing_model_is_not_found(void **state)
{
	goes_error *error = NULL;
	int			returned = GOES_OK;

	expect_error(
		goes_model_use(store, NULL, model, NULL, change_and_return, &returned, NULL, &error),
		&error, GOES_ERR_NOT_FOUND, "model");
	expect_model(NULL);
	expect_events(0);
}

static void
test_no_new_json_leaves_the_model(void **state)
{
	use(store, "{\"a\": 1}", append_in_model, NULL);
	expect_model("{\"a\": 1}"); /* the initial value is one that stays */
	expect_events(1);
	use(store, "2", append_in_model, NULL);
	expect_model("{\"a\": 1}");
	expect_events(2);
}

/*
 * expect_undone uses a model in vain; the transaction, if there is one, is rolled back.
 */
static void
expect_undone(int returned, int status, const char *part_of_message)
{
	static const char *const befores[] = {NULL, "1"};

	for (size_t i = 0; i < sizeof befores / sizeof *befores; i++)
	{
		goes_error *error = NULL;
		goes_tx	   *tx;

		(void) new_model(NULL);
		if (befores[i] != NULL)
			assert_ok(goes_model_save(store, NULL, model, befores[i], NULL, &error));
		expect_error(
			goes_model_use(store, NULL, model, "0", change_and_return, &returned, NULL, &error),
			&error, status, part_of_message);
		expect_model(befores[i]);
		expect_events(0);

		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		assert_int_equal(append_order(goes_tx_store(tx)), GOES_OK);
		expect_error(goes_model_use(goes_tx_store(tx), NULL, model, "0", change_and_return,
									&returned, NULL, &error),
					 &error, status, part_of_message);
		assert_int_equal(append_order(goes_tx_store(tx)), GOES_ERR_STATE);
		expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
		expect_model(befores[i]);
		expect_events(0);
	}
}

static void
test_a_function_that_says_no_changes_nothing(void **state)
{
	expect_undone(GOES_ERR_CONFLICT, GOES_ERR_CONFLICT, "version conflict");
	expect_undone(GOES_ERR_NOT_FOUND, GOES_ERR_NOT_FOUND, "not found");
	expect_undone(GOES_ERR_STATE, GOES_ERR_STATE, "");
	expect_undone(1, GOES_ERR_HOOK, "returned 1");
	expect_undone(-1000, GOES_ERR_HOOK, "returned -1000");
}

static int
make_no_json(goes_tx *tx, const char *json, char **new_json, void *user)
{
	*new_json = strdup("{");
	return append_order(goes_tx_store(tx));
}

static void
test_new_json_that_is_none_changes_nothing(void **state)
{
	goes_error *error = NULL;

	expect_error(goes_model_use(store, NULL, model, "0", make_no_json, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "");
	expect_model(NULL);
	expect_events(0);
	expect_error(goes_model_use(store, NULL, model, "{", add_one, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "");
	expect_model(NULL);
}

/*
 * Something failed in the transaction, but the function returns success.
 */
static int
fail_silently(goes_tx *tx, const char *json, char **new_json, void *user)
{
	goes_event event = event_of("order.placed", "{");

	if (user != NULL)
		*new_json = strdup("1");
	assert_int_equal(goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL), GOES_ERR_INVALID);
	return GOES_OK;
}

static void
test_a_failure_that_is_not_told(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	for (int is_new = 0; is_new < 2; is_new++)
	{
		void *user = is_new ? model : NULL;

		expect_error(goes_model_use(store, NULL, model, "0", fail_silently, user, NULL, &error),
					 &error, GOES_ERR_STATE, "");
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		expect_error(
			goes_model_use(goes_tx_store(tx), NULL, model, "0", fail_silently, user, NULL, &error),
			&error, GOES_ERR_STATE, "");
		goes_tx_rollback(tx);
		expect_model(NULL);
	}
}

/* ---- Transactions and hooks */

static void
test_a_model_and_events_both_or_neither(void **state)
{
	for (int is_committed = 0; is_committed < 2; is_committed++)
	{
		goes_error *error = NULL;
		goes_tx	   *tx;
		goes_event	event;

		(void) new_model(state);
		event = event_of_aggregate("order", &order, 2);
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		assert_int_equal(append_order(goes_tx_store(tx)), GOES_OK);
		use(goes_tx_store(tx), "0", add_one, NULL);
		assert_ok(goes_insert(goes_tx_store(tx), &event, 1, NULL, &error));
		use(goes_tx_store(tx), "0", add_one, NULL);
		expect_model(NULL); /* seen from outside */
		if (is_committed)
			assert_ok(goes_tx_commit(tx, NULL, &error));
		else
			goes_tx_rollback(tx);
		expect_model(is_committed ? "2" : NULL);
		expect_events(is_committed ? 2 : 0);
	}
}

/*
 * try_to_end tries what belongs to whoever has the transaction.
 */
static int
try_to_end(goes_tx *tx, const char *json, char **new_json, void *user)
{
	goes_error *error = NULL;
	goes_tx	   *inner = NULL;

	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "goes_model_use");
	goes_tx_rollback(tx);
	expect_error(goes_tx_begin(goes_tx_store(tx), &inner, NULL, &error), &error, GOES_ERR_STATE,
				 "");
	goes_store_close(goes_tx_store(tx));
	return add_one(tx, json, new_json, NULL);
}

static void
test_the_function_cannot_end_its_transaction(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	use(store, "0", try_to_end, NULL);
	expect_model("1");
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	use(goes_tx_store(tx), "0", try_to_end, NULL);
	use(goes_tx_store(tx), "0", try_to_end, NULL);
	assert_ok(goes_tx_commit(tx, NULL, &error)); /* but its owner can, after it */
	expect_model("3");
}

/*
 * use_another uses another model in the function of the first.
 */
static int
use_another(goes_tx *tx, const char *json, char **new_json, void *user)
{
	goes_error *error = NULL;
	char		other[64];

	snprintf(other, sizeof other, "%s, other", model);
	assert_ok(goes_model_use(goes_tx_store(tx), NULL, other, "0", add_one, NULL, NULL, &error));
	/* its end is not that of the first */
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	assert_int_equal(add_one(tx, json, new_json, NULL), GOES_OK);
	return *(int *) user;
}

static void
test_models_in_models(void **state)
{
	goes_error *error = NULL;
	char		other[64];

	snprintf(other, sizeof other, "%s, other", model);
	for (int returned = 0; returned < 2; returned++)
	{
		int status = goes_model_use(store, NULL, model, "0", use_another, &returned, NULL, &error);

		if (returned == 0)
			assert_ok(status);
		else
			expect_error(status, &error, GOES_ERR_HOOK, "");
		expect_model("1");
		expect_stored(other, "1");
	}
}

static int
count_hook(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	++*(int *) user;
	return goes_model_use(goes_tx_store(tx), NULL, "hooked", "0", add_one, NULL, NULL, NULL);
}

/*
 * Hooks run for what the function inserts, and a hook may use models, too.
 */
static void
test_inserts_in_the_function_run_hooks(void **state)
{
	goes_store *outer = store;
	goes_error *error = NULL;
	int			hooks = 0;

	store = open_store("events");
	assert_int_equal(goes_store_add_hook(store, GOES_POST_INSERT, count_hook, &hooks), GOES_OK);
	assert_ok(goes_model_delete(store, NULL, "hooked", NULL, &error));
	use(store, "0", append_in_model, NULL);
	assert_int_equal(hooks, 1);
	expect_stored("hooked", "1");
	expect_events(1);
	goes_store_close(store);
	store = outer;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF_A_MODEL(test_a_missing_model_is_not_found),
		OF_A_MODEL(test_no_new_json_leaves_the_model),
		OF_A_MODEL(test_a_function_that_says_no_changes_nothing),
		OF_A_MODEL(test_new_json_that_is_none_changes_nothing),
		OF_A_MODEL(test_a_failure_that_is_not_told),
		OF_A_MODEL(test_a_model_and_events_both_or_neither),
		OF_A_MODEL(test_the_function_cannot_end_its_transaction),
		OF_A_MODEL(test_models_in_models),
		OF_A_MODEL(test_inserts_in_the_function_run_hooks),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
