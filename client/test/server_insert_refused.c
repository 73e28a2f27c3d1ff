/*
 * server_insert_refused.c
 *    Inserts that are refused, by libgoes or by the server, though nothing is taken.
 */
#include <sys/mman.h>

#include "events.h"

#define MANY 1000

static void
test_an_event_that_no_store_can_have_is_named_before_sending(void **state)
{
	goes_store *store = open_store("refused");
	char	   *too_long = unicode_name(256);
	goes_event	events[4];

	for (int i = 0; i < 4; i++)
		events[i] = event_of("fine", NULL);
	events[3].name = too_long;
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 3, "255 characters");
	events[2].aggregate_name = too_long;
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 2, "255 characters");
	events[1].name = "";
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 1, "no name");
	events[1].name = NULL;
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 1, "no name");
	events[0].id = (goes_uuid){0};
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 0, "nil id");
	expect_insert_refused(store, NULL, 1, GOES_ERR_INVALID, -1, "NULL");
	assert_int_equal(count_events(store), 0);
	free(too_long);
	goes_store_close(store);
}

/*
 * A gigabyte is more than a message to the server can have. The data cannot even be read here, so
 * that whoever copies it before counting crashes.
 */
static void
test_a_batch_of_a_gigabyte_is_refused_before_it_is_copied(void **state)
{
	goes_store *store = open_store("too_large");
	size_t		most = (size_t) 1 << 30;
	char *data = mmap(NULL, most, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	goes_event events[] = {event_of("small", "{}"), event_of("large", "{}")};

	assert_ptr_not_equal(data, MAP_FAILED);
	events[1].data = data;
	events[1].data_len = most;
	expect_insert_refused(store, events, 2, GOES_ERR_INVALID, 1, "bytes");
	events[1].data_len = most - 2 * 1024;
	events[0].data = data;
	events[0].data_len = 1024;
	expect_insert_refused(store, events, 2, GOES_ERR_INVALID, 1, "smaller batches");
	munmap(data, most);
	assert_int_equal(count_events(store), 0);
	goes_store_close(store);
}

static void
test_bad_json_is_named_wherever_it_stands(void **state)
{
	static const size_t		 places[] = {0, 1, MANY / 2, MANY - 2, MANY - 1};
	static const char *const bad[] = {"{", "no", "{} {}", "{\"a\": }", "'{}'", "\"\xff\"", ""};
	goes_store				*store = open_store("bad_json");
	goes_event				*events = calloc(MANY, sizeof *events);

	for (size_t i = 0; i < MANY; i++)
		events[i] = event_of("fine", "{}");
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
	{
		goes_event kept = events[places[i]];

		events[places[i]].data = "{\"half\": ";
		events[places[i]].data_len = 9;
		expect_insert_refused(store, events, MANY, GOES_ERR_INVALID, (int64_t) places[i],
							  "is not JSON");
		events[places[i]] = kept;
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
	{
		goes_event few[] = {event_of("fine", "1"), event_of("bad", bad[i]),
							event_of("bad", bad[i])};

		expect_insert_refused(store, few, 3, GOES_ERR_INVALID, 1, "is not JSON");
		expect_insert_refused(store, few + 1, 1, GOES_ERR_INVALID, 0, "is not JSON");
	}
	assert_int_equal(count_events(store), 0);
	store_events(store, events, MANY);
	assert_int_equal(count_events(store), MANY);
	free(events);
	goes_store_close(store);
}

/*
 * The data ends where its length says, zero byte or not, and a zero byte within is bad.
 */
static void
test_data_is_as_long_as_its_length_says(void **state)
{
	goes_store *store = open_store("data_length");
	goes_event	event = event_of("longer", "[1] and what follows does not count");

	event.data_len = 3;
	store_events(store, &event, 1);
	event.data = "[1]";
	expect_stored_event(store, &event);
	event = event_of("zero.byte", "[1]");
	event.data_len = 4;
	expect_insert_refused(store, &event, 1, GOES_ERR_INVALID, 0, "is not JSON");
	goes_store_close(store);
}

static void
test_a_name_that_is_no_utf8_is_invalid(void **state)
{
	goes_store *store = open_store("no_utf8");
	goes_event	events[] = {event_of("fine", "{}"), event_of("fine", "{}")};
	goes_error *error = NULL;
	goes_tx	   *tx;

	events[1].name = "caf\xe9";
	expect_insert_refused(store, events, 2, GOES_ERR_INVALID, 1,
						  "the name of event 1 is not UTF-8");
	events[1].name = "fine";
	events[1].aggregate_name = "\xed\xa0\x80"; /* a surrogate */
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	expect_insert_refused(goes_tx_store(tx), events, 2, GOES_ERR_INVALID, 1,
						  "the aggregate name of event 1 is not UTF-8");
	goes_tx_rollback(tx);
	goes_store_close(store);
}

static void
test_a_lock_that_does_not_come_may_be_waited_for_again(void **state)
{
	goes_store_options options = options_of("locked");
	PGconn			  *holder = admin_connection(TEST_DATABASE);
	goes_error		  *error = NULL;
	goes_event		   event = event_of("happened", "{}");
	goes_store		  *store;
	char			   url[1024];

	snprintf(url, sizeof url, "%s options='-c lock_timeout=100ms'", server_url());
	options.url = url;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	PQclear(PQexec(holder, "BEGIN; LOCK TABLE locked"));
	assert_int_equal(goes_insert(store, &event, 1, NULL, &error), GOES_ERR_SERVER);
	assert_string_equal(goes_error_sqlstate(error), "55P03");
	assert_true(goes_error_is_retryable(error));
	goes_error_free(error);
	PQfinish(holder);
	store_events(store, &event, 1);
	goes_store_close(store);
}

static void
test_a_dropped_table_is_a_schema_error(void **state)
{
	goes_store *store = open_store("dropped");
	goes_error *error = NULL;
	goes_event	event = event_of("happened", "{}");

	store_events(store, &event, 1);
	admin_do(TEST_DATABASE, "DROP TABLE dropped");
	expect_insert_refused(store, &event, 1, GOES_ERR_SCHEMA, -1, "dropped");
	expect_error(goes_delete(store, &event.id, 1, NULL, &error), &error, GOES_ERR_SCHEMA,
				 "dropped");
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_event_that_no_store_can_have_is_named_before_sending),
		cmocka_unit_test(test_a_batch_of_a_gigabyte_is_refused_before_it_is_copied),
		cmocka_unit_test(test_bad_json_is_named_wherever_it_stands),
		cmocka_unit_test(test_data_is_as_long_as_its_length_says),
		cmocka_unit_test(test_a_name_that_is_no_utf8_is_invalid),
		cmocka_unit_test(test_a_lock_that_does_not_come_may_be_waited_for_again),
		cmocka_unit_test(test_a_dropped_table_is_a_schema_error),
	};

	return RUN_TESTS(tests);
}
