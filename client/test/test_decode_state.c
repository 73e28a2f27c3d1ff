/*
 * test_decode_state.c
 *    Snapshots and models on the way in.
 */
#include "rows.h"

static const Value saved[SNAPSHOT_COLUMNS] = {
	{"\x01\x98\xab\xcd\xef\x00\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xff", 16},
	{"order", 5},
	{"\xff\xff\xff\xfe", 4},
	{"\x00\x00\x00\x00\x00\x00\x03\xe8", 8},
	{"a\0b\xff", 4}};

enum
{
	AGGREGATE_ID,
	AGGREGATE_NAME,
	AGGREGATE_VERSION,
	TIME,
	STATE
};

/*
 * saved_but makes the usual row with one value changed.
 */
static PGresult *
saved_but(int column, const char *bytes, int length)
{
	Value values[SNAPSHOT_COLUMNS];

	memcpy(values, saved, sizeof values);
	values[column] = (Value){bytes, length};
	return result_of(values, SNAPSHOT_COLUMNS);
}

/*
 * expect_unreadable_snapshot decodes row 0, which has to fail, and frees the result.
 */
static void
expect_unreadable_snapshot(PGresult *result)
{
	goes_snapshot snapshot;
	goes_error	 *error = NULL;

	expect_error(decode_snapshot(result, 0, snapshot_columns, &snapshot, &error), &error,
				 GOES_ERR_SERVER, "cannot be read");
	assert_int_equal(decode_snapshot(result, 0, snapshot_columns, &snapshot, NULL),
					 GOES_ERR_SERVER);
	PQclear(result);
}

static void
expect_saved(const PGresult *result, int row, const int *columns)
{
	goes_snapshot snapshot;
	goes_error	 *error = NULL;

	memset(&snapshot, 0xff, sizeof snapshot);
	assert_int_equal(decode_snapshot(result, row, columns, &snapshot, &error), GOES_OK);
	assert_null(error);
	assert_memory_equal(&snapshot.aggregate_id, saved[AGGREGATE_ID].bytes, 16);
	assert_string_equal(snapshot.aggregate_name, "order");
	assert_int_equal(snapshot.aggregate_version, -2);
	assert_int_equal(snapshot.time, 1000);
	assert_int_equal(snapshot.state_len, 4);
	assert_memory_equal(snapshot.state, "a\0b\xff", 4);
}

static void
a_row_becomes_a_snapshot(void **state)
{
	PGresult *result = result_of(saved, SNAPSHOT_COLUMNS);

	expect_saved(result, 0, snapshot_columns);
	PQclear(result);
}

/* As goes_load has it. */
static void
a_snapshot_may_be_in_any_columns(void **state)
{
	static const int columns[SNAPSHOT_COLUMNS] = {4, 3, 1, 2, 0};
	Value			 values[SNAPSHOT_COLUMNS];
	PGresult		*result;

	for (int i = 0; i < SNAPSHOT_COLUMNS; i++)
		values[columns[i]] = saved[i];
	result = result_of(values, SNAPSHOT_COLUMNS);
	expect_saved(result, 0, columns);
	PQclear(result);
}

static void
a_state_may_be_empty(void **state)
{
	PGresult	 *result = saved_but(STATE, "", 0);
	goes_snapshot snapshot;

	assert_int_equal(decode_snapshot(result, 0, snapshot_columns, &snapshot, NULL), GOES_OK);
	assert_int_equal(snapshot.state_len, 0);
	PQclear(result);
}

static void
nothing_of_a_snapshot_is_null(void **state)
{
	for (int column = 0; column < SNAPSHOT_COLUMNS; column++)
		expect_unreadable_snapshot(saved_but(column, NULL, NULL_LENGTH));
}

static void
a_snapshots_value_of_the_wrong_length_is_not_read(void **state)
{
	static const char zeros[40] = {0};
	static const int  columns[] = {AGGREGATE_ID, AGGREGATE_VERSION, TIME};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
	{
		for (int length = 0; length < (int) sizeof zeros; length++)
		{
			if (length != saved[columns[i]].length)
				expect_unreadable_snapshot(saved_but(columns[i], zeros, length));
		}
	}
}

static void
a_snapshot_with_too_few_columns_is_not_read(void **state)
{
	for (int columns = 0; columns < SNAPSHOT_COLUMNS; columns++)
		expect_unreadable_snapshot(result_of(saved, columns));
	expect_unreadable_snapshot(NULL);
}

static void
a_snapshot_that_is_not_there_is_not_read(void **state)
{
	static const int rows[] = {-1, 1, INT32_MAX};
	PGresult		*result = result_of(saved, SNAPSHOT_COLUMNS);
	goes_snapshot	 snapshot;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(decode_snapshot(result, rows[i], snapshot_columns, &snapshot, NULL),
						 GOES_ERR_SERVER);
	PQclear(result);
}

/*
 * expect_decoded_model decodes a result of one value, and frees it.
 */
static void
expect_decoded_model(const char *bytes, int length, int status, const char *expected)
{
	PGresult   *result = result_of(&(Value){bytes, length}, 1);
	const char *json = NULL;
	goes_error *error = NULL;

	assert_int_equal(decode_model(result, &json, &error), status);
	assert_int_equal(goes_error_status(error), status);
	if (expected == NULL)
		assert_null(json);
	else
		assert_string_equal(json, expected);
	goes_error_free(error);
	PQclear(result);
}

static void
a_value_becomes_a_model(void **state)
{
	expect_decoded_model("\x01{\"a\": 1}", 9, GOES_OK, "{\"a\": 1}");
	expect_decoded_model("\x01null", 5, GOES_OK, "null");
	expect_decoded_model("\x01", 1, GOES_OK, "");
}

static void
null_is_no_model(void **state)
{
	expect_decoded_model(NULL, NULL_LENGTH, GOES_ERR_NOT_FOUND, NULL);
}

static void
a_model_of_another_form_is_not_read(void **state)
{
	expect_decoded_model("", 0, GOES_ERR_SERVER, NULL);
	expect_decoded_model("{}", 2, GOES_ERR_SERVER, NULL);
	expect_decoded_model("\x02{}", 3, GOES_ERR_SERVER, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_becomes_a_snapshot),
		cmocka_unit_test(a_snapshot_may_be_in_any_columns),
		cmocka_unit_test(a_state_may_be_empty),
		cmocka_unit_test(nothing_of_a_snapshot_is_null),
		cmocka_unit_test(a_snapshots_value_of_the_wrong_length_is_not_read),
		cmocka_unit_test(a_snapshot_with_too_few_columns_is_not_read),
		cmocka_unit_test(a_snapshot_that_is_not_there_is_not_read),
		cmocka_unit_test(a_value_becomes_a_model),
		cmocka_unit_test(null_is_no_model),
		cmocka_unit_test(a_model_of_another_form_is_not_read),
	};

	return RUN_TESTS(tests);
}
