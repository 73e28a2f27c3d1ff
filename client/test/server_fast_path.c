/*
 * server_fast_path.c
 *    The functions of the extension are called by libpq's PQfn: without a statement, and so without an
 *    expression that would tell a function about its call.
 */
#include "server.h"

#define MOST_ARGUMENTS 14

/* The arguments of a call in their binary form, the last ones null. */
typedef struct Call
{
	PQArgBlock arguments[MOST_ARGUMENTS];
	char	   json[256];
} Call;

static PGconn *connection;

static int
connect_to_extension(void **state)
{
	admin_do("postgres", "CREATE DATABASE fast_path");
	admin_do("fast_path", "CREATE EXTENSION goes_store");
	connection = admin_connection("fast_path");
	return 0;
}

static int
disconnect(void **state)
{
	PQfinish(connection);
	return 0;
}

static Call
new_call(void)
{
	Call call = {0};

	for (int i = 0; i < MOST_ARGUMENTS; i++)
		call.arguments[i].len = -1;
	return call;
}

static void
set_bytes(Call *call, int number, const void *value, int length)
{
	call->arguments[number].u.ptr = (int *) value;
	call->arguments[number].len = length;
}

static void
set_text(Call *call, int number, const char *text)
{
	set_bytes(call, number, text, (int) strlen(text));
}

/* jsonb on the wire is its version, 1, and its text. */
static void
set_json(Call *call, int number, const char *json)
{
	snprintf(call->json, sizeof call->json, "\001%s", json);
	set_text(call, number, call->json);
}

static void
set_id(Call *call, int number, const goes_uuid *id)
{
	set_bytes(call, number, id->bytes, sizeof id->bytes);
}

/*
 * call_function calls a function and returns what it returned, to be freed.
 */
static char *
call_function(const char *function, Call *call, int *length)
{
	char	 *oid = admin("fast_path", "SELECT '%s'::regproc::oid", function);
	char	 *count = admin("fast_path", "SELECT pronargs FROM pg_proc WHERE oid = %s", oid);
	char	 *value = calloc(1, 8192);
	PGresult *result =
		PQfn(connection, atoi(oid), (int *) value, length, 0, call->arguments, atoi(count));

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", function, PQerrorMessage(connection));
	PQclear(result);
	free(oid);
	free(count);
	return value;
}

/*
 * number_in_bytes reads a whole number in network byte order.
 */
static long
number_in_bytes(char *value, int length)
{
	long number = 0;

	for (int i = 0; i < length; i++)
		number = number * 256 + (unsigned char) value[i];
	free(value);
	return number;
}

static void
test_events_are_made_and_stored(void **state)
{
	goes_uuid id = uuid_of("019a0000-0000-7000-8000-000000000001");
	Call	  call = new_call();
	char	 *events;
	char	 *name;
	int		  length;

	free(call_function("goes_create_store", &call, &length));
	set_json(&call, 0, "[{\"name\": \"order.placed\"}, {\"name\": \"order.paid\"}]");
	events = call_function("goes_events_from_json", &call, &length);

	call = new_call();
	set_text(&call, 0, "order");
	set_id(&call, 1, &id);
	set_bytes(&call, 2, events, length);
	assert_int_equal(number_in_bytes(call_function("goes_append", &call, &length), 4), 2);
	free(events);

	call = new_call();
	assert_int_equal(number_in_bytes(call_function("goes_count", &call, &length), 8), 2);
	name =
		admin("fast_path", "SELECT string_agg(name, ' ' ORDER BY aggregate_version) FROM events");
	assert_string_equal(name, "order.placed order.paid");
	free(name);
}

static void
test_an_event_is_made(void **state)
{
	Call  call = new_call();
	char *event;
	char *name;
	int	  length;

	set_text(&call, 0, "order.placed");
	set_json(&call, 1, "{\"total\": 30}");
	event = call_function("goes_new_event", &call, &length);
	/* seven fields, each its type, its length and its value: the name comes after the id */
	name = event + 4 + (4 + 4 + 16) + 4;
	assert_int_equal(number_in_bytes(memcpy(calloc(1, 4), event, 4), 4), 7);
	assert_memory_equal(name, "\0\0\0\014order.placed", 16);
	free(event);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_are_made_and_stored),
		cmocka_unit_test(test_an_event_is_made),
	};

	return RUN_GROUP(tests, connect_to_extension, disconnect);
}
