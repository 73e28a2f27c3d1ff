/*
 * server_read_primary.c
 *    Stores that read from a standby: the primary answers when the standby cannot, or is none of its own.
 */
#include "standby_reads.h"

#include <stdatomic.h>

#define THREADS 4

static void
test_another_system_is_refused(void **state)
{
	goes_store *store;
	goes_error *error = NULL;
	char	   *host = url_part("host");
	char	   *user = url_part("user");
	int			port = dead_port();
	char		url[1024];
	goes_event *found = NULL;
	goes_uuid	id;
	goes_feed  *feed = NULL;

	snprintf(url, sizeof url, "host=%s port=%d user=%s", host, port, user);
	run_command("initdb -D \"$GOES_TEST_DATA.other\" -U %s -A trust --no-sync >/dev/null", user);
	run_command("pg_ctl -D \"$GOES_TEST_DATA.other\" -l \"$GOES_TEST_DATA/other.log\" -w "
				"-o \"-p %d -k %s -c listen_addresses=''\" start >/dev/null",
				port, host);
	{
		goes_store_options options = options_of(NULL);

		options.url = url;
		options.connect_timeout_ms = paced_ms(60000);
		store = open_with(&options);
		assert_ok(goes_store_connect(store, NULL, &error));
		goes_store_close(store);
	}
	goes_uuid_v7(&id);
	store = open_reading(url);
	expect_error(goes_store_connect(store, NULL, &error), &error, GOES_ERR_INVALID,
				 "another system");
	expect_error(goes_find(store, &id, &found, NULL, &error), &error, GOES_ERR_INVALID,
				 "another system");
	expect_error(goes_feed_open(store, NULL, &feed, &error), &error, GOES_ERR_INVALID,
				 "another system");
	goes_store_close(store);
	free(host);
	free(user);
}

/*
 * without_standby runs a function while the standby is down, and nobody waits for it.
 */
static void
without_standby(void (*function)(void))
{
	admin_do("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''");
	admin_do("postgres", "SELECT pg_reload_conf()");
	run_command(STOP_STANDBY);
	function();
	run_command(START_STANDBY);
	admin_do("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
	admin_do("postgres", "SELECT pg_reload_conf()");
	wait_for_standby();
}

static goes_store *reading; /* in the tests below */

static void
read_without_standby(void)
{
	goes_store *late = open_reading(standby_url);
	goes_error *error = NULL;

	assert_int_equal(write_then_read(reading, 50), 0);
	assert_int_equal(counted(reading).standby_failures, 50);
	/* and a store that never reached it */
	assert_ok(goes_store_connect(late, NULL, &error));
	assert_int_equal(counted(late).standby_failures, 0);
	assert_int_equal(write_then_read(late, 50), 0);
	assert_int_equal(counted(late).standby_failures, 50);
	goes_store_close(late);
}

static void
test_the_primary_stands_in_for_a_standby(void **state)
{
	int64_t	   start;
	goes_event event;

	reading = open_reading(standby_url);
	event = append_one(reading, NULL);
	catch_up();
	assert_int_equal(finds(reading, &event, NULL), GOES_OK);
	assert_int_equal(counted(reading).standby_reads, 1);
	without_standby(read_without_standby);
	for (start = milliseconds(); counted(reading).standby_reads == 1; usleep(10000))
	{
		assert_int_equal(finds(reading, &event, NULL), GOES_OK);
		assert_true(is_within(start, 60000));
	}
	goes_store_close(reading);
}

/*
 * A standby that accepts connections and says nothing costs half of a call's time, once in a while.
 */
static void
test_a_silent_standby_leaves_time_for_the_primary(void **state)
{
	int			 port;
	int			 silent = listen_silently(&port);
	char		 url[100];
	goes_store	*store;
	goes_event	 event;
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(2000)};

	snprintf(url, sizeof url, "host=127.0.0.1 port=%d", port);
	store = open_reading(url);
	event = append_one(store, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(finds(store, &event, &context), GOES_OK);
	assert_int_equal(counted(store).standby_failures, 3);
	goes_store_close(store);
	close(silent);
}

/*
 * follow_one stores an event, has the primary settle it, and expects the feed to give it out.
 */
static void
follow_one(goes_feed *feed)
{
	goes_error		 *error = NULL;
	const goes_event *got = NULL;
	goes_event		  event = append_one(reading, NULL);
	int				  status;

	admin_do(TEST_DATABASE, "SELECT goes_feed_settle('followed')");
	while ((status = goes_feed_next(feed, &got, NULL, &error)) == GOES_EVENT &&
		   memcmp(&got->id, &event.id, sizeof event.id) != 0)
		;
	assert_ok(status);
	assert_int_equal(status, GOES_EVENT);
}

static goes_feed *followed;

static void
follow_without_standby(void)
{
	follow_one(followed);
}

static void
test_a_feed_goes_to_the_standby(void **state)
{
	goes_store_options options = options_with(standby_url);
	goes_feed_options  following = feed_options(paced_ms(20000));
	goes_error		  *error = NULL;
	char			  *there;

	options.table = "followed";
	reading = open_with(&options);
	with_feed(reading, "followed");
	catch_up();
	assert_ok(goes_feed_open(reading, &following, &followed, &error));
	follow_one(followed);
	there = standby_says(
		"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%goes_feed_page(%' AND pid <> "
		"pg_backend_pid()");
	assert_string_equal(there, "1");
	free(there);
	without_standby(follow_without_standby);
	follow_one(followed);
	goes_feed_close(followed);
	goes_store_close(reading);
}

/* What a thread writes and reads while the servers change. */
typedef struct Work
{
	pthread_t  thread;
	goes_uuid *stored; /* acknowledged */
	int		   count;
	int		   room;
	int		   stale;
} Work;

static goes_store *under_load;
static atomic_bool goes_on;
static atomic_int  pairs_done;

/*
 * keep notes that an event was acknowledged.
 */
static void
keep(Work *work, const goes_uuid *id)
{
	if (work->count == work->room)
	{
		work->room = work->room * 2 + 1000;
		work->stored = realloc(work->stored, (size_t) work->room * sizeof *work->stored);
	}
	work->stored[work->count++] = *id;
}

/*
 * read_back reads an event that was acknowledged until somebody answers.
 */
static void
read_back(Work *work, const goes_event *event, bool by_token)
{
	goes_freshness freshness = with_version(event);
	goes_context   context = seeing(&freshness);
	goes_event	  *found = NULL;
	char		  *token = NULL;
	int			   status;

	context.timeout_ms = 2000;
	while (by_token && goes_store_write_token(under_load, &token, &context, NULL) != GOES_OK &&
		   goes_on)
		;
	if (by_token && token == NULL)
		return;
	if (by_token)
		freshness = with_token(token);
	while ((status = goes_find(under_load, &event->id, &found, &context, NULL)) != GOES_OK &&
		   status != GOES_ERR_NOT_FOUND && goes_on)
		;
	work->stale += status == GOES_ERR_NOT_FOUND;
	goes_event_free(found);
	goes_free(token);
}

static void *
write_and_read(void *argument)
{
	Work		*work = argument;
	goes_context context = {.size = sizeof context, .timeout_ms = 2000};

	for (bool by_token = true; goes_on; by_token = !by_token)
	{
		goes_event event = event_of("under.load", "{}");
		goes_uuid  id = event.id;

		if (goes_append(under_load, "order", &id, &event, 1, 0, &context, NULL) != GOES_OK)
			continue;
		keep(work, &event.id);
		read_back(work, &event, by_token);
		atomic_fetch_add(&pairs_done, 1);
	}
	return NULL;
}

static void
wait_for_pairs(int more)
{
	int		wanted = pairs_done + more;
	int64_t start = milliseconds();

	for (; pairs_done < wanted; usleep(5000))
		assert_true(is_within(start, 120000));
}

/*
 * The last test: the primary does not come back.
 */
static void
test_a_promotion_under_load(void **state)
{
	goes_store_options options = options_with(both_urls);
	char			   url[2100];
	Work			   works[THREADS] = {0};
	int				   stale = 0, lost = 0, stored = 0;

	snprintf(url, sizeof url, "%s target_session_attrs=read-write", primary_first);
	options.url = url;
	options.read_wait_ms = 50;
	options.max_connections = 2 * THREADS;
	under_load = open_with(&options);
	atomic_store(&goes_on, true);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&works[i].thread, NULL, write_and_read, &works[i]), 0);
	wait_for_pairs(200);
	stop_server();
	usleep(200 * 1000);
	run_command(PROMOTE_STANDBY);
	wait_for_pairs(200);
	atomic_store(&goes_on, false);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(works[i].thread, NULL);
		stale += works[i].stale;
		stored += works[i].count;
		for (int event = 0; event < works[i].count; event++)
		{
			goes_event *found = NULL;

			lost += goes_find(under_load, &works[i].stored[event], &found, NULL, NULL) != GOES_OK;
			goes_event_free(found);
		}
		free(works[i].stored);
	}
	printf("# %d events acknowledged around the promotion, %d stale, %d lost\n", stored, stale,
		   lost);
	assert_int_equal(stale, 0);
	assert_int_equal(lost, 0);
	goes_store_close(under_load);
}

/*
 * remove_servers stops them, also if a test has failed.
 */
static int
remove_servers(void **state)
{
	run_command("! pg_ctl -D \"$GOES_TEST_DATA.other\" status >/dev/null 2>&1 || "
				"pg_ctl -D \"$GOES_TEST_DATA.other\" -m immediate -w stop >/dev/null");
	run_command("rm -rf \"$GOES_TEST_DATA.other\"");
	return remove_standby(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RESUMED(test_another_system_is_refused),
		RESUMED(test_the_primary_stands_in_for_a_standby),
		RESUMED(test_a_silent_standby_leaves_time_for_the_primary),
		RESUMED(test_a_feed_goes_to_the_standby),
		cmocka_unit_test(test_a_promotion_under_load),
	};

	return RUN_GROUP(tests, make_servers, remove_servers);
}
