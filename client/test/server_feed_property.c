/*
 * server_feed_property.c
 *    Writers and readers of all kinds at once: every reader gets every event once, in order.
 *
 * The run ends when everything has happened often enough, and fails if that takes too long. Its
 * random numbers have a seed, which is printed; GOES_TEST_SEED repeats the choices, though not the
 * moments at which they meet. GOES_TEST_SECONDS makes it go on for so long.
 */
#include "feed.h"
#include "feed_readers.h"
#include "feed_writers.h"

#define MOST_MS 60000

static FeedReader readers[] = {
	{.look = look_eagerly, .name = "eager", .cursor_count = 1},
	{.look = look_eagerly, .name = "only some names", .cursor_count = 1, .wants_copied = true},
	{.look = look_seldom, .name = "seldom", .cursor_count = 1},
	{.look = look_and_wait, .name = "waiting", .cursor_count = 1},
	{.look = look_by_position, .name = "by position", .cursor_count = 1},
	{.look = look_from_several, .name = "one of several", .cursor_count = 6},
	{.look = look_in_transaction, .name = "in transactions", .cursor_count = 1},
	{.look = look_after_restart, .name = "restarted", .cursor_count = 1},
	{.look = look_anew, .name = "new at each look", .cursor_count = 1},
	{.look = look_and_write, .name = "writing", .cursor_count = 1, .is_writer = true},
};

#define READERS ((int) (sizeof readers / sizeof readers[0]))

static FeedWriter feed_writers[WRITERS];
static pthread_t  writer_threads[WRITERS];
static pthread_t  reader_threads[READERS];

/*
 * make_store makes a store with a feed, on a server that takes prepared transactions.
 */
static void
make_store(void)
{
	admin_do("postgres", "ALTER SYSTEM SET max_prepared_transactions = %d",
			 MOST_PREPARED + WRITERS);
	restart_server();
	admin_do("postgres", "CREATE DATABASE " TEST_DATABASE);
	admin_do(TEST_DATABASE, "CREATE EXTENSION goes_store");
	admin_do(TEST_DATABASE, "SELECT goes_create_store(), goes_alter_store(feed => true)");
	admin_do(TEST_DATABASE, WRITERS_SCHEMA);
	atomic_store(&done[STORED], 1);
}

/*
 * start_threads starts everybody.
 */
static void
start_threads(uint64_t seed)
{
	atomic_store(&writing, WRITERS);
	for (int i = 0; i < READERS; i++)
	{
		FeedReader *reader = &readers[i];

		atomic_fetch_add(&writing, reader->is_writer);
		reader->session = open_session(seed, WRITERS + i);
		for (int j = 0; j < reader->cursor_count; j++)
			reader->cursors[j].wants_copied = reader->wants_copied;
	}
	for (int i = 0; i < WRITERS; i++)
		feed_writers[i] = (FeedWriter){.session = open_session(seed, i), .number = i};
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&reader_threads[i], NULL, read_events, &readers[i]), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writer_threads[i], NULL, write_events, &feed_writers[i]),
						 0);
}

/*
 * run_threads lets everybody work until it was enough, and waits until all have ended.
 */
static void
run_threads(int64_t least_ms, int64_t most_ms)
{
	int64_t begun = milliseconds();

	while (!atomic_load(&is_over) && milliseconds() - begun < most_ms &&
		   (milliseconds() - begun < least_ms || !is_enough()))
		usleep(10000);
	atomic_store(&is_over, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writer_threads[i], NULL);
	for (int i = 0; i < READERS; i++)
		pthread_join(reader_threads[i], NULL);
	print_message("# after %.1f s\n", (double) (milliseconds() - begun) / 1000);
}

/*
 * run_all is the run that the tests look at.
 */
static int
run_all(void **state)
{
	int64_t least_ms = 1000 * number_from("GOES_TEST_SECONDS", 0);
	int64_t most_ms = paced_ms(MOST_MS);
	int64_t seed = number_from("GOES_TEST_SEED", (int64_t) time(NULL));

	print_message("# seed: GOES_TEST_SEED=%lld\n", (long long) seed);
	make_store();
	start_threads((uint64_t) seed);
	run_threads(least_ms, least_ms + most_ms);
	return 0;
}

static void
test_nothing_failed(void **state)
{
	assert_int_equal(atomic_load(&failures), 0);
}

static void
test_enough_was_done(void **state)
{
	for (int deed = 0; deed < DEEDS; deed++)
		print_message("# done: %ld %s\n", atomic_load(&done[deed]), floors[deed].what);
	assert_true(is_enough());
}

/*
 * stored_events returns the positions that are stored, in order.
 */
static int64_t *
stored_events(bool wants_copied, size_t *count)
{
	PGresult *events = run_admin(TEST_DATABASE, wants_copied ? "SELECT position FROM events WHERE "
															   "name = 'copied' ORDER BY position"
															 : "SELECT position FROM events "
															   "ORDER BY position");
	int64_t	 *positions = calloc((size_t) PQntuples(events) + 1, sizeof *positions);

	assert_non_null(positions);
	*count = (size_t) PQntuples(events);
	for (size_t i = 0; i < *count; i++)
		positions[i] = strtoll(PQgetvalue(events, (int) i, 0), NULL, 10);
	PQclear(events);
	return positions;
}

/*
 * The writers know how much they have stored: otherwise nothing else here would mean anything.
 */
static void
test_what_was_committed_is_there(void **state)
{
	size_t count;

	free(stored_events(false, &count));
	assert_int_equal(count, atomic_load(&done[STORED]));
}

static int
compare_positions(const void *left, const void *right)
{
	int64_t a = *(const int64_t *) left;
	int64_t b = *(const int64_t *) right;

	return (a > b) - (a < b);
}

/*
 * count_missed counts the stored events that a cursor did not get, and those that it got though they
 * are not there.
 */
static long
count_missed(FeedCursor *cursor, long *invented)
{
	size_t	 count;
	int64_t *stored = stored_events(cursor->wants_copied, &count);
	long	 missed = (long) count;

	qsort(cursor->got, cursor->count, sizeof *cursor->got, compare_positions);
	*invented = 0;
	for (size_t i = 0; i < cursor->count; i++)
	{
		if (i > 0 && cursor->got[i] == cursor->got[i - 1])
			continue;
		if (bsearch(&cursor->got[i], stored, count, sizeof *stored, compare_positions) == NULL)
			(*invented)++;
		else
			missed--;
	}
	free(stored);
	return missed;
}

/*
 * is_sound tells whether a cursor got every event once, in order, and says what it got otherwise.
 */
static bool
is_sound(const char *name, FeedCursor *cursor)
{
	long invented;
	long missed = count_missed(cursor, &invented);

	if (missed == 0 && invented == 0 && cursor->doubled == 0 && cursor->disordered == 0)
		return true;
	print_message("# %s: %ld missed, %ld doubled, %ld out of order, %ld that were never stored\n",
				  name, missed, cursor->doubled, cursor->disordered, invented);
	return false;
}

static void
test_every_reader_got_every_event_once_in_order(void **state)
{
	int wrong = 0;

	for (int i = 0; i < READERS; i++)
	{
		for (int j = 0; j < readers[i].cursor_count; j++)
			wrong += !is_sound(readers[i].name, &readers[i].cursors[j]);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_failed),
		cmocka_unit_test(test_enough_was_done),
		cmocka_unit_test(test_what_was_committed_is_there),
		cmocka_unit_test(test_every_reader_got_every_event_once_in_order),
	};

	return RUN_GROUP(tests, run_all, NULL);
}
