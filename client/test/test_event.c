/*
 * test_event.c
 *    Making and copying events.
 */
#include <stdlib.h>

#include "unit.h"

static void
a_new_event_has_an_id_the_time_and_no_aggregate(void **state)
{
	int64_t	   before = goes_now();
	goes_event event;
	goes_event other;

	memset(&event, 0xff, sizeof event);
	goes_event_init(&event, "order.placed", "{\"total\": 30}");
	goes_event_init(&other, "order.placed", NULL);
	assert_int_equal(event.id.bytes[6] >> 4, 7);
	assert_memory_not_equal(&event.id, &other.id, sizeof event.id);
	assert_in_range(event.time, before, goes_now());
	assert_true(goes_uuid_is_nil(&event.aggregate_id));
	assert_null(event.aggregate_name);
	assert_int_equal(event.aggregate_version, 0);
}

static void
a_new_event_borrows_its_name_and_data(void **state)
{
	static const char name[] = "order.placed";
	static const char json[] = "{\"total\": 30}";
	goes_event		  event;

	goes_event_init(&event, name, json);
	assert_ptr_equal(event.name, name);
	assert_ptr_equal(event.data, json);
	assert_int_equal(event.data_len, sizeof json - 1);
}

static void
a_new_event_may_have_no_data(void **state)
{
	goes_event event;

	memset(&event, 0xff, sizeof event);
	goes_event_init(&event, "order.placed", NULL);
	assert_null(event.data);
	assert_int_equal(event.data_len, 0);
}

static goes_event
full_event(void)
{
	goes_event event;

	goes_event_init(&event, "order.placed", "{\"total\": 30}");
	event.aggregate_id = uuid_of("0198abcd-ef00-7abc-8def-0123456789ff");
	event.aggregate_name = "shop.order";
	event.aggregate_version = -7;
	return event;
}

static void
a_copy_has_everything_and_shares_nothing(void **state)
{
	goes_event	event = full_event();
	goes_event *copy = goes_event_copy(&event);

	assert_non_null(copy);
	assert_memory_equal(&copy->id, &event.id, sizeof event.id);
	assert_memory_equal(&copy->aggregate_id, &event.aggregate_id, sizeof event.id);
	assert_int_equal(copy->time, event.time);
	assert_int_equal(copy->aggregate_version, -7);
	assert_string_equal(copy->name, "order.placed");
	assert_string_equal(copy->aggregate_name, "shop.order");
	assert_string_equal(copy->data, "{\"total\": 30}");
	assert_int_equal(copy->data_len, 13);
	assert_ptr_not_equal(copy->name, event.name);
	assert_ptr_not_equal(copy->aggregate_name, event.aggregate_name);
	assert_ptr_not_equal(copy->data, event.data);
	goes_event_free(copy);
}

static void
the_data_of_a_copy_ends_where_it_should(void **state)
{
	goes_event	event = full_event();
	goes_event *copy;

	event.data = "{}rubbish";
	event.data_len = 2;
	copy = goes_event_copy(&event);
	assert_memory_equal(copy->data, "{}", 3);
	assert_int_equal(copy->data_len, 2);
	goes_event_free(copy);
}

static void
data_is_copied_past_a_zero_byte(void **state)
{
	goes_event	event = full_event();
	goes_event *copy;

	event.data = "a\0b";
	event.data_len = 3;
	copy = goes_event_copy(&event);
	assert_memory_equal(copy->data, "a\0b", 4);
	assert_int_equal(copy->data_len, 3);
	goes_event_free(copy);
}

static void
what_is_missing_or_empty_stays_so(void **state)
{
	goes_event	event = {.data_len = 5, .aggregate_name = ""};
	goes_event *copy = goes_event_copy(&event);

	assert_null(copy->name);
	assert_string_equal(copy->aggregate_name, "");
	assert_null(copy->data);
	assert_int_equal(copy->data_len, 0);
	goes_event_free(copy);
	event.data = "";
	event.data_len = 0;
	copy = goes_event_copy(&event);
	assert_string_equal(copy->data, "");
	assert_int_equal(copy->data_len, 0);
	goes_event_free(copy);
}

static void
a_copy_can_be_copied(void **state)
{
	goes_event	event = full_event();
	goes_event *copy = goes_event_copy(&event);
	goes_event *again = goes_event_copy(copy);

	goes_event_free(copy);
	assert_string_equal(again->name, "order.placed");
	assert_string_equal(again->aggregate_name, "shop.order");
	assert_string_equal(again->data, "{\"total\": 30}");
	goes_event_free(again);
}

static void
a_length_beyond_all_memory_is_out_of_memory(void **state)
{
	static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2 + 1};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
	{
		goes_event event = full_event();

		event.data_len = lengths[i];
		assert_null(goes_event_copy(&event));
	}
}

static void
no_event_is_copied_to_none_and_freed(void **state)
{
	assert_null(goes_event_copy(NULL));
	goes_event_free(NULL);
	goes_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_event_has_an_id_the_time_and_no_aggregate),
		cmocka_unit_test(a_new_event_borrows_its_name_and_data),
		cmocka_unit_test(a_new_event_may_have_no_data),
		cmocka_unit_test(a_copy_has_everything_and_shares_nothing),
		cmocka_unit_test(the_data_of_a_copy_ends_where_it_should),
		cmocka_unit_test(data_is_copied_past_a_zero_byte),
		cmocka_unit_test(what_is_missing_or_empty_stays_so),
		cmocka_unit_test(a_copy_can_be_copied),
		cmocka_unit_test(a_length_beyond_all_memory_is_out_of_memory),
		cmocka_unit_test(no_event_is_copied_to_none_and_freed),
	};

	return RUN_TESTS(tests);
}
