/*
 * test_memory.c
 *    Every allocation fails in turn: the caller is told, nothing leaks and nothing crashes.
 *
 * For every function that does no I/O. test_memory_codec.c and test_memory_query.c have the larger ones,
 * server_memory.c has those that do.
 */
#include <stdlib.h>

#include "data/data.h"
#include "memory.h"

#define MANY 40

static const Deadline never = {.at = INT64_MAX};

/* The other tests rely on this: a leak is noticed. */
static void
the_book_knows_what_is_not_freed(void **state)
{
	long		before = live_blocks();
	goes_codec *codec = goes_codec_new();

	assert_int_equal(live_blocks(), before + 1);
	goes_codec_free(codec);
	assert_int_equal(live_blocks(), before);
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
	status = encode_events(&buffer, 1, events, MANY, &never, &error);
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
	status = encode_events(&buffer, 1, &event, 1, &never, &error);
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	buffer_free(&buffer);
	return status;
}

/* Even without memory for the buffer there may be enough to say what is wrong with the event. */
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
		cmocka_unit_test(there_is_no_cancel_without_memory),
		cmocka_unit_test(a_late_call_is_late_or_no_memory),
	};

	return RUN_TESTS(tests);
}
