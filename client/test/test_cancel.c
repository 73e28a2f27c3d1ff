/*
 * test_cancel.c
 *    A goes_cancel by itself; test_cancel_wait.c waits with one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "data/data.h"
#include "unit.h"

static void
a_cancel_is_cancelled_once_triggered(void **state)
{
	goes_cancel *cancel = goes_cancel_new();

	assert_false(is_cancelled(cancel));
	goes_cancel_trigger(cancel);
	assert_true(is_cancelled(cancel));
	goes_cancel_free(cancel);
}

static void
no_cancel_is_never_cancelled(void **state)
{
	assert_false(is_cancelled(NULL));
	goes_cancel_trigger(NULL);
	goes_cancel_free(NULL);
}

/* A signal handler must not change it. */
static void
triggering_leaves_errno_alone(void **state)
{
	goes_cancel *cancel = goes_cancel_new();

	errno = EINTR;
	goes_cancel_trigger(cancel);
	goes_cancel_trigger(NULL);
	assert_int_equal(errno, EINTR);
	goes_cancel_free(cancel);
}

static void
there_is_no_cancel_without_file_descriptors(void **state)
{
	struct rlimit usual;
	struct rlimit none;
	goes_cancel	 *cancel;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	none = (struct rlimit){0, usual.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	cancel = goes_cancel_new();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_null(cancel);
}

/*
 * count_descriptors counts the open file descriptors with these flags, or any with -1.
 */
static int
count_descriptors(int flags)
{
	int count = 0;

	for (int i = 0; i < 1024; i++)
	{
		int has = fcntl(i, F_GETFD);

		count += has != -1 && (flags == -1 || has == flags);
	}
	return count;
}

static void
a_freed_cancel_keeps_no_file_descriptor(void **state)
{
	int before = count_descriptors(-1);

	goes_cancel_free(goes_cancel_new());
	assert_int_equal(count_descriptors(-1), before);
}

static void
a_program_that_is_executed_inherits_no_cancel(void **state)
{
	int			 before = count_descriptors(0);
	goes_cancel *cancel = goes_cancel_new();

	assert_int_equal(count_descriptors(0), before);
	goes_cancel_free(cancel);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancel_is_cancelled_once_triggered),
		cmocka_unit_test(no_cancel_is_never_cancelled),
		cmocka_unit_test(triggering_leaves_errno_alone),
		cmocka_unit_test(there_is_no_cancel_without_file_descriptors),
		cmocka_unit_test(a_freed_cancel_keeps_no_file_descriptor),
		cmocka_unit_test(a_program_that_is_executed_inherits_no_cancel),
	};

	return RUN_TESTS(tests);
}
