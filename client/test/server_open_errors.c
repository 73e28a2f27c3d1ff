/*
 * server_open_errors.c
 *    What keeps a store from opening: each with a status of its own, a message that helps, within the
 *    time limit.
 */
#include <pthread.h>

#include "server_control.h"

#define LIMIT_MS 300

/*
 * expect_refusal opens a store, which fails as expected, in time, and without telling the password.
 */
static void
expect_refusal(const goes_store_options *options, int status, const char *part_of_message)
{
	goes_error *error = NULL;
	int64_t		start = milliseconds();
	int			returned = try_options(options, &error);

	assert_true(is_within(start, 3000));
	assert_null(strstr(goes_error_message(error), SECRET));
	expect_error(returned, &error, status, part_of_message);
}

/*
 * make_login makes a role, and says how it logs in.
 */
static void
make_login(const char *role, const char *method)
{
	char line[256];

	admin_do("postgres",
			 "SET password_encryption = 'scram-sha-256'; CREATE ROLE %s LOGIN PASSWORD 'right'",
			 role);
	snprintf(line, sizeof line, "local all %s %s", role, method);
	allow_login(line);
}

static const struct Login
{
	const char *test;
	const char *role;
	const char *password; /* with the colon before it */
	const char *method;
	const char *refusal;
} logins[] = {
	{"wrong_password", "guest", ":" SECRET, "scram-sha-256",
	 "password authentication failed for user \"guest\""},
	{"no_password", "forgetful", "", "scram-sha-256", "no password supplied"},
	{"a_role_that_may_not_log_in", "banned", ":" SECRET, "reject",
	 "pg_hba.conf rejects connection"},
};

static void
try_login(void **state)
{
	const struct Login *login = *state;
	char				user[64];
	char			   *url;
	goes_store_options	options;

	snprintf(user, sizeof user, "%s%s", login->role, login->password);
	url = uri_of(user, "/postgres");
	options = make_options(url);
	make_login(login->role, login->method);
	expect_refusal(&options, GOES_ERR_PERMISSION, login->refusal);
	free(url);
}

static void
test_the_right_password(void **state)
{
	char			  *url = uri_of("welcome:right", "/postgres");
	goes_store_options options = make_options(url);
	goes_error		  *error = NULL;

	assert_ok(try_url(server_url(), &error)); /* the table is there */
	make_login("welcome", "scram-sha-256");
	options.no_create = true;
	assert_ok(try_options(&options, &error));
	free(url);
}

/*
 * A host that accepts the connection and says nothing, like one behind a firewall.
 */
static void
test_a_host_that_never_answers(void **state)
{
	char			   url[256] = "";
	int				   port;
	int				   silent = listen_silently(&port);
	goes_store_options options = make_options(url);
	goes_store		  *store;
	goes_context	   context = {.size = sizeof context, .timeout_ms = paced_ms(LIMIT_MS / 2)};
	goes_error		  *error = NULL;
	char			   place[64];
	int64_t			   start;

	snprintf(url, sizeof url, "postgres://shop:" SECRET "@127.0.0.1:%d?sslmode=disable", port);
	snprintf(place, sizeof place, "127.0.0.1:%d", port);
	options.connect_timeout_ms = paced_ms(LIMIT_MS);
	start = milliseconds();
	expect_refusal(&options, GOES_ERR_TIMEOUT, place);
	assert_true(milliseconds() - start >= LIMIT_MS);
	assert_true(is_within(start, 3 * LIMIT_MS));

	/* the call's own limit is shorter */
	store = open_with(&options);
	start = milliseconds();
	expect_error(goes_store_connect(store, &context, &error), &error, GOES_ERR_TIMEOUT, place);
	assert_true(milliseconds() - start >= LIMIT_MS / 2);
	assert_true(is_within(start, LIMIT_MS));
	goes_store_close(store);
	close(silent);
}

/*
 * refuse_like_pgbouncer answers one client that its database is missing.
 */
static void *
refuse_like_pgbouncer(void *listener)
{
	static const char message[] = "E\0\0\0"
								  "\x3f"
								  "SFATAL\0VFATAL\0C08P01\0"
								  "Mdatabase \"" TEST_DATABASE "\" does not exist\0";
	int				  client = accept(*(int *) listener, NULL, NULL);
	char			  ignored[1024];

	(void) !read(client, ignored, sizeof ignored);
	(void) !write(client, message, sizeof message);
	close(client);
	return NULL;
}

static void
test_a_pooler_that_lacks_the_database(void **state)
{
	char			   url[256] = "";
	int				   port;
	int				   listener = listen_silently(&port);
	goes_store_options options = make_options(url);
	pthread_t		   thread;

	snprintf(url, sizeof url, "postgres://shop:" SECRET "@127.0.0.1:%d?sslmode=disable", port);
	assert_int_equal(pthread_create(&thread, NULL, refuse_like_pgbouncer, &listener), 0);
	expect_refusal(&options, GOES_ERR_CONNECT, "create it on the server itself");
	pthread_join(thread, NULL);
	close(listener);
}

static int
forget_search_path(struct pg_conn *connection, void *user)
{
	PQclear(PQexec(connection, "SET search_path = public"));
	return 0;
}

/*
 * A pooler may ignore it, as this pool does; then the table would be made in another schema.
 */
static void
test_a_search_path_that_does_not_arrive(void **state)
{
	char			 *url = uri_of("postgres", "/" TEST_DATABASE "?search_path=nowhere,public");
	goes_pool_options forgetful = {
		.size = sizeof forgetful, .url = url, .on_connect = forget_search_path};
	goes_store_options options = make_options(NULL);
	goes_error		  *error = NULL;

	assert_int_equal(try_url(server_url(), &error), GOES_OK); /* the database is there */
	assert_ok(goes_pool_new(&options.pool, &forgetful, &error));
	options.table = "placed_elsewhere";
	expect_refusal(&options, GOES_ERR_SCHEMA, "search_path");
	assert_null(admin(TEST_DATABASE, "SELECT to_regclass('placed_elsewhere')"));
	goes_pool_free(options.pool);
	free(url);
}

static void
test_a_port_without_a_server(void **state)
{
	char			   url[256] = "";
	goes_store_options options = make_options(url);

	snprintf(url, sizeof url, "postgres://shop:" SECRET "@127.0.0.1:%d/shop", dead_port());
	expect_refusal(&options, GOES_ERR_CONNECT, "refused");
	snprintf(url, sizeof url, "host=/no/such/directory password=" SECRET);
	expect_refusal(&options, GOES_ERR_CONNECT, "/no/such/directory");
	snprintf(url, sizeof url, "postgres://shop:" SECRET "@host.invalid/shop");
	expect_refusal(&options, GOES_ERR_CONNECT, "host.invalid");
}

/*
 * Of several hosts the last one's answer is told.
 */
static void
test_no_host_is_there(void **state)
{
	char			   url[256] = "";
	int				   port;
	int				   silent = listen_silently(&port);
	goes_store_options options = make_options(url);

	snprintf(url, sizeof url, "postgres://shop:" SECRET "@127.0.0.1:%d,127.0.0.1:%d/shop", port,
			 dead_port());
	options.connect_timeout_ms = paced_ms(LIMIT_MS);
	expect_refusal(&options, GOES_ERR_CONNECT, "refused");
	close(silent);
}

/*
 * Somebody cancels while nobody answers.
 */
static void
test_cancelled_while_connecting(void **state)
{
	char			   url[256] = "";
	int				   port;
	int				   silent = listen_silently(&port);
	goes_store_options options = make_options(url);
	goes_context	   context = {.size = sizeof context, .cancel = goes_cancel_new()};
	goes_error		  *error = NULL;
	goes_store		  *store;
	pthread_t		   thread;
	int64_t			   start = milliseconds();

	snprintf(url, sizeof url, "postgres://shop@127.0.0.1:%d,127.0.0.1:%d", port, port);
	store = open_with(&options);
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, context.cancel), 0);
	expect_error(goes_store_connect(store, &context, &error), &error, GOES_ERR_CANCELLED,
				 "cancelled");
	assert_true(milliseconds() - start >= 90);
	assert_true(is_within(start, 1000));
	pthread_join(thread, NULL);
	goes_store_close(store);
	goes_cancel_free(context.cancel);
	close(silent);
}

/*
 * The same server from a folder without the extension's files: PostgreSQL finds its own by where its
 * program is.
 */
static void
start_server_without_extension(void)
{
	run_command("set -e; root=\"$GOES_TEST_DATA/without\"; share=$(pg_config --sharedir); "
				"bin=$(pg_config --bindir); lib=$(pg_config --pkglibdir); "
				"mkdir -p \"$root$share/extension\" \"$root$bin\" \"$root$(dirname \"$lib\")\"; "
				"cp \"$bin/postgres\" \"$root$bin\"; ln -s \"$lib\" \"$root$lib\"; "
				"for file in \"$share\"/*; do "
				"test \"${file##*/}\" = extension || ln -s \"$file\" \"$root$share\"; done; "
				"ln -s \"$share\"/extension/plpgsql* \"$root$share/extension\"; "
				"pg_ctl -D \"$GOES_TEST_DATA\" -m fast -w stop >/dev/null; "
				"pg_ctl -p \"$root$bin/postgres\" -D \"$GOES_TEST_DATA\" "
				"-l \"$GOES_TEST_DATA/test.log\" -w start >/dev/null");
}

static void
test_a_server_without_the_extension(void **state)
{
	goes_store_options options = make_options(server_url());
	char			   package[64];
	char			  *version = admin("postgres", "SHOW server_version_num");
	goes_error		  *error = NULL;

	snprintf(package, sizeof package, "install goes_store for PostgreSQL %d",
			 atoi(version) / 10000);
	start_server_without_extension();
	options.database = "without_extension";
	expect_refusal(&options, GOES_ERR_EXTENSION, package);
	stop_server();
	start_server();
	assert_ok(try_options(&options, &error));
	free(version);
}

/*
 * assert_unfit opens a store on a table made by a statement.
 */
static void
assert_unfit(const char *table, const char *statement, const char *part_of_message)
{
	goes_store_options options = make_options(server_url());

	admin_do(TEST_DATABASE, "%s", statement);
	options.table = table;
	expect_refusal(&options, GOES_ERR_SCHEMA, part_of_message);
	options.no_create = true;
	expect_refusal(&options, GOES_ERR_SCHEMA, part_of_message);
}

static void
test_a_table_that_does_not_fit(void **state)
{
	assert_unfit("customers", "CREATE TABLE customers (id bigint)", "missing columns: \"name\"");
	assert_unfit("customers", "SELECT 1", "column \"id\" should have type \"uuid\"");
	assert_unfit("visits", "CREATE VIEW visits AS SELECT 1 AS id", "visits");
}

/*
 * The server's hint speaks of the commands in DETAIL, so the message says where that is.
 */
static void
test_the_commands_that_mend_a_table(void **state)
{
	goes_store_options options = make_options(server_url());

	admin_do(TEST_DATABASE, "SELECT goes_create_store('crooked'); "
							"ALTER TABLE crooked ALTER COLUMN name TYPE varchar(10)");
	options.table = "crooked";
	expect_refusal(&options, GOES_ERR_SCHEMA,
				   "\nDETAIL: ALTER TABLE public.crooked ALTER COLUMN name TYPE");
	expect_refusal(&options, GOES_ERR_SCHEMA,
				   ";\nHINT: If this is the table that you mean, run the commands in DETAIL");
}

/* What is done on the server, and what opening a store says then. */
typedef struct Step
{
	const char *database; /* where the statement runs; NULL: nothing is done */
	const char *statement;
	int			status;
	const char *part_of_message;
} Step;

#define FOLLOW(steps, options) follow(steps, sizeof steps / sizeof *steps, options)

static void
follow(const Step *steps, size_t n, const goes_store_options *options)
{
	for (size_t i = 0; i < n; i++)
	{
		goes_error *error = NULL;

		if (steps[i].database != NULL)
			admin_do(steps[i].database, "%s", steps[i].statement);
		if (steps[i].status == GOES_OK)
			assert_ok(try_options(options, &error));
		else
			expect_refusal(options, steps[i].status, steps[i].part_of_message);
	}
}

/*
 * With no_create everything has to be there: database, extension, table and its indexes.
 */
static void
test_no_create(void **state)
{
	static const Step steps[] = {
		{NULL, NULL, GOES_ERR_SCHEMA, "database \"not_yet\" does not exist"},
		{"postgres", "CREATE DATABASE not_yet", GOES_ERR_EXTENSION, "CREATE EXTENSION goes_store"},
		{"not_yet", "CREATE EXTENSION goes_store", GOES_ERR_SCHEMA, "\"events\" does not exist"},
		{"not_yet", "SELECT goes_create_store(); DROP INDEX goes_aggregate", GOES_ERR_SCHEMA,
		 "aggregate_version"},
		{"not_yet", "SET client_min_messages = error; SELECT goes_create_store()", GOES_OK, NULL},
	};
	goes_store_options options = make_options(server_url());

	options.no_create = true;
	options.database = "not_yet";
	FOLLOW(steps, &options);
}

/*
 * A role that may not create what is missing learns who may.
 */
static void
test_a_role_that_may_not_create(void **state)
{
	static const Step steps[] = {
		{"postgres", "CREATE ROLE intern LOGIN", GOES_ERR_PERMISSION,
		 "database \"dreamt_of\" does not exist"},
		{NULL, NULL, GOES_ERR_PERMISSION, "CREATEDB"},
		{"postgres", "CREATE DATABASE dreamt_of", GOES_ERR_PERMISSION,
		 "CREATE EXTENSION goes_store"},
		{"dreamt_of", "CREATE EXTENSION goes_store; REVOKE CREATE ON SCHEMA public FROM public",
		 GOES_ERR_PERMISSION, "GRANT CREATE ON SCHEMA public TO intern"},
		{"dreamt_of", "SELECT goes_create_store()", GOES_OK, NULL},
	};
	static const Step  last[] = {{"dreamt_of", "REVOKE CONNECT ON DATABASE dreamt_of FROM public",
								  GOES_ERR_PERMISSION,
								  "permission denied for database \"dreamt_of\""}};
	char			  *url = uri_of("intern", "/postgres");
	goes_store_options options = make_options(url);
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.database = "dreamt_of";
	FOLLOW(steps, &options);
	store = open_with(&options);
	expect_error(insert_one(store, "tried", NULL, &error), &error, GOES_ERR_PERMISSION, "events");
	goes_store_close(store);
	FOLLOW(last, &options);
	free(url);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_right_password),
		cmocka_unit_test(test_a_host_that_never_answers),
		cmocka_unit_test(test_a_pooler_that_lacks_the_database),
		cmocka_unit_test(test_a_search_path_that_does_not_arrive),
		cmocka_unit_test(test_a_port_without_a_server),
		cmocka_unit_test(test_no_host_is_there),
		cmocka_unit_test(test_cancelled_while_connecting),
		cmocka_unit_test(test_a_server_without_the_extension),
		cmocka_unit_test(test_a_table_that_does_not_fit),
		cmocka_unit_test(test_the_commands_that_mend_a_table),
		cmocka_unit_test(test_no_create),
		cmocka_unit_test(test_a_role_that_may_not_create),
	};

	return RUN_ROWS(logins, try_login, NULL, NULL) + RUN_TESTS(tests);
}
