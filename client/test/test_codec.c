/*
 * test_codec.c
 *    The registry of functions that encode and decode.
 */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* An application's value and its functions. `user` is a prefix that they put in front. */
typedef struct Order
{
	int total;
} Order;

static int
encode_order(const void *value, char **json, void *user)
{
	const Order *order = value;

	return asprintf(json, "%s{\"total\": %d}", user ? (const char *) user : "", order->total) < 0
			   ? GOES_ERR_NOMEM
			   : 0;
}

static int
decode_order(const char *json, size_t len, void **value, void *user)
{
	Order *order = calloc(1, sizeof *order);
	char  *text = strndup(json, len);

	assert_non_null(order);
	assert_non_null(text);
	if (sscanf(text, "{\"total\": %d}", &order->total) != 1)
		order->total = -1;
	free(text);
	*value = order;
	return 0;
}

/* They note what they were given, and return what they are told to. */
static struct
{
	char   json[64];
	size_t length;
	void  *user;
	int	   returned;
} noted;

static int
encode_and_note(const void *value, char **json, void *user)
{
	noted.user = user;
	*json = strdup("1");
	return noted.returned;
}

static int
decode_and_note(const char *json, size_t len, void **value, void *user)
{
	noted.user = user;
	noted.length = len;
	memcpy(noted.json, json, len);
	noted.json[len] = '\0';
	return noted.returned;
}

static int
new_codec(void **state)
{
	memset(&noted, 0, sizeof noted);
	*state = goes_codec_new();
	return *state == NULL;
}

static int
free_codec(void **state)
{
	goes_codec_free(*state);
	return 0;
}

static void
a_value_becomes_json_and_a_value_again(void **state)
{
	Order		order = {30};
	Order	   *again = NULL;
	char	   *json = NULL;
	goes_error *error = NULL;
	goes_event	event;

	assert_int_equal(goes_codec_register(*state, "order.placed", encode_order, decode_order, NULL),
					 GOES_OK);
	assert_int_equal(goes_codec_encode(*state, "order.placed", &order, &json, &error), GOES_OK);
	assert_string_equal(json, "{\"total\": 30}");
	event = event_of("order.placed", json);
	assert_int_equal(goes_codec_decode(*state, &event, (void **) &again, &error), GOES_OK);
	assert_int_equal(again->total, 30);
	assert_null(error);
	free(again);
	goes_free(json);
}

/* Forwards, backwards and in the middle: the registry keeps its names sorted. */
static void
a_hundred_names_keep_their_own_functions(void **state)
{
	char names[100][16];

	for (int i = 0; i < 100; i++)
	{
		snprintf(names[i], sizeof names[i], "event.%d", (i * 37) % 100);
		assert_int_equal(goes_codec_register(*state, names[i], encode_and_note, NULL, names[i]),
						 GOES_OK);
	}
	for (int i = 0; i < 100; i++)
	{
		char *json;

		assert_int_equal(goes_codec_encode(*state, names[i], NULL, &json, NULL), GOES_OK);
		goes_free(json);
		assert_ptr_equal(noted.user, names[i]);
	}
}

static int
encode_nothing(const void *value, char **json, void *user)
{
	return 0;
}

static void
an_encoder_that_gives_no_text_is_invalid(void **state)
{
	char	   *json;
	goes_error *error = NULL;

	assert_int_equal(goes_codec_register(*state, "empty", encode_nothing, NULL, NULL), GOES_OK);
	expect_error(goes_codec_encode(*state, "empty", NULL, &json, &error), &error, GOES_ERR_INVALID,
				 "gave no text");
}

static void
the_codec_copies_the_name(void **state)
{
	char  name[] = "order.placed";
	char *json;

	assert_int_equal(goes_codec_register(*state, name, encode_and_note, NULL, NULL), GOES_OK);
	name[0] = 'X';
	assert_int_equal(goes_codec_encode(*state, "order.placed", NULL, &json, NULL), GOES_OK);
	goes_free(json);
}

static void
registering_again_takes_the_place_of_all_functions(void **state)
{
	Order		order = {1};
	char	   *json = NULL;
	void	   *value;
	goes_error *error = NULL;
	goes_event	event = event_of("order.placed", "{}");

	goes_codec_register(*state, "order.placed", encode_and_note, decode_and_note, NULL);
	goes_codec_register(*state, "order.placed", encode_order, NULL, "new ");
	assert_int_equal(goes_codec_encode(*state, "order.placed", &order, &json, NULL), GOES_OK);
	assert_string_equal(json, "new {\"total\": 1}");
	goes_free(json);
	expect_error(goes_codec_decode(*state, &event, &value, &error), &error, GOES_ERR_NOT_FOUND,
				 "order.placed");
}

static void
an_unknown_name_is_not_found(void **state)
{
	char	   *json = "untouched";
	void	   *value = state;
	goes_error *error = NULL;
	goes_event	event = event_of("order.plac", "{}");

	goes_codec_register(*state, "order.placed", encode_order, decode_order, NULL);
	expect_error(goes_codec_encode(*state, "order", NULL, &json, &error), &error,
				 GOES_ERR_NOT_FOUND, "\"order\"");
	expect_error(goes_codec_decode(*state, &event, &value, &error), &error, GOES_ERR_NOT_FOUND,
				 "\"order.plac\"");
	assert_string_equal(json, "untouched");
	assert_ptr_equal(value, state);
}

static void
an_empty_codec_knows_no_name(void **state)
{
	char *json;

	assert_int_equal(goes_codec_encode(*state, "order.placed", NULL, &json, NULL),
					 GOES_ERR_NOT_FOUND);
}

static void
a_direction_that_is_not_needed_may_be_left_out(void **state)
{
	Order		order = {1};
	char	   *json;
	goes_error *error = NULL;

	assert_int_equal(goes_codec_register(*state, "order.placed", NULL, decode_order, NULL),
					 GOES_OK);
	expect_error(goes_codec_encode(*state, "order.placed", &order, &json, &error), &error,
				 GOES_ERR_NOT_FOUND, "order.placed");
}

static void
data_may_have_any_length_and_need_no_zero_byte(void **state)
{
	goes_event event = event_of("noted", "{\"total\": 30} and more");
	void	  *value;

	event.data_len = 13;
	goes_codec_register(*state, "noted", NULL, decode_and_note, NULL);
	assert_int_equal(goes_codec_decode(*state, &event, &value, NULL), GOES_OK);
	assert_string_equal(noted.json, "{\"total\": 30}");
}

/* As the store would give the event back. */
static void
absent_data_is_decoded_as_json_null(void **state)
{
	goes_event event = event_of("noted", NULL);
	void	  *value;

	event.data_len = 99;
	goes_codec_register(*state, "noted", NULL, decode_and_note, NULL);
	assert_int_equal(goes_codec_decode(*state, &event, &value, NULL), GOES_OK);
	assert_string_equal(noted.json, "null");
	assert_int_equal(noted.length, 4);
}

static void
a_status_that_a_function_returns_is_the_calls(void **state)
{
	static const int statuses[] = {GOES_ERR_NOMEM, GOES_ERR_INVALID, GOES_ERR_NOT_FOUND,
								   GOES_ERR_HOOK, GOES_ERR_EXTENSION};
	goes_event		 event = event_of("noted", "{}");

	goes_codec_register(*state, "noted", encode_and_note, decode_and_note, NULL);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
	{
		char	   *json = "untouched";
		void	   *value = state;
		goes_error *error = NULL;

		noted.returned = statuses[i];
		expect_error(goes_codec_encode(*state, "noted", NULL, &json, &error), &error, statuses[i],
					 "noted");
		expect_error(goes_codec_decode(*state, &event, &value, &error), &error, statuses[i],
					 "noted");
		assert_string_equal(json, "untouched");
		assert_ptr_equal(value, state);
	}
}

static void
any_other_value_that_it_returns_is_invalid(void **state)
{
	static const int others[] = {1, 2, 1000, -99, -1000, INT32_MIN, INT32_MAX};
	goes_event		 event = event_of("noted", "{}");

	goes_codec_register(*state, "noted", encode_and_note, decode_and_note, NULL);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
	{
		char	   *json;
		void	   *value;
		goes_error *error = NULL;

		noted.returned = others[i];
		expect_error(goes_codec_encode(*state, "noted", NULL, &json, &error), &error,
					 GOES_ERR_INVALID, "noted");
		expect_error(goes_codec_decode(*state, &event, &value, &error), &error, GOES_ERR_INVALID,
					 "noted");
	}
}

static void
a_name_is_needed_to_register(void **state)
{
	assert_int_equal(goes_codec_register(*state, "", encode_order, NULL, NULL), GOES_ERR_INVALID);
	assert_int_equal(goes_codec_register(*state, NULL, encode_order, NULL, NULL), GOES_ERR_INVALID);
}

/* goes_codec_new returns NULL when out of memory; whoever registers next may find out. */
static void
no_codec_is_no_memory_to_register(void **state)
{
	assert_int_equal(goes_codec_register(NULL, "order.placed", encode_order, NULL, NULL),
					 GOES_ERR_NOMEM);
	goes_codec_free(NULL);
}

static void
missing_arguments_are_invalid(void **state)
{
	char	   *json;
	void	   *value;
	goes_error *error = NULL;
	goes_event	event = event_of("order.placed", "{}");
	goes_event	nameless = event_of(NULL, "{}");

	expect_error(goes_codec_encode(NULL, "order.placed", NULL, &json, &error), &error,
				 GOES_ERR_INVALID, "NULL");
	expect_error(goes_codec_encode(*state, NULL, NULL, &json, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	expect_error(goes_codec_encode(*state, "order.placed", NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "NULL");
	expect_error(goes_codec_decode(NULL, &event, &value, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_codec_decode(*state, NULL, &value, &error), &error, GOES_ERR_INVALID, "NULL");
	expect_error(goes_codec_decode(*state, &nameless, &value, &error), &error, GOES_ERR_INVALID,
				 "NULL");
	expect_error(goes_codec_decode(*state, &event, NULL, &error), &error, GOES_ERR_INVALID, "NULL");
}

#define WITH_CODEC(test) cmocka_unit_test_setup_teardown(test, new_codec, free_codec)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CODEC(a_value_becomes_json_and_a_value_again),
		WITH_CODEC(a_hundred_names_keep_their_own_functions),
		WITH_CODEC(the_codec_copies_the_name),
		WITH_CODEC(registering_again_takes_the_place_of_all_functions),
		WITH_CODEC(an_unknown_name_is_not_found),
		WITH_CODEC(an_empty_codec_knows_no_name),
		WITH_CODEC(a_direction_that_is_not_needed_may_be_left_out),
		WITH_CODEC(data_may_have_any_length_and_need_no_zero_byte),
		WITH_CODEC(absent_data_is_decoded_as_json_null),
		WITH_CODEC(a_status_that_a_function_returns_is_the_calls),
		WITH_CODEC(any_other_value_that_it_returns_is_invalid),
		WITH_CODEC(an_encoder_that_gives_no_text_is_invalid),
		WITH_CODEC(a_name_is_needed_to_register),
		WITH_CODEC(no_codec_is_no_memory_to_register),
		WITH_CODEC(missing_arguments_are_invalid),
	};

	return RUN_TESTS(tests);
}
