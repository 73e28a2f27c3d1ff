/*
 * server_descriptors.c
 *    A program that has few descriptors left, or may have no more threads: whatever it calls says
 *    so, gives back what it has taken, and works as soon as there are enough again.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>

#include "subscribes.h"

#define TABLE "described"
#define MOST_DESCRIPTORS 128
#define ENOUGH 40

static int taken[MOST_DESCRIPTORS];
static int taken_count;

/*
 * leave_descriptors takes all descriptors but so many.
 */
static void
leave_descriptors(int spare)
{
	while ((taken[taken_count] = dup(STDIN_FILENO)) >= 0)
		taken_count++;
	assert_int_equal(errno, EMFILE);
	for (; spare > 0; spare--)
		close(taken[--taken_count]);
}

static void
give_descriptors_back(void)
{
	while (taken_count > 0)
		close(taken[--taken_count]);
}

static int
open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int	 count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/*
 * expect_descriptors expects as many to be open as before. A request to cancel is sent by a thread,
 * which may still have its own.
 */
static void
expect_descriptors(int before)
{
	int64_t begun = milliseconds();

	while (open_descriptors() != before && is_within(begun, 2000))
		usleep(1000);
	assert_int_equal(open_descriptors(), before);
}

static goes_store *
open_patiently(int64_t patience_ms)
{
	goes_store_options options = options_of(TABLE);

	options.connect_timeout_ms = patience_ms;
	return open_with(&options);
}

/* ---- Lives of stores; each returns its first failure */

typedef int (*Life)(goes_store *store);

static int
insert_one(goes_store *store)
{
	goes_event event = event_of("happened", "{}");

	return goes_insert(store, &event, 1, NULL, NULL);
}

static int
follow(goes_store *store)
{
	goes_feed_options options = feed_options(-1);
	goes_feed		 *feed = NULL;
	const goes_event *event;
	int				  status = goes_feed_open(store, &options, &feed, NULL);

	if (status == GOES_OK)
		status = goes_feed_next(feed, &event, NULL, NULL);
	goes_feed_close(feed);
	return status < 0 ? status : GOES_OK;
}

static int
work(goes_store *store)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = NULL;
	const goes_delivery		 *delivery;
	int status = goes_subscription_open(store, NULL, "described", &options, &worker, NULL);

	if (status == GOES_OK)
		status = goes_subscription_next(worker, &delivery, NULL, NULL);
	goes_subscription_close(worker);
	return status < 0 ? status : GOES_OK;
}

static int
write_one(goes_store *store)
{
	goes_event			event = event_of("written", "{}");
	goes_writer		   *writer = NULL;
	const goes_outcome *outcome;
	goes_uuid			id;
	int					status = goes_writer_open(&writer, store, NULL, NULL);

	goes_uuid_v7(&id);
	if (status == GOES_OK)
		status = goes_writer_append(writer, "order", &id, &event, 1, 0, NULL, NULL, NULL);
	if (status == GOES_OK && goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME)
		status = outcome->status;
	goes_writer_close(writer, NULL, NULL);
	return status;
}

static int
cancel_before(goes_store *store)
{
	goes_cancel *cancel = goes_cancel_new();
	goes_context context = {.size = sizeof context, .cancel = cancel};
	goes_event	 event = event_of("cancelled", "{}");
	int			 status;

	if (cancel == NULL)
		return GOES_ERR_NOMEM;
	goes_cancel_trigger(cancel);
	status = goes_insert(store, &event, 1, &context, NULL);
	goes_cancel_free(cancel);
	return status == GOES_ERR_CANCELLED ? GOES_OK : status;
}

/* ---- */

/*
 * expect_lack has a life on a store with 0, 1, 2 … descriptors until those are enough.
 */
static void
expect_lack(Life live, int least)
{
	int spare = 0;
	int status = GOES_ERR_STATE;

	for (; status != GOES_OK && spare < ENOUGH; spare++)
	{
		int			before = open_descriptors();
		goes_store *store = open_patiently(paced_ms(100));

		leave_descriptors(spare);
		status = live(store);
		give_descriptors_back();
		if (status != GOES_OK && status != GOES_ERR_NOMEM && status != GOES_ERR_CONNECT)
			fail_msg("with %d descriptors: %s", spare, goes_status_text(status));
		goes_store_close(store);
		expect_descriptors(before);
	}
	assert_int_equal(status, GOES_OK);
	assert_true(spare > least);
}

static void
test_connecting_takes_a_descriptor(void **state)
{
	expect_lack(insert_one, 1);
}

static void
test_a_feed_takes_some(void **state)
{
	expect_lack(follow, 4);
}

static void
test_a_worker_takes_some(void **state)
{
	expect_lack(work, 4);
}

static void
test_a_writer_takes_some(void **state)
{
	expect_lack(write_one, 3);
}

static void
test_a_cancel_takes_some(void **state)
{
	expect_lack(cancel_before, 2);
}

/*
 * lock_table keeps others out of the store's table until the connection is closed.
 */
static PGconn *
lock_table(void)
{
	PGconn *rival = admin_connection(TEST_DATABASE);

	PQclear(PQexec(rival, "BEGIN; LOCK TABLE " TABLE));
	assert_int_equal(PQtransactionStatus(rival), PQTRANS_INTRANS);
	return rival;
}

/*
 * expect_late expects a call that waits for the rival to be late, and the next one to succeed.
 */
static void
expect_late(goes_store *store)
{
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_event	 event = event_of("late", "{}");
	goes_error	*error = NULL;
	int64_t		 begun = milliseconds();

	expect_error(goes_insert(store, &event, 1, &context, &error), &error, GOES_ERR_TIMEOUT, "");
	assert_true(is_within(begun, 100 + 1000));
}

static void
test_a_late_call_does_without(void **state)
{
	for (int spare = 0; spare < 4; spare++)
	{
		goes_store *store = open_patiently(paced_ms(2000));
		PGconn	   *rival;

		assert_int_equal(insert_one(store), GOES_OK);
		rival = lock_table();
		leave_descriptors(spare);
		expect_late(store);
		give_descriptors_back();
		PQfinish(rival);
		assert_int_equal(insert_one(store), GOES_OK);
		goes_store_close(store);
	}
}

/* ---- Threads */

/*
 * allow_threads sets whether the user may have any more.
 */
static void
allow_threads(bool more)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NPROC, &limit), 0);
	limit.rlim_cur = more ? limit.rlim_max : 1;
	assert_int_equal(setrlimit(RLIMIT_NPROC, &limit), 0);
}

static void
test_no_thread_can_be_started(void **state)
{
	goes_store	*store = open_patiently(paced_ms(2000));
	goes_writer *writer = NULL;
	goes_error	*error = NULL;
	PGconn		*rival;

	if (geteuid() == 0)
		skip(); /* the limit does not hold for root */
	assert_int_equal(insert_one(store), GOES_OK);
	rival = lock_table();
	allow_threads(false);
	expect_error(goes_writer_open(&writer, store, NULL, &error), &error, GOES_ERR_NOMEM, "");
	expect_late(store); /* the server is not told */
	allow_threads(true);
	PQfinish(rival);
	assert_null(writer);
	assert_int_equal(write_one(store), GOES_OK);
	goes_store_close(store);
}

static int
begin(void **state)
{
	const struct rlimit most = {MOST_DESCRIPTORS, MOST_DESCRIPTORS};
	goes_store		   *store = open_store(TABLE);

	(void) paced_ms(0); /* measured while there are descriptors and threads */
	with_feed(store, TABLE);
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	goes_store_close(store);
	return setrlimit(RLIMIT_NOFILE, &most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connecting_takes_a_descriptor),
		cmocka_unit_test(test_a_feed_takes_some),
		cmocka_unit_test(test_a_worker_takes_some),
		cmocka_unit_test(test_a_writer_takes_some),
		cmocka_unit_test(test_a_cancel_takes_some),
		cmocka_unit_test(test_a_late_call_does_without),
		cmocka_unit_test(test_no_thread_can_be_started),
	};

	return RUN_GROUP(tests, begin, NULL);
}
