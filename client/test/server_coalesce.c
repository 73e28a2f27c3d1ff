/*
 * server_coalesce.c
 *    Appends of many threads that share commits: each has the outcome that it would have alone.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "appends.h"
#include "own_store.h"

#define THREADS 8
#define EACH 40

/* A thread with an append, or with several. */
typedef struct Caller
{
	pthread_t	 id;
	goes_uuid	 aggregate;
	int32_t		 expected;
	const char	*name;
	const char	*data;
	goes_context context;
	goes_event	 event;
	int			 status;
	goes_error	*error;
} Caller;

static Caller  callers[THREADS];
static PGconn *locker;

static int
begin(void **state)
{
	goes_store_options options = options_of("events");
	goes_error		  *error = NULL;

	(void) paced_ms(0); /* measured before there are other threads */
	options.coalesce_appends = true;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do(TEST_DATABASE, "TRUNCATE events");
	memset(callers, 0, sizeof callers);
	for (int i = 0; i < THREADS; i++)
		callers[i] = (Caller){.aggregate = new_id(),
							  .expected = 0,
							  .name = "order.placed",
							  .data = "{}",
							  .context = {.size = sizeof(goes_context)}};
	return 0;
}

static void *
append_once(void *argument)
{
	Caller *caller = argument;

	goes_event_init(&caller->event, caller->name, caller->data);
	caller->status = goes_append(store, "order", &caller->aggregate, &caller->event, 1,
								 caller->expected, &caller->context, &caller->error);
	return NULL;
}

static void
start(Caller *caller)
{
	assert_int_equal(pthread_create(&caller->id, NULL, append_once, caller), 0);
}

/* finish expects a thread's outcome. */
static void
finish(Caller *caller, int status)
{
	pthread_join(caller->id, NULL);
	if (caller->status != status)
		fail_msg("caller %d: %s: %s", (int) (caller - callers), goes_status_text(caller->status),
				 goes_error_message(caller->error));
	assert_int_equal(goes_error_status(caller->error), status);
	if (status == GOES_OK)
	{
		assert_int_equal(caller->event.aggregate_version, caller->expected + 1);
		assert_string_equal(caller->event.aggregate_name, "order");
	}
	if (status != GOES_ERR_IN_DOUBT)
		assert_true(is_there(store, &caller->event) ==
					(status == GOES_OK || status == GOES_ERR_DUPLICATE));
	goes_error_free(caller->error);
}

static void
lock_table(void)
{
	locker = admin_connection(TEST_DATABASE);
	PQclear(PQexec(locker, "BEGIN; LOCK TABLE events IN SHARE MODE"));
}

static void
unlock_table(void)
{
	PQfinish(locker);
	locker = NULL;
}

/* finish_test ends a test, also one that has failed in its middle. */
static int
finish_test(void **state)
{
	unlock_table();
	return end(state);
}

#define OWN_SHARED(test) cmocka_unit_test_setup_teardown(test, begin, finish_test)

/* await_waiting waits until so many sessions wait for the table. */
static void
await_waiting(int count)
{
	while (number_of("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
					 "'events'::regclass") < count)
		usleep(1000);
}

/* occupy has the first two callers lead, and wait for the table. */
static void
occupy(void)
{
	lock_table();
	for (int i = 0; i < 2; i++)
	{
		start(&callers[i]);
		await_waiting(i + 1);
	}
}

/* settle_in gives a thread the time to get into the queue. */
static void
settle_in(void)
{
	usleep((useconds_t) (paced_ms(100) * 1000));
}

static int64_t
commits(void)
{
	return number_of("SELECT count(DISTINCT xmin::text) FROM events");
}

static void
test_those_who_wait_share_a_commit(void **state)
{
	occupy();
	for (int i = 2; i < THREADS; i++)
		start(&callers[i]);
	settle_in();
	unlock_table();
	for (int i = 0; i < THREADS; i++)
		finish(&callers[i], GOES_OK);
	assert_in_range(commits(), 3, 4);
}

static void
test_each_has_the_outcome_that_it_has_alone(void **state)
{
	goes_conflict conflict = {.size = sizeof conflict};
	int			  status;

	callers[2].expected = 7;
	callers[3].data = "{no json";
	callers[4].name = "";
	occupy();
	for (int i = 2; i < THREADS; i++)
		start(&callers[i]);
	settle_in();
	unlock_table();
	for (int i = 0; i < THREADS; i++)
	{
		if (i != 2)
		{
			finish(&callers[i], i == 3 || i == 4 ? GOES_ERR_INVALID : GOES_OK);
			continue;
		}
		pthread_join(callers[i].id, NULL);
		assert_int_equal(callers[i].status, GOES_ERR_CONFLICT);
		assert_true(goes_error_conflict(callers[i].error, &conflict));
		assert_int_equal(conflict.current_version, 0);
		assert_int_equal(conflict.event_version, 8);
		assert_string_equal(goes_error_sqlstate(callers[i].error), "VE001");
		goes_error_free(callers[i].error);
	}
	/* and a repeat is one */
	callers[5].error = NULL;
	callers[5].event.aggregate_version = 0;
	status = goes_append(store, "order", &callers[5].aggregate, &callers[5].event, 1, 0, NULL,
						 &callers[5].error);
	assert_int_equal(status, GOES_OK);
	assert_int_equal(callers[5].event.aggregate_version, 1);
}

/*
 * A caller that has not been sent gives up without a trace, and one that leads leaves the others to
 * themselves.
 */
static void
test_a_caller_may_give_up(void **state)
{
	callers[2].context.timeout_ms = paced_ms(50);
	callers[3].context.cancel = goes_cancel_new();
	occupy();
	for (int i = 2; i < 5; i++)
		start(&callers[i]);
	settle_in();
	goes_cancel_trigger(callers[3].context.cancel);
	finish(&callers[2], GOES_ERR_TIMEOUT);
	finish(&callers[3], GOES_ERR_CANCELLED);
	unlock_table();
	finish(&callers[0], GOES_OK);
	finish(&callers[1], GOES_OK);
	finish(&callers[4], GOES_OK);
	goes_cancel_free(callers[3].context.cancel);
	assert_int_equal(count_rows("events"), 3);
}

/*
 * Those who were sent with others: the one who leads gives up, another one does, and a third waits.
 */
static void
test_what_was_sent_and_given_up_is_in_doubt(void **state)
{
	goes_uuid held = new_id();

	append_new(store, &held, 1);
	callers[2].context.cancel = goes_cancel_new();
	callers[3].context.cancel = goes_cancel_new();
	occupy();
	for (int i = 2; i < 5; i++)
	{
		start(&callers[i]);
		settle_in();
	}
	/* the next call waits for the same table again */
	{
		PGconn *first = locker;

		locker = admin_connection(TEST_DATABASE);
		PQclear(PQexec(locker, "BEGIN"));
		assert_int_equal(PQsendQuery(locker, "LOCK TABLE events IN SHARE MODE"), 1);
		await_waiting(3);
		PQfinish(first);
	}
	finish(&callers[0], GOES_OK);
	finish(&callers[1], GOES_OK);
	await_waiting(1);
	goes_cancel_trigger(callers[3].context.cancel);
	finish(&callers[3], GOES_ERR_IN_DOUBT);
	goes_cancel_trigger(callers[2].context.cancel);
	finish(&callers[2], GOES_ERR_IN_DOUBT);
	unlock_table();
	finish(&callers[4], GOES_OK);
	goes_cancel_free(callers[2].context.cancel);
	goes_cancel_free(callers[3].context.cancel);
}

static void
test_one_that_leads_alone_is_in_doubt_as_well(void **state)
{
	callers[0].context.timeout_ms = paced_ms(100);
	lock_table();
	start(&callers[0]);
	finish(&callers[0], GOES_ERR_IN_DOUBT);
	unlock_table();
	start(&callers[1]);
	finish(&callers[1], GOES_OK);
}

/* ---- Many appends */

static atomic_int wrong;

/* append_to_one appends again and again to the same aggregate, at any version. */
static void *
append_to_one(void *aggregate)
{
	for (int i = 0; i < EACH; i++)
	{
		goes_event event = event_of("order.changed", "{}");
		int32_t	   version;

		if (goes_append(store, "order", aggregate, &event, 1, GOES_EXPECT_ANY, NULL, NULL) !=
			GOES_OK)
			atomic_fetch_add(&wrong, 1);
		version = event.aggregate_version;
		if (goes_append(store, "order", aggregate, &event, 1, GOES_EXPECT_ANY, NULL, NULL) !=
				GOES_OK ||
			event.aggregate_version != version)
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void
test_one_stream_is_shared(void **state)
{
	pthread_t threads[THREADS];
	goes_uuid id = new_id();

	atomic_store(&wrong, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, append_to_one, &id);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(number_of("SELECT count(DISTINCT aggregate_version) FROM events "
							   "WHERE aggregate_version <= %d",
							   THREADS * EACH),
					 THREADS * EACH);
	assert_int_equal(count_rows("events"), THREADS * EACH);
	assert_in_range(commits(), 1, THREADS * EACH - 1);
}

static void
test_what_cannot_be_shared_works_by_itself(void **state)
{
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	goes_tx	   *tx = begin_tx();

	append_new(goes_tx_store(tx), &id, 2);
	assert_ok(goes_append(goes_tx_store(tx), "order", &id, NULL, 0, 2, NULL, &error));
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_ok(goes_append(store, "order", &id, NULL, 0, 2, NULL, &error));
	append_new(store, &id, 3);
	assert_int_equal(count_events(store), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SHARED(test_those_who_wait_share_a_commit),
		OWN_SHARED(test_each_has_the_outcome_that_it_has_alone),
		OWN_SHARED(test_a_caller_may_give_up),
		OWN_SHARED(test_what_was_sent_and_given_up_is_in_doubt),
		OWN_SHARED(test_one_that_leads_alone_is_in_doubt_as_well),
		OWN_SHARED(test_one_stream_is_shared),
		OWN_SHARED(test_what_cannot_be_shared_works_by_itself),
	};

	return RUN_TESTS(tests);
}
