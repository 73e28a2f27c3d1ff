/*
 * server_open_waits.c
 *    What the opening of a store waits for: another thread that opens it, and others that use the
 *    template.
 */
#include <pthread.h>

#include "server_control.h"

static void *
connect_store(void *store)
{
	return (void *) (intptr_t) goes_store_connect(store, NULL, NULL);
}

/*
 * A thread that waits for another one's attempt waits for no longer than its own call may take.
 */
static void
test_a_call_that_waits_for_another_thread(void **state)
{
	int				   port;
	int				   silent = listen_silently(&port);
	char			   url[128];
	goes_store_options options;
	goes_store		  *store;
	goes_context	   context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	goes_error		  *error = NULL;
	pthread_t		   thread;
	int64_t			   begun;
	void			  *returned;

	snprintf(url, sizeof url, "host=127.0.0.1 port=%d", port);
	options = make_options(url);
	options.connect_timeout_ms = paced_ms(2000);
	store = open_with(&options);
	assert_int_equal(pthread_create(&thread, NULL, connect_store, store), 0);
	usleep(100 * 1000);
	begun = milliseconds();
	expect_error(goes_store_connect(store, &context, &error), &error, GOES_ERR_TIMEOUT,
				 "took longer");
	assert_true(is_within(begun, 100 + 1000));
	pthread_join(thread, &returned);
	assert_true((intptr_t) returned == GOES_ERR_CONNECT || (intptr_t) returned == GOES_ERR_TIMEOUT);
	close(silent);
	goes_store_close(store);
}

static void *
leave_template(void *connection)
{
	usleep(5500 * 1000);
	PQfinish(connection);
	return NULL;
}

/*
 * The server copies a template that nobody uses. It waits for 5 seconds itself; then the store
 * tries again.
 */
static void
test_a_template_that_is_in_use(void **state)
{
	goes_store_options options = make_options(server_url());
	PGconn			  *user = admin_connection("template1");
	goes_store		  *store;
	goes_error		  *error = NULL;
	pthread_t		   thread;

	options.database = "copied";
	options.connect_timeout_ms = 60000;
	store = open_with(&options);
	assert_int_equal(pthread_create(&thread, NULL, leave_template, user), 0);
	assert_ok(goes_store_connect(store, NULL, &error));
	pthread_join(thread, NULL);
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_that_waits_for_another_thread),
		cmocka_unit_test(test_a_template_that_is_in_use),
	};

	return RUN_TESTS(tests);
}
