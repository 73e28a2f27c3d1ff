/*
 * test_error_conflict.c
 *    The details of a conflict, in an error.
 */
#include <stdlib.h>

#include "data/data.h"
#include "unit.h"

/*
 * conflict_error makes an error with details, from memory that is gone afterwards.
 */
static goes_error *
conflict_error(const char *name)
{
	goes_error	 *error = NULL;
	char		 *copy = strdup(name);
	goes_conflict conflict = {.size = sizeof conflict,
							  .aggregate_name = copy,
							  .aggregate_id = uuid_of("019a0000-0000-7000-8000-000000000001"),
							  .current_version = 7,
							  .event_version = 6};
	ErrorDetails  details = {.sqlstate = "VE001", .event_index = 3, .conflict = &conflict};

	assert_int_equal(fail_detailed(&error, GOES_ERR_CONFLICT, details, "taken: %s", copy),
					 GOES_ERR_CONFLICT);
	memset(copy, 'x', strlen(copy));
	free(copy);
	return error;
}

/*
 * expect_details checks that an error has the details of conflict_error.
 */
static void
expect_details(const goes_error *error, const char *name)
{
	goes_uuid	  id = uuid_of("019a0000-0000-7000-8000-000000000001");
	goes_conflict conflict = {.size = sizeof conflict};

	assert_true(goes_error_conflict(error, &conflict));
	assert_int_equal(conflict.size, sizeof conflict);
	assert_string_equal(conflict.aggregate_name, name);
	assert_memory_equal(&conflict.aggregate_id, &id, sizeof id);
	assert_int_equal(conflict.current_version, 7);
	assert_int_equal(conflict.event_version, 6);
	assert_int_equal(goes_error_event_index(error), 3);
	assert_string_equal(goes_error_sqlstate(error), "VE001");
}

static void
an_error_keeps_a_conflicts_details(void **state)
{
	static const char *const names[] = {"", "order", "größer 😀 \"\\\n"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
	{
		goes_error *error = conflict_error(names[i]);

		expect_details(error, names[i]);
		expect_details(error, names[i]); /* as often as one likes */
		assert_true(strncmp(goes_error_message(error), "taken: ", 7) == 0);
		assert_true(goes_error_is_retryable(error));
		goes_error_free(error);
	}
}

/* What was copied lives on when the first one is gone. */
static void
a_copied_error_has_them_too(void **state)
{
	goes_error *error = conflict_error("order");
	goes_error *copy = NULL;

	assert_int_equal(copy_error(&copy, error), GOES_ERR_CONFLICT);
	goes_error_free(error);
	expect_details(copy, "order");
	assert_string_equal(goes_error_message(copy), "taken: order");
	goes_error_free(copy);
}

static void
an_error_without_details_leaves_out_alone(void **state)
{
	goes_conflict conflict = {.size = sizeof conflict, .aggregate_name = "mine"};
	goes_error	 *error = NULL;

	assert_false(goes_error_conflict(NULL, &conflict));
	fail_sqlstate(&error, GOES_ERR_CONFLICT, "23505", "taken");
	assert_false(goes_error_conflict(error, &conflict));
	goes_error_free(error);
	fail_memory(&error);
	assert_false(goes_error_conflict(error, &conflict));
	goes_error_free(error);
	assert_int_equal(conflict.size, sizeof conflict);
	assert_string_equal(conflict.aggregate_name, "mine");
}

static void
details_need_a_place_of_a_size(void **state)
{
	goes_error	 *error = conflict_error("order");
	goes_conflict conflict = {.size = 0, .aggregate_name = "mine"};

	assert_false(goes_error_conflict(error, NULL));
	assert_false(goes_error_conflict(error, &conflict));
	assert_string_equal(conflict.aggregate_name, "mine");
	goes_error_free(error);
}

/* A program that was compiled when the structure had fewer fields. */
static void
an_older_structure_gets_what_it_has(void **state)
{
	goes_error	 *error = conflict_error("order");
	goes_conflict conflict = {.size = offsetof(goes_conflict, current_version),
							  .current_version = 99,
							  .event_version = 98};

	assert_true(goes_error_conflict(error, &conflict));
	assert_int_equal(conflict.size, offsetof(goes_conflict, current_version));
	assert_string_equal(conflict.aggregate_name, "order");
	assert_int_equal(conflict.current_version, 99);
	assert_int_equal(conflict.event_version, 98);
	goes_error_free(error);
}

/* A program that was compiled for a later library. */
static void
a_newer_structure_keeps_its_zeros(void **state)
{
	struct
	{
		goes_conflict known;
		char		  unknown[64];
	} newer = {.known = {.size = sizeof newer}};
	static const char zeros[64];
	goes_error		 *error = conflict_error("order");

	assert_true(goes_error_conflict(error, &newer.known));
	assert_int_equal(newer.known.size, sizeof newer);
	assert_int_equal(newer.known.current_version, 7);
	assert_memory_equal(newer.unknown, zeros, sizeof zeros);
	goes_error_free(error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_keeps_a_conflicts_details),
		cmocka_unit_test(a_copied_error_has_them_too),
		cmocka_unit_test(an_error_without_details_leaves_out_alone),
		cmocka_unit_test(details_need_a_place_of_a_size),
		cmocka_unit_test(an_older_structure_gets_what_it_has),
		cmocka_unit_test(a_newer_structure_keeps_its_zeros),
	};

	return RUN_TESTS(tests);
}
