/*
 * server_read_standby.c
 *    Stores that read from a standby: what goes there, that nothing is read too early, and who answers
 *    when the standby cannot.
 */
#include "events.h"
#include "follows.h"
#include "standby.h"

#include <stdatomic.h>

#define PAIRS 1000
#define THREADS 4

static char both_urls[2048]; /* whichever of the two is there, the standby first */

static int
make_servers(void **state)
{
	make_standby_for("on");
	snprintf(both_urls, sizeof both_urls, "%s", standby_first);
	return 0;
}

/*
 * tell shows what a store does by itself.
 */
static void
tell(goes_log_level level, const char *text, void *user)
{
	printf("# %s\n", text);
}

/*
 * options_with returns options for a store that reads elsewhere.
 */
static goes_store_options
options_with(const char *read_url)
{
	goes_store_options options = options_of(NULL);

	options.read_url = read_url;
	options.read_wait_ms = paced_ms(10000);
	options.log = tell;
	return options;
}

static goes_store *
open_reading(const char *read_url)
{
	goes_store_options options = options_with(read_url);

	return open_with(&options);
}

static goes_store_statistics
counted(goes_store *store)
{
	goes_store_statistics counted = {.size = sizeof counted};

	assert_int_equal(goes_store_stats(store, &counted), GOES_OK);
	return counted;
}

static char *
standby_says(const char *text)
{
	PGconn	 *connection = PQconnectdb(standby_url);
	PGresult *result = PQexec(connection, text);
	char	 *value;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(connection));
	value = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(connection);
	return value;
}

static void
await_on_standby(const char *text)
{
	int64_t start = milliseconds();
	bool	is_so = false;

	while (!is_so)
	{
		char *value = standby_says(text);

		is_so = strcmp(value, "t") == 0;
		free(value);
		assert_true(is_within(start, 10000));
		usleep(2000);
	}
}

static void
pause_replay(void)
{
	free(standby_says("SELECT pg_wal_replay_pause()"));
	await_on_standby("SELECT pg_get_wal_replay_pause_state() = 'paused'");
}

static void
resume_replay(void)
{
	free(standby_says("SELECT pg_wal_replay_resume()"));
}

/*
 * catch_up waits until the standby has everything.
 */
static void
catch_up(void)
{
	char *lsn = admin("postgres", "SELECT pg_current_wal_flush_lsn()");
	char  text[200];

	snprintf(text, sizeof text, "SELECT pg_last_wal_replay_lsn() >= '%s'", lsn);
	free(lsn);
	await_on_standby(text);
}

/*
 * append_one appends an event to a new aggregate, or to one that is there.
 */
static goes_event
append_one(goes_store *store, const goes_uuid *id)
{
	goes_event	event = event_of("read", "{\"x\": 1}");
	goes_error *error = NULL;
	goes_uuid	own = id == NULL ? event.id : *id;

	assert_ok(goes_append(store, "order", &own, &event, 1, GOES_EXPECT_ANY, NULL, &error));
	return event;
}

static char *
token_of(goes_store *store)
{
	goes_error *error = NULL;
	char	   *token = NULL;

	assert_ok(goes_store_write_token(store, &token, NULL, &error));
	return token;
}

static goes_freshness
with_token(const char *token)
{
	return (goes_freshness){.size = sizeof(goes_freshness), .token = token};
}

static goes_freshness
with_version(const goes_event *event)
{
	return (goes_freshness){.size = sizeof(goes_freshness),
							.aggregate_name = event->aggregate_name,
							.aggregate_id = event->aggregate_id,
							.aggregate_version = event->aggregate_version};
}

static goes_context
seeing(const goes_freshness *freshness)
{
	return (goes_context){.size = sizeof(goes_context), .freshness = freshness};
}

/*
 * finds looks an event up.
 */
static int
finds(goes_store *store, const goes_event *event, const goes_context *context)
{
	goes_event *found = NULL;
	goes_error *error = NULL;
	int			status = goes_find(store, &event->id, &found, context, &error);

	if (status != GOES_ERR_NOT_FOUND)
		assert_ok(status);
	goes_error_free(error);
	goes_event_free(found);
	return status;
}

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

/*
 * resume lets replay go on whatever a test did that failed.
 */
static int
resume(void **state)
{
	resume_replay();
	return 0;
}

#define RESUMED(test) cmocka_unit_test_setup(test, resume)

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

/*
 * write_then_read writes and reads what was written, by turns with a token and with a version. It
 * returns how often that was not there.
 */
static int
write_then_read(goes_store *store, int pairs)
{
	goes_event event = append_one(store, NULL);
	int		   stale = 0;

	for (int i = 0; i < pairs; i++)
	{
		goes_freshness freshness;
		goes_context   context = seeing(&freshness);
		char		  *token = NULL;

		event = append_one(store, &event.aggregate_id);
		if (i % 2 == 0)
			token = token_of(store);
		freshness = i % 2 == 0 ? with_token(token) : with_version(&event);
		stale += finds(store, &event, &context) != GOES_OK;
		goes_free(token);
	}
	return stale;
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
		"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%goes_feed(%' AND pid <> "
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
		RESUMED(test_reads_go_to_the_standby),
		RESUMED(test_nothing_is_stale),
		RESUMED(test_a_read_waits_within_its_deadline),
		RESUMED(test_freshness_has_to_be_sound),
		RESUMED(test_tables_are_made_on_the_primary),
		RESUMED(test_the_primary_itself_can_be_read),
		RESUMED(test_another_system_is_refused),
		RESUMED(test_the_primary_stands_in_for_a_standby),
		RESUMED(test_a_silent_standby_leaves_time_for_the_primary),
		RESUMED(test_a_feed_goes_to_the_standby),
		cmocka_unit_test(test_a_promotion_under_load),
	};

	return RUN_GROUP(tests, make_servers, remove_servers);
}
