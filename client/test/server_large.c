/*
 * server_large.c
 *    A call ends in time even if copying its data takes longer; data that are too large to be sent
 *    are refused; sending takes time in proportion to the size.
 */
#include <sys/mman.h>

#include "events.h"

#define LIMIT_MS 100
#define MOST_LATE_MS 900 /* goes.h: within a second */
#define MEGABYTES(n) ((size_t) (n) << 20)

static goes_context brief = {.size = sizeof brief, .timeout_ms = LIMIT_MS};
static char		   *zeros; /* 200 MB of them */

/*
 * expect_in_time checks that a call was late, and that it said so soon. `at` is when it began.
 */
static void
expect_in_time(int returned, goes_error **error, const char *part_of_message, int64_t at)
{
	int64_t taken = milliseconds() - at;

	expect_error(returned, error, GOES_ERR_TIMEOUT, part_of_message);
	if (!is_short(taken, LIMIT_MS + MOST_LATE_MS))
		fail_msg("late by %d ms", (int) (taken - LIMIT_MS));
}

static void
test_a_large_batch_is_late_in_time(void **state)
{
	goes_store *store = open_store("large");
	goes_event	events[4];
	goes_error *error = NULL;
	goes_uuid	id;
	goes_tx	   *tx;
	int64_t		start;

	assert_ok(goes_store_connect(store, NULL, &error));
	goes_uuid_v7(&id);
	for (int i = 0; i < 4; i++)
	{
		events[i] = event_of("large", zeros);
		events[i].data_len = MEGABYTES(200);
	}
	start = milliseconds();
	expect_in_time(goes_insert(store, events, 4, &brief, &error), &error, "timeout", start);
	start = milliseconds();
	expect_in_time(goes_append(store, "large", &id, events, 4, 0, &brief, &error), &error,
				   "timeout", start);
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	start = milliseconds();
	expect_in_time(goes_insert(goes_tx_store(tx), events, 4, &brief, &error), &error, "timeout",
				   start);
	goes_tx_rollback(tx);
	assert_int_equal(count_events(store), 0);
	goes_store_close(store);
}

/*
 * Only libpq copies these, and it does not look at the time: so it is not given them.
 */
static void
test_a_large_snapshot_or_model_is_late_in_time(void **state)
{
	goes_store	 *store = open_store("large");
	goes_snapshot snapshot = {.aggregate_name = "large",
							  .aggregate_version = 1,
							  .state = zeros,
							  .state_len = MEGABYTES(200)};
	goes_error	 *error = NULL;
	char		 *json = malloc(MEGABYTES(200) + 1);
	int64_t		  start;

	assert_ok(goes_store_connect(store, NULL, &error));
	goes_uuid_v7(&snapshot.aggregate_id);
	start = milliseconds();
	expect_in_time(goes_snapshot_save(store, NULL, &snapshot, &brief, &error), &error,
				   "cannot be sent", start);
	memset(json, ' ', MEGABYTES(200));
	json[MEGABYTES(200)] = '\0';
	start = milliseconds();
	expect_in_time(goes_model_save(store, NULL, "large", json, &brief, &error), &error,
				   "cannot be sent", start);
	free(json);
	goes_store_close(store);
}

static int
never_called(goes_tx *tx, const char *json, char **new_json, void *user)
{
	return GOES_ERR_STATE;
}

static void
test_a_model_of_a_gigabyte_is_refused(void **state)
{
	goes_store *store = open_store("large");
	goes_error *error = NULL;
	size_t		size = MEGABYTES(1024);
	char	   *json = malloc(size + 1);

	memset(json, ' ', size);
	json[size] = '\0';
	expect_error(goes_model_save(store, NULL, "large", json, NULL, &error), &error,
				 GOES_ERR_INVALID, "bytes");
	expect_error(goes_model_use(store, NULL, "large", json, never_called, NULL, NULL, &error),
				 &error, GOES_ERR_INVALID, "bytes");
	free(json);
	goes_store_close(store);
}

/*
 * insert_spaces inserts an event whose data are a number behind so many megabytes of spaces, and returns how
 * long that took.
 */
static int64_t
insert_spaces(goes_store *store, size_t megabytes)
{
	size_t		length = MEGABYTES(megabytes);
	char	   *data = malloc(length);
	goes_event	event = event_of("large", NULL);
	goes_error *error = NULL;
	int64_t		begun;

	memset(data, ' ', length);
	data[length - 1] = '1';
	event.data = data;
	event.data_len = length;
	begun = milliseconds();
	assert_ok(goes_insert(store, &event, 1, NULL, &error));
	free(data);
	return milliseconds() - begun;
}

/*
 * Eight times as much takes eight times as long, not 64 times.
 */
static void
test_the_time_to_send_grows_as_the_size_does(void **state)
{
	goes_store *store = open_store("large");
	goes_error *error = NULL;
	int64_t		small = INT64_MAX;
	int64_t		large = INT64_MAX;

	assert_ok(goes_store_connect(store, NULL, &error));
	for (int i = 0; i < 3; i++)
	{
		int64_t taken = insert_spaces(store, 32);

		small = taken < small ? taken : small;
	}
	for (int i = 0; i < 5 && large >= 24 * small;
		 i++) /* once is enough, unless others disturb it */
		large = insert_spaces(store, 256);
	print_message("# 32 MB in %lld ms, 256 MB in %lld ms\n", (long long) small, (long long) large);
	assert_true(large < 24 * small);
	goes_store_close(store);
}

static int
make_zeros(void **state)
{
	zeros =
		mmap(NULL, MEGABYTES(600), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return zeros == MAP_FAILED;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_large_batch_is_late_in_time),
		cmocka_unit_test(test_a_large_snapshot_or_model_is_late_in_time),
		cmocka_unit_test(test_a_model_of_a_gigabyte_is_refused),
		cmocka_unit_test(test_the_time_to_send_grows_as_the_size_does),
	};

	return RUN_GROUP(tests, make_zeros, NULL);
}
