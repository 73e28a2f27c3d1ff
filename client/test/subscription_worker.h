/*
 * subscription_worker.h
 *    A process that claims events, stores what comes of them, and says so in the same transaction. It
 *    may be killed or stopped at any moment.
 */
#ifndef GOES_TEST_SUBSCRIPTION_WORKER_H
#define GOES_TEST_SUBSCRIPTION_WORKER_H

#include "subscription_run.h"

#define MOST_EVENTS 60

/* What the workers need in the database: the effects, in the order in which they were stored. */
#define WORKERS_SCHEMA                                                                   \
	"CREATE TABLE effects (place bigint GENERATED ALWAYS AS IDENTITY, position bigint, " \
	"aggregate uuid, version integer, worker text)"

typedef struct Claimed
{
	int64_t		position;
	const char *aggregate; /* "": none */
	const char *version;
	bool		is_poisoned;
	bool		is_failed;
	bool		is_behind; /* an earlier one of its aggregate failed */
} Claimed;

/* The claimed events of one partition. */
typedef struct Batch
{
	Session *session;
	char	 name[32]; /* of the worker */
	int		 partition;
	int64_t	 epoch;
	Claimed	 events[MOST_EVENTS];
	int		 count;
} Batch;

/*
 * decide says which events of a batch are going to fail.
 */
static inline void
decide(Batch *batch)
{
	bool is_cured = atomic_load(&run->is_cured);

	for (int i = 0; i < batch->count; i++)
	{
		Claimed *event = &batch->events[i];

		for (int j = 0; j < i && event->aggregate[0] != '\0'; j++)
			event->is_behind |= (batch->events[j].is_failed || batch->events[j].is_behind) &&
								strcmp(event->aggregate, batch->events[j].aggregate) == 0;
		event->is_failed =
			!event->is_behind && ((event->is_poisoned && !is_cured) || happens(batch->session, 1));
	}
}

/*
 * store_effects stores what comes of the events from one to before another, without those that fail.
 */
static inline void
store_effects(Batch *batch, int from, int to)
{
	char effects[MOST_EVENTS * 160];
	int	 length = 0;

	for (int i = from; i < to; i++)
	{
		const Claimed *event = &batch->events[i];

		if (!event->is_failed && !event->is_behind)
			length += sprintf(effects + length,
							  "%s(%lld, nullif('%s', '')::uuid, nullif('%s', '')::integer, '%s')",
							  length > 0 ? ", " : "", (long long) event->position, event->aggregate,
							  event->version, batch->name);
	}
	if (length > 0)
		must(batch->session, "INSERT INTO effects (position, aggregate, version, worker) VALUES %s",
			 effects);
}

/*
 * list_positions writes a list of those that failed, or of those that are done.
 */
static inline void
list_positions(const Batch *batch, int from, int to, bool is_failed, char *list)
{
	int length = sprintf(list, "{");

	for (int i = from; i < to; i++)
	{
		const Claimed *event = &batch->events[i];

		if (!event->is_behind && event->is_failed == is_failed)
			length += sprintf(list + length, "%s%lld", length > 1 ? "," : "",
							  (long long) event->position);
	}
	strcpy(list + length, "}");
}

/*
 * is_kept runs a statement that needs the lease; false if it was lost.
 */
static inline bool
is_kept(Batch *batch, const char *text)
{
	PGresult *result = PQexec(batch->session->connection, text);
	bool	  is_lost = has_state(result, "VE005");

	if (is_lost)
		note(LOST, 1);
	else if (!is_good(result))
		give_up(text, batch->session->connection);
	PQclear(result);
	return !is_lost;
}

/*
 * say_done says what became of some events.
 */
static inline bool
say_done(Batch *batch, int from, int to)
{
	char done[MOST_EVENTS * 22];
	char failed[MOST_EVENTS * 22];
	char text[sizeof done + sizeof failed + 200];

	list_positions(batch, from, to, false, done);
	list_positions(batch, from, to, true, failed);
	snprintf(text, sizeof text, "SELECT goes_done('proof', %d, %lld, done => '%s', failed => '%s')",
			 batch->partition, (long long) batch->epoch, done, failed);
	return is_kept(batch, text);
}

/*
 * handle stores the effects of some events and says that they are done, in one transaction; false if
 * the lease was lost.
 */
static inline bool
handle(Batch *batch, int from, int to)
{
	bool has_lease;

	must(batch->session, "BEGIN");
	store_effects(batch, from, to);
	rest(batch->session, 10);
	has_lease = say_done(batch, from, to);
	must(batch->session, has_lease ? "COMMIT" : "ROLLBACK");
	for (int i = from; i < to && has_lease; i++)
		note(FAILED, batch->events[i].is_failed && !batch->events[i].is_poisoned);
	return has_lease;
}

/*
 * work_off handles the events of a batch, at once or in two parts.
 */
static inline void
work_off(Batch *batch)
{
	int part = batch->count;

	if (batch->count > 1 && happens(batch->session, 10))
	{
		part = 1 + below(batch->session, batch->count - 1);
		note(IN_PARTS, 1);
	}
	decide(batch);
	if (handle(batch, 0, part) && part < batch->count)
		(void) handle(batch, part, batch->count);
}

/*
 * with_lease runs a function of a worker's on the partition of a batch.
 */
static inline bool
with_lease(Batch *batch, const char *function, Deed deed)
{
	char text[128];

	snprintf(text, sizeof text, "SELECT %s('proof', %d, %lld%s)", function, batch->partition,
			 (long long) batch->epoch, deed == RENEWED ? ", 1500" : "");
	note(deed, 1);
	return is_kept(batch, text);
}

/*
 * take_part takes the events of one partition out of what was claimed.
 */
static inline Batch
take_part(Session *session, const char *name, PGresult *claimed, int partition)
{
	Batch batch = {.session = session, .partition = partition};

	strcpy(batch.name, name);
	for (int row = 0; row < PQntuples(claimed); row++)
	{
		if (atoi(PQgetvalue(claimed, row, 0)) != partition)
			continue;
		batch.epoch = strtoll(PQgetvalue(claimed, row, 1), NULL, 10);
		batch.events[batch.count++] = (Claimed){
			.position = strtoll(PQgetvalue(claimed, row, 2), NULL, 10),
			.aggregate = PQgetvalue(claimed, row, 3),
			.version = PQgetvalue(claimed, row, 4),
			.is_poisoned = strcmp(PQgetvalue(claimed, row, 5), "poison") == 0,
		};
	}
	return batch;
}

/*
 * work works off what was claimed, one partition after the other.
 */
static inline void
work(Session *session, const char *name, PGresult *claimed)
{
	for (int partition = 0; partition < PARTITIONS; partition++)
	{
		Batch batch = take_part(session, name, claimed, partition);

		if (batch.count == 0)
			continue;
		if (happens(session, 3))
			(void) with_lease(&batch, "goes_release", RELEASED);
		else if (!happens(session, 10) || with_lease(&batch, "goes_renew", RENEWED))
			work_off(&batch);
	}
}

/*
 * claim_events is the process.
 */
static inline void
claim_events(uint64_t seed, int number, int life)
{
	Session session = open_session(seed, 1000 * (number + 1) + life);
	char	name[32];
	char	text[256];

	snprintf(name, sizeof name, "worker %d, life %d", number, life);
	snprintf(text, sizeof text,
			 "SELECT partition, epoch, position, aggregate_id, aggregate_version, name "
			 "FROM goes_claim('proof', '%s', %d, lease_ms => %d, wait_ms => 200)",
			 name, MOST_EVENTS, LEASE_MS);
	while (!atomic_load(&run->is_over))
	{
		PGresult *claimed = PQexec(session.connection, text);

		if (!is_good(claimed))
			give_up(text, session.connection);
		atomic_store(&run->holds[number], PQntuples(claimed) > 0);
		work(&session, name, claimed);
		atomic_store(&run->holds[number], false);
		PQclear(claimed);
	}
	PQfinish(session.connection);
}

#endif
