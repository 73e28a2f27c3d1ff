/*
 * server_writer.c
 *    A writer: what it accepts has one outcome each, the one that goes_append has, and an aggregate's
 *    appends keep their order.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "leave.h"
#include "own_writer.h"

#define APPENDS 2000
#define AGGREGATES 7

static void
test_appends_have_their_outcomes(void **state)
{
	goes_uuid			ids[2] = {new_id(), new_id()};
	goes_event			events[3];
	goes_error		   *error = NULL;
	const goes_outcome *outcome;
	int					tags[4];
	int32_t				versions[4] = {0};

	open_writer(NULL);
	make_events(events, 3);
	assert_ok(goes_writer_append(writer, "order", &ids[0], events, 3, 0, &tags[0], NULL, &error));
	write_one(&ids[1], "order.placed", GOES_EXPECT_ANY, &tags[1]);
	write_one(&ids[0], "order.paid", 3, &tags[2]);
	assert_ok(goes_writer_append(writer, "order", &ids[0], NULL, 0, 4, &tags[3], NULL, &error));
	for (int i = 0; i < 4; i++)
	{
		outcome = next_outcome();
		assert_int_equal(outcome->status, GOES_OK);
		assert_null(outcome->error);
		versions[(int *) outcome->tag - tags] = outcome->version;
	}
	close_writer();
	assert_int_equal(versions[0], 3);
	assert_int_equal(versions[1], 1);
	assert_int_equal(versions[2], 4);
	assert_int_equal(versions[3], 4);
	assert_int_equal(count_rows("events"), 5);
}

/*
 * Refused appends in the middle of a batch have the errors that goes_append has, and their neighbours are
 * stored.
 */
static void
test_what_is_refused_harms_no_neighbour(void **state)
{
	goes_writer_options options = {.size = sizeof options, .connections = 1};
	goes_uuid			ids[9];
	goes_event			events[9][2];
	int					statuses[9] = {GOES_OK,			 GOES_ERR_CONFLICT, GOES_OK,
									   GOES_ERR_INVALID, GOES_OK,			GOES_ERR_DUPLICATE,
									   GOES_ERR_SERVER,	 GOES_OK,			GOES_ERR_INVALID};
	goes_error		   *error = NULL;
	int					count = 0;
	const goes_outcome *outcome;

	for (int i = 0; i < 9; i++)
	{
		ids[i] = new_id();
		make_events(events[i], 2);
	}
	append_new(store, &ids[2], 1);
	admin_do(TEST_DATABASE,
			 "ALTER TABLE events ADD CONSTRAINT no_evil CHECK (name <> 'order.evil')");
	events[3][1].data = "{no json";
	events[3][1].data_len = strlen(events[3][1].data);
	events[5][1].id = events[5][0].id;
	events[6][1].name = "order.evil";
	events[8][0].data = "1e999999";
	events[8][0].data_len = strlen(events[8][0].data);
	open_writer(&options);
	lock_table();
	occupy(1, NULL);
	for (int i = 0; i < 9; i++)
		assert_ok(goes_writer_append(writer, "order", &ids[i], events[i], 2,
									 i == 1 ? 7 : GOES_EXPECT_ANY, &ids[i], NULL, &error));
	unlock_table();
	for (; goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME; count++)
	{
		int i = outcome->tag == NULL ? -1 : (int) ((goes_uuid *) outcome->tag - ids);

		if (i < 0)
			continue;
		assert_int_equal(outcome->status, statuses[i]);
		assert_int_equal(goes_error_status(outcome->error), statuses[i]);
		if (statuses[i] == GOES_OK)
		{
			assert_int_equal(outcome->version, i == 2 ? 3 : 2);
			expect_stored_event(store, &(goes_event){.id = events[i][1].id,
													 .name = events[i][1].name,
													 .time = events[i][1].time,
													 .aggregate_id = ids[i],
													 .aggregate_name = "order",
													 .aggregate_version = outcome->version,
													 .data = events[i][1].data});
			continue;
		}
		assert_false(is_there(store, &events[i][0]) || is_there(store, &events[i][1]));
		if (i == 1)
		{
			goes_conflict conflict = {.size = sizeof conflict};

			assert_true(goes_error_conflict(outcome->error, &conflict));
			assert_memory_equal(&conflict.aggregate_id, &ids[i], sizeof ids[i]);
			assert_int_equal(conflict.current_version, 0);
			assert_int_equal(conflict.event_version, 8);
			assert_int_equal(goes_error_event_index(outcome->error), 0);
			assert_true(goes_error_is_retryable(outcome->error));
		}
		/* the same as by itself */
		assert_int_equal(goes_append(store, "order", &ids[i], events[i], 2,
									 i == 1 ? 7 : GOES_EXPECT_ANY, NULL, &error),
						 statuses[i]);
		assert_int_equal(goes_error_event_index(outcome->error), goes_error_event_index(error));
		assert_string_equal(goes_error_sqlstate(outcome->error), goes_error_sqlstate(error));
		if (i == 6) /* a feed adds a number to the row in the text, and each try has another */
			assert_non_null(strstr(goes_error_message(outcome->error), "no_evil"));
		else
			assert_string_equal(goes_error_message(outcome->error), goes_error_message(error));
		goes_error_free(error);
		error = NULL;
	}
	assert_int_equal(count, 10);
	admin_do(TEST_DATABASE, "ALTER TABLE events DROP CONSTRAINT no_evil");
}

/*
 * Each append expects the version that the one before it makes, whichever connection it goes by.
 */
static void
test_an_aggregates_appends_keep_their_order(void **state)
{
	goes_uuid ids[AGGREGATES];
	int		  versions[AGGREGATES] = {0};

	for (int i = 0; i < AGGREGATES; i++)
		ids[i] = new_id();
	open_writer(&(goes_writer_options){.size = sizeof(goes_writer_options), .connections = 3});
	for (int i = 0; i < APPENDS; i++)
		write_one(&ids[i % AGGREGATES], "order.changed", i / AGGREGATES, &versions[i % AGGREGATES]);
	for (int i = 0; i < APPENDS; i++)
	{
		const goes_outcome *outcome = next_outcome();

		if (outcome->status != GOES_OK)
			fail_msg("%s", goes_error_message(outcome->error));
		assert_int_equal(outcome->version, ++*(int *) outcome->tag);
	}
	close_writer();
}

/*
 * What waits meanwhile goes out together.
 */
static void
test_appends_share_commits(void **state)
{
	goes_uuid before = new_id();

	open_writer(NULL);
	for (int i = 0; i < APPENDS; i++)
	{
		goes_uuid id = new_id();

		write_one(&id, "order.shared", 0, NULL);
	}
	for (int i = 0; i < APPENDS; i++)
		assert_int_equal(next_outcome()->status, GOES_OK);
	close_writer();
	assert_in_range(number_of("SELECT count(DISTINCT xmin::text) FROM events "
							  "WHERE name = 'order.shared'"),
					1, APPENDS / 4);
	append_new(store, &before, 1);
}

static int
do_nothing(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	return 0;
}

static void
test_what_cannot_be_accepted_is_refused(void **state)
{
	goes_error		   *error = NULL;
	goes_uuid			id = new_id();
	goes_event			event = event_of("", NULL);
	goes_writer_options options = {.size = sizeof options, .connections = 17};
	goes_tx			   *tx = begin_tx();

	expect_error(goes_writer_open(&writer, goes_tx_store(tx), NULL, &error), &error, GOES_ERR_STATE,
				 "transaction");
	goes_tx_rollback(tx);
	expect_error(goes_writer_open(&writer, store, &options, &error), &error, GOES_ERR_INVALID,
				 "connections");
	expect_error(goes_writer_open(&writer, NULL, NULL, &error), &error, GOES_ERR_INVALID, "store");
	open_writer(NULL);
	expect_error(goes_writer_append(writer, "order", &id, &event, 1, 0, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "name");
	event.name = "order.placed";
	expect_error(goes_writer_append(writer, "", &id, &event, 1, 0, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "aggregate");
	expect_error(goes_writer_append(writer, "order", &id, &event, 1, -3, NULL, NULL, &error),
				 &error, GOES_ERR_INVALID, "expected version");
	expect_error(goes_writer_append(NULL, "order", &id, &event, 1, 0, NULL, NULL, &error), &error,
				 GOES_ERR_INVALID, "writer");
	close_writer();
	open_anew("events");
	assert_int_equal(goes_store_add_hook(store, GOES_PRE_INSERT, do_nothing, NULL), GOES_OK);
	expect_error(goes_writer_open(&writer, store, NULL, &error), &error, GOES_ERR_STATE, "hooks");
	goes_writer_close(NULL, NULL, NULL);
}

/* ---- Threads */

#define THREADS 4
#define EACH 100

static void *
append_some(void *unused)
{
	for (int i = 0; i < EACH; i++)
	{
		goes_uuid id = new_id();

		write_one(&id, "order.threaded", 0, NULL);
	}
	return NULL;
}

static void
test_threads_share_a_writer(void **state)
{
	pthread_t threads[THREADS];

	open_writer(NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, append_some, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	goes_store_close(store);
	store = NULL;
	for (int i = 0; i < THREADS * EACH; i++)
		assert_int_equal(next_outcome()->status, GOES_OK);
	close_writer();
	assert_int_equal(count_rows("events WHERE name = 'order.threaded'"), THREADS * EACH);
}

/* A child has no threads behind the writer, and must not hang, nor write. */
static void
test_a_child_is_refused(void **state)
{
	goes_uuid  id = new_id();
	goes_event event = event_of("order.forked", NULL);
	int		   status = 0;
	pid_t	   child;

	open_writer(NULL);
	child = fork();
	if (child == 0)
	{
		const goes_outcome *outcome;
		bool is_refused = goes_writer_append(writer, "order", &id, &event, 1, 0, NULL, NULL,
											 NULL) == GOES_ERR_STATE &&
						  goes_writer_next(writer, &outcome, NULL, NULL) == GOES_ERR_STATE &&
						  goes_writer_process(writer, &outcome, NULL) == GOES_ERR_STATE &&
						  goes_writer_flush(writer, NULL, NULL) == GOES_ERR_STATE &&
						  goes_writer_timeout_ms(writer) == -1;

		goes_writer_close(writer, NULL, NULL);
		leave(is_refused ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	write_one(&id, "order.placed", 0, NULL);
	assert_int_equal(next_outcome()->status, GOES_OK);
	close_writer();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_WRITER(test_appends_have_their_outcomes),
		OWN_WRITER(test_what_is_refused_harms_no_neighbour),
		OWN_WRITER(test_an_aggregates_appends_keep_their_order),
		OWN_WRITER(test_appends_share_commits),
		OWN_WRITER(test_what_cannot_be_accepted_is_refused),
		OWN_WRITER(test_threads_share_a_writer),
		OWN_WRITER(test_a_child_is_refused),
	};

	return RUN_TESTS(tests);
}
