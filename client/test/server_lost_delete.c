/*
 * server_lost_delete.c
 *    Deletes whose connection breaks, at every message: one that may be done is in doubt.
 */
#include "lost.h"

/*
 * A delete that was sent is in doubt; one that cannot have reached the server is sent again.
 */
static void
test_a_lost_delete_is_in_doubt(void **state)
{
	goes_store *store = open_by_proxy("deleted", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			own[DIRECTIONS]; /* the delete's own messages */
	int			all[DIRECTIONS];
	goes_uuid	nobodys;

	goes_uuid_v7(&nobodys);
	for (int round = 0; round < 2; round++)
	{
		goes_error *error = NULL;

		leave_in_peace();
		assert_ok(goes_delete(store, &nobodys, 1, NULL, &error));
		if (round == 0)
			settle();
		leave_in_peace();
		assert_ok(goes_delete(store, &nobodys, 1, NULL, &error));
		for (int direction = 0; direction < DIRECTIONS; direction++)
			(round == 0 ? all : own)[direction] = proxy_messages(proxy, direction);
	}
	do
	{
		goes_error *error = NULL;
		goes_event	event;
		bool		is_sent = plan.number > all[plan.direction] - own[plan.direction];
		int			status;
		size_t		stored;

		leave_in_peace();
		fill_events(&event, 1);
		assert_ok(goes_insert(store, &event, 1, NULL, &error));
		settle();
		proxy_plan(proxy, &plan, 1);
		status = goes_delete(store, &event.id, 1, NULL, &error);
		stored = count_stored("deleted", &event, 1);
		if (proxy_struck_early(proxy) && proxy_struck(proxy) > 0)
			assert_true(status == GOES_OK || (status == GOES_ERR_CONNECT && stored == 1));
		else if (status == GOES_OK)
			assert_int_equal(stored, 0);
		else if (status != GOES_ERR_IN_DOUBT || !(is_sent || plan.fate == DELIVERED))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
		if (status == GOES_OK && is_sent && proxy_struck(proxy) > 0)
			assert_int_equal(plan.number + plan.fate, all[TO_CLIENT] + DELIVERED);
		goes_error_free(error);
	} while (next_message(&plan));
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lost_delete_is_in_doubt),
	};

	return RUN_LOST_TESTS(tests);
}
