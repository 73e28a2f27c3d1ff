/*
 * server_hopeless.c
 *    Errors that cannot pass are not retryable: a parameter that libpq does not take, a server that
 *    does not agree, a database that is gone. Those that may pass are: a server that is not there,
 *    or has no room.
 */
#include <pthread.h>

#include "server_control.h"

/*
 * expect_invalid opens a store with one more parameter, which is named, but not its value.
 */
static void
expect_invalid(const char *parameters, const char *part_of_message)
{
	goes_store *store = NULL;
	goes_error *error = NULL;
	char		url[1024];
	int			status;

	snprintf(url, sizeof url, "host=127.0.0.1 user=shop password=" SECRET " %s", parameters);
	status = goes_store_open(
		&store, &(goes_store_options){.size = sizeof(goes_store_options), .url = url}, &error);
	if (status == GOES_OK)
		fail_msg("%s is accepted", parameters);
	assert_false(goes_error_is_retryable(error));
	assert_null(strstr(goes_error_message(error), SECRET));
	expect_error(status, &error, GOES_ERR_INVALID, part_of_message);
}

static void
test_parameters_that_libpq_does_not_take(void **state)
{
	static const char *const keywords[] = {
		"service",		   "sslmode",	   "connect_timeout",	  "keepalives",
		"keepalives_idle", "gssencmode",   "keepalives_interval", "keepalives_count",
		"channel_binding", "hostaddr",	   "tcp_user_timeout",	  "target_session_attrs",
		"sslcertmode",	   "require_auth", "load_balance_hosts"};
	static const char *const ports[] = {"port=0", "port=65536", "port=5432,99999",
										"port=99999999999"};

	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
	{
		PQconninfoOption *options = PQconndefaults();
		bool			  is_known = false;
		char			  parameter[64];
		char			  named[64];

		for (PQconninfoOption *option = options; option->keyword != NULL; option++)
			is_known |= strcmp(option->keyword, keywords[i]) == 0;
		PQconninfoFree(options);
		if (!is_known)
			continue;
		snprintf(parameter, sizeof parameter, "%s=1" SECRET, keywords[i]);
		snprintf(named, sizeof named, "\"%s\"", keywords[i]);
		expect_invalid(parameter, named);
	}
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
		expect_invalid(ports[i], "\"port\"");
	expect_invalid("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2", "together");
	expect_invalid("connect_timeout=1.5", "connect_timeout");
	expect_invalid("connect_timeout=99999999999", "connect_timeout");
	setenv("PGSSLMODE", "always", 1);
	expect_invalid("", "PGSSLMODE");
	unsetenv("PGSSLMODE");
}

static void
test_parameters_that_libpq_takes(void **state)
{
	static const char *const parameters[] = {
		"", "connect_timeout=10 keepalives=1 keepalives_idle=' 30 ' tcp_user_timeout=1000",
		"sslmode=verify-full sslrootcert=/no/such/file gssencmode=require",
		"hostaddr=127.0.0.1 port=5433", "requirepeer=nobody target_session_attrs=prefer-standby"};
	goes_store_options options = make_options("host=127.0.0.1 port=5432");
	goes_store		  *store = NULL;

	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
	{
		goes_error *error = NULL;
		goes_pool  *pool = NULL;
		char		url[1024];

		snprintf(url, sizeof url, "host=127.0.0.1 %s", parameters[i]);
		assert_ok(goes_pool_new(
			&pool, &(goes_pool_options){.size = sizeof(goes_pool_options), .url = url}, &error));
		goes_pool_free(pool);
	}
	/* the environment does not count where the URL says it */
	setenv("PGPORT", "none", 1);
	assert_int_equal(goes_store_open(&store, &options, NULL), GOES_OK);
	goes_store_close(store);
	unsetenv("PGPORT");
}

/*
 * expect_no_connection connects with some more parameters, and fails.
 */
static void
expect_no_connection(const char *parameters, int status, bool is_retryable,
					 const char *part_of_message)
{
	goes_error *error = NULL;
	char		url[1024];
	int			returned;

	snprintf(url, sizeof url, "%s %s", server_url(), parameters);
	returned = try_url(url, &error);
	if (goes_error_is_retryable(error) != is_retryable)
		fail_msg("%s: \"%s\" (%s) should be %sretryable", parameters, goes_error_message(error),
				 goes_error_sqlstate(error), is_retryable ? "" : "not ");
	assert_null(strstr(goes_error_message(error), SECRET));
	expect_error(returned, &error, status, part_of_message);
}

static void
test_a_server_that_lets_nobody_in(void **state)
{
	goes_error *error = NULL;

	assert_ok(try_url(server_url(), &error));
	admin_do("postgres", "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0; "
						 "CREATE ROLE guest LOGIN PASSWORD 'right'");
	expect_no_connection("user=nobody_at_all", GOES_ERR_PERMISSION, false, "nobody_at_all");
	expect_no_connection("user=crowded", GOES_ERR_CONNECT, true, "too many connections");
	expect_no_connection("options='-c no_such_setting=1'", GOES_ERR_CONNECT, false,
						 "no_such_setting");
	expect_no_connection("options='-c work_mem=little'", GOES_ERR_INVALID, false, "work_mem");
	expect_no_connection("target_session_attrs=standby", GOES_ERR_CONNECT, true, "standby");
	expect_no_connection("requirepeer=nobody_at_all", GOES_ERR_CONNECT, false, "nobody_at_all");
	expect_no_connection("host=/no/such/directory", GOES_ERR_CONNECT, true, "/no/such/directory");
	admin_do("postgres", "DROP ROLE crowded");
}

/*
 * In a second line libpq says where it got a wrong password from.
 */
static void
test_a_password_from_a_file(void **state)
{
	char parameters[256];

	run_command("umask 077 && echo '*:*:*:*:" SECRET "' >\"$GOES_TEST_DATA/passwords\"");
	allow_login("local all guest scram-sha-256");
	snprintf(parameters, sizeof parameters, "user=guest passfile=%s/passwords",
			 getenv("GOES_TEST_DATA"));
	expect_no_connection(parameters, GOES_ERR_PERMISSION, false, "\npassword retrieved from file");
	expect_no_connection("user=guest password=" SECRET, GOES_ERR_PERMISSION, false,
						 "password authentication failed");
}

/*
 * A store goes on using a database that others drop.
 */
static void
test_a_database_that_is_dropped(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_store		  *store;
	goes_error		  *error = NULL;

	options.database = "dropped";
	store = open_with(&options);
	assert_ok(goes_store_connect(store, NULL, &error));
	admin_do("postgres", "DROP DATABASE dropped WITH (FORCE)");
	for (int i = 0; i < 2; i++)
	{
		int status = insert_one(store, "late", NULL, &error);

		assert_false(goes_error_is_retryable(error));
		assert_string_equal(goes_error_sqlstate(error), "3D000");
		expect_error(status, &error, GOES_ERR_CONNECT, "does not exist");
	}
	goes_store_close(store);
}

/* A server that answers one client, and closes. */
typedef struct Answer
{
	int			listener;
	const char *bytes;
	size_t		length;
} Answer;

static void *
answer_once(void *argument)
{
	const Answer *answer = argument;
	int			  client = accept(answer->listener, NULL, NULL);
	char		  ignored[1024];

	(void) !read(client, ignored, sizeof ignored);
	(void) !write(client, answer->bytes, answer->length);
	close(client);
	return NULL;
}

/*
 * expect_answer connects by TCP to a server that answers so.
 */
static void
expect_answer(const char *parameters, const char *bytes, size_t length, bool is_retryable,
			  const char *part_of_message)
{
	int		  port;
	Answer	  answer = {listen_silently(&port), bytes, length};
	char	  address[256];
	pthread_t thread;

	snprintf(address, sizeof address, "host=127.0.0.1 gssencmode=disable port=%d %s", port,
			 parameters);
	assert_int_equal(pthread_create(&thread, NULL, answer_once, &answer), 0);
	expect_no_connection(address, GOES_ERR_CONNECT, is_retryable, part_of_message);
	pthread_join(thread, NULL);
	close(answer.listener);
}

static void
test_what_a_server_may_answer(void **state)
{
	static const char starting[] =
		"E\0\0\0\x33SFATAL\0VFATAL\0C57P03\0Mthe system is starting up\0";
	static const char gone[] = "E\0\0\0\x2cSFATAL\0VFATAL\0C57P04\0Mit has been dropped\0";
	static const char fork[] = "Ecould not fork new process for connection\n";
	static const char kerberos[] = "R\0\0\0\x08\0\0\0\x02";

	expect_answer("sslmode=require", "N", 1, false, "SSL");
	expect_answer("sslmode=require", "Snonsense that is no TLS", 24, false, "SSL");
	expect_answer("sslmode=require", "", 0, true, "");
	expect_answer("sslmode=disable", "", 0, true, "closed the connection");
	expect_answer("sslmode=disable", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, "");
	expect_answer("sslmode=disable", kerberos, sizeof kerberos - 1, false, "uthentication");
	expect_answer("sslmode=disable", fork, sizeof fork, true, "could not fork");
	expect_answer("sslmode=disable", starting, sizeof starting, true, "starting up");
	expect_answer("sslmode=disable", gone, sizeof gone, false, "dropped");
}

/*
 * TLS with a certificate that somebody else signed, or that is another host's.
 */
static void
test_a_certificate_that_does_not_match(void **state)
{
	char *port = url_part("port");
	char  parameters[1024];

	run_command("cd \"$GOES_TEST_DATA\" && for name in server other; do "
				"openssl req -new -x509 -days 2 -nodes -subj /CN=$name.invalid "
				"-out $name.crt -keyout $name.key 2>/dev/null || exit; done; chmod 600 *.key");
	admin_do("postgres", "ALTER SYSTEM SET ssl = on");
	admin_do("postgres", "ALTER SYSTEM SET listen_addresses = '127.0.0.1'");
	restart_server();
	for (int i = 0; i < 2; i++)
	{
		snprintf(parameters, sizeof parameters,
				 "host=127.0.0.1 port=%s sslmode=%s sslrootcert=%s/%s.crt", port,
				 i == 0 ? "verify-ca" : "verify-full", getenv("GOES_TEST_DATA"),
				 i == 0 ? "other" : "server");
		expect_no_connection(parameters, GOES_ERR_CONNECT, false, "certificate");
	}
	snprintf(parameters, sizeof parameters,
			 "host=127.0.0.1 port=%s sslmode=verify-ca sslrootcert=/no/such/file", port);
	expect_no_connection(parameters, GOES_ERR_CONNECT, false, "/no/such/file");
	free(port);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters_that_libpq_does_not_take),
		cmocka_unit_test(test_parameters_that_libpq_takes),
		cmocka_unit_test(test_a_server_that_lets_nobody_in),
		cmocka_unit_test(test_a_password_from_a_file),
		cmocka_unit_test(test_a_database_that_is_dropped),
		cmocka_unit_test(test_what_a_server_may_answer),
		cmocka_unit_test(test_a_certificate_that_does_not_match),
	};

	return RUN_TESTS(tests);
}
