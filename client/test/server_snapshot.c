/*
 * server_snapshot.c
 *    Snapshots: saving, finding and removing single ones.
 */
#define CONNECTIONS 4

#include "one_store.h"
#include "snapshots.h"

/*
 * expect_latest expects a snapshot to be the newest.
 */
static void
expect_latest(const goes_snapshot *expected)
{
	goes_snapshot *found = NULL;
	goes_error	  *error = NULL;

	assert_ok(goes_snapshot_latest(store, NULL, expected->aggregate_name, &expected->aggregate_id,
								   &found, NULL, &error));
	assert_same_snapshot(found, expected);
	goes_snapshot_free(found);
}

static void
test_what_is_saved_is_found(void **state)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 7, "{\"total\": 30}");

	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
}

static void
test_saving_a_version_again_replaces_it(void **state)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 7, "old");
	char		  id[37];
	char		 *count;

	store_snapshot(store, NULL, &snapshot);
	snapshot = snapshot_of("order", &order, 7, "newer");
	snapshot.time = -5;
	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
	goes_uuid_format(&order, id);
	count = admin(TEST_DATABASE, "SELECT count(*) FROM snapshots WHERE aggregate_id = '%s'", id);
	assert_string_equal(count, "1");
	free(count);
}

typedef int (*Lookup)(goes_store *, const char *, const char *, const goes_uuid *, int32_t,
					  goes_snapshot **, const goes_context *, goes_error **);

/*
 * found_by returns the version that a look-up finds; -1: none.
 */
static int32_t
found_by(Lookup lookup, int32_t version)
{
	goes_snapshot *found = NULL;
	goes_error	  *error = NULL;
	int32_t		   result = -1;
	int			   status = lookup(store, NULL, "order", &order, version, &found, NULL, &error);

	if (status == GOES_ERR_NOT_FOUND)
	{
		assert_null(found);
		expect_error(status, &error, GOES_ERR_NOT_FOUND, "snapshot");
		return result;
	}
	assert_ok(status);
	result = found->aggregate_version;
	goes_snapshot_free(found);
	return result;
}

static void
test_latest_version_and_limit(void **state)
{
	static const int32_t versions[] = {3, 12, 5, INT32_MAX, INT32_MIN};

	assert_int_equal(latest_version(store, NULL, "order", &order), -1);
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		save_version(store, NULL, "order", &order, versions[i]);
	assert_int_equal(latest_version(store, NULL, "order", &order), INT32_MAX);

	assert_int_equal(found_by(goes_snapshot_version, 5), 5);
	assert_int_equal(found_by(goes_snapshot_version, INT32_MIN), INT32_MIN);
	assert_int_equal(found_by(goes_snapshot_version, 6), -1);

	assert_int_equal(found_by(goes_snapshot_limit, 12), 12);
	assert_int_equal(found_by(goes_snapshot_limit, 11), 5);
	assert_int_equal(found_by(goes_snapshot_limit, INT32_MAX - 1), 12);
	assert_int_equal(found_by(goes_snapshot_limit, 2), INT32_MIN);
}

static void
test_aggregates_do_not_mix(void **state)
{
	goes_uuid other;

	goes_uuid_v7(&other);
	save_version(store, NULL, "order", &order, 3);
	save_version(store, NULL, "Order", &order, 4);
	save_version(store, NULL, "order", &other, 5);
	assert_int_equal(latest_version(store, NULL, "order", &order), 3);
	assert_int_equal(latest_version(store, NULL, "Order", &order), 4);
	assert_int_equal(latest_version(store, NULL, "order", &other), 5);
	assert_int_equal(latest_version(store, NULL, "Order", &other), -1);
	assert_int_equal(found_by(goes_snapshot_limit, 2), -1);
}

static void
test_delete_removes_one_version(void **state)
{
	goes_error *error = NULL;

	save_version(store, NULL, "order", &order, 1);
	save_version(store, NULL, "order", &order, 2);
	assert_ok(goes_snapshot_delete(store, NULL, "order", &order, 2, NULL, &error));
	assert_int_equal(latest_version(store, NULL, "order", &order), 1);
	/* what is not there is no error */
	assert_ok(goes_snapshot_delete(store, NULL, "order", &order, 2, NULL, &error));
	assert_ok(goes_snapshot_delete(store, NULL, "nothing", &order, 1, NULL, &error));
	assert_int_equal(latest_version(store, NULL, "order", &order), 1);
}

static void
test_a_state_is_any_bytes(void **state)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 1, NULL);
	char		  all[512];
	size_t		  size = 1 << 20;
	char		 *large = malloc(size);

	assert_non_null(large);
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char) i;
	for (size_t i = 0; i < size; i++)
		large[i] = (char) (i * i >> 7);
	snapshot.state = all;
	snapshot.state_len = sizeof all;
	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
	snapshot.state = large;
	snapshot.state_len = size;
	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
	free(large);
}

/*
 * A state of no bytes is no state, wherever it points to.
 */
static void
test_a_state_may_be_empty(void **state)
{
	goes_snapshot snapshot = snapshot_of("order", &order, 1, NULL);

	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
	snapshot.aggregate_version = 2;
	snapshot.state = "ignored";
	store_snapshot(store, NULL, &snapshot);
	expect_latest(&snapshot);
}

static void
test_no_time_is_now(void **state)
{
	goes_snapshot  snapshot = snapshot_of("order", &order, 1, "x");
	goes_snapshot *found = NULL;
	goes_error	  *error = NULL;
	int64_t		   begun = goes_now();

	snapshot.time = 0;
	store_snapshot(store, NULL, &snapshot);
	assert_int_equal(snapshot.time, 0);
	assert_ok(goes_snapshot_latest(store, NULL, "order", &order, &found, NULL, &error));
	assert_in_range(found->time, begun - 1000000, goes_now());
	goes_snapshot_free(found);
	for (int i = 0; i < 2; i++)
	{
		snapshot.time = i == 0 ? INT64_MIN : INT64_MAX;
		store_snapshot(store, NULL, &snapshot);
		expect_latest(&snapshot);
	}
}

static void
test_names_are_unicode(void **state)
{
	static const char *const names[] = {"größer €", "本", "\xf0\x9f\x90\x98",
										"it's \"odd\" \\ {NULL}", " "};
	char					 longest[256];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
	{
		goes_snapshot snapshot = snapshot_of(names[i], &order, (int32_t) i, "x");

		store_snapshot(store, NULL, &snapshot);
		expect_latest(&snapshot);
	}
	memset(longest, 'n', 255);
	longest[255] = '\0';
	save_version(store, NULL, longest, &order, 1);
	assert_int_equal(latest_version(store, NULL, longest, &order), 1);
}

/*
 * expect_save_refused saves a snapshot that cannot be.
 */
static void
expect_save_refused(const goes_snapshot *snapshot, const char *part_of_message)
{
	goes_error *error = NULL;

	expect_error(goes_snapshot_save(store, NULL, snapshot, NULL, &error), &error, GOES_ERR_INVALID,
				 part_of_message);
	assert_int_equal(goes_snapshot_save(store, NULL, snapshot, NULL, NULL), GOES_ERR_INVALID);
}

static void
test_snapshots_that_cannot_be(void **state)
{
	goes_snapshot snapshot;
	char		  too_long[257] = "";

	expect_save_refused(NULL, "must not be NULL");
	snapshot = snapshot_of(NULL, &order, 1, "x");
	expect_save_refused(&snapshot, "aggregate's name and id");
	snapshot = snapshot_of("", &order, 1, "x");
	expect_save_refused(&snapshot, "aggregate's name and id");
	snapshot = snapshot_of("order", &(goes_uuid){{0}}, 1, "x");
	expect_save_refused(&snapshot, "aggregate's name and id");
	snapshot = snapshot_of("order", &order, 1, NULL);
	snapshot.state_len = 1;
	expect_save_refused(&snapshot, "must not be NULL");
	snapshot = snapshot_of("order", &order, 1, "x");
	snapshot.state_len = SIZE_MAX;
	expect_save_refused(&snapshot, "bytes");
	memset(too_long, 'n', 256);
	snapshot = snapshot_of(too_long, &order, 1, "x");
	expect_save_refused(&snapshot, "255");
	snapshot = snapshot_of("\xff", &order, 1, "x");
	expect_save_refused(&snapshot, "UTF8");
	assert_int_equal(latest_version(store, NULL, "order", &order), -1);
}

static void
test_arguments_that_no_snapshot_can_have(void **state)
{
	goes_snapshot *found = NULL;
	goes_snapshot  snapshot = snapshot_of("order", &order, 1, "x");
	goes_uuid	   nil = {{0}};
	goes_error	  *error = NULL;

	expect_error(goes_snapshot_save(NULL, NULL, &snapshot, NULL, &error), &error, GOES_ERR_INVALID,
				 "store");
	expect_error(goes_snapshot_save(store, "", &snapshot, NULL, &error), &error, GOES_ERR_INVALID,
				 "table");
	expect_error(goes_snapshot_latest(NULL, NULL, "order", &order, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "store");
	expect_error(goes_snapshot_latest(store, NULL, "order", &order, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "out");
	expect_error(goes_snapshot_latest(store, "", "order", &order, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "table");
	expect_error(goes_snapshot_latest(store, NULL, NULL, &order, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	expect_error(goes_snapshot_version(store, NULL, "", &order, 1, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	expect_error(goes_snapshot_limit(store, NULL, "order", NULL, 1, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	expect_error(goes_snapshot_limit(store, NULL, "order", &nil, 1, &found, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	expect_error(goes_snapshot_delete(NULL, NULL, "order", &order, 1, NULL, &error), &error,
				 GOES_ERR_INVALID, "store");
	expect_error(goes_snapshot_delete(store, "", "order", &order, 1, NULL, &error), &error,
				 GOES_ERR_INVALID, "table");
	expect_error(goes_snapshot_delete(store, NULL, "order", NULL, 1, NULL, &error), &error,
				 GOES_ERR_INVALID, "id");
	assert_null(found);
	goes_snapshot_free(NULL);
}

/*
 * What is not found does not end a transaction; what fails does.
 */
static void
test_a_transaction_outlives_a_snapshot_that_is_not_found(void **state)
{
	goes_tx	   *tx;
	goes_error *error = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	save_version(goes_tx_store(tx), NULL, "order", &order, 1);
	assert_int_equal(latest_version(goes_tx_store(tx), NULL, "nothing", &order), -1);
	save_version(goes_tx_store(tx), NULL, "order", &order, 2);
	assert_ok(goes_snapshot_delete(goes_tx_store(tx), NULL, "order", &order, 1, NULL, &error));
	assert_int_equal(latest_version(goes_tx_store(tx), NULL, "order", &order), 2);
	assert_int_equal(latest_version(store, NULL, "order", &order), -1);
	assert_ok(goes_tx_commit(tx, NULL, &error));
	assert_int_equal(latest_version(store, NULL, "order", &order), 2);
	assert_int_equal(found_by(goes_snapshot_version, 1), -1);
}

static void
test_a_transaction_does_not_outlive_a_failure(void **state)
{
	goes_snapshot odd = snapshot_of("\xff", &order, 1, "x");
	goes_tx		 *tx;
	goes_error	 *error = NULL;

	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	save_version(goes_tx_store(tx), NULL, "order", &order, 1);
	expect_error(goes_snapshot_save(goes_tx_store(tx), NULL, &odd, NULL, &error), &error,
				 GOES_ERR_INVALID, "");
	odd = snapshot_of("order", &order, 2, "x");
	expect_error(goes_snapshot_save(goes_tx_store(tx), NULL, &odd, NULL, &error), &error,
				 GOES_ERR_STATE, "");
	expect_error(goes_tx_commit(tx, NULL, &error), &error, GOES_ERR_STATE, "");
	assert_int_equal(latest_version(store, NULL, "order", &order), -1);
}

static void
test_a_call_that_is_cancelled_does_nothing(void **state)
{
	goes_context  context = {.size = sizeof context, .cancel = goes_cancel_new()};
	goes_snapshot snapshot = snapshot_of("order", &order, 1, "x");
	goes_error	 *error = NULL;

	goes_cancel_trigger(context.cancel);
	expect_error(goes_snapshot_save(store, NULL, &snapshot, &context, &error), &error,
				 GOES_ERR_CANCELLED, "");
	assert_int_equal(latest_version(store, NULL, "order", &order), -1);
	goes_cancel_free(context.cancel);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF_AN_ORDER(test_what_is_saved_is_found),
		OF_AN_ORDER(test_saving_a_version_again_replaces_it),
		OF_AN_ORDER(test_latest_version_and_limit),
		OF_AN_ORDER(test_aggregates_do_not_mix),
		OF_AN_ORDER(test_delete_removes_one_version),
		OF_AN_ORDER(test_a_state_is_any_bytes),
		OF_AN_ORDER(test_a_state_may_be_empty),
		OF_AN_ORDER(test_no_time_is_now),
		OF_AN_ORDER(test_names_are_unicode),
		OF_AN_ORDER(test_snapshots_that_cannot_be),
		OF_AN_ORDER(test_arguments_that_no_snapshot_can_have),
		OF_AN_ORDER(test_a_transaction_outlives_a_snapshot_that_is_not_found),
		OF_AN_ORDER(test_a_transaction_does_not_outlive_a_failure),
		OF_AN_ORDER(test_a_call_that_is_cancelled_does_nothing),
	};

	return RUN_GROUP(tests, start_store, stop_store);
}
