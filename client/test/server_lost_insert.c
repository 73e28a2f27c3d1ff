/*
 * server_lost_insert.c
 *    Inserts whose connection breaks, at every message: what goes_insert returns is true, and no event
 *    is ever stored twice or without the others of its batch.
 */
#include "appends.h"
#include "lost_insert.h"

static const Plan nothing;

/*
 * The first call of all: what it makes on its way (the database, the table) may break, too. The next
 * call goes on.
 */
static void
test_a_cut_during_the_first_call_does_no_harm(void **state)
{
	Plan plan = PLACES_FROM_THE_FIRST;

	for (bool is_more = true; is_more;)
	{
		goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
		int			status = write_at(store, &plan, 1, 1, NULL);

		is_more = next_message(&plan);
		plan.number += plan.number > 1; /* every second one */
		if (status != GOES_OK)
			assert_int_equal(write_at(store, &nothing, 1, 1, NULL), GOES_OK);
		goes_store_close(store);
	}
}

/*
 * Every new connection is refused. An insert that was never sent did not happen; one that was sent
 * is in doubt.
 */
static void
test_without_a_server_the_outcome_is_told_as_far_as_it_is_known(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			before[DIRECTIONS]; /* messages before those of the insert */

	plan.refuses = true;
	plan.fate = TORN;
	warm_up(store);
	settle();
	assert_int_equal(write_at(store, &nothing, 1, 1, NULL), GOES_OK);
	before[TO_SERVER] = proxy_messages(proxy, TO_SERVER);
	before[TO_CLIENT] = proxy_messages(proxy, TO_CLIENT);
	warm_up(store);
	assert_int_equal(write_at(store, &nothing, 1, 1, NULL), GOES_OK);
	before[TO_SERVER] -= proxy_messages(proxy, TO_SERVER);
	before[TO_CLIENT] -= proxy_messages(proxy, TO_CLIENT);
	for (bool is_more = true; is_more; is_more = next_place(&plan))
	{
		bool is_sent;
		int	 status;

		plan.fate = TORN;
		status = write_at(store, &plan, 1, 1, NULL);
		is_sent = plan.number > before[plan.direction];
		if (proxy_struck(proxy) == 0)
			assert_int_equal(status, GOES_OK);
		else if (status != (is_sent ? GOES_ERR_IN_DOUBT : GOES_ERR_CONNECT))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
		plan.fate = DELIVERED; /* go on with the next message but one */
		plan.number++;
	}
	goes_store_close(store);
}

/*
 * The server stops taking a large insert half-way: that one cannot have been done.
 */
static void
test_an_insert_that_was_not_sent_whole_is_not_in_doubt(void **state)
{
	enum
	{
		SIZE = 32 * 1024 * 1024
	};
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_SERVER, .number = 1, .fate = DROPPED, .refuses = true};
	goes_error *error = NULL;
	goes_event	event;
	char	   *data = malloc(SIZE + 1);

	memset(data, ' ', SIZE);
	data[0] = '1';
	data[SIZE] = '\0';
	goes_event_init(&event, "order.imported", data);
	warm_up(store);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_insert(store, &event, 1, NULL, &error), &error, GOES_ERR_CONNECT, "");
	leave_in_peace();
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_int_equal(count_stored("events", &event, 1), 1);
	settle();
	free(data);
	goes_store_close(store);
}

/*
 * The answer to an insert is lost, and then the connection of the second try, too, at every message:
 * its own events are never what an insert fails on.
 */
static void
test_a_second_cut_does_not_make_an_insert_its_own_duplicate(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	goes_store *hasty = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plans[] = {{.direction = TO_CLIENT, .number = 5, .fate = DROPPED},
						   {.direction = TO_SERVER, .number = 5, .fate = TORN}};
	int			status;

	warm_up(hasty);
	do
	{
		bool is_last_try = plans[1].number % 2 == 0; /* else later connections are served */

		warm_up(is_last_try ? hasty : store);
		plans[1].refuses = is_last_try;
		status = write_at(is_last_try ? hasty : store, plans, 2, 1, NULL);
		if (status != GOES_OK && !(is_last_try && status == GOES_ERR_IN_DOUBT))
			fail_msg("second cut at " PLACE ": %s", PLACE_OF(&plans[1]), goes_status_text(status));
		plans[1].number += 5;
		if (proxy_struck(proxy) == 1)
			plans[1] = (Plan){.direction = plans[1].direction + 1, .number = 6, .fate = TORN};
	} while (plans[1].direction < DIRECTIONS);
	goes_store_close(store);
	goes_store_close(hasty);
}

/*
 * While the connection is gone, somebody else takes what the lost insert did not get to keep.
 */
static void
test_what_a_rival_took_meanwhile_is_refused(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	goes_error *error = NULL;
	goes_event	events[3];
	char		id[37];
	char		statement[512];
	Plan		plan = {.direction = TO_SERVER,
						.number = 4, /* Sync */
						.fate = DROPPED,
						.then = run_directly,
						.argument = statement};

	fill_events(events, 3);
	goes_uuid_format(&events[1].id, id);
	snprintf(statement, sizeof statement,
			 "INSERT INTO events VALUES ('%s', 'order.placed', %lld, NULL, NULL, NULL, '{}')", id,
			 (long long) events[1].time);
	warm_up(store);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_insert(store, events, 3, NULL, &error), &error, GOES_ERR_DUPLICATE, "");
	assert_int_equal(proxy_struck(proxy), 1);
	assert_int_equal(count_stored("events", events, 3), 1);

	fill_events(events, 3);
	goes_uuid_format(&events[1].aggregate_id, id);
	snprintf(statement, sizeof statement,
			 "INSERT INTO events VALUES (gen_random_uuid(), 'order.placed', 1, '%s', 'order', 2, "
			 "'{}')",
			 id);
	warm_up(store);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_insert(store, events, 3, NULL, &error), &error, GOES_ERR_CONFLICT, "");
	assert_int_equal(proxy_struck(proxy), 1);
	assert_int_equal(count_stored("events", events, 3), 0);
	settle();
	goes_store_close(store);
}

/*
 * The server refuses an event's JSON, and the search for it is cut short: an index may be missing, but
 * it is never a wrong one.
 */
static void
test_a_cut_never_blames_the_wrong_event(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_CLIENT, .number = 1, .fate = TORN};
	goes_event	events[8];
	goes_error *error = NULL;

	fill_events(events, 8);
	events[6].data = "{";
	events[6].data_len = 1;
	do
	{
		int64_t index;

		warm_up(store);
		proxy_plan(proxy, &plan, 1);
		assert_int_equal(goes_insert(store, events, 8, NULL, &error), GOES_ERR_INVALID);
		index = goes_error_event_index(error);
		if (index != 6 && (index != -1 || proxy_struck(proxy) == 0))
			fail_msg(PLACE ": event %lld", PLACE_OF(&plan), (long long) index);
		goes_error_free(error);
		plan.number += 2;
	} while (proxy_struck(proxy) > 0);
	settle();
	goes_store_close(store);
}

/*
 * An insert conflicts, and the look-up of the details breaks: what is told of them is true.
 */
static void
test_a_cut_never_tells_wrong_details(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_SERVER, .number = 5, .fate = TORN};
	int			unknown = 0;

	do
	{
		goes_uuid	  id = new_id();
		goes_event	  events[] = {event_of_aggregate("order", &id, 4),
								  event_of_aggregate("order", &id, 3)};
		goes_error	 *error = NULL;
		goes_conflict conflict = {.size = sizeof conflict};
		int			  struck;

		leave_in_peace();
		append_new(store, &id, 3);
		assert_int_equal(goes_insert(store, events, 2, NULL, NULL), GOES_ERR_CONFLICT);
		proxy_plan(proxy, &plan, 1);
		assert_int_equal(goes_insert(store, events, 2, NULL, &error), GOES_ERR_CONFLICT);
		struck = proxy_struck(proxy);
		assert_true(goes_error_conflict(error, &conflict));
		assert_memory_equal(&conflict.aggregate_id, &id, sizeof id);
		unknown += conflict.current_version == -1;
		if (conflict.current_version == -1 && struck > 0)
			assert_int_equal(goes_error_event_index(error), -1);
		else
		{
			assert_int_equal(conflict.current_version, 3);
			assert_int_equal(conflict.event_version, 3);
			assert_int_equal(goes_error_event_index(error), 1);
		}
		goes_error_free(error);
		plan.number++;
		if (struck == 0)
			plan = (Plan){.direction = plan.direction + 1, .number = 4, .fate = TORN};
	} while (plan.direction < DIRECTIONS);
	assert_true(unknown > 3);
	goes_store_close(store);
}

/*
 * The old server process still works on the lost insert: a trigger keeps it busy at its commit. The
 * second try waits for it, and finds its events stored.
 */
static void
test_an_old_process_that_commits_late_makes_success(void **state)
{
	goes_store *store = open_by_proxy("slow", PATIENCE_MS, 0);
	goes_store *hasty = open_by_proxy("slow", LITTLE_PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_SERVER,
						.number = 4, /* Sync */
						.fate = DELIVERED,
						.keeps_server = true};
	goes_event	event;
	goes_error *error = NULL;

	leave_in_peace();
	reach_server(store);
	reach_server(hasty);
	linger_at_commit("slow", paced_ms(400));
	goes_event_init(&event, "order.placed", NULL);
	leave_in_peace();
	assert_ok(goes_insert(store, &event, 1, NULL, &error)); /* prepares the statement */
	goes_event_init(&event, "order.placed", NULL);
	proxy_plan(proxy, &plan, 1);
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	assert_int_equal(proxy_struck(proxy), 1);
	assert_int_equal(count_stored("slow", &event, 1), 1);
	warm_up(hasty);
	goes_event_init(&event, "order.placed", NULL);
	proxy_plan(proxy, &plan, 1);
	expect_error(goes_insert(hasty, &event, 1, NULL, &error), &error, GOES_ERR_IN_DOUBT,
				 "look one of them up");
	settle();
	goes_store_close(store);
	goes_store_close(hasty);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cut_at_any_message_is_made_good),
		cmocka_unit_test(test_a_cut_within_a_batch_is_made_good),
		cmocka_unit_test(test_a_cut_during_the_first_call_does_no_harm),
		cmocka_unit_test(test_a_server_that_goes_on_is_waited_for),
		cmocka_unit_test(test_without_a_server_the_outcome_is_told_as_far_as_it_is_known),
		cmocka_unit_test(test_an_insert_that_was_not_sent_whole_is_not_in_doubt),
		cmocka_unit_test(test_a_second_cut_does_not_make_an_insert_its_own_duplicate),
		cmocka_unit_test(test_what_a_rival_took_meanwhile_is_refused),
		cmocka_unit_test(test_a_cut_never_blames_the_wrong_event),
		cmocka_unit_test(test_a_cut_never_tells_wrong_details),
		cmocka_unit_test(test_an_old_process_that_commits_late_makes_success),
	};

	return RUN_LOST_TESTS(tests);
}
