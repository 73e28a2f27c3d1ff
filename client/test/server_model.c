/*
 * server_model.c
 *    Read models: saving, fetching and removing them.
 */
#include "events.h"
#include "one_store.h"

static void
store_model(goes_store *used, const char *id, const char *json)
{
	goes_error *error = NULL;

	assert_ok(goes_model_save(used, NULL, id, json, NULL, &error));
}

/*
 * expect_fetched expects a model, or with NULL none.
 */
static void
expect_fetched(goes_store *used, const char *id, const char *expected)
{
	char	   *json = NULL;
	goes_error *error = NULL;
	int			status = goes_model_fetch(used, NULL, id, &json, NULL, &error);

	if (expected == NULL)
	{
		expect_error(status, &error, GOES_ERR_NOT_FOUND, "model");
		assert_null(json);
		return;
	}
	assert_ok(status);
	assert_string_equal(json, expected);
	goes_free(json);
}

static void
test_what_is_saved_is_fetched(void **state)
{
	expect_fetched(store, "saved", NULL);
	store_model(store, "saved", "{\"total\":30}");
	expect_fetched(store, "saved", "{\"total\": 30}"); /* as jsonb prints it */
	store_model(store, "saved", "[]");
	expect_fetched(store, "saved", "[]");
	expect_fetched(store, "Saved", NULL);
}

static void
test_a_model_is_removed(void **state)
{
	goes_error *error = NULL;

	store_model(store, "removed", "1");
	store_model(store, "other", "2");
	assert_ok(goes_model_delete(store, NULL, "removed", NULL, &error));
	expect_fetched(store, "removed", NULL);
	expect_fetched(store, "other", "2");
	assert_ok(goes_model_delete(store, NULL, "removed", NULL, &error));
}

static void
test_any_json_is_a_model(void **state)
{
	static const char *const values[] = {"null",
										 "true",
										 "-1.50",
										 "\"\"",
										 "{}",
										 "\"größer 本 \xf0\x9f\x90\x98\"",
										 "{\"a\": {\"b\": [null, 1e-7]}}"};

	for (size_t i = 0; i < sizeof values / sizeof *values - 1; i++)
	{
		store_model(store, "any", values[i]);
		expect_fetched(store, "any", values[i]);
	}
	store_model(store, "any", "{\"a\": {\"b\": [null, 1e-7]}}");
	expect_fetched(store, "any", "{\"a\": {\"b\": [null, 0.0000001]}}");
}

static void
test_a_model_may_be_megabytes(void **state)
{
	size_t size = 8 << 20;
	char  *json = malloc(size);

	assert_non_null(json);
	memset(json, 'x', size);
	json[0] = json[size - 2] = '"';
	json[size - 1] = '\0';
	store_model(store, "big", json);
	expect_fetched(store, "big", json);
	free(json);
}

static void
test_ids_are_any_text(void **state)
{
	static const char *const ids[] = {"größer €", "本", "it's \"odd\" \\ {NULL}", " ", "a", "A"};
	char					 long_id[1001];

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
	{
		char json[16];

		snprintf(json, sizeof json, "%zu", i);
		store_model(store, ids[i], json);
	}
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
	{
		char json[16];

		snprintf(json, sizeof json, "%zu", i);
		expect_fetched(store, ids[i], json);
	}
	memset(long_id, 'i', sizeof long_id - 1);
	long_id[sizeof long_id - 1] = '\0';
	store_model(store, long_id, "1");
	expect_fetched(store, long_id, "1");
}

/*
 * What is no JSON changes nothing.
 */
static void
test_what_is_no_json(void **state)
{
	static const char *const bad[] = {"",	 " ",	  "{",			 "{\"a\": }", "nul",
									  "'a'", "{} {}", "\"\\u0000\"", "\"\xff\"",  "\"\\ud800\""};

	store_model(store, "kept", "1");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		goes_error *error = NULL;

		expect_error(goes_model_save(store, NULL, "kept", bad[i], NULL, &error), &error,
					 GOES_ERR_INVALID, "");
	}
	expect_fetched(store, "kept", "1");
}

static void
test_arguments_that_no_model_can_have(void **state)
{
	goes_error *error = NULL;
	char	   *json = NULL;

	expect_error(goes_model_save(NULL, NULL, "a", "1", NULL, &error), &error, GOES_ERR_INVALID,
				 "store");
	expect_error(goes_model_save(store, NULL, NULL, "1", NULL, &error), &error, GOES_ERR_INVALID,
				 "id");
	expect_error(goes_model_save(store, NULL, "", "1", NULL, &error), &error, GOES_ERR_INVALID,
				 "id");
	expect_error(goes_model_save(store, "", "a", "1", NULL, &error), &error, GOES_ERR_INVALID,
				 "table");
	expect_error(goes_model_save(store, NULL, "a", NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "json");
	expect_error(goes_model_save(store, NULL, "\xff", "1", NULL, &error), &error, GOES_ERR_INVALID,
				 "UTF8");
	expect_error(goes_model_fetch(store, NULL, "a", NULL, NULL, &error), &error, GOES_ERR_INVALID,
				 "json");
	expect_error(goes_model_fetch(store, NULL, "", &json, NULL, &error), &error, GOES_ERR_INVALID,
				 "id");
	expect_error(goes_model_delete(store, NULL, "", NULL, &error), &error, GOES_ERR_INVALID, "id");
	expect_error(goes_model_delete(NULL, NULL, "a", NULL, &error), &error, GOES_ERR_INVALID,
				 "store");
	expect_error(goes_model_use(store, NULL, "a", "1", NULL, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "function");
	expect_error(goes_model_use(store, NULL, NULL, "1", keep_model, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	expect_error(goes_model_use(store, "", "a", "1", keep_model, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "table");
	assert_null(json);
}

static void
test_a_transaction_outlives_a_model_that_is_not_found(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	store_model(goes_tx_store(tx), "kept together", "1");
	expect_fetched(goes_tx_store(tx), "missing", NULL);
	expect_error(
		goes_model_use(goes_tx_store(tx), NULL, "missing", NULL, keep_model, NULL, NULL, &error),
		&error, GOES_ERR_NOT_FOUND, "model");
	assert_ok(goes_model_delete(goes_tx_store(tx), NULL, "missing", NULL, &error));
	expect_fetched(goes_tx_store(tx), "kept together", "1");
	assert_ok(goes_tx_commit(tx, NULL, &error));
	expect_fetched(store, "kept together", "1");
}

static void
test_a_transaction_does_not_outlive_bad_json(void **state)
{
	goes_error *error = NULL;
	goes_tx	   *tx;
	char	   *json;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	store_model(goes_tx_store(tx), "undone", "1");
	expect_error(goes_model_save(goes_tx_store(tx), NULL, "undone", "{", NULL, &error), &error,
				 GOES_ERR_INVALID, "");
	expect_error(goes_model_fetch(goes_tx_store(tx), NULL, "undone", &json, NULL, &error), &error,
				 GOES_ERR_STATE, "");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	expect_fetched(store, "undone", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_saved_is_fetched),
		cmocka_unit_test(test_a_model_is_removed),
		cmocka_unit_test(test_any_json_is_a_model),
		cmocka_unit_test(test_a_model_may_be_megabytes),
		cmocka_unit_test(test_ids_are_any_text),
		cmocka_unit_test(test_what_is_no_json),
		cmocka_unit_test(test_arguments_that_no_model_can_have),
		cmocka_unit_test(test_a_transaction_outlives_a_model_that_is_not_found),
		cmocka_unit_test(test_a_transaction_does_not_outlive_bad_json),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
