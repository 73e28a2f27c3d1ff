/*
 * pool.c
 *    A bounded pool of connections.
 *
 * A connection belongs to one thread from pool_take to pool_give. The connection that was given
 * back last is taken first, so that connections that are not needed grow old and are closed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/pool.h"

#define LEAST_CONNECTIONS 4
#define DEFAULT_LIFETIME_MS (INT64_C(3600) * MILLISECONDS_PER_SECOND)
#define DEFAULT_IDLE_MS (INT64_C(1800) * MILLISECONDS_PER_SECOND)

struct goes_pool
{
	pid_t			owner; /* the process that made it */
	Target			target;
	int				most;
	atomic_bool		is_behind_pooler; /* a session may serve anybody: close what was lent */
	int64_t			lifetime;		  /* nanoseconds; INT64_MAX: for ever */
	int64_t			idle_time;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t	given;
	int				count; /* idle, busy, and being made */
	int64_t			waits; /* calls that had to wait for a connection */
	int64_t			made;
	Connection	   *idle;
	Connection	   *busy;
};

/*
 * nanoseconds_of returns a length of time in nanoseconds: 0 is the default, less is for ever.
 */
static int64_t
nanoseconds_of(int64_t milliseconds, int64_t default_ms)
{
	if (milliseconds == 0)
		milliseconds = default_ms;
	if (milliseconds < 0 || milliseconds > INT64_MAX / NANOSECONDS_PER_MILLISECOND)
		return INT64_MAX;
	return milliseconds * NANOSECONDS_PER_MILLISECOND;
}

/*
 * most_connections decides how many connections a pool may have.
 */
static int
most_connections(int wanted, const Conninfo *conninfo)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted > 0)
		return wanted;
	if (conninfo->pool_max_conns > 0)
		return conninfo->pool_max_conns;
	return cores > LEAST_CONNECTIONS ? (int) cores : LEAST_CONNECTIONS;
}

/*
 * url_connect_timeout returns libpq's own connect_timeout, for a pool that no store has opened.
 */
static int64_t
url_connect_timeout(const Conninfo *conninfo)
{
	const char *seconds = conninfo_value(conninfo, "connect_timeout");

	return seconds == NULL ? 0 : strtoll(seconds, NULL, 10) * MILLISECONDS_PER_SECOND;
}

int
pool_make(goes_pool **out, const goes_pool_options *options, const char *database,
		  int64_t connect_timeout_ms, goes_error **err)
{
	const char *url = options->url != NULL ? options->url : getenv("POSTGRES_EVENTSTORE");
	goes_pool  *pool;
	int			status;

	if (url == NULL || *url == '\0')
		return fail(err, GOES_ERR_INVALID,
					"there is no URL of a server: give one, or set POSTGRES_EVENTSTORE");
	pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return fail_memory(err);
	status = conninfo_parse(&pool->target.conninfo, url, err);
	if (status == GOES_OK)
		status = conninfo_check(&pool->target.conninfo, err);
	if (status == GOES_OK &&
		((database != NULL && (pool->target.database = strdup(database)) == NULL) ||
		 lock_init(&pool->lock, &pool->given) != GOES_OK))
		status = fail_memory(err);
	if (status != GOES_OK)
	{
		target_free(&pool->target);
		free(pool);
		return status;
	}
	pool->owner = getpid();
	pool->most = most_connections(options->max_connections, &pool->target.conninfo);
	pool->lifetime = nanoseconds_of(options->max_lifetime_ms, DEFAULT_LIFETIME_MS);
	pool->idle_time = nanoseconds_of(options->max_idle_ms, DEFAULT_IDLE_MS);
	pool->target.timeout_ms =
		connect_timeout_ms != 0 ? connect_timeout_ms : url_connect_timeout(&pool->target.conninfo);
	pool->target.on_connect = options->on_connect;
	pool->target.user = options->user;
	*out = pool;
	return GOES_OK;
}

int
goes_pool_new(goes_pool **out, const goes_pool_options *options, goes_error **err)
{
	goes_pool_options known = {.size = sizeof known};

	if (out == NULL || options == NULL || options->size == 0)
		return fail(err, GOES_ERR_INVALID,
					"out and options must not be NULL, and options->size must not be 0");
	memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	return pool_make(out, &known, NULL, 0, err);
}

void
pool_is_behind_pooler(goes_pool *pool)
{
	atomic_store(&pool->is_behind_pooler, true);
}

const Target *
pool_target(const goes_pool *pool)
{
	return &pool->target;
}

const Conninfo *
pool_conninfo(const goes_pool *pool)
{
	return &pool->target.conninfo;
}

/*
 * has_expired tells whether an idle connection is too old.
 */
static bool
has_expired(const goes_pool *pool, const Connection *connection)
{
	int64_t now = monotonic_now();

	return now - connection->made_at > pool->lifetime ||
		   now - connection->idle_since > pool->idle_time;
}

/*
 * wait_for_given waits until a connection is given back, or a little; the lock is held.
 */
static int
wait_for_given(goes_pool *pool, const Deadline *deadline, goes_error **err)
{
	if (is_cancelled(deadline->cancel))
		return fail(err, GOES_ERR_CANCELLED, "the call was cancelled");
	if (deadline_passed(deadline))
		return fail(err, GOES_ERR_TIMEOUT,
					"all %d connections of the pool are in use, and none came back in time: end "
					"cursors and transactions, or allow more connections",
					pool->most);
	lock_wait(&pool->lock, &pool->given, deadline);
	return GOES_OK;
}

/*
 * take_idle takes an idle connection that is young and alive; NULL if there is none. The lock is
 * held.
 */
static Connection *
take_idle(goes_pool *pool)
{
	while (pool->idle != NULL)
	{
		Connection *connection = pool->idle;

		pool->idle = connection->next;
		if (!has_expired(pool, connection) &&
			(connection->is_reset_sent || connection_is_alive(connection)))
			return connection;
		pool->count--;
		connection_close(connection);
	}
	return NULL;
}

/*
 * take_or_count takes an idle connection, or counts one to be made and leaves *out NULL.
 */
static int
take_or_count(goes_pool *pool, Connection **out, const Deadline *deadline, bool may_wait,
			  goes_error **err)
{
	int	 status = GOES_OK;
	bool waits = false;

	pthread_mutex_lock(&pool->lock);
	while ((*out = take_idle(pool)) == NULL && pool->count >= pool->most && status == GOES_OK)
	{
		pool->waits += !waits && may_wait;
		waits = true;
		status = may_wait ? wait_for_given(pool, deadline, err)
						  : fail(err, GOES_ERR_TIMEOUT, "all %d connections of the pool are in use",
								 pool->most);
	}
	if (*out == NULL && status == GOES_OK)
		pool->count++;
	pthread_mutex_unlock(&pool->lock);
	return status;
}

/*
 * finish_reset finishes the reset of a connection that the program had. If that fails it closes the
 * connection, whose place a new one takes.
 */
static void
finish_reset(goes_pool *pool, Connection **connection, const Deadline *deadline)
{
	if (*connection == NULL || !(*connection)->is_reset_sent ||
		reset_finish(*connection, &pool->target, deadline) == GOES_OK)
		return;
	connection_close(*connection);
	*connection = NULL;
}

/*
 * take_connection takes a connection. It waits for one that is in use only if it may.
 */
static int
take_connection(goes_pool *pool, Connection **out, const Deadline *deadline, bool may_wait,
				goes_error **err)
{
	Connection *connection;
	bool		is_new;
	int			status;

	if (pool->owner != getpid())
		return fail(err, GOES_ERR_STATE,
					"the pool belongs to the parent process: open one after the fork");
	/* whoever cannot use a connection takes none: finishing its reset in no time would close it */
	status = deadline_check(deadline, err);
	if (status == GOES_OK)
		status = take_or_count(pool, &connection, deadline, may_wait, err);
	if (status != GOES_OK)
		return status;
	finish_reset(pool, &connection, deadline);
	is_new = connection == NULL;
	if (is_new)
		status = connection_make(&connection, &pool->target, deadline, err);
	pthread_mutex_lock(&pool->lock);
	pool->made += is_new && status == GOES_OK;
	if (status == GOES_OK)
	{
		connection->next = pool->busy;
		pool->busy = connection;
		*out = connection;
	}
	else
	{
		pool->count--;
		pthread_cond_signal(&pool->given);
	}
	pthread_mutex_unlock(&pool->lock);
	return status;
}

int
pool_take(goes_pool *pool, Connection **out, const Deadline *deadline, goes_error **err)
{
	return take_connection(pool, out, deadline, true, err);
}

/*
 * remove_busy takes a connection out of the list of those in use; false if it is not in it.
 */
static bool
remove_busy(goes_pool *pool, const Connection *connection)
{
	for (Connection **place = &pool->busy; *place != NULL; place = &(*place)->next)
	{
		if (*place == connection)
		{
			*place = connection->next;
			return true;
		}
	}
	return false;
}

/*
 * remove_expired takes the connections that are too old out of the list of idle ones and returns
 * them. The lock is held.
 */
static Connection *
remove_expired(goes_pool *pool)
{
	Connection	*expired = NULL;
	Connection **place = &pool->idle;

	while (*place != NULL)
	{
		Connection *connection = *place;

		if (!has_expired(pool, connection))
		{
			place = &connection->next;
			continue;
		}
		*place = connection->next;
		connection->next = expired;
		expired = connection;
		pool->count--;
	}
	return expired;
}

/*
 * free_all closes a list of connections.
 */
static void
free_all(Connection *connection)
{
	while (connection != NULL)
	{
		Connection *next = connection->next;

		connection_close(connection);
		connection = next;
	}
}

/*
 * prepare_to_keep tells whether to keep a connection for its next user, and starts the reset of one
 * that was lent. Behind a pooler that gives every transaction another session the reset would hit
 * somebody else's session.
 */
static bool
prepare_to_keep(const goes_pool *pool, Connection *connection)
{
	if (!connection_is_reusable(connection))
		return false;
	if (!connection->is_lent)
		return true;
	return !atomic_load(&pool->is_behind_pooler) && reset_start(connection);
}

void
pool_give(goes_pool *pool, Connection *connection)
{
	Connection *expired;
	bool		is_kept;

	if (connection == NULL || pool->owner != getpid())
		return;
	is_kept = prepare_to_keep(pool, connection);
	connection->idle_since = monotonic_now();
	pthread_mutex_lock(&pool->lock);
	if (!remove_busy(pool, connection))
	{
		pthread_mutex_unlock(&pool->lock);
		return;
	}
	if (is_kept)
	{
		connection->next = pool->idle;
		pool->idle = connection;
	}
	else
		pool->count--;
	expired = remove_expired(pool);
	pthread_cond_signal(&pool->given);
	pthread_mutex_unlock(&pool->lock);
	if (!is_kept)
		connection_close(connection);
	free_all(expired);
}

/*
 * call_deadline turns a context into a deadline. A pool has no default timeout.
 */
static Deadline
call_deadline(const goes_context *context)
{
	if (context == NULL)
		return deadline_in(0, NULL);
	return deadline_in(context->timeout_ms, context->cancel);
}

/*
 * acquire gives the program a connection.
 */
static int
acquire(goes_pool *pool, struct pg_conn **out, const goes_context *context, bool may_wait,
		goes_error **err)
{
	Deadline	deadline = call_deadline(context);
	Connection *connection;
	int			status;

	if (pool == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "pool and out must not be NULL");
	status = take_connection(pool, &connection, &deadline, may_wait, err);
	if (status != GOES_OK)
		return status;
	connection->is_lent = true;
	*out = connection->pg;
	return GOES_OK;
}

int
goes_pool_acquire(goes_pool *pool, struct pg_conn **out, const goes_context *context,
				  goes_error **err)
{
	return acquire(pool, out, context, true, err);
}

int
goes_pool_try_acquire(goes_pool *pool, struct pg_conn **out, const goes_context *context,
					  goes_error **err)
{
	return acquire(pool, out, context, false, err);
}

int
goes_pool_stats(goes_pool *pool, goes_pool_statistics *out)
{
	goes_pool_statistics known = {0};
	size_t				 size;

	if (pool == NULL || out == NULL || out->size == 0)
		return GOES_ERR_INVALID;
	if (pool->owner != getpid())
		return GOES_ERR_STATE;
	pthread_mutex_lock(&pool->lock);
	for (const Connection *connection = pool->idle; connection != NULL;
		 connection = connection->next)
		known.idle++;
	known.in_use = pool->count - known.idle;
	known.max_connections = pool->most;
	known.waits = pool->waits;
	known.made = pool->made;
	pthread_mutex_unlock(&pool->lock);
	size = known.size = out->size;
	memcpy(out, &known, size < sizeof known ? size : sizeof known);
	return GOES_OK;
}

void
goes_pool_release(goes_pool *pool, struct pg_conn *connection)
{
	Connection *found;

	if (pool == NULL || connection == NULL || pool->owner != getpid())
		return;
	pthread_mutex_lock(&pool->lock);
	for (found = pool->busy; found != NULL && found->pg != connection; found = found->next)
		;
	pthread_mutex_unlock(&pool->lock);
	pool_give(pool, found);
}

void
goes_pool_free(goes_pool *pool)
{
	if (pool == NULL)
		return;
	/* in a child process the sockets are its parent's */
	if (pool->owner == getpid())
	{
		free_all(pool->idle);
		free_all(pool->busy);
		pthread_cond_destroy(&pool->given);
		pthread_mutex_destroy(&pool->lock);
	}
	target_free(&pool->target);
	free(pool);
}
