/*
 * test_memory.c
 *    Every allocation fails in turn: the caller is told, nothing leaks and nothing crashes.
 *
 * For every function that does no I/O. server_memory.c is the place for those that do.
 */
#include <stdlib.h>

#include "internal.h"
#include "memory.h"

#define MANY 40

static const goes_uuid some_id = {{1, 2, 3}};

/*
 * worse returns the first of two statuses that is a failure.
 */
static int
worse(int status, int other)
{
	return status != GOES_OK ? status : other;
}

/* ---- Errors ---- */

static int
make_errors(void *unused)
{
	goes_error *error = NULL;
	int			status;
	int			result = GOES_ERR_STATE;

	status = fail(&error, GOES_ERR_STATE, "%s", "not now");
	result = status == GOES_ERR_STATE ? result : status;
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	status = fail_event(&error, GOES_ERR_STATE, 3, "%s", "not this one");
	result = status == GOES_ERR_STATE ? result : status;
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	status = fail_sqlstate(&error, GOES_ERR_STATE, "XX000", "%s", "not here");
	result = status == GOES_ERR_STATE ? result : status;
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return result;
}

static void
an_error_that_cannot_be_made_is_no_memory(void **state)
{
	assert_int_equal(every_allocation_fails(make_errors, NULL, GOES_ERR_STATE, SAYS_NO_MEMORY),
					 3 + 3);
}

static int
fail_without_error(void *unused)
{
	return fail(NULL, GOES_ERR_STATE, "%s", "not now");
}

static void
a_status_alone_needs_no_memory(void **state)
{
	assert_int_equal(
		every_allocation_fails(fail_without_error, NULL, GOES_ERR_STATE, SAYS_NO_MEMORY), 0);
}

/* ---- Buffers and what is written to them ---- */

static int
fill_a_buffer(void *unused)
{
	Buffer buffer = {0};
	char  *text;

	for (int i = 0; i < 1000; i++)
	{
		buffer_text(&buffer, "text ");
		buffer_format(&buffer, "%d", i);
		buffer_int32(&buffer, 2);
		buffer_int64(&buffer, 3);
		buffer_put_int32(&buffer, 0, 4);
	}
	text = buffer_string(&buffer);
	assert_true(buffer.failed == (text == NULL));
	buffer_free(&buffer);
	return text == NULL ? GOES_ERR_NOMEM : GOES_OK;
}

static void
a_buffer_that_cannot_grow_says_so_at_the_end(void **state)
{
	assert_true(every_allocation_fails(fill_a_buffer, NULL, GOES_OK, SAYS_NO_MEMORY) > 2 * 5);
}

static int
encode_many_events(void *unused)
{
	goes_event	events[MANY];
	Buffer		buffer = {0};
	goes_error *error = NULL;
	int			status;

	for (int i = 0; i < MANY; i++)
		goes_event_init(&events[i], "order.placed", "{\"total\": 30}");
	status = encode_events(&buffer, 1, events, MANY, &error);
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	buffer_free(&buffer);
	return status;
}

static void
events_that_cannot_be_encoded_are_no_memory(void **state)
{
	assert_true(every_allocation_fails(encode_many_events, NULL, GOES_OK, SAYS_NO_MEMORY) > 0);
}

static int
encode_a_bad_event(void *unused)
{
	goes_event	event;
	Buffer		buffer = {0};
	goes_error *error = NULL;
	int			status;

	goes_event_init(&event, "", NULL);
	status = encode_events(&buffer, 1, &event, 1, &error);
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	buffer_free(&buffer);
	return status;
}

/* Without a buffer to write to it may still have the memory to say what is wrong with the event. */
static void
a_bad_event_is_bad_or_no_memory(void **state)
{
	assert_true(every_allocation_fails(encode_a_bad_event, NULL, GOES_ERR_INVALID, MAY_RECOVER) >
				0);
}

static int
encode_arrays(void *unused)
{
	char	 *texts[MANY];
	goes_uuid ids[MANY] = {{{0}}};
	int64_t	  wide[MANY] = {0};
	int32_t	  narrow[MANY] = {0};
	Reference references[MANY];
	Range	  ranges[MANY] = {{0, 0}};
	Buffer	  buffer = {0};
	int		  status;

	for (int i = 0; i < MANY; i++)
	{
		texts[i] = "text";
		references[i] = (Reference){.name = "order"};
	}
	encode_text_array(&buffer, texts, MANY);
	encode_uuid_array(&buffer, ids, MANY);
	encode_int64_array(&buffer, wide, MANY);
	encode_int32_array(&buffer, narrow, MANY);
	encode_reference_array(&buffer, 1, references, MANY);
	encode_range_array(&buffer, 1, 8, ranges, MANY);
	status = buffer.failed ? GOES_ERR_NOMEM : GOES_OK;
	buffer_free(&buffer);
	return status;
}

static void
arrays_that_cannot_be_encoded_leave_a_failed_buffer(void **state)
{
	assert_true(every_allocation_fails(encode_arrays, NULL, GOES_OK, SAYS_NO_MEMORY) > 2 * 3);
}

static int
decode_nothing(void *unused)
{
	goes_event	event;
	goes_error *error = NULL;
	int			status = decode_event(NULL, 0, &event, &error);

	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

static void
a_row_that_cannot_be_read_is_an_error_of_the_server_or_no_memory(void **state)
{
	assert_int_equal(every_allocation_fails(decode_nothing, NULL, GOES_ERR_SERVER, SAYS_NO_MEMORY),
					 2);
}

/* ---- Events ---- */

static int
copy_an_event(void *unused)
{
	goes_event	event;
	goes_event *copy;

	goes_event_init(&event, "order.placed", "{}");
	copy = goes_event_copy(&event);
	goes_event_free(copy);
	return copy == NULL ? GOES_ERR_NOMEM : GOES_OK;
}

static void
a_copy_takes_one_allocation(void **state)
{
	assert_int_equal(every_allocation_fails(copy_an_event, NULL, GOES_OK, SAYS_NO_MEMORY), 1 + 1);
}

/* ---- Codec ---- */

static int
encode_text(const void *value, char **json, void *user)
{
	*json = strdup(value);
	return *json == NULL ? GOES_ERR_NOMEM : 0;
}

static int
decode_text(const char *json, size_t len, void **value, void *user)
{
	*value = user;
	return 0;
}

static int
use_a_codec(void *unused)
{
	goes_codec *codec = goes_codec_new();
	char		name[] = "a";
	char	   *json = NULL;
	void	   *value;
	goes_event	event;
	int			status = GOES_OK;

	goes_event_init(&event, "a", "{}");
	for (int i = 0; i < 20; i++, name[0]++)
		status = worse(status, goes_codec_register(codec, name, encode_text, decode_text, NULL));
	if (status == GOES_OK)
		status = goes_codec_encode(codec, "a", "{}", &json, NULL);
	if (status == GOES_OK)
		status = goes_codec_decode(codec, &event, &value, NULL);
	goes_free(json);
	goes_codec_free(codec);
	return status;
}

static void
a_codec_says_when_it_cannot_register(void **state)
{
	/* The codec, 20 names, and the list twice; each alone and with all later ones. */
	assert_int_equal(every_allocation_fails(use_a_codec, NULL, GOES_OK, SAYS_NO_MEMORY),
					 2 * (1 + 20 + 2));
}

static int
ask_a_codec_for_a_stranger(void *codec)
{
	char	   *json;
	goes_error *error = NULL;
	int			status = goes_codec_encode(codec, "stranger", "{}", &json, &error);

	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

static void
a_name_that_is_not_found_is_not_found_or_no_memory(void **state)
{
	goes_codec *codec = goes_codec_new();

	assert_int_equal(every_allocation_fails(ask_a_codec_for_a_stranger, codec, GOES_ERR_NOT_FOUND,
											SAYS_NO_MEMORY),
					 2);
	goes_codec_free(codec);
}

/* Sixteen names fit; the seventeenth makes the list grow. */
static void
a_failed_registration_leaves_the_others_and_can_be_repeated(void **state)
{
	goes_codec *codec = goes_codec_new();
	char		name[] = "a";
	char	   *json;

	for (int i = 0; i < 16; i++, name[0]++)
		assert_int_equal(goes_codec_register(codec, name, encode_text, NULL, NULL), GOES_OK);
	for (long nth = 0; nth < 2; nth++)
	{
		fail_allocation(nth, false);
		assert_int_equal(goes_codec_register(codec, "0", encode_text, NULL, NULL), GOES_ERR_NOMEM);
		assert_true(stop_failing());
		assert_int_equal(goes_codec_encode(codec, "0", "{}", &json, NULL), GOES_ERR_NOT_FOUND);
	}
	assert_int_equal(goes_codec_register(codec, "0", encode_text, NULL, NULL), GOES_OK);
	for (name[0] = 'a'; name[0] < 'a' + 16; name[0]++)
	{
		assert_int_equal(goes_codec_encode(codec, name, "{}", &json, NULL), GOES_OK);
		goes_free(json);
	}
	goes_codec_free(codec);
	assert_int_equal(live_blocks(), 0);
}

/* ---- Cancelling ---- */

static int
make_a_cancel(void *unused)
{
	goes_cancel *cancel = goes_cancel_new();

	goes_cancel_trigger(cancel);
	goes_cancel_free(cancel);
	return cancel == NULL ? GOES_ERR_NOMEM : GOES_OK;
}

static void
there_is_no_cancel_without_memory(void **state)
{
	assert_int_equal(every_allocation_fails(make_a_cancel, NULL, GOES_OK, SAYS_NO_MEMORY), 2);
}

static int
be_late(void *unused)
{
	Deadline	deadline = {monotonic_now() - 1, NULL};
	goes_error *error = NULL;
	int			status = wait_socket(0, true, false, &deadline, &error);

	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	return status;
}

static void
a_late_call_is_late_or_no_memory(void **state)
{
	assert_int_equal(every_allocation_fails(be_late, NULL, GOES_ERR_TIMEOUT, SAYS_NO_MEMORY), 2);
}

/* ---- Queries ---- */

/*
 * add_every_step adds every step, each so often that its list grows.
 */
static int
add_every_step(goes_query *query)
{
	int status = GOES_OK;

	for (int i = 0; i < 10; i++)
	{
		status = worse(status, goes_query_name(query, "order.placed"));
		status = worse(status, goes_query_id(query, &some_id));
		status = worse(status, goes_query_time(query, i));
		status = worse(status, goes_query_time_min(query, i));
		status = worse(status, goes_query_time_max(query, i));
		status = worse(status, goes_query_time_after(query, i));
		status = worse(status, goes_query_time_before(query, i));
		status = worse(status, goes_query_time_range(query, i, i));
		status = worse(status, goes_query_aggregate_name(query, "order"));
		status = worse(status, goes_query_aggregate_id(query, &some_id));
		status = worse(status, goes_query_aggregate(query, "order", &some_id));
		status = worse(status, goes_query_version(query, i));
		status = worse(status, goes_query_version_min(query, i));
		status = worse(status, goes_query_version_max(query, i));
		status = worse(status, goes_query_version_range(query, i, i));
		status = worse(status, goes_query_sort(query, GOES_SORT_TIME, GOES_ASC));
		status = worse(status, goes_query_limit(query, i));
	}
	return status;
}

static int
build_a_query(void *unused)
{
	goes_query *query = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};
	int			status = add_every_step(query);

	if (status != GOES_OK)
		assert_false(goes_query_test(query, &event));
	goes_query_free(query);
	return status;
}

static void
a_query_that_cannot_be_built_says_so(void **state)
{
	assert_true(every_allocation_fails(build_a_query, NULL, GOES_OK, SAYS_NO_MEMORY) > 2 * 30);
}

static int
build_and_merge(void *from)
{
	goes_query *into = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};
	int			status = goes_query_merge(into, from);

	if (status != GOES_OK)
		assert_false(goes_query_test(into, &event));
	status = worse(status, goes_query_merge(into, from));
	goes_query_free(into);
	return status;
}

static void
a_query_that_cannot_be_merged_says_so(void **state)
{
	goes_query *from = goes_query_new();

	assert_int_equal(add_every_step(from), GOES_OK);
	assert_true(every_allocation_fails(build_and_merge, from, GOES_OK, SAYS_NO_MEMORY) > 2 * 30);
	goes_query_free(from);
}

/* Otherwise a filter would be missing, and the query would return too much. */
static void
a_query_stays_failed_when_memory_is_back(void **state)
{
	goes_query *query = goes_query_new();
	goes_event	event = {.id = some_id, .name = "order.placed"};

	fail_allocation(0, false);
	assert_int_equal(goes_query_name(query, "order.paid"), GOES_ERR_NOMEM);
	assert_true(stop_failing());
	assert_int_equal(goes_query_name(query, "order.placed"), GOES_OK);
	assert_false(goes_query_test(query, &event));
	goes_query_free(query);
}

/* What these tests stand on: the book notices a leak. */
static void
the_book_knows_what_is_not_freed(void **state)
{
	long		before = live_blocks();
	goes_codec *codec = goes_codec_new();

	assert_int_equal(live_blocks(), before + 1);
	goes_codec_free(codec);
	assert_int_equal(live_blocks(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_book_knows_what_is_not_freed),
		cmocka_unit_test(an_error_that_cannot_be_made_is_no_memory),
		cmocka_unit_test(a_status_alone_needs_no_memory),
		cmocka_unit_test(a_buffer_that_cannot_grow_says_so_at_the_end),
		cmocka_unit_test(events_that_cannot_be_encoded_are_no_memory),
		cmocka_unit_test(a_bad_event_is_bad_or_no_memory),
		cmocka_unit_test(arrays_that_cannot_be_encoded_leave_a_failed_buffer),
		cmocka_unit_test(a_row_that_cannot_be_read_is_an_error_of_the_server_or_no_memory),
		cmocka_unit_test(a_copy_takes_one_allocation),
		cmocka_unit_test(a_codec_says_when_it_cannot_register),
		cmocka_unit_test(a_name_that_is_not_found_is_not_found_or_no_memory),
		cmocka_unit_test(a_failed_registration_leaves_the_others_and_can_be_repeated),
		cmocka_unit_test(there_is_no_cancel_without_memory),
		cmocka_unit_test(a_late_call_is_late_or_no_memory),
		cmocka_unit_test(a_query_that_cannot_be_built_says_so),
		cmocka_unit_test(a_query_that_cannot_be_merged_says_so),
		cmocka_unit_test(a_query_stays_failed_when_memory_is_back),
	};

	return RUN_TESTS(tests);
}
