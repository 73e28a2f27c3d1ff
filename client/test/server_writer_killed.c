/*
 * server_writer_killed.c
 *    A writer of many appends, some of which conflict or cannot be stored, while its server's processes
 *    are killed and the server itself is stopped and started: a ledger says that each outcome is true.
 *    WRITER_APPENDS in the environment says how many there are, at most 100,000.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "appends.h"
#include "server_control.h"

#define MOST_APPENDS 100000
#define USUAL_APPENDS 20000
#define AGGREGATES 500
#define OUTCOMES_BETWEEN_KILLS 500
#define KILLS_BEFORE_A_STOP 10

/* An append, and what was said of it. */
typedef struct Entry
{
	goes_uuid id; /* of its event */
	int		  kind;
	int		  outcomes;
	int		  status;
	int32_t	  version;
} Entry;

enum
{
	GOOD,
	CONFLICTING,
	UNREADABLE
};

static Entry	   ledger[MOST_APPENDS];
static int		   append_count = USUAL_APPENDS;
static goes_uuid   aggregates[AGGREGATES];
static atomic_bool is_over;
static atomic_bool is_stopped;
static atomic_int  outcome_count;

/*
 * kill_now_and_then ends the server's processes, again and again after so many outcomes, and stops the
 * server once. Kills that went by the clock would leave a busy machine no time to append.
 */
static void *
kill_now_and_then(void *unused)
{
	for (int i = 1; !atomic_load(&is_over); i++)
	{
		PGconn *connection = admin_connection(TEST_DATABASE);
		int		next = atomic_load(&outcome_count) + OUTCOMES_BETWEEN_KILLS;

		PQclear(PQexec(connection, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
								   "pid <> pg_backend_pid() AND backend_type = 'client backend'"));
		PQfinish(connection);
		while (!atomic_load(&is_over) && atomic_load(&outcome_count) < next)
			usleep(1000);
		if (i != KILLS_BEFORE_A_STOP)
			continue;
		atomic_store(&is_stopped, true);
		stop_server();
		start_server();
		atomic_store(&is_stopped, false);
	}
	return NULL;
}

/*
 * wait_for_server waits while the server is stopped. What is under way then fails, as it should; whoever went
 * on would fail as often as the server takes to start.
 */
static void
wait_for_server(void)
{
	while (atomic_load(&is_stopped))
		usleep(1000);
}

/*
 * append_entry has the next append made.
 */
static void
append_entry(goes_writer *writer, int i)
{
	Entry	   *entry = &ledger[i];
	goes_error *error = NULL;
	goes_event	event = event_of("order.changed", "{}");

	*entry = (Entry){.id = event.id, .status = 1};
	entry->kind = i % 97 == 0 ? CONFLICTING : i % 1009 == 0 ? UNREADABLE : GOOD;
	if (entry->kind == UNREADABLE)
		event.data = "{]";
	assert_ok(goes_writer_append(writer, "order", &aggregates[i % AGGREGATES], &event, 1,
								 entry->kind == CONFLICTING ? MOST_APPENDS : GOES_EXPECT_ANY, entry,
								 NULL, &error));
}

/*
 * note_outcome notes what was said of an append.
 */
static void
note_outcome(const goes_outcome *outcome, void *unused)
{
	Entry *entry = outcome->tag;

	entry->outcomes++;
	atomic_fetch_add(&outcome_count, 1);
	entry->status = outcome->status;
	entry->version = outcome->version;
}

static int
compare_ids(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(goes_uuid));
}

/*
 * stored_version returns the version of an event among those stored, which are in the order of their ids; -1:
 * it is not there.
 */
static int64_t
stored_version(const PGresult *stored, const goes_uuid *id)
{
	int first = 0;
	int end = PQntuples(stored);

	while (first < end)
	{
		int middle = first + (end - first) / 2;
		int order = compare_ids(id, PQgetvalue(stored, middle, 0));

		if (order == 0)
		{
			uint32_t version;

			memcpy(&version, PQgetvalue(stored, middle, 1), sizeof version);
			return (int64_t) be32toh(version);
		}
		if (order < 0)
			end = middle;
		else
			first = middle + 1;
	}
	return -1;
}

/*
 * is_true tells whether the outcome of an append is.
 */
static bool
is_true(const Entry *entry, int64_t version)
{
	if (entry->outcomes != 1 || (entry->kind != GOOD && version >= 0))
		return false;
	switch (entry->status)
	{
		case GOES_OK:
			return version == entry->version;
		case GOES_ERR_IN_DOUBT:
			return true;
		case GOES_ERR_CONFLICT:
			return entry->kind == CONFLICTING;
		case GOES_ERR_INVALID:
			return entry->kind == UNREADABLE;
		case GOES_ERR_CONNECT:
			return version < 0;
		default:
			return false;
	}
}

/*
 * check_ledger compares what was said with what is there.
 */
static void
check_ledger(void)
{
	PGconn	 *connection = admin_connection(TEST_DATABASE);
	PGresult *stored =
		PQexecParams(connection, "SELECT id, aggregate_version FROM events ORDER BY id", 0, NULL,
					 NULL, NULL, NULL, 1);
	int newest[AGGREGATES] = {0};
	int good = 0;
	int in_doubt = 0;

	assert_int_equal(PQresultStatus(stored), PGRES_TUPLES_OK);
	for (int i = 0; i < append_count; i++)
	{
		Entry  *entry = &ledger[i];
		int64_t version = stored_version(stored, &entry->id);

		if (!is_true(entry, version))
			fail_msg("append %d of kind %d, %d outcomes: %s, version %d, but stored as %d", i,
					 entry->kind, entry->outcomes, goes_status_text(entry->status),
					 (int) entry->version, (int) version);
		good += entry->status == GOES_OK;
		in_doubt += entry->status == GOES_ERR_IN_DOUBT;
		if (entry->status != GOES_OK)
			continue;
		if (entry->version <= newest[i % AGGREGATES])
			fail_msg("append %d is version %d, behind %d", i, (int) entry->version,
					 newest[i % AGGREGATES]);
		newest[i % AGGREGATES] = entry->version;
	}
	print_message("# %d stored, %d in doubt\n", good, in_doubt);
	assert_true(good > append_count / 2);
	PQclear(stored);
	PQfinish(connection);
}

static void
test_each_of_many_has_its_own_true_outcome(void **state)
{
	goes_store_options	  options = options_of("events");
	goes_error			 *error = NULL;
	goes_writer			 *writer = NULL;
	const goes_outcome	 *outcome;
	goes_store			 *store;
	goes_store_statistics statistics = {.size = sizeof statistics};
	pthread_t			  killer;

	if (getenv("WRITER_APPENDS") != NULL)
		append_count = atoi(getenv("WRITER_APPENDS"));
	assert_true(append_count > 0 && append_count <= MOST_APPENDS);
	(void) paced_ms(0); /* measured before there are other threads */
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	for (int i = 0; i < AGGREGATES; i++)
		aggregates[i] = new_id();
	assert_ok(goes_writer_open(&writer, store, NULL, &error));
	assert_int_equal(pthread_create(&killer, NULL, kill_now_and_then, NULL), 0);
	for (int i = 0; i < append_count; i++)
	{
		wait_for_server();
		append_entry(writer, i);
		while (goes_writer_process(writer, &outcome, NULL) == GOES_OUTCOME)
			note_outcome(outcome, NULL);
	}
	while (goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME)
		note_outcome(outcome, NULL);
	atomic_store(&is_over, true);
	pthread_join(killer, NULL);
	goes_writer_close(writer, NULL, NULL);
	assert_int_equal(goes_store_stats(store, &statistics), GOES_OK);
	assert_true(statistics.reconnects > 0);
	goes_store_close(store);
	check_ledger();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_of_many_has_its_own_true_outcome),
	};

	return RUN_TESTS(tests);
}
