/*
 * server_reset_libpq.c
 *    What a program leaves behind in libpq, on a connection that it was given, is gone when the
 *    connection serves again; one in the midst of something is closed.
 */
#include "lending.h"

static FILE *trace;
static int	 notices;

static void
count_notice(void *argument, const char *message)
{
	notices++;
}

static void
count_received(void *argument, const PGresult *result)
{
	notices++;
}

static void
leave_in_libpq(PGconn *connection)
{
	PQtrace(connection, trace);
	(void) PQsetNoticeProcessor(connection, count_notice, NULL);
	(void) PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
	(void) PQsetErrorContextVisibility(connection, PQSHOW_CONTEXT_ALWAYS);
	assert_int_equal(PQsetnonblocking(connection, 1), 0);
}

static void
leave_receiver(PGconn *connection)
{
	(void) PQsetNoticeReceiver(connection, count_received, NULL);
}

static void
give_notice(PGconn *connection)
{
	do_on(connection, "DO $$BEGIN RAISE WARNING 'noticed'; END$$");
}

static void
listen_to_oneself(PGconn *connection)
{
	do_on(connection, "LISTEN left_behind");
	do_on(connection, "NOTIFY left_behind");
}

static void
expect_fresh(PGconn *connection)
{
	assert_null(PQnotifies(connection));
	assert_int_equal(PQisnonblocking(connection), 0);
	assert_int_equal(PQpipelineStatus(connection), PQ_PIPELINE_OFF);
	assert_int_equal(PQsetErrorVerbosity(connection, PQERRORS_DEFAULT), PQERRORS_DEFAULT);
	assert_int_equal(PQsetErrorContextVisibility(connection, PQSHOW_CONTEXT_ERRORS),
					 PQSHOW_CONTEXT_ERRORS);
	assert_string_equal(pg_encoding_to_char(PQclientEncoding(connection)), "UTF8");
	give_notice(connection);
}

static void
test_nothing_stays_in_libpq(void **state)
{
	static const Use leaving[] = {leave_in_libpq, leave_receiver, listen_to_oneself};

	trace = tmpfile();
	for (size_t way = 0; way < LENDERS; way++)
	{
		goes_store *store = open_lending(NULL);
		int			backend = ask_number(goes_store_pool(store), BACKEND);

		for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++)
		{
			goes_error *error = NULL;
			long		traced;

			lend(store, way, leaving[i]);
			traced = ftell(trace);
			notices = 0;
			lend(store, 0, expect_fresh);
			assert_ok(insert_one(store, "silent", NULL, &error));
			assert_int_equal(notices, 0);
			assert_int_equal(ftell(trace), traced);
		}
		assert_int_equal(ask_number(goes_store_pool(store), BACKEND), backend);
		goes_store_close(store);
	}
	fclose(trace);
}

/*
 * A processor of notices works while the connection is the program's.
 */
static void
take_notice(PGconn *connection)
{
	(void) PQsetNoticeProcessor(connection, count_notice, NULL);
	give_notice(connection);
}

static void
test_a_program_may_have_a_processor_of_notices(void **state)
{
	goes_store *store = open_lending(NULL);

	for (size_t way = 0; way < LENDERS; way++)
	{
		notices = 0;
		lend(store, way, leave_receiver);
		lend(store, way, take_notice);
		assert_int_equal(notices, 1);
	}
	goes_store_close(store);
}

static void
change_encoding(PGconn *connection)
{
	assert_int_equal(PQsetClientEncoding(connection, "LATIN1"), 0);
}

static void
test_libpq_has_its_encoding_back(void **state)
{
	goes_error *error = NULL;
	goes_store *store = open_lending(NULL);
	goes_event	event = event_of("gr\xc3\xbc\xc3\x9f", "{}");

	for (size_t way = 0; way < LENDERS; way++)
	{
		if (lenders[way] == lend_by_model || lenders[way] == lend_by_hook)
			continue; /* libgoes refuses to go on in the transaction */
		lend(store, way, change_encoding);
		goes_uuid_v7(&event.id);
		assert_ok(goes_insert(store, &event, 1, NULL, &error));
		assert_int_equal(count_rows("events WHERE name = U&'gr\\00FC\\00DF'"), 1);
		admin_do(TEST_DATABASE, "TRUNCATE events");
		lend(store, 0, expect_fresh);
	}
	goes_store_close(store);
}

/* What makes a connection unfit: it is closed, and the next one is another. */
static void
leave_single_rows(PGconn *connection)
{
	assert_int_equal(PQsendQuery(connection, "SELECT generate_series(1, 10)"), 1);
	assert_int_equal(PQsetSingleRowMode(connection), 1);
	PQclear(PQgetResult(connection));
}

static void
leave_transaction(PGconn *connection)
{
	do_on(connection, "BEGIN");
}

static void
leave_copy(PGconn *connection)
{
	PQclear(PQexec(connection, "COPY events FROM STDIN"));
}

static void
test_a_connection_in_the_midst_of_something_is_closed(void **state)
{
	static const Use leaving[] = {leave_pipeline, leave_single_rows, leave_transaction, leave_copy};
	goes_store		*store = open_lending(NULL);

	for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++)
	{
		int backend = ask_number(goes_store_pool(store), BACKEND);

		lend(store, 0, leaving[i]);
		lend(store, 0, expect_fresh);
		assert_int_not_equal(ask_number(goes_store_pool(store), BACKEND), backend);
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_stays_in_libpq),
		cmocka_unit_test(test_a_program_may_have_a_processor_of_notices),
		cmocka_unit_test(test_libpq_has_its_encoding_back),
		cmocka_unit_test(test_a_connection_in_the_midst_of_something_is_closed),
	};

	return RUN_GROUP(tests, make_schemas, NULL);
}
