/*
 * test_append_outcome.c
 *    What the server says of each of many appends, also when it is asked again.
 */
#include "unit.h"
#include "calls/appending.h"

#define COLUMNS 8

static const goes_uuid order = {{1, 2, 3}};

/*
 * make_result makes a result of two rows: the first append is a conflict with its own aggregate, the
 * second one with another.
 */
static PGresult *
make_result(void)
{
	static char *const conflict[COLUMNS] = {
		NULL, "VE001", "version conflict", "order", "01020300-0000-0000-0000-000000000000", "4",
		"4",  "1"};
	PGresult	*result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS] = {{0}};

	for (int column = 0; column < COLUMNS; column++)
		columns[column].name = "column";
	assert_int_equal(PQsetResultAttrs(result, COLUMNS, columns), 1);
	for (int row = 0; row < 2; row++)
	{
		for (int column = 0; column < COLUMNS; column++)
		{
			char *text = row == 1 && column == 3 ? "cart" : conflict[column];

			if (row == 0 && column == 6) /* the event's version is not known */
				text = NULL;

			assert_int_equal(
				PQsetvalue(result, row, column, text, text == NULL ? -1 : (int) strlen(text)), 1);
		}
	}
	return result;
}

/*
 * Whose connection is lost once more, asks again and gets outcomes once more.
 */
static void
test_outcomes_are_read_again(void **state)
{
	Appending	  first = {.write = {.aggregate_name = "order", .aggregate_id = &order}};
	Appending	  second = first;
	Appending	 *both[] = {&first, &second};
	const Write	  write = {.request = REQUEST_APPEND_EACH, .each = both, .each_count = 2};
	goes_conflict conflict = {.size = sizeof conflict};
	PGresult	 *result = make_result();
	goes_error	 *error = NULL;

	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(read_outcomes(&write, result, &error), GOES_OK);
		assert_int_equal(first.status, GOES_ERR_CONFLICT);
		assert_non_null(strstr(goes_error_message(first.error), "version conflict. Load"));
		assert_true(goes_error_conflict(first.error, &conflict));
		assert_int_equal(conflict.current_version, 4);
		assert_int_equal(conflict.event_version, -1);
		assert_false(first.is_open);
		assert_true(second.is_open);
		assert_null(second.error);
	}
	appending_begin(&first);
	assert_null(first.error);
	assert_int_equal(first.status, GOES_OK);
	PQclear(result);
}

/*
 * Another number of outcomes than appends is an error, and no append has one then.
 */
static void
test_outcomes_that_do_not_fit(void **state)
{
	Appending	one = {.write = {.aggregate_name = "order", .aggregate_id = &order}};
	Appending  *all[] = {&one};
	const Write write = {.request = REQUEST_APPEND_EACH, .each = all, .each_count = 1};
	PGresult   *result = make_result();
	goes_error *error = NULL;

	expect_error(read_outcomes(&write, result, &error), &error, GOES_ERR_SERVER, "cannot be read");
	assert_null(one.error);
	PQclear(result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes_are_read_again),
		cmocka_unit_test(test_outcomes_that_do_not_fit),
	};

	return RUN_TESTS(tests);
}
