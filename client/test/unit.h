/*
 * unit.h
 *    What the tests share: cmocka with what it wants included first, and checks of libgoes' results.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "goes.h"

/* libgoes has a function fail(); cmocka's macro of that name is not needed but by fail_msg. */
#undef fail
#undef fail_msg
#define fail_msg(...) \
	(print_error("# "), print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

/*
 * RUN_GROUP is what main returns: it runs an array of tests, between a function before them and one
 * after, and prints TAP. RUN_TESTS needs neither.
 */
#define RUN_GROUP(tests, before, after) \
	(cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, before, after))
#define RUN_TESTS(tests) RUN_GROUP(tests, NULL, NULL)

/*
 * RUN_ROWS runs a test for each row of a table. A row begins with its test's name, and is the test's
 * state; `before` and `after` are for each row.
 */
#define RUN_ROWS(rows, test, before, after) \
	run_rows(rows, sizeof rows / sizeof *rows, sizeof *rows, test, before, after)

static inline int
run_rows(const void *rows, size_t n, size_t size, CMUnitTestFunction test, CMFixtureFunction before,
		 CMFixtureFunction after)
{
	struct CMUnitTest tests[100];

	assert_true(n <= sizeof tests / sizeof *tests);
	for (size_t i = 0; i < n; i++)
	{
		const char *row = (const char *) rows + i * size;

		tests[i] =
			(struct CMUnitTest){*(const char *const *) row, test, before, after, (void *) row};
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("rows", tests, n, NULL, NULL);
}

/*
 * expect_error checks a failed call's status and error, and frees the error. It takes the error's
 * place, so that the call may stand among its arguments.
 */
static inline void
expect_error(int returned, goes_error **error, int status, const char *part_of_message)
{
	assert_int_equal(returned, status);
	assert_int_equal(goes_error_status(*error), status);
	if (strstr(goes_error_message(*error), part_of_message) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part_of_message, goes_error_message(*error));
	goes_error_free(*error);
	*error = NULL;
}

/*
 * uuid_of reads a UUID that is known to be one.
 */
static inline goes_uuid
uuid_of(const char *text)
{
	goes_uuid id;

	assert_int_equal(goes_uuid_parse(text, &id), GOES_OK);
	return id;
}

static inline goes_event
event_of(const char *name, const char *json)
{
	goes_event event;

	goes_event_init(&event, name, json);
	return event;
}

#endif
