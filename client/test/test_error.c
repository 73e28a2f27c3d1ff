/*
 * test_error.c
 *    Statuses, SQLSTATEs, and what an error tells.
 */
#include <stdlib.h>

#include "internal.h"
#include "unit.h"

static const int statuses[] = {GOES_OK,
							   GOES_ERR_NOMEM,
							   GOES_ERR_INVALID,
							   GOES_ERR_CONNECT,
							   GOES_ERR_TIMEOUT,
							   GOES_ERR_CANCELLED,
							   GOES_ERR_NOT_FOUND,
							   GOES_ERR_CONFLICT,
							   GOES_ERR_DUPLICATE,
							   GOES_ERR_IN_DOUBT,
							   GOES_ERR_SCHEMA,
							   GOES_ERR_PERMISSION,
							   GOES_ERR_SERVER,
							   GOES_ERR_STATE,
							   GOES_ERR_HOOK,
							   GOES_ERR_READ_ONLY,
							   GOES_ERR_EXTENSION};

#define STATUSES (sizeof statuses / sizeof *statuses)

/* Programs that were compiled long ago know them by number. */
static void
statuses_keep_their_numbers(void **state)
{
	static const int numbers[STATUSES] = {0,  -1,  -2,	-3,	 -4,  -5,  -6,	-7, -8,
										  -9, -10, -11, -12, -13, -14, -15, -16};

	assert_memory_equal(statuses, numbers, sizeof numbers);
}

static void
every_status_has_a_text_of_its_own(void **state)
{
	for (size_t i = 0; i < STATUSES; i++)
	{
		const char *text = goes_status_text(statuses[i]);

		assert_string_not_equal(text, "");
		assert_string_not_equal(text, goes_status_text(1));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(text, goes_status_text(statuses[j]));
	}
}

static void
a_number_that_is_no_status_has_a_text_too(void **state)
{
	assert_string_equal(goes_status_text(1), "unknown status");
	assert_string_equal(goes_status_text(-1000), "unknown status");
	assert_string_equal(goes_status_text(INT32_MIN), "unknown status");
}

static void
an_error_tells_what_it_was_made_of(void **state)
{
	for (size_t i = 1; i < STATUSES; i++)
	{
		goes_error *error = NULL;

		assert_int_equal(fail(&error, statuses[i], "table \"%s\": %d", "events", 7), statuses[i]);
		assert_int_equal(goes_error_status(error), statuses[i]);
		assert_string_equal(goes_error_message(error), statuses[i] == GOES_ERR_NOMEM
														   ? goes_error_message(error)
														   : "table \"events\": 7");
		assert_string_equal(goes_error_sqlstate(error), "");
		assert_int_equal(goes_error_event_index(error), -1);
		goes_error_free(error);
	}
}

static void
an_error_names_its_event(void **state)
{
	goes_error *error = NULL;

	assert_int_equal(fail_event(&error, GOES_ERR_INVALID, INT64_C(5000000000), "bad"),
					 GOES_ERR_INVALID);
	assert_int_equal(goes_error_event_index(error), INT64_C(5000000000));
	assert_string_equal(goes_error_message(error), "bad");
	assert_string_equal(goes_error_sqlstate(error), "");
	goes_error_free(error);
}

static void
an_error_keeps_the_sqlstate(void **state)
{
	goes_error *error = NULL;

	assert_int_equal(fail_sqlstate(&error, GOES_ERR_SERVER, "XX000", "%s", "100 % broken"),
					 GOES_ERR_SERVER);
	assert_string_equal(goes_error_sqlstate(error), "XX000");
	assert_string_equal(goes_error_message(error), "100 % broken");
	assert_int_equal(goes_error_event_index(error), -1);
	goes_error_free(error);
}

static void
a_missing_or_overlong_sqlstate_does_no_harm(void **state)
{
	goes_error *error = NULL;

	fail_sqlstate(&error, GOES_ERR_SERVER, NULL, "the server said nothing");
	assert_string_equal(goes_error_sqlstate(error), "");
	goes_error_free(error);
	fail_sqlstate(&error, GOES_ERR_SERVER, "4000123", "too long");
	assert_string_equal(goes_error_sqlstate(error), "40001");
	goes_error_free(error);
}

static void
a_message_is_never_cut(void **state)
{
	static char text[100001];
	goes_error *error = NULL;

	memset(text, 'x', sizeof text - 1);
	fail(&error, GOES_ERR_INVALID, "%s", text);
	assert_string_equal(goes_error_message(error), text);
	goes_error_free(error);
}

static void
a_caller_who_wants_no_error_gets_the_status(void **state)
{
	assert_int_equal(fail(NULL, GOES_ERR_STATE, "%d", 1), GOES_ERR_STATE);
	assert_int_equal(fail_event(NULL, GOES_ERR_INVALID, 3, "%d", 1), GOES_ERR_INVALID);
	assert_int_equal(fail_sqlstate(NULL, GOES_ERR_SERVER, "XX000", "%d", 1), GOES_ERR_SERVER);
	assert_int_equal(fail_memory(NULL), GOES_ERR_NOMEM);
}

/* goes.h: *err is never read, so it may hold rubbish before the call. */
static void
what_err_held_before_is_never_read(void **state)
{
	goes_error *error = (goes_error *) (uintptr_t) 0xdeadbeef;

	fail(&error, GOES_ERR_STATE, "new");
	assert_string_equal(goes_error_message(error), "new");
	goes_error_free(error);
}

static void
missing_memory_needs_no_memory_to_be_told(void **state)
{
	goes_error *error = NULL;
	goes_error *again = NULL;

	assert_int_equal(fail_memory(&error), GOES_ERR_NOMEM);
	assert_int_equal(goes_error_status(error), GOES_ERR_NOMEM);
	assert_string_equal(goes_error_message(error), goes_status_text(GOES_ERR_NOMEM));
	assert_string_equal(goes_error_sqlstate(error), "");
	assert_int_equal(goes_error_event_index(error), -1);
	assert_false(goes_error_is_retryable(error));
	goes_error_free(error);
	fail_memory(&again);
	assert_ptr_equal(again, error);
	goes_error_free(again);
}

static void
no_error_is_success_without_words(void **state)
{
	assert_int_equal(goes_error_status(NULL), GOES_OK);
	assert_string_equal(goes_error_message(NULL), "");
	assert_string_equal(goes_error_sqlstate(NULL), "");
	assert_int_equal(goes_error_event_index(NULL), -1);
	assert_false(goes_error_is_retryable(NULL));
	goes_error_free(NULL);
}

static bool
is_retryable(int status, const char *sqlstate)
{
	goes_error *error = NULL;
	bool		retryable;

	fail_sqlstate(&error, status, sqlstate, "failed");
	retryable = goes_error_is_retryable(error);
	goes_error_free(error);
	return retryable;
}

static void
a_conflict_and_a_lost_connection_are_worth_a_retry(void **state)
{
	for (size_t i = 1; i < STATUSES; i++)
		assert_int_equal(is_retryable(statuses[i], NULL),
						 statuses[i] == GOES_ERR_CONFLICT || statuses[i] == GOES_ERR_CONNECT);
}

static void
so_are_transactions_that_got_in_each_others_way(void **state)
{
	assert_true(is_retryable(GOES_ERR_SERVER, "40001"));
	assert_true(is_retryable(GOES_ERR_SERVER, "40P01"));
	assert_true(is_retryable(GOES_ERR_SERVER, "55P03"));
	assert_false(is_retryable(GOES_ERR_SERVER, "40003"));
	assert_false(is_retryable(GOES_ERR_SERVER, "23505"));
	assert_false(is_retryable(GOES_ERR_SERVER, "40"));
}

static void
work_in_doubt_is_never_retried_blindly(void **state)
{
	assert_false(is_retryable(GOES_ERR_IN_DOUBT, NULL));
	assert_false(is_retryable(GOES_ERR_IN_DOUBT, "40001"));
	assert_false(is_retryable(GOES_ERR_IN_DOUBT, "40P01"));
	assert_false(is_retryable(GOES_ERR_IN_DOUBT, "08006"));
}

/* client-api.md, "Server errors to statuses"; the rest is the server's own affair. */
static void
sqlstates_become_statuses(void **state)
{
	static const struct
	{
		const char *sqlstate;
		int			status;
	} expected[] = {
		{"28000", GOES_ERR_PERMISSION}, {"28P01", GOES_ERR_PERMISSION},
		{"42501", GOES_ERR_PERMISSION}, {"VE004", GOES_ERR_SCHEMA},
		{"42P01", GOES_ERR_SCHEMA},		{"VE001", GOES_ERR_CONFLICT},
		{"VE002", GOES_ERR_READ_ONLY},	{"3F000", GOES_ERR_SCHEMA},
		{"42602", GOES_ERR_INVALID},	{"42622", GOES_ERR_INVALID},
		{"VE003", GOES_ERR_DUPLICATE},	{"22000", GOES_ERR_INVALID},
		{"22P02", GOES_ERR_INVALID},	{"22021", GOES_ERR_INVALID},
		{"22P05", GOES_ERR_INVALID},	{"54000", GOES_ERR_INVALID},
		{"08000", GOES_ERR_CONNECT},	{"08006", GOES_ERR_CONNECT},
		{"08P01", GOES_ERR_CONNECT},	{"57P01", GOES_ERR_CONNECT},
		{"57P02", GOES_ERR_CONNECT},	{"57P03", GOES_ERR_CONNECT},
		{"53300", GOES_ERR_CONNECT},	{"23505", GOES_ERR_SERVER},
		{"57014", GOES_ERR_SERVER},		{"40001", GOES_ERR_SERVER},
		{"40P01", GOES_ERR_SERVER},		{"54001", GOES_ERR_SERVER},
		{"53200", GOES_ERR_SERVER},		{"42883", GOES_ERR_SERVER},
		{"VE999", GOES_ERR_SERVER},		{"XX000", GOES_ERR_SERVER},
		{"00000", GOES_ERR_SERVER},		{"2", GOES_ERR_SERVER},
		{"", GOES_ERR_SERVER},
	};

	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
	{
		int status = status_of_sqlstate(expected[i].sqlstate);

		if (status != expected[i].status)
			fail_msg("\"%s\": %s, not %s", expected[i].sqlstate, goes_status_text(status),
					 goes_status_text(expected[i].status));
	}
}

/* ---- Conflicts ---- */

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

static void
append_only_and_a_replay_that_differs_are_not_worth_a_retry(void **state)
{
	assert_true(is_retryable(status_of_sqlstate("VE001"), "VE001"));
	assert_false(is_retryable(status_of_sqlstate("VE002"), "VE002"));
	assert_false(is_retryable(status_of_sqlstate("VE003"), "VE003"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_keep_their_numbers),
		cmocka_unit_test(every_status_has_a_text_of_its_own),
		cmocka_unit_test(a_number_that_is_no_status_has_a_text_too),
		cmocka_unit_test(an_error_tells_what_it_was_made_of),
		cmocka_unit_test(an_error_names_its_event),
		cmocka_unit_test(an_error_keeps_the_sqlstate),
		cmocka_unit_test(a_missing_or_overlong_sqlstate_does_no_harm),
		cmocka_unit_test(a_message_is_never_cut),
		cmocka_unit_test(a_caller_who_wants_no_error_gets_the_status),
		cmocka_unit_test(what_err_held_before_is_never_read),
		cmocka_unit_test(missing_memory_needs_no_memory_to_be_told),
		cmocka_unit_test(no_error_is_success_without_words),
		cmocka_unit_test(a_conflict_and_a_lost_connection_are_worth_a_retry),
		cmocka_unit_test(so_are_transactions_that_got_in_each_others_way),
		cmocka_unit_test(work_in_doubt_is_never_retried_blindly),
		cmocka_unit_test(sqlstates_become_statuses),
		cmocka_unit_test(an_error_keeps_a_conflicts_details),
		cmocka_unit_test(a_copied_error_has_them_too),
		cmocka_unit_test(an_error_without_details_leaves_out_alone),
		cmocka_unit_test(details_need_a_place_of_a_size),
		cmocka_unit_test(an_older_structure_gets_what_it_has),
		cmocka_unit_test(a_newer_structure_keeps_its_zeros),
		cmocka_unit_test(append_only_and_a_replay_that_differs_are_not_worth_a_retry),
	};

	return RUN_TESTS(tests);
}
