/*
 * read_server.c
 *    The server that reads go to: reaching it, leaving it alone while it is down, and making sure
 *    that it is a copy of the primary.
 *
 * A copy has the primary's system identifier, and another server would answer with something else.
 * The identifiers are compared for each connection, since an address may lead elsewhere one day.
 */
#include <stdio.h>

#include "store/read.h"
#include "store/tally.h"

#define SHORTEST_PAUSE_MS 250
#define MOST_DOUBLED 5 /* up to 8 seconds */

bool
read_server_is_paused(goes_store *store)
{
	ReadServer *server = &store->read_server;
	long long	until = atomic_load(&server->pause_until);
	int64_t		now = monotonic_now();

	if (until == 0)
		return false;
	/* one thread tries, and the others go on without the server meanwhile */
	return now < until || !atomic_compare_exchange_strong(&server->pause_until, &until,
														  now + (int64_t) SHORTEST_PAUSE_MS *
																	NANOSECONDS_PER_MILLISECOND);
}

void
read_server_failed(goes_store *store, const goes_error *error)
{
	ReadServer *server = &store->read_server;
	int			failures = atomic_fetch_add(&server->failures, 1);
	int64_t		pause_ms = (int64_t) SHORTEST_PAUSE_MS
					   << (failures < MOST_DOUBLED ? failures : MOST_DOUBLED);

	atomic_store(&server->pause_until, monotonic_now() + pause_ms * NANOSECONDS_PER_MILLISECOND);
	tell_log(store, GOES_LOG_WARNING, "no standby is asked for %lld ms: %s", (long long) pause_ms,
			 goes_error_message(error));
}

Deadline
read_server_deadline(const Deadline *deadline)
{
	int64_t left = deadline_left_ms(deadline);

	return left < 0 ? *deadline : deadline_in(left - left / 4, deadline->cancel);
}

/*
 * works notes that the server was reached.
 */
static void
works(ReadServer *server)
{
	atomic_store(&server->failures, 0);
	atomic_store(&server->pause_until, 0);
}

void
read_server_system(goes_store *store, char out[SYSTEM_SIZE])
{
	pthread_mutex_lock(&store->lock);
	memcpy(out, store->read_server.system, SYSTEM_SIZE);
	pthread_mutex_unlock(&store->lock);
}

int
fail_other_system(goes_error **err)
{
	return fail(
		err, GOES_ERR_INVALID,
		"read_url leads to a server of another system than url: name a standby of the "
		"primary, since a copy that was dumped and restored, or is replicated logically, has "
		"other events");
}

/*
 * learn_system asks the primary which system it belongs to.
 */
static int
learn_system(goes_store *store, const Deadline *deadline, goes_error **err)
{
	goes_context remaining = context_until(deadline);
	Call		 call;
	int			 status = call_begin(&call, store, &remaining, err);

	/* a store without a read_url, which shares the pool, has not asked */
	if (status == GOES_OK && *call.connection->session.system == '\0')
	{
		session_forget(&call.connection->session);
		status = session_look_up(&call, err);
		if (status != GOES_OK)
			call_end(&call);
	}
	if (status != GOES_OK)
		return status;
	pthread_mutex_lock(&store->lock);
	memcpy(store->read_server.system, call.connection->session.system, SYSTEM_SIZE);
	pthread_mutex_unlock(&store->lock);
	call_end(&call);
	return GOES_OK;
}

/*
 * is_of_system tells whether the connection leads to the system that the primary belonged to when
 * it was asked last.
 */
static bool
is_of_system(const Call *call)
{
	char system[SYSTEM_SIZE];

	read_server_system(call->store, system);
	return *system != '\0' && strcmp(system, call->connection->session.system) == 0;
}

int
read_server_take(Call *call, goes_error **err)
{
	goes_store *store = call->store;
	int			status = call_take(call, store->read_server.pool, err);

	if (status != GOES_OK)
	{
		call_end(call);
		return status;
	}
	works(&store->read_server);
	if (is_of_system(call))
		return GOES_OK;
	status = learn_system(store, &call->deadline, err);
	if (status == GOES_OK && !is_of_system(call))
		status = fail_other_system(err);
	return status;
}
