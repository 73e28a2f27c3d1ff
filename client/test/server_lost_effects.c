/*
 * server_lost_effects.c
 *    A worker whose connection breaks, anywhere, and that keeps its effects in a transaction: they are
 *    stored once.
 */
#include "lost_worker.h"

/*
 * try_batch handles what comes in a transaction of its own, and commits; false: there was nothing.
 */
static bool
try_batch(goes_store *store, goes_subscription *worker)
{
	const goes_delivery *delivery;
	goes_tx				*tx = NULL;
	int					 count = 0;
	int					 status = goes_tx_begin(store, &tx, NULL, NULL);

	while (status == GOES_OK &&
		   (status = goes_subscription_next(worker, &delivery, NULL, NULL)) == GOES_EVENT)
	{
		char	  text[64];
		PGresult *result;

		snprintf(text, sizeof text, "INSERT INTO effects VALUES (%lld)",
				 (long long) delivery->position);
		result = PQexec(goes_tx_conn(tx), text);
		status = PQresultStatus(result) == PGRES_COMMAND_OK ? GOES_OK : GOES_ERR_CONNECT;
		PQclear(result);
		if (status == GOES_OK)
			status = goes_delivery_done(worker, delivery, NULL);
		else
			(void) goes_delivery_done(worker, delivery, NULL);
		count++;
	}
	if (tx != NULL && status == GOES_OK)
		(void) goes_subscription_commit(worker, tx, NULL, NULL);
	else
		goes_subscription_rollback(worker, tx);
	return count > 0 || status < 0;
}

static void
test_effects_are_stored_once_wherever_it_breaks(void **state)
{
	goes_store				 *store = open_shared();
	goes_subscription_options options = quick_options();
	Plan					  plan = PLACES_FROM_THE_FIRST;

	options.manual_commit = true;
	do
	{
		goes_subscription *worker;
		int64_t			   begun = milliseconds();

		leave_in_peace();
		open_anew();
		worker = open_worker(store, "lost", &options);
		proxy_plan(proxy, &plan, 1);
		while (try_batch(store, worker) || count_rows("effects") < EVENTS)
			expect_soon(&plan, begun, 10000);
		goes_subscription_close(worker);
		if (count_rows("effects") != EVENTS)
			fail_msg(PLACE ": %lld effects", PLACE_OF(&plan), (long long) count_rows("effects"));
		assert_int_equal(number_of("SELECT count(DISTINCT position) FROM effects"), EVENTS);
	} while (next_message(&plan));
	leave_in_peace();
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects_are_stored_once_wherever_it_breaks),
	};

	return RUN_LOST_TESTS(tests);
}
