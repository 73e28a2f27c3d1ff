/*
 * server_lost_subscription.c
 *    A worker whose connection breaks, anywhere: each event is done, and nothing waits for longer than a
 *    lease.
 */
#include "lost_worker.h"

/*
 * work_off works until all events are seen; returns how many deliveries that took.
 */
static int
work_off(goes_store *store, const Plan *plan)
{
	goes_subscription_options options = quick_options();
	goes_subscription		 *worker = NULL;
	goes_error				 *error = NULL;
	bool					  is_seen[EVENTS] = {false};
	int64_t					  begun = milliseconds();
	int						  seen = 0;
	int						  deliveries = 0;

	while (worker == NULL)
	{
		int status = goes_subscription_open(store, NULL, "lost", &options, &worker, &error);

		if (status != GOES_OK && status != GOES_ERR_CONNECT)
			fail_msg(PLACE ": %s", PLACE_OF(plan), goes_error_message(error));
		goes_error_free(error);
		error = NULL;
	}
	while (seen < EVENTS)
	{
		const goes_delivery *delivery;
		int					 status = goes_subscription_next(worker, &delivery, NULL, &error);

		if (status < 0 && status != GOES_ERR_LEASE_LOST)
			fail_msg(PLACE ": %s", PLACE_OF(plan), goes_error_message(error));
		goes_error_free(error);
		error = NULL;
		expect_soon(plan, begun, 10000);
		if (status != GOES_EVENT)
			continue;
		seen += !is_seen[delivery->position - 1];
		is_seen[delivery->position - 1] = true;
		deliveries++;
		(void) goes_delivery_done(worker, delivery, NULL);
	}
	goes_subscription_close(worker);
	return deliveries;
}

static void
test_every_event_is_done_wherever_it_breaks(void **state)
{
	goes_store *store = open_shared();
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			places = 0;

	do
	{
		leave_in_peace();
		open_anew();
		proxy_plan(proxy, &plan, 1);
		assert_true(work_off(store, &plan) >= EVENTS);
		places++;
	} while (next_message(&plan));
	assert_true(places > 20);
	leave_in_peace();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_is_done_wherever_it_breaks),
	};

	return RUN_LOST_TESTS(tests);
}
