/*
 * test_memory_codec.c
 *    Every allocation fails in turn in a codec.
 */
#include <stdlib.h>

#include "memory.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_codec_says_when_it_cannot_register),
		cmocka_unit_test(a_name_that_is_not_found_is_not_found_or_no_memory),
		cmocka_unit_test(a_failed_registration_leaves_the_others_and_can_be_repeated),
	};

	return RUN_TESTS(tests);
}
