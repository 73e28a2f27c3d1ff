/*
 * server_subscription_pooler.c
 *    Workers of a subscription behind pgbouncer in transaction mode: nothing of theirs belongs to a
 *    session. Skipped where there is no pgbouncer.
 */
#include "leave.h"
#include "pooler.h"

#define WORKERS 6
#define EVENTS 600
#define AGGREGATES 20

/*
 * start takes more workers than the pooler has sessions.
 */
static int
start(void **state)
{
	if (!is_installed())
		return 0;
	admin_do("postgres", "CREATE DATABASE " TEST_DATABASE);
	admin_do(TEST_DATABASE, "CREATE EXTENSION goes_store");
	admin_do(TEST_DATABASE, "SELECT goes_create_store(), goes_alter_store(feed => true), "
							"goes_create_subscription_store()");
	admin_do(TEST_DATABASE,
			 "INSERT INTO events (id, name, time, aggregate_name, aggregate_id, aggregate_version) "
			 "SELECT gen_random_uuid(), 'e', n, 'order', md5((n %% %d)::text)::uuid, n / %d + 1 "
			 "FROM generate_series(0, %d) AS n",
			 AGGREGATES, AGGREGATES, EVENTS - 1);
	admin_do(TEST_DATABASE, "SELECT goes_subscribe('pooled', partitions => 8)");
	admin_do(TEST_DATABASE, "CREATE TABLE effects (place bigint GENERATED ALWAYS AS IDENTITY, "
							"position bigint, session integer DEFAULT pg_backend_pid())");
	start_pooler(TRANSACTION);
	return 0;
}

static PGconn *
connect_pooled(void)
{
	char	url[256];
	PGconn *connection;

	snprintf(url, sizeof url, "%s dbname=" TEST_DATABASE, poolers[TRANSACTION].url);
	connection = PQconnectdb(url);
	assert_int_equal(PQstatus(connection), CONNECTION_OK);
	return connection;
}

/*
 * must runs statements that have to succeed. The processes end with them.
 */
static PGresult *
must(PGconn *connection, const char *text)
{
	PGresult *result = PQexec(connection, text);

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		fprintf(stderr, "# %s: %s\n", text, PQerrorMessage(connection));
		exit(1);
	}
	return result;
}

/*
 * must_lose runs a statement whose lease is lost.
 */
static void
must_lose(PGconn *connection, const char *text)
{
	PGresult *result = PQexec(connection, text);

	assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "VE005");
	PQclear(result);
}

/*
 * claim takes the events of partitions, one row for each.
 */
static PGresult *
claim(PGconn *connection, int events)
{
	char text[256];

	snprintf(text, sizeof text,
			 "SELECT partition, epoch, array_agg(position ORDER BY position) "
			 "FROM goes_claim('pooled', 'w', %d, wait_ms => 100) GROUP BY 1, 2",
			 events);
	return must(connection, text);
}

/*
 * work_off stores the effects of a partition's events, and says that they are done.
 */
static void
work_off(PGconn *connection, PGresult *claimed, int row)
{
	char *partition = PQgetvalue(claimed, row, 0);
	char *epoch = PQgetvalue(claimed, row, 1);
	char *positions = PQgetvalue(claimed, row, 2);
	char  text[2000];

	PQclear(must(connection, "BEGIN"));
	snprintf(text, sizeof text, "INSERT INTO effects (position) SELECT unnest('%s'::bigint[])",
			 positions);
	PQclear(must(connection, text));
	snprintf(text, sizeof text, "SELECT goes_done('pooled', %s, %s, done => '%s')", partition,
			 epoch, positions);
	PQclear(must(connection, text));
	PQclear(must(connection, "COMMIT"));
}

/*
 * work is a process, which ends when nothing is left.
 */
static void
work(void)
{
	PGconn *connection = connect_pooled();
	int		rows;

	do
	{
		PGresult *claimed = claim(connection, 40);

		rows = PQntuples(claimed);
		for (int i = 0; i < rows; i++)
			work_off(connection, claimed, i);
		PQclear(claimed);
	} while (rows > 0 ||
			 number_of("SELECT coalesce(sum(behind), 0) FROM goes_subscription_lag()") > 0);
	PQfinish(connection);
}

static void
test_many_workers_share_few_sessions(void **state)
{
	pid_t workers[WORKERS];

	skip_without_pooler();
	for (int i = 0; i < WORKERS; i++)
	{
		workers[i] = fork();
		if (workers[i] != 0)
			continue;
		work();
		leave(0);
	}
	for (int i = 0; i < WORKERS; i++)
	{
		int status;

		waitpid(workers[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(number_of("SELECT count(*) FROM effects"), EVENTS);
	assert_int_equal(number_of("SELECT count(DISTINCT position) FROM effects"), EVENTS);
	assert_true(number_of("SELECT count(DISTINCT session) FROM effects") <= 2);
	assert_int_equal(
		number_of("SELECT count(*) FROM (SELECT aggregate_version - lag(aggregate_version, 1, 0) "
				  "OVER (PARTITION BY aggregate_id ORDER BY place) AS step "
				  "FROM effects JOIN events USING (position)) AS steps WHERE step <> 1"),
		0);
}

/*
 * Each call here comes from another client, and so perhaps by another session.
 */
static void
test_a_lease_belongs_to_no_session(void **state)
{
	PGconn	 *clients[3];
	PGresult *claimed;

	skip_without_pooler();
	for (int i = 0; i < 3; i++)
		clients[i] = connect_pooled();
	PQclear(must(clients[0], "SELECT goes_subscribe('alone', partitions => 1)"));
	claimed = must(clients[0], "SELECT position FROM goes_claim('alone', 'w', 3)");
	assert_int_equal(PQntuples(claimed), 3);
	PQclear(claimed);
	PQclear(must(clients[0], "BEGIN"));
	PQclear(must(clients[1], "SELECT goes_renew('alone', 0, 1)"));
	PQclear(must(clients[2], "SELECT goes_done('alone', 0, 1, done => '{1}')"));
	PQclear(must(clients[0], "COMMIT"));
	PQclear(must(clients[1], "SELECT goes_release('alone', 0, 1)"));
	must_lose(clients[0], "SELECT goes_done('alone', 0, 1, done => '{2}')");
	must_lose(clients[2], "SELECT goes_renew('alone', 0, 1)");
	for (int i = 0; i < 3; i++)
		PQfinish(clients[i]);
}

static void
test_a_worker_that_waits_is_woken(void **state)
{
	PGconn	 *client;
	PGresult *claimed;

	skip_without_pooler();
	client = connect_pooled();
	PQclear(must(client, "SELECT goes_subscribe('news', partitions => 1, start => -1)"));
	assert_int_equal(
		PQsendQuery(client, "SELECT name FROM goes_claim('news', 'w', 9, wait_ms => 60000)"), 1);
	while (number_of("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%news%%60000%%' "
					 "AND wait_event_type = 'Extension'") == 0)
		usleep(10 * 1000);
	admin_do(TEST_DATABASE,
			 "INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'new', 1)");
	claimed = PQgetResult(client);
	assert_int_equal(PQntuples(claimed), 1);
	assert_string_equal(PQgetvalue(claimed, 0, 0), "new");
	PQclear(claimed);
	PQfinish(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_workers_share_few_sessions),
		cmocka_unit_test(test_a_lease_belongs_to_no_session),
		cmocka_unit_test(test_a_worker_that_waits_is_woken),
	};

	return RUN_GROUP(tests, start, stop_poolers);
}
