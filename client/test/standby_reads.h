/*
 * standby_reads.h
 *    Stores that read from a standby, whose replay a test can hold up.
 */
#ifndef GOES_TEST_STANDBY_READS_H
#define GOES_TEST_STANDBY_READS_H

#include "events.h"
#include "follows.h"
#include "standby.h"
#include "statistics.h"

static char both_urls[2048]; /* whichever of the two is there, the standby first */

static inline int
make_servers(void **state)
{
	make_standby_for("on");
	snprintf(both_urls, sizeof both_urls, "%s", standby_first);
	return 0;
}

/*
 * tell shows what a store does by itself.
 */
static inline void
tell(goes_log_level level, const char *text, void *user)
{
	printf("# %s\n", text);
}

/*
 * options_with returns options for a store that reads elsewhere.
 */
static inline goes_store_options
options_with(const char *read_url)
{
	goes_store_options options = options_of(NULL);

	options.read_url = read_url;
	options.read_wait_ms = paced_ms(10000);
	options.log = tell;
	return options;
}

static inline goes_store *
open_reading(const char *read_url)
{
	goes_store_options options = options_with(read_url);

	return open_with(&options);
}

static inline char *
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

static inline void
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

static inline void
pause_replay(void)
{
	free(standby_says("SELECT pg_wal_replay_pause()"));
	await_on_standby("SELECT pg_get_wal_replay_pause_state() = 'paused'");
}

static inline void
resume_replay(void)
{
	free(standby_says("SELECT pg_wal_replay_resume()"));
}

/*
 * catch_up waits until the standby has everything.
 */
static inline void
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
static inline goes_event
append_one(goes_store *store, const goes_uuid *id)
{
	goes_event	event = event_of("read", "{\"x\": 1}");
	goes_error *error = NULL;
	goes_uuid	own = id == NULL ? event.id : *id;

	assert_ok(goes_append(store, "order", &own, &event, 1, GOES_EXPECT_ANY, NULL, &error));
	return event;
}

static inline char *
token_of(goes_store *store)
{
	goes_error *error = NULL;
	char	   *token = NULL;

	assert_ok(goes_store_write_token(store, &token, NULL, &error));
	return token;
}

static inline goes_freshness
with_token(const char *token)
{
	return (goes_freshness){.size = sizeof(goes_freshness), .token = token};
}

static inline goes_freshness
with_version(const goes_event *event)
{
	return (goes_freshness){.size = sizeof(goes_freshness),
							.aggregate_name = event->aggregate_name,
							.aggregate_id = event->aggregate_id,
							.aggregate_version = event->aggregate_version};
}

static inline goes_context
seeing(const goes_freshness *freshness)
{
	return (goes_context){.size = sizeof(goes_context), .freshness = freshness};
}

/*
 * finds looks an event up.
 */
static inline int
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

/*
 * write_then_read writes and reads what was written, by turns with a token and with a version. It
 * returns how often that was not there.
 */
static inline int
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

/*
 * resume lets replay go on whatever a test did that failed.
 */
static inline int
resume(void **state)
{
	resume_replay();
	return 0;
}

#define RESUMED(test) cmocka_unit_test_setup(test, resume)

#endif
