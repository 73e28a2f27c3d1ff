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

#endif
