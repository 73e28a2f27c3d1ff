/*
 * server_lost_model.c
 *    Snapshots and models when the connection breaks: reads are done again, changes are in doubt or
 *    right, and goes_model_use never changes a model twice, nor claims to have changed it when it did not.
 */
#include "lost.h"
#include "snapshots.h"

static goes_store *store;
static goes_uuid   order;

/*
 * make_order makes what is read: an order's five events, and two snapshots; and the model.
 */
static int
make_order(void **state)
{
	goes_event	events[5];
	goes_error *error = NULL;

	(void) start_proxy(state);
	store = open_by_proxy("events", PATIENCE_MS, 1);
	leave_in_peace();
	goes_uuid_v7(&order);
	for (int i = 0; i < 5; i++)
		goes_event_init(&events[i], "order.placed", "{}");
	assert_ok(goes_append(store, "order", &order, events, 5, 0, NULL, &error));
	save_version(store, NULL, "order", &order, 1);
	save_version(store, NULL, "order", &order, 3);
	assert_ok(goes_model_save(store, NULL, "total", "0", NULL, &error));
	return 0;
}

static int
close_all(void **state)
{
	goes_store_close(store);
	return stop_proxy(state);
}

/* ---- Reads */

static int
latest(goes_error **err)
{
	goes_snapshot *found = NULL;
	int			   status = goes_snapshot_latest(store, NULL, "order", &order, &found, NULL, err);

	assert_int_equal(status == GOES_OK ? found->aggregate_version : 3, 3);
	goes_snapshot_free(found);
	return status;
}

static int
fetch(goes_error **err)
{
	char *json = NULL;
	int	  status = goes_model_fetch(store, NULL, "fixed", &json, NULL, err);

	assert_string_equal(status == GOES_OK ? json : "7", "7");
	goes_free(json);
	return status;
}

/*
 * find_all has two snapshots, or ends in an error.
 */
static int
find_all(goes_error **err)
{
	goes_snapshot_cursor *cursor = NULL;
	const goes_snapshot	 *snapshot;
	int					  found = 0;
	int					  status = goes_snapshot_query(store, NULL, NULL, &cursor, NULL, err);

	if (status != GOES_OK)
		return status;
	while ((status = goes_snapshot_cursor_next(cursor, &snapshot, err)) == GOES_EVENT)
		found++;
	goes_snapshot_cursor_close(cursor);
	assert_int_equal(status == GOES_END ? found : 2, 2);
	/* what was given out is not read again */
	return status == GOES_ERR_CONNECT && found > 0 ? GOES_OK : status;
}

/*
 * load_to_end has snapshot 3 and the events 4 and 5, or ends in an error.
 */
static int
load_to_end(goes_error **err)
{
	goes_snapshot	 *snapshot = NULL;
	goes_cursor		 *cursor = NULL;
	const goes_event *event;
	int32_t			  last = 3;
	int status = goes_load(store, NULL, "order", &order, &snapshot, &cursor, NULL, err);

	if (status != GOES_OK)
		return status;
	assert_non_null(snapshot);
	assert_int_equal(snapshot->aggregate_version, 3);
	goes_snapshot_free(snapshot);
	while ((status = goes_cursor_next(cursor, &event, err)) == GOES_EVENT)
		assert_int_equal(event->aggregate_version, ++last);
	goes_cursor_close(cursor);
	assert_int_equal(status == GOES_END ? last : 5, 5);
	/* the snapshot, at least, was given out */
	return status == GOES_ERR_CONNECT ? GOES_OK : status;
}

typedef int (*Calling)(goes_error **err);

static const Calling reads[] = {latest, fetch, find_all, load_to_end};

#define READS (sizeof reads / sizeof *reads)

static void
test_reads_are_done_again(void **state)
{
	goes_error *error = NULL;

	leave_in_peace();
	assert_ok(goes_model_save(store, NULL, "fixed", "7", NULL, &error));
	for (size_t i = 0; i < READS; i++)
	{
		Plan plan = PLACES_FROM_THE_FIRST;

		do
		{
			int status;

			proxy_cut(proxy);
			proxy_plan(proxy, &plan, 1);
			status = reads[i](&error);
			if (status != GOES_OK && !(status == GOES_ERR_CONNECT && proxy_struck_early(proxy)))
				fail_msg("read %zu, " PLACE ": %s", i, PLACE_OF(&plan), goes_status_text(status));
			goes_error_free(error);
			error = NULL;
		} while (next_message(&plan));
	}
}

/*
 * The statement is known to the server by now, so its first message is the read.
 */
static void
test_a_read_of_state_is_done_again_only_once(void **state)
{
	for (size_t i = 0; i < READS; i++)
	{
		Plan		plans[] = {{.direction = TO_CLIENT, .number = 1, .fate = TORN},
							   {.direction = TO_SERVER, .fate = DROPPED}};
		goes_error *error = NULL;

		leave_in_peace();
		assert_ok(reads[i](&error));
		proxy_plan(proxy, plans, 1);
		assert_ok(reads[i](&error));
		plans[1].number = proxy_messages(proxy, TO_SERVER);
		proxy_plan(proxy, plans, 2);
		expect_error(reads[i](&error), &error, GOES_ERR_CONNECT, "");
		assert_int_equal(proxy_struck(proxy), 2);
		assert_int_equal(proxy_connections(proxy), 1);
	}
}

/* ---- Changes */

static int round_number; /* what a change writes, different each time */

static int
save_snapshot(goes_error **err)
{
	goes_snapshot snapshot = snapshot_of("saved", &order, 1, "x");

	snapshot.time = round_number;
	return goes_snapshot_save(store, "changed", &snapshot, NULL, err);
}

static int
save_model(goes_error **err)
{
	char json[16];

	snprintf(json, sizeof json, "%d", round_number);
	return goes_model_save(store, "changed_models", "saved", json, NULL, err);
}

static const struct
{
	Calling		change;
	const char *stored; /* which change is stored */
} changes[] = {
	{save_snapshot, "SELECT \"time\" FROM changed"},
	{save_model, "SELECT model FROM changed_models"},
};

#define CHANGES (sizeof changes / sizeof *changes)

/*
 * check_change makes a change while a plan is carried out.
 */
static void
check_change(size_t i, const Plan *plan)
{
	goes_error *error = NULL;
	int64_t		stored;
	int			status;

	round_number++;
	proxy_plan(proxy, plan, 1);
	status = changes[i].change(&error);
	goes_error_free(error);
	if (status == GOES_ERR_IN_DOUBT)
		return;
	stored = number_of("%s", changes[i].stored);
	if (status == GOES_OK
			? stored != round_number
			: status != GOES_ERR_CONNECT || stored == round_number || !proxy_struck_early(proxy))
		fail_msg("change %zu, " PLACE ": %s, and %lld of %d is stored", i, PLACE_OF(plan),
				 goes_status_text(status), (long long) stored, round_number);
}

static void
test_a_change_is_in_doubt_or_right(void **state)
{
	for (size_t i = 0; i < CHANGES; i++)
	{
		Plan		plan = PLACES_FROM_THE_FIRST;
		goes_error *error = NULL;

		leave_in_peace();
		assert_ok(changes[i].change(&error));
		do
		{
			settle();
			check_change(i, &plan);
		} while (next_message(&plan));
	}
}

#define CREATING 5 /* the answers to Parse and Sync; Bind, Execute and Sync */

/*
 * The first save is refused and the table made, so that losing its answer is no doubt, but the save
 * is done again: there is doubt about the first save and about the last, but not in between.
 */
static void
test_a_change_whose_table_is_missing(void **state)
{
	for (size_t i = 0; i < CHANGES; i++)
	{
		Plan plan = {.direction = TO_CLIENT, .number = 1, .fate = DELIVERED};
		int	 doubts = 0;  /* how often it begins */
		int	 certain = 0; /* messages between the first and the last time */
		int	 last = GOES_OK;

		do
		{
			int status;

			leave_in_peace();
			admin_do(TEST_DATABASE, "SET client_min_messages = warning; "
									"DROP TABLE IF EXISTS changed, changed_models");
			assert_int_equal(latest(NULL), GOES_OK);
			round_number++;
			proxy_plan(proxy, &plan, 1);
			status = changes[i].change(NULL);
			if (status == GOES_OK)
				assert_int_equal(number_of("%s", changes[i].stored), round_number);
			else
				assert_int_equal(status, GOES_ERR_IN_DOUBT);
			doubts += status != GOES_OK && last == GOES_OK;
			certain += status == GOES_OK && doubts == 1;
			last = status;
			plan.number++;
			settle();
		} while (proxy_struck(proxy) > 0);
		assert_int_equal(doubts, 2);
		assert_true(certain > CREATING);
	}
}

/* ---- goes_model_use */

static int calls;

static int
add_one_and_insert(goes_tx *tx, const char *json, char **new_json, void *user)
{
	goes_event event;

	calls++;
	if (asprintf(new_json, "%d", atoi(json) + 1) < 0)
		return GOES_ERR_NOMEM;
	if (user == NULL)
		return GOES_OK;
	goes_event_init(&event, "order.placed", "{}");
	*(goes_uuid *) user = event.id;
	return goes_insert(goes_tx_store(tx), &event, 1, NULL, NULL);
}

/*
 * check_use uses the model while a plan is carried out. With an event it is known in the end what became
 * of a commit.
 */
static void
check_use(const Plan *plan, bool has_event)
{
	int64_t		before = number_of("SELECT model FROM models WHERE id = 'total'");
	goes_uuid	event = {{0}};
	goes_error *error = NULL;
	int64_t		added;
	int			status;

	calls = 0;
	proxy_plan(proxy, plan, 1);
	status = goes_model_use(store, NULL, "total", "0", add_one_and_insert,
							has_event ? &event : NULL, NULL, &error);
	goes_error_free(error);
	settle();
	added = number_of("SELECT model FROM models WHERE id = 'total'") - before;
	if (calls > 1 || added < 0 || added > calls || (status == GOES_OK && added != 1) ||
		(status == GOES_ERR_CONNECT && added != 0) || (status == GOES_ERR_IN_DOUBT && has_event) ||
		(status != GOES_OK && status != GOES_ERR_CONNECT && status != GOES_ERR_IN_DOUBT))
		fail_msg(PLACE ": %s after %d calls, and %lld is added", PLACE_OF(plan),
				 goes_status_text(status), calls, (long long) added);
	if (has_event && calls == 1)
	{
		goes_event inserted = {.id = event};

		assert_int_equal(count_stored("events", &inserted, 1), added);
	}
}

static void
test_a_model_is_changed_once_or_not_at_all(void **state)
{
	for (int has_event = 0; has_event < 2; has_event++)
	{
		for (int is_warm = 0; is_warm < 2; is_warm++)
		{
			Plan plan = PLACES_FROM_THE_FIRST;

			do
			{
				leave_in_peace();
				if (is_warm) /* then all places get their turn */
					assert_int_equal(latest(NULL), GOES_OK);
				check_use(&plan, has_event);
			} while (is_warm ? next_place(&plan) : next_message(&plan));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_are_done_again),
		cmocka_unit_test(test_a_read_of_state_is_done_again_only_once),
		cmocka_unit_test(test_a_change_is_in_doubt_or_right),
		cmocka_unit_test(test_a_change_whose_table_is_missing),
		cmocka_unit_test(test_a_model_is_changed_once_or_not_at_all),
	};

	return RUN_GROUP(tests, make_order, close_all);
}
