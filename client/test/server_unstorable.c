/*
 * server_unstorable.c
 *    Events that PostgreSQL does not take though they are valid: the error says which one it is, and what
 *    is refused.
 */
#define OWN_TABLE "unstorable"

#include "appends.h"
#include "own_store.h"

#define LATIN1_DATABASE "goes_latin1"

/*
 * expect_unstorable inserts and appends some good events and a bad one, which has to be named.
 */
static void
expect_unstorable(const goes_event *bad, const char *what, const char *why)
{
	goes_event	events[] = {event_of("good", "1"), event_of("good", "2"), *bad,
							event_of("good", "3")};
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	char		prefix[128];
	int			returned;

	snprintf(prefix, sizeof prefix, "PostgreSQL cannot store the %s of event 2: ", what);
	expect_insert_refused(store, events, 4, GOES_ERR_INVALID, 2, prefix);
	expect_insert_refused(store, bad, 1, GOES_ERR_INVALID, 0, why);
	if (bad->aggregate_name != NULL)
		return;
	returned = goes_append(store, "order", &id, events, 4, 0, NULL, &error);
	assert_int_equal(goes_error_event_index(error), 2);
	assert_null(strstr(goes_error_message(error), "not JSON"));
	expect_error(returned, &error, GOES_ERR_INVALID, why);
}

static void
test_json_with_what_jsonb_lacks(void **state)
{
	static const char *const datas[][2] = {{"1e999999", "numeric"},
										   {"\"\\u0000\"", "\\u0000 cannot be converted"},
										   {"[{\"a\": -1e-999999}]", "numeric"}};

	for (size_t i = 0; i < sizeof datas / sizeof *datas; i++)
	{
		goes_event event = event_of("bad", datas[i][0]);

		expect_unstorable(&event, "data", datas[i][1]);
	}
	assert_int_equal(count_events(store), 0);
}

/*
 * The server's stack ends before the arrays do.
 */
static void
test_json_that_is_too_deep(void **state)
{
	enum
	{
		DEPTH = 20000
	};
	char	  *data = malloc(2 * DEPTH + 1);
	goes_event event;

	memset(data, '[', DEPTH);
	memset(data + DEPTH, ']', DEPTH);
	data[2 * DEPTH] = '\0';
	event = event_of("bad", data);
	expect_unstorable(&event, "data", "stack depth");
	free(data);
}

/* Six copies of 256 MB are sent until it is known which event it is: minutes under a sanitizer. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_LARGE_STRINGS

static void
test_a_string_that_is_too_long(void **state)
{
	size_t	   length = ((size_t) 256 << 20) + 2;
	char	  *data = malloc(length);
	goes_event events[] = {event_of("good", "1"), event_of("bad", NULL)};

	memset(data, 'x', length);
	data[0] = data[length - 1] = '"';
	events[1].data = data;
	events[1].data_len = length;
	expect_insert_refused(store, events, 2, GOES_ERR_INVALID, 1,
						  "PostgreSQL cannot store the data of event 1: string too long");
	assert_int_equal(count_events(store), 0);
	free(data);
}
#endif

/*
 * A client's texts are UTF-8, and a database in another encoding lacks characters.
 */
static void
test_characters_that_the_database_lacks(void **state)
{
	goes_store_options options = options_of("unstorable");
	goes_event		   event = event_of("bad", "\"\xe2\x82\xac\"");
	goes_error		  *error = NULL;

	admin_do("postgres",
			 "CREATE DATABASE " LATIN1_DATABASE " ENCODING LATIN1 LOCALE 'C' TEMPLATE template0");
	goes_store_close(store);
	options.database = LATIN1_DATABASE;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	expect_unstorable(&event, "data", "LATIN1");
	event.data = "\"\\u20ac\"";
	event.data_len = strlen(event.data);
	expect_unstorable(&event, "data", "LATIN1");
	event.data_len = 0;
	event.data = NULL;
	event.name = "\xe2\x82\xac";
	expect_unstorable(&event, "name or the aggregate name", "LATIN1");
	event.name = "bad";
	event.aggregate_name = "\xe2\x82\xac";
	goes_uuid_v7(&event.aggregate_id);
	event.aggregate_version = 1;
	expect_unstorable(&event, "name or the aggregate name", "LATIN1");
	assert_int_equal(count_events(store), 0);
	event = event_of("caf\xc3\xa9", "\"\xc3\xa9\"");
	store_events(store, &event, 1);
	expect_stored_event(store, &event);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_STORE(test_json_with_what_jsonb_lacks),
		OWN_STORE(test_json_that_is_too_deep),
#ifdef HAS_LARGE_STRINGS
		OWN_STORE(test_a_string_that_is_too_long),
#endif
		OWN_STORE(test_characters_that_the_database_lacks),
	};

	return RUN_TESTS(tests);
}
