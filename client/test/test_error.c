/*
 * test_error.c
 *    Statuses, SQLSTATEs, and what an error tells.
 */
#include <stdlib.h>

#include "data/data.h"
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

/* A database that is gone does not come back by waiting. */
static void
what_is_final_is_not_worth_a_retry(void **state)
{
	ErrorDetails details = {.sqlstate = "3D000", .event_index = -1, .is_final = true};
	goes_error	*error = NULL;
	goes_error	*copy = NULL;

	fail_detailed(&error, GOES_ERR_CONNECT, details, "gone");
	assert_false(goes_error_is_retryable(error));
	copy_error(&copy, error);
	assert_false(goes_error_is_retryable(copy));
	goes_error_free(copy);
	goes_error_free(error);
}

/* Its SQLSTATE says nothing about what libgoes asked for. */
static void
a_foreign_error_has_no_sqlstate_of_ours(void **state)
{
	ErrorDetails details = {.sqlstate = "42P01", .event_index = -1};
	goes_error	*error = NULL;

	for (int i = 0; i < 2; i++)
	{
		details.is_foreign = i == 1;
		fail_detailed(&error, GOES_ERR_SERVER, details, "missing");
		assert_true(has_sqlstate(error, "26000 42P01"));
		assert_int_equal(has_own_sqlstate(error, "26000 42P01"), i == 0);
		assert_false(has_own_sqlstate(error, "26000"));
		goes_error_free(error);
	}
	assert_false(has_own_sqlstate(NULL, "26000"));
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

static void
append_only_and_a_replay_that_differs_are_not_worth_a_retry(void **state)
{
	assert_true(is_retryable(status_of_sqlstate("VE001"), "VE001"));
	assert_false(is_retryable(status_of_sqlstate("VE002"), "VE002"));
	assert_false(is_retryable(status_of_sqlstate("VE003"), "VE003"));
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
		cmocka_unit_test(what_is_final_is_not_worth_a_retry),
		cmocka_unit_test(a_foreign_error_has_no_sqlstate_of_ours),
		cmocka_unit_test(so_are_transactions_that_got_in_each_others_way),
		cmocka_unit_test(work_in_doubt_is_never_retried_blindly),
		cmocka_unit_test(sqlstates_become_statuses),
		cmocka_unit_test(append_only_and_a_replay_that_differs_are_not_worth_a_retry),
	};

	return RUN_TESTS(tests);
}
