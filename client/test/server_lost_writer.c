/*
 * server_lost_writer.c
 *    A writer whose connections break, at every message: each append's own outcome is true, by a
 *    ledger of all of them, and no append is ever stored twice, or in part.
 */
#include "appends.h"
#include "lost.h"

#define APPENDS 12
#define AGGREGATES 4
#define PER_AGGREGATE (APPENDS / AGGREGATES)

/* An append, and what was said of it. */
typedef struct Entry
{
	goes_uuid  aggregate;
	goes_event events[2];
	int32_t	   expected;
	bool	   is_refused; /* it expects what is not so */
	int		   outcomes;
	int		   status;
	int32_t	   version;
} Entry;

static Entry ledger[APPENDS];

/*
 * make_ledger makes appends to a few aggregates, some of which conflict.
 */
static void
make_ledger(void)
{
	goes_uuid aggregates[AGGREGATES];

	for (int i = 0; i < AGGREGATES; i++)
		aggregates[i] = new_id();
	for (int i = 0; i < APPENDS; i++)
	{
		Entry *entry = &ledger[i];
		int	   place = i / AGGREGATES;

		*entry = (Entry){.aggregate = aggregates[i % AGGREGATES],
						 .expected = place == 0 ? 0 : GOES_EXPECT_ANY,
						 .is_refused = i % 5 == 4,
						 .status = 1};
		if (entry->is_refused)
			entry->expected = 77;
		make_events(entry->events, 2);
	}
}

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
 * check_entry checks that what was said of an append is true.
 */
static void
check_entry(const Entry *entry, const Plan *plan)
{
	size_t	stored = count_stored("events", entry->events, 2);
	char	id[37];
	int64_t version;

	goes_uuid_format(&entry->events[1].id, id);
	version = number_of("SELECT aggregate_version FROM events WHERE id = '%s'", id);
	if (entry->outcomes != 1 || stored == 1 || (entry->is_refused && stored != 0) ||
		(entry->status == GOES_OK && (stored != 2 || version != entry->version)) ||
		(entry->status == GOES_ERR_CONNECT && stored != 0) ||
		(entry->status == GOES_ERR_TIMEOUT && stored != 0) ||
		(entry->status == GOES_ERR_CONFLICT && stored != 0) ||
		(entry->status != GOES_OK && entry->status != GOES_ERR_CONNECT &&
		 entry->status != GOES_ERR_TIMEOUT && entry->status != GOES_ERR_CONFLICT &&
		 entry->status != GOES_ERR_IN_DOUBT))
		fail_msg(PLACE ": append %d, %d outcomes, \"%s\", %zu of 2 stored, version %d",
				 PLACE_OF(plan), (int) (entry - ledger), entry->outcomes,
				 goes_status_text(entry->status), stored, (int) version);
}

/*
 * check_ledger checks all, and that what is stored of an aggregate is in the order of the calls. Returns
 * how many have a status.
 */
static int
check_ledger(const Plan *plan, int counted)
{
	int count = 0;

	settle();
	for (int i = 0; i < APPENDS; i++)
	{
		check_entry(&ledger[i], plan);
		count += ledger[i].status == counted;
		for (int k = 0; k < i; k++)
		{
			if (ledger[i].status == GOES_OK && ledger[k].status == GOES_OK &&
				memcmp(&ledger[i].aggregate, &ledger[k].aggregate, sizeof(goes_uuid)) == 0 &&
				ledger[i].version <= ledger[k].version)
				fail_msg(PLACE ": %d and %d are not in their order", PLACE_OF(plan), k, i);
		}
	}
	return count;
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

/* ---- Threads that share commits */

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
		cmocka_unit_test(test_a_cut_at_any_message_is_made_good),
		cmocka_unit_test(test_a_server_that_goes_on_is_waited_for),
		cmocka_unit_test(test_without_a_server_what_was_sent_is_in_doubt),
		cmocka_unit_test(test_threads_that_share_commits_are_told_the_truth),
	};

	return RUN_LOST_TESTS(tests);
}
