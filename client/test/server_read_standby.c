/*
 * server_read_standby.c
 *    Stores that read from a standby: what goes there, and that nothing is read too early.
 */
#include "standby_reads.h"

#define PAIRS 1000

static int64_t
read_query(goes_store *store, const goes_query *query, const goes_context *context)
{
	goes_error	*error = NULL;
	goes_cursor *cursor = NULL;
	int64_t		 n;

	assert_ok(goes_query_run(store, query, &cursor, context, &error));
	n = read_to_end(cursor);
	goes_cursor_close(cursor);
	return n;
}

/*
 * read_in_every_way makes each kind of read on an aggregate's events, and expects n of them.
 */
static int
read_in_every_way(goes_store *store, const goes_event *event, int n, const goes_context *context)
{
	goes_query			 *history = goes_query_new();
	goes_query			 *few = query_for_few();
	goes_query			 *every = goes_query_new();
	goes_error			 *error = NULL;
	goes_snapshot		 *snapshot = NULL;
	goes_snapshot_cursor *snapshots = NULL;
	goes_cursor			 *later = NULL;
	int64_t				  count;
	char				 *json = NULL;

	goes_query_aggregate(history, "order", &event->aggregate_id);
	goes_query_aggregate(few, "order", &event->aggregate_id);
	goes_query_name(every, "read");
	assert_int_equal(finds(store, event, context), GOES_OK);
	assert_ok(goes_count(store, history, &count, context, &error));
	assert_int_equal(count, n);
	assert_int_equal(read_query(store, history, context), n);
	assert_int_equal(read_query(store, few, context), n);
	assert_true(read_query(store, every, context) >= n);
	assert_ok(
		goes_load(store, NULL, "order", &event->aggregate_id, &snapshot, &later, context, &error));
	assert_int_equal(read_to_end(later), 0);
	assert_int_equal(snapshot->aggregate_version, n);
	goes_cursor_close(later);
	goes_snapshot_free(snapshot);
	assert_ok(goes_snapshot_latest(store, NULL, "order", &event->aggregate_id, &snapshot, context,
								   &error));
	goes_snapshot_free(snapshot);
	assert_ok(goes_snapshot_query(store, NULL, history, &snapshots, context, &error));
	goes_snapshot_cursor_close(snapshots);
	assert_ok(goes_model_fetch(store, NULL, "model", &json, context, &error));
	goes_free(json);
	goes_query_free(history);
	goes_query_free(few);
	goes_query_free(every);
	return 9;
}

static void
test_reads_go_to_the_standby(void **state)
{
	goes_store	 *store = open_reading(standby_url);
	goes_error	 *error = NULL;
	goes_event	  event = append_one(store, NULL);
	goes_snapshot snapshot = {
		.aggregate_name = "order", .aggregate_version = 3, .state = "x", .state_len = 1};
	goes_freshness freshness;
	goes_context   context;
	goes_tx		  *tx;
	char		  *token;
	int			   reads;

	catch_up();
	event = append_one(store, &event.aggregate_id);
	event = append_one(store, &event.aggregate_id);
	snapshot.aggregate_id = event.aggregate_id;
	assert_ok(goes_snapshot_save(store, NULL, &snapshot, NULL, &error));
	assert_ok(goes_model_save(store, NULL, "model", "{}", NULL, &error));
	token = token_of(store);
	freshness = with_token(token);
	context = seeing(&freshness);
	reads = read_in_every_way(store, &event, 3, &context);
	assert_int_equal(counted(store).standby_reads, reads);
	assert_int_equal(counted(store).standby_behind + counted(store).standby_failures, 0);

	/* what nobody asked to see is not there while replay is paused: it is the standby that answers */
	pause_replay();
	event = append_one(store, &event.aggregate_id);
	assert_int_equal(finds(store, &event, NULL), GOES_ERR_NOT_FOUND);
	assert_int_equal(counted(store).standby_reads, reads + 1);

	/* and a transaction reads where it writes */
	assert_ok(goes_tx_begin(store, &tx, NULL, &error));
	assert_int_equal(finds(goes_tx_store(tx), &event, &context), GOES_OK);
	expect_error(goes_store_write_token(goes_tx_store(tx), &token, NULL, &error), &error,
				 GOES_ERR_STATE, "after the commit");
	goes_tx_rollback(tx);
	resume_replay();
	goes_free(token);
	goes_store_close(store);
}

static void
test_nothing_is_stale(void **state)
{
	goes_store_options	  options = options_with(standby_url);
	goes_store			 *store;
	goes_store_statistics before, paused, resumed;

	options.read_wait_ms = 2;
	store = open_with(&options);
	catch_up();
	before = counted(store);
	pause_replay();
	assert_int_equal(write_then_read(store, PAIRS), 0);
	paused = counted(store);
	assert_int_equal(paused.standby_waits - before.standby_waits, PAIRS);
	assert_int_equal(paused.standby_behind - before.standby_behind, PAIRS);
	assert_int_equal(paused.standby_reads - before.standby_reads, 0);
	resume_replay();
	catch_up();
	assert_int_equal(write_then_read(store, PAIRS), 0);
	resumed = counted(store);
	assert_true(resumed.standby_reads > paused.standby_reads);
	assert_int_equal(resumed.standby_reads - paused.standby_reads + resumed.standby_behind -
						 paused.standby_behind + resumed.standby_failures - paused.standby_failures,
					 PAIRS);
	printf("# replay paused: %d waits; resumed: %d of %d reads on the standby, %d waits\n", PAIRS,
		   (int) (resumed.standby_reads - paused.standby_reads), PAIRS,
		   (int) (resumed.standby_waits - paused.standby_waits));
	goes_store_close(store);
}

static void *
resume_soon(void *unused)
{
	(void) unused;
	usleep(100 * 1000);
	resume_replay();
	return NULL;
}

static void
test_a_read_waits_within_its_deadline(void **state)
{
	goes_store_options options = options_with(standby_url);
	goes_store		  *store;
	goes_event		   event;
	goes_freshness	   freshness;
	goes_context	   context;
	goes_error		  *error = NULL;
	goes_event		  *found = NULL;
	pthread_t		   thread;

	options.read_wait_ms = INT64_C(3600) * 1000;
	store = open_with(&options);
	catch_up();
	assert_ok(goes_store_connect(store, NULL, &error));
	pause_replay();
	event = append_one(store, NULL);
	freshness = with_version(&event);
	context = seeing(&freshness);
	assert_int_equal(pthread_create(&thread, NULL, resume_soon, NULL), 0);
	assert_int_equal(finds(store, &event, &context), GOES_OK);
	pthread_join(thread, NULL);
	assert_int_equal(counted(store).standby_reads, 1);
	assert_int_equal(counted(store).standby_waits, 1);

	/* half of its time is for the primary */
	catch_up();
	pause_replay();
	event = append_one(store, &event.aggregate_id);
	freshness = with_version(&event);
	context.timeout_ms = paced_ms(500);
	assert_int_equal(finds(store, &event, &context), GOES_OK);
	assert_int_equal(counted(store).standby_behind, 1);

	context.timeout_ms = -1;
	context.cancel = goes_cancel_new();
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, context.cancel), 0);
	expect_error(goes_find(store, &event.id, &found, &context, &error), &error, GOES_ERR_CANCELLED,
				 "");
	pthread_join(thread, NULL);
	goes_cancel_free(context.cancel);
	resume_replay();
	goes_store_close(store);
}

static void
test_freshness_has_to_be_sound(void **state)
{
	static const char *const tokens[] = {"", "soon", "1:1:0/0"};
	goes_store				*store = open_reading(standby_url);
	goes_event				 event = append_one(store, NULL);
	goes_freshness			 freshness = with_version(&event);
	goes_context			 context = seeing(&freshness);
	goes_error				*error = NULL;
	goes_event				*found = NULL;

	freshness.aggregate_name = NULL;
	expect_error(goes_find(store, &event.id, &found, &context, &error), &error, GOES_ERR_INVALID,
				 "name and id");
	freshness = with_version(&event);
	freshness.size = 0;
	expect_error(goes_find(store, &event.id, &found, &context, &error), &error, GOES_ERR_INVALID,
				 "sizeof");
	freshness = with_version(&event);
	freshness.aggregate_version = -1;
	expect_error(goes_find(store, &event.id, &found, &context, &error), &error, GOES_ERR_INVALID,
				 "below 0");
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
	{
		freshness = with_token(tokens[i]);
		expect_error(goes_find(store, &event.id, &found, &context, &error), &error,
					 GOES_ERR_INVALID, "is no token");
	}
	freshness = with_token("1:1:0/1");
	expect_error(goes_find(store, &event.id, &found, &context, &error), &error, GOES_ERR_INVALID,
				 "another system");
	/* contexts of programs that were built before had no freshness */
	context.size = offsetof(goes_context, freshness);
	catch_up();
	assert_int_equal(finds(store, &event, &context), GOES_OK);
	goes_store_close(store);
}

/*
 * A table that is made on first use is not made on the standby.
 */
static void
test_tables_are_made_on_the_primary(void **state)
{
	goes_store	  *store = open_reading(standby_url);
	goes_error	  *error = NULL;
	goes_snapshot *snapshot = NULL;
	goes_uuid	   id;

	goes_uuid_v7(&id);
	expect_error(goes_snapshot_latest(store, "made_late", "order", &id, &snapshot, NULL, &error),
				 &error, GOES_ERR_NOT_FOUND, "");
	assert_int_equal(counted(store).standby_failures, 1);
	catch_up();
	expect_error(goes_snapshot_latest(store, "made_late", "order", &id, &snapshot, NULL, &error),
				 &error, GOES_ERR_NOT_FOUND, "");
	assert_int_equal(counted(store).standby_reads, 1);
	goes_store_close(store);
}

static void
test_the_primary_itself_can_be_read(void **state)
{
	goes_store *store = open_reading(server_url());

	assert_int_equal(write_then_read(store, 20), 0);
	assert_int_equal(counted(store).standby_reads, 20);
	assert_int_equal(counted(store).standby_waits, 0);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RESUMED(test_reads_go_to_the_standby),
		RESUMED(test_nothing_is_stale),
		RESUMED(test_a_read_waits_within_its_deadline),
		RESUMED(test_freshness_has_to_be_sound),
		RESUMED(test_tables_are_made_on_the_primary),
		RESUMED(test_the_primary_itself_can_be_read),
	};

	return RUN_GROUP(tests, make_servers, remove_standby);
}
