/*
 * server_lost_coalesce.c
 *    Threads that share commits, whose connections break, at every message: by a ledger of all appends.
 */
#include "lost_ledger.h"

static goes_store *shared;

static void *
append_entry(void *argument)
{
	Entry *entry = argument;

	entry->status = goes_append(shared, "order", &entry->aggregate, entry->events, 2,
								entry->expected, NULL, NULL);
	entry->version = entry->events[1].aggregate_version;
	entry->outcomes++;
	return NULL;
}

/*
 * share_ledger has as many threads as there are aggregates append at the same time.
 */
static void
share_ledger(void)
{
	for (int i = 0; i < APPENDS; i += AGGREGATES)
	{
		pthread_t threads[AGGREGATES];

		for (int k = 0; k < AGGREGATES; k++)
			pthread_create(&threads[k], NULL, append_entry, &ledger[i + k]);
		for (int k = 0; k < AGGREGATES; k++)
			pthread_join(threads[k], NULL);
	}
}

static void
test_threads_that_share_commits_are_told_the_truth(void **state)
{
	goes_store_options options = options_of("events");
	Plan			   plan = PLACES_FROM_THE_FIRST;
	bool			   goes_on;

	options.url = proxy_url(proxy);
	options.connect_timeout_ms = paced_ms(PATIENCE_MS);
	options.max_connections = 3;
	options.coalesce_appends = true;
	shared = open_with(&options);
	do
	{
		make_ledger();
		warm_up(shared);
		proxy_plan(proxy, &plan, 1);
		share_ledger();
		goes_on = next_message(&plan);
		leave_in_peace();
		(void) check_ledger(&plan, GOES_OK);
	} while (goes_on);
	goes_store_close(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_that_share_commits_are_told_the_truth),
	};

	return RUN_LOST_TESTS(tests);
}
