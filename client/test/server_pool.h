/*
 * server_pool.h
 *    Pools that count their connections, for the tests of pools.
 */
#ifndef GOES_TEST_SERVER_POOL_H
#define GOES_TEST_SERVER_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "server_control.h"

#define CONNECTIONS 4
#define PATIENCE_MS 10000 /* what has not come by then does not come */

/*
 * make_database is what a group of tests begins with.
 */
static inline int
make_database(void **state)
{
	goes_store *store = open_store("events");
	goes_error *error = NULL;

	assert_ok(goes_store_connect(store, NULL, &error));
	goes_store_close(store);
	return 0;
}

#define MOST_BACKENDS 1000

static atomic_int	   connections_made;
static pthread_mutex_t backends_lock = PTHREAD_MUTEX_INITIALIZER;
static int			   backends_met[MOST_BACKENDS];

/*
 * count_connection is an on_connect, which runs again when a connection is made as new.
 */
static inline int
count_connection(struct pg_conn *connection, void *user)
{
	int backend = PQbackendPID(connection);
	int made;

	pthread_mutex_lock(&backends_lock);
	made = atomic_load(&connections_made);
	for (int i = 0; i < made; i++)
	{
		if (backends_met[i] == backend)
			backend = 0;
	}
	if (backend != 0 && made < MOST_BACKENDS)
	{
		backends_met[made] = backend;
		atomic_store(&connections_made, made + 1);
	}
	pthread_mutex_unlock(&backends_lock);
	return 0;
}

/*
 * pool_of makes a pool on TEST_DATABASE with these limits, which counts its connections.
 */
static inline goes_pool *
pool_of(int most, int64_t lifetime_ms, int64_t idle_ms)
{
	char			  url[1024];
	goes_pool_options options = {.size = sizeof options,
								 .url = url,
								 .max_connections = most,
								 .max_lifetime_ms = lifetime_ms,
								 .max_idle_ms = idle_ms,
								 .on_connect = count_connection};
	goes_pool		 *pool = NULL;
	goes_error		 *error = NULL;

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE " application_name=pool", server_url());
	assert_ok(goes_pool_new(&pool, &options, &error));
	atomic_store(&connections_made, 0);
	return pool;
}

/*
 * backends counts the server's processes for an application. Those of closed connections may
 * take a moment to end.
 */
static inline int
backends(const char *application, int expected)
{
	int count = -1;

	for (int tries = 0; tries < 100 && count != expected; tries++)
	{
		char *value = admin("postgres",
							"SELECT count(*) FROM pg_stat_activity "
							"WHERE application_name = '%s'",
							application);

		count = atoi(value);
		free(value);
		if (count != expected)
			usleep(10000);
	}
	return count;
}

static inline struct pg_conn *
take(goes_pool *pool)
{
	goes_context	context = {.size = sizeof context, .timeout_ms = PATIENCE_MS};
	struct pg_conn *connection = NULL;
	goes_error	   *error = NULL;

	assert_ok(goes_pool_acquire(pool, &connection, &context, &error));
	return connection;
}

static inline void
leave_pipeline(PGconn *connection)
{
	assert_int_equal(PQenterPipelineMode(connection), 1);
}

#endif
