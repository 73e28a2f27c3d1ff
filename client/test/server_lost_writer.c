/*
 * server_lost_writer.c
 *    A writer whose connections break, at every message: each append's own outcome is true, by a
 *    ledger of all of them, and no append is ever stored twice, or in part.
 */
#include "lost_ledger.h"

/*
 * write_ledger has a writer make all appends, and notes the outcomes.
 */
static void
write_ledger(goes_writer *writer)
{
	const goes_outcome *outcome;
	goes_error		   *error = NULL;

	for (int i = 0; i < APPENDS; i++)
		assert_ok(goes_writer_append(writer, "order", &ledger[i].aggregate, ledger[i].events, 2,
									 ledger[i].expected, &ledger[i], NULL, &error));
	while (goes_writer_next(writer, &outcome, NULL, NULL) == GOES_OUTCOME)
	{
		Entry *entry = outcome->tag;

		entry->outcomes++;
		entry->status = outcome->status;
		entry->version = outcome->version;
	}
}

/*
 * waiting_no_longer returns options for a writer. The server's side of a connection that was cut may stay
 * open for ever, with the locks of a statement whose end it has not got: appends of the same aggregates
 * wait for it only so long.
 */
static goes_writer_options
waiting_no_longer(const Plan *plan)
{
	goes_writer_options options;

	goes_writer_options_init(&options, sizeof options);
	if (plan->keeps_server)
		options.timeout_ms = paced_ms(2000);
	return options;
}

/*
 * break_everywhere has a writer work while its connections break at one message after the other. Returns
 * how many appends ended with a status.
 */
static int
break_everywhere(Plan plan, int64_t patience_ms, int counted)
{
	goes_store *store = open_by_proxy("events", patience_ms, 2);
	int			count = 0;
	bool		goes_on;

	do
	{
		goes_writer_options options = waiting_no_longer(&plan);
		goes_writer		   *writer = NULL;
		goes_error		   *error = NULL;

		make_ledger();
		warm_up(store);
		assert_ok(goes_writer_open(&writer, store, &options, &error));
		proxy_plan(proxy, &plan, 1);
		write_ledger(writer);
		goes_writer_close(writer, NULL, NULL);
		goes_on = next_message(&plan);
		leave_in_peace();
		count += check_ledger(&plan, counted);
	} while (goes_on);
	goes_store_close(store);
	return count;
}

static void
test_a_cut_at_any_message_is_made_good(void **state)
{
	Plan plan = PLACES_FROM_THE_FIRST;

	assert_int_equal(break_everywhere(plan, PATIENCE_MS, GOES_ERR_IN_DOUBT), 0);
}

static void
test_a_server_that_goes_on_is_waited_for(void **state)
{
	Plan plan = PLACES_FROM_THE_FIRST;

	plan.keeps_server = true;
	(void) break_everywhere(plan, LITTLE_PATIENCE_MS, GOES_ERR_IN_DOUBT);
}

static void
test_without_a_server_what_was_sent_is_in_doubt(void **state)
{
	Plan plan = PLACES_FROM_THE_FIRST;

	plan.refuses = true;
	assert_true(break_everywhere(plan, LITTLE_PATIENCE_MS, GOES_ERR_IN_DOUBT) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cut_at_any_message_is_made_good),
		cmocka_unit_test(test_a_server_that_goes_on_is_waited_for),
		cmocka_unit_test(test_without_a_server_what_was_sent_is_in_doubt),
	};

	return RUN_LOST_TESTS(tests);
}
