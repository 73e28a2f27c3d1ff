/*
 * test_memory_conninfo.c
 *    Every allocation fails in turn while connection strings are read.
 */
#include "memory.h"
#include "net/conninfo.h"

/* So long that the settings which are added to them take another allocation. */
#define LONG_OPTIONS                                                                           \
	"-c work_mem=1111kB -c work_mem=2222kB -c work_mem=3333kB -c work_mem=4444kB "             \
	"-c work_mem=5555kB -c work_mem=6666kB -c work_mem=7777kB -c work_mem=8888kB "             \
	"-c work_mem=9999kB -c geqo=on -c geqo=off -c geqo=on -c geqo=off -c geqo=on -c geqo=off " \
	"-c geqo=on -c geqo=off -c geqo=on -c geqo=off -c geqo=on -c geqo=off -c geqo=on -c geqo=off "

static const char *const texts[] = {
	"postgres://somebody:a%20word@here:5432,there:5433/"
	"goes?search_path=shop,public&search_path=store"
	"&pool_max_conns=3&pool_max_conn_lifetime=1h&application_name=memory",
	"host=here,there port=5432 hostaddr=127.0.0.1,127.0.0.2 search_path='\"a shop\", public' "
	"pool_max_conns = 3 options='" LONG_OPTIONS "'",
};

static int
read_text(void *text)
{
	Conninfo	conninfo;
	goes_error *error = NULL;
	int			status = conninfo_parse(&conninfo, text, &error);

	if (status == GOES_OK)
	{
		assert_int_equal(conninfo.pool_max_conns, 3);
		status = conninfo_check(&conninfo, &error);
		assert_non_null(strstr(conninfo_value(&conninfo, "options"), "-c search_path="));
		assert_null(conninfo_value(&conninfo, "no such parameter"));
		conninfo_free(&conninfo);
	}
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

static void
a_connection_string_that_cannot_be_read_says_so(void **state)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_true(every_allocation_fails(read_text, (void *) texts[i], GOES_OK, SAYS_NO_MEMORY) >
					20);
}

static int
read_bad_text(void *text)
{
	Conninfo	conninfo;
	goes_error *error = NULL;
	int			status = conninfo_parse(&conninfo, text, &error);

	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

static void
a_bad_connection_string_is_bad_or_no_memory(void **state)
{
	assert_true(every_allocation_fails(read_bad_text, "host=here search_path=shop unknown=1",
									   GOES_ERR_INVALID, MAY_RECOVER) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_string_that_cannot_be_read_says_so),
		cmocka_unit_test(a_bad_connection_string_is_bad_or_no_memory),
	};

	return RUN_TESTS(tests);
}
