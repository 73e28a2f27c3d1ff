/*
 * server_cursor.c
 *    Cursors in every way of reading: results of any size, several at once.
 */
#include "cursors.h"

#define MOST 5000
#define MANY 20000 /* more than all buffers on the way take */

static void
test_results_of_every_size(void **state)
{
	static const int sizes[] = {0, 1, 3, 4, 5, 7, 8, 9, 31, 32, 33, 40, 41, 999, 1000, 1001, MOST};
	goes_store		*store = open_store("sizes");
	goes_error		*error = NULL;

	make_history(store, "sizes", MOST, 10);
	for (int way = 0; way < WAYS; way++)
	{
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		{
			const goes_event *event = NULL;
			Reader			  reader;

			assert_ok(start_reading(&reader, store, way, sizes[i], NULL, &error));
			for (int time = 1; time <= sizes[i]; time++)
				expect_next(&reader, time);
			for (int again = 0; again < 3; again++)
				assert_int_equal(goes_cursor_next(reader.cursor, &event, &error), GOES_END);
			assert_null(event);
			end_reading(&reader);
		}
	}
	goes_store_close(store);
}

static void
test_events_of_a_megabyte(void **state)
{
	goes_store *store = open_store("megabytes");
	goes_error *error = NULL;

	make_history(store, "megabytes", 12, 1000000);
	for (int way = 0; way < WAYS; way++)
	{
		const goes_event *event;
		Reader			  reader;
		int				  n = 0;
		int				  status;

		assert_ok(start_reading(&reader, store, way, 12, NULL, &error));
		while ((status = goes_cursor_next(reader.cursor, &event, &error)) == GOES_EVENT)
		{
			n++;
			assert_int_equal(event->data_len, 1000002);
			assert_int_equal(strlen(event->data), 1000002);
			assert_int_equal(event->data[1000000], 'x');
		}
		assert_ok(status);
		assert_int_equal(n, 12);
		end_reading(&reader);
	}
	goes_store_close(store);
}

static void
test_cursors_interleave(void **state)
{
	goes_store *store = open_store("interleaved");
	goes_error *error = NULL;

	make_history(store, "interleaved", MOST, 10);
	for (int pair = 0; pair < WAYS * WAYS; pair++)
	{
		Reader one, other;

		assert_ok(start_reading(&one, store, pair / WAYS, MOST, NULL, &error));
		assert_ok(start_reading(&other, store, pair % WAYS, MOST, NULL, &error));
		for (int time = 1; time <= 1000; time++)
		{
			expect_next(&one, time);
			expect_next(&other, time);
		}
		end_reading(&one);
		assert_int_equal(read_to_end(other.cursor), MOST - 1000);
		end_reading(&other);
	}
	goes_store_close(store);
}

static void
test_a_cursor_outlives_its_store(void **state)
{
	goes_error *error = NULL;

	for (int way = 0; way < PORTAL; way++)
	{
		goes_store *store = open_store("outlived");
		Reader		reader;

		if (way == 0)
			make_history(store, "outlived", MANY, 100);
		assert_ok(start_reading(&reader, store, way, MANY, NULL, &error));
		expect_next(&reader, 1);
		goes_store_close(store);
		assert_int_equal(read_to_end(reader.cursor), MANY - 1);
		goes_cursor_close(reader.cursor);
	}
}

static void
test_misuse_of_a_cursor_is_refused(void **state)
{
	goes_store		 *store = open_store("misused");
	goes_error		 *error = NULL;
	goes_cursor		 *cursor = NULL;
	const goes_event *event;

	expect_error(goes_cursor_next(NULL, &event, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_query_run(NULL, NULL, &cursor, NULL, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	expect_error(goes_query_run(store, NULL, NULL, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	assert_ok(goes_query_run(store, NULL, &cursor, NULL, &error));
	expect_error(goes_cursor_next(cursor, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
	assert_int_equal(read_to_end(cursor), 0);
	goes_cursor_close(cursor);
	goes_cursor_close(NULL);
	goes_store_close(store);
}

/*
 * Outside of a transaction block, a program that uses the extended protocol may send the FETCH behind
 * the call, before the transaction ends.
 */
static void
test_the_extension_s_cursor_in_a_pipeline(void **state)
{
	goes_store *store = open_store("pipelined");
	goes_error *error = NULL;
	PGconn	   *connection = admin_connection(TEST_DATABASE);
	PGresult   *result;
	int			rows = 0;

	assert_ok(goes_store_connect(store, NULL, &error));
	make_history(store, "pipelined", 3, 10);
	assert_int_equal(PQenterPipelineMode(connection), 1);
	assert_int_equal(PQsendQueryParams(connection,
									   "SELECT goes_query_cursor(portal => 'piped', "
									   "store => 'pipelined')",
									   0, NULL, NULL, NULL, NULL, 0),
					 1);
	assert_int_equal(
		PQsendQueryParams(connection, "FETCH ALL FROM piped", 0, NULL, NULL, NULL, NULL, 0), 1);
	assert_int_equal(PQpipelineSync(connection), 1);
	for (int ends = 0; ends < 2;)
	{
		result = PQgetResult(connection);
		if (result == NULL)
			ends++;
		else
			rows = PQntuples(result);
		if (result != NULL && PQresultStatus(result) != PGRES_TUPLES_OK)
			fail_msg("%s", PQresultErrorMessage(result));
		PQclear(result);
	}
	assert_int_equal(rows, 3);
	PQfinish(connection);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_of_every_size),
		cmocka_unit_test(test_events_of_a_megabyte),
		cmocka_unit_test(test_cursors_interleave),
		cmocka_unit_test(test_a_cursor_outlives_its_store),
		cmocka_unit_test(test_misuse_of_a_cursor_is_refused),
		cmocka_unit_test(test_the_extension_s_cursor_in_a_pipeline),
	};

	return RUN_TESTS(tests);
}
