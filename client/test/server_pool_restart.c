/*
 * server_pool_restart.c
 *    A server that goes away under load: nothing that was acknowledged is lost, nothing that was
 *    refused is stored, and the next calls work.
 */
#include "writers.h"

/*
 * Threads write while the server is restarted in a hurry, in peace, and with a pause that is longer
 * than the time libgoes spends on finding out what became of a lost insert.
 */
static void
test_the_server_restarts_under_load(void **state)
{
	goes_store_options options = make_options(server_url());
	goes_store		  *store;

	options.connect_timeout_ms = paced_ms(500);
	options.max_connections = THREADS - 1;
	store = open_with(&options);
	start_writers(store);
	wait_for_successes(200);
	restart_server();
	wait_for_successes(200);
	stop_server();
	start_server();
	wait_for_successes(200);
	stop_server();
	usleep((useconds_t) (options.connect_timeout_ms + 300) * 1000);
	start_server();
	wait_for_successes(200);
	stop_writers();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_server_restarts_under_load),
	};

	return RUN_TESTS(tests);
}
