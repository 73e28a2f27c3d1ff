/*
 * test_queue.c
 *    What waits: its order, lanes that one taker has, and how much is taken together.
 */
#include "unit.h"
#include "base/queue.h"

#define ITEMS 6

static Queue  queue;
static Queued items[ITEMS];

/* put_items has items wait in these lanes. */
static void
put_items(const char *lanes)
{
	queue_init(&queue);
	for (int i = 0; lanes[i] != '\0'; i++)
	{
		items[i] = (Queued){.lane = (unsigned char) lanes[i], .bytes = 10};
		queue_put(&queue, &items[i]);
	}
}

/* expect_taken takes for a taker and expects items by number. */
static Queued *
expect_taken(int taker, Portion most, const char *numbers)
{
	Queued *taken = queue_take(&queue, taker, most);
	Queued *queued = taken;

	for (; *numbers != '\0'; numbers++, queued = queued->next)
		assert_ptr_equal(queued, &items[*numbers - '0']);
	assert_null(queued);
	return taken;
}

static const Portion all = {100, 1000};

static void
test_what_waits_is_taken_in_order(void **state)
{
	put_items("abcabc");
	assert_true(queue_has_work(&queue));
	(void) expect_taken(1, all, "012345");
	assert_false(queue_has_work(&queue));
	(void) expect_taken(1, all, "");
}

static void
test_a_lane_has_one_taker(void **state)
{
	Queued *first;

	put_items("abab");
	first = expect_taken(1, (Portion){1, 1000}, "0");
	(void) expect_taken(2, all, "13");
	assert_false(queue_has_work(&queue));
	(void) expect_taken(2, all, "");
	queue_release(&queue, first);
	assert_true(queue_has_work(&queue));
	(void) expect_taken(2, all, "2");
}

static void
test_portions_have_their_size(void **state)
{
	put_items("abcdef");
	items[1].bytes = 5000;
	(void) expect_taken(1, (Portion){100, 25}, "0");
	(void) expect_taken(1, (Portion){100, 25}, "1");
	(void) expect_taken(1, (Portion){100, 25}, "23");
	(void) expect_taken(1, (Portion){1, 25}, "4");
	(void) expect_taken(1, (Portion){1, 25}, "5");
}

static void
test_what_is_removed_is_not_taken(void **state)
{
	Queued late = {.lane = 'x'};

	put_items("abc");
	queue_remove(&queue, &items[2]);
	queue_remove(&queue, &items[0]);
	queue_put(&queue, &late);
	assert_ptr_equal(queue_take(&queue, 1, all), &items[1]);
	assert_ptr_equal(items[1].next, &late);
	put_items("a");
	queue_remove(&queue, &items[0]);
	assert_false(queue_has_work(&queue));
	queue_put(&queue, &late);
	(void) queue_take(&queue, 1, all);
}

static void
test_lanes_tell_aggregates_apart(void **state)
{
	goes_uuid id = {{1}};
	goes_uuid other = {{2}};

	assert_int_equal(queue_lane("order", &id), queue_lane("order", &id));
	assert_int_not_equal(queue_lane("order", &id), queue_lane("order", &other));
	assert_int_not_equal(queue_lane("order", &id), queue_lane("cart", &id));
	assert_true(queue_lane("", &id) < LANES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits_is_taken_in_order),
		cmocka_unit_test(test_a_lane_has_one_taker),
		cmocka_unit_test(test_portions_have_their_size),
		cmocka_unit_test(test_what_is_removed_is_not_taken),
		cmocka_unit_test(test_lanes_tell_aggregates_apart),
	};

	return RUN_TESTS(tests);
}
