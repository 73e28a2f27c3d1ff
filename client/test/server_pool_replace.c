/*
 * server_pool_replace.c
 *    Connections that a pool does not give out again: dead ones, old ones, and those that somebody
 *    left in a state.
 */
#include "server_pool.h"

/*
 * take_and_give takes a connection, gives it back and returns the server's process of it.
 */
static int
take_and_give(goes_pool *pool)
{
	struct pg_conn *connection = take(pool);
	int				process = PQbackendPID(connection);

	goes_pool_release(pool, connection);
	return process;
}

/*
 * Idle connections that an administrator, a firewall or a restart has cut are noticed before a call
 * uses them: not one of the calls fails.
 */
static void
test_dead_idle_connections_are_replaced(void **state)
{
	goes_store_options options = make_options(NULL);
	struct pg_conn	  *taken[CONNECTIONS];
	goes_pool		  *pool = pool_of(CONNECTIONS, 0, 0);
	goes_store		  *store;
	goes_error		  *error = NULL;
	goes_tx			  *tx;
	goes_uuid		   id;

	options.pool = pool;
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	for (int round = 0; round < 2; round++)
	{
		for (int i = 0; i < CONNECTIONS; i++)
			taken[i] = take(pool);
		for (int i = 0; i < CONNECTIONS; i++)
			goes_pool_release(pool, taken[i]);
		if (round == 0)
			admin_do("postgres", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
								 "WHERE application_name = 'pool'");
		else
			restart_server();
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		assert_ok(insert_one(goes_tx_store(tx), "after the cut", NULL, &error));
		assert_ok(insert_one(store, "after the cut", &id, &error));
		assert_ok(goes_delete(store, &id, 1, NULL, &error));
		assert_ok(goes_tx_commit(tx, NULL, &error));
		assert_int_equal(backends("pool", 2), 2);
	}
	goes_store_close(store);
	goes_pool_free(pool);
}

#define LIMIT_MS 40

/*
 * take_twice takes a pool's connection two times in a row, faster than it may be idle, and expects the same.
 */
static int
take_twice(goes_pool *pool)
{
	int64_t begun;
	int		first;
	int		second;

	do
	{
		begun = milliseconds();
		first = take_and_give(pool);
		second = take_and_give(pool);
	} while (milliseconds() - begun >= LIMIT_MS);
	assert_int_equal(first, second);
	return second;
}

static void
test_old_connections_are_replaced(void **state)
{
	goes_pool *unlimited = pool_of(1, -1, -1);
	goes_pool *aging = pool_of(1, LIMIT_MS, -1);
	goes_pool *idling = pool_of(1, -1, LIMIT_MS);
	int		   kept = take_and_give(unlimited);
	int		   old = take_and_give(aging);
	int		   idle = take_twice(idling);

	for (int i = 0; i < 6; i++)
	{
		usleep(10 * 1000);
		(void) take_and_give(aging);
	}
	assert_int_not_equal(take_and_give(aging), old);
	assert_int_not_equal(take_and_give(idling), idle);
	assert_int_equal(take_and_give(unlimited), kept);
	goes_pool_free(unlimited);
	goes_pool_free(aging);
	goes_pool_free(idling);
}

#define IDLE_MS 100

/*
 * After a burst of calls the connections that are not needed any more are closed, although the others
 * stay in use: unless this program gets no processor for so long that the one in use is idle, too.
 */
static void
test_idle_connections_do_not_stay_for_ever(void **state)
{
	goes_pool	   *pool = pool_of(CONNECTIONS, 0, IDLE_MS);
	struct pg_conn *taken[CONNECTIONS];
	int64_t			used;
	int				late = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		taken[i] = take(pool);
	used = milliseconds();
	for (int i = 0; i < CONNECTIONS; i++)
		goes_pool_release(pool, taken[i]);
	assert_int_equal(backends("pool", CONNECTIONS), CONNECTIONS);
	for (int i = 0; i < 15; i++)
	{
		int64_t before = used;

		used = milliseconds();
		(void) take_and_give(pool);
		late += milliseconds() - before >= IDLE_MS;
		usleep(10 * 1000);
	}
	assert_int_equal(backends("pool", 1), 1);
	assert_in_range(atomic_load(&connections_made), CONNECTIONS, CONNECTIONS + late);
	goes_pool_free(pool);
}

/*
 * discards tells whether a pool of one closes a connection after something was done to it.
 */
static bool
discards(goes_pool *pool, void (*spoil)(PGconn *connection))
{
	PGconn *connection = take(pool);
	int		process = PQbackendPID(connection);

	spoil(connection);
	goes_pool_release(pool, connection);
	return take_and_give(pool) != process;
}

static void
use_properly(PGconn *connection)
{
	PQclear(PQexec(connection, "BEGIN"));
	PQclear(PQexec(connection, "COMMIT"));
}

static void
leave_table_in_transaction(PGconn *connection)
{
	PQclear(PQexec(connection, "BEGIN"));
	PQclear(PQexec(connection, "CREATE TABLE left_behind ()"));
}

static void
leave_failed_transaction(PGconn *connection)
{
	PQclear(PQexec(connection, "BEGIN"));
	PQclear(PQexec(connection, "SELECT 1 / 0"));
}

static void
leave_busy(PGconn *connection)
{
	assert_int_equal(PQsendQuery(connection, "SELECT pg_sleep(60)"), 1);
}

static void
leave_result(PGconn *connection)
{
	assert_int_equal(PQsendQuery(connection, "SELECT 1"), 1);
}

static void
test_a_connection_that_is_not_fit_is_closed(void **state)
{
	goes_pool  *pool = pool_of(1, 0, 0);
	goes_error *error = NULL;

	assert_false(discards(pool, use_properly));
	assert_true(discards(pool, leave_table_in_transaction));
	assert_true(discards(pool, leave_failed_transaction));
	assert_true(discards(pool, leave_pipeline));
	assert_true(discards(pool, leave_busy));
	assert_true(discards(pool, leave_result));
	assert_null(admin(TEST_DATABASE, "SELECT to_regclass('left_behind')"));
	goes_pool_free(pool);
	assert_null(error);
}

/*
 * A connection that is not the pool's cannot be given to it, nor can one be given back twice.
 */
static void
test_a_strangers_connection_is_not_taken(void **state)
{
	goes_pool *pool = pool_of(1, 0, 0);
	PGconn	  *own = admin_connection("postgres");
	PGconn	  *taken = take(pool);

	goes_pool_release(pool, own);
	goes_pool_release(pool, NULL);
	assert_int_equal(PQstatus(own), CONNECTION_OK);
	goes_pool_release(pool, taken);
	goes_pool_release(pool, taken);
	assert_ptr_equal(take(pool), taken);
	goes_pool_release(pool, taken);
	PQfinish(own);
	goes_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_idle_connections_are_replaced),
		cmocka_unit_test(test_old_connections_are_replaced),
		cmocka_unit_test(test_idle_connections_do_not_stay_for_ever),
		cmocka_unit_test(test_a_connection_that_is_not_fit_is_closed),
		cmocka_unit_test(test_a_strangers_connection_is_not_taken),
	};

	return RUN_GROUP(tests, make_database, NULL);
}
