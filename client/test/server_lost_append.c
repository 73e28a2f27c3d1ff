/*
 * server_lost_append.c
 *    Appends whose connection breaks, at every message: what goes_append returns is true, the versions
 *    too, and no append is ever stored twice, or in part.
 */
#include "appends.h"
#include "lost_write.h"

#define ID_LENGTH 37

/* An append to an aggregate of its own, which has some events already. */
typedef struct Attempt
{
	goes_uuid  id;
	char	   id_text[ID_LENGTH];
	int32_t	   before;
	int32_t	   expected;
	goes_event events[BATCH];
	size_t	   n;
} Attempt;

/*
 * make_attempt makes an append; one after the other has each of the expectations.
 */
static void
make_attempt(Attempt *attempt, size_t n)
{
	static const int32_t expectations[] = {0, GOES_EXPECT_ANY, 2, GOES_EXPECT_EXISTS};
	static size_t		 count;

	*attempt = (Attempt){.id = new_id(), .expected = expectations[count++ % 4], .n = n};
	attempt->before = attempt->expected == 0 ? 0 : 2;
	goes_uuid_format(&attempt->id, attempt->id_text);
	make_events(attempt->events, n);
	admin_do(TEST_DATABASE,
			 "INSERT INTO events SELECT gen_random_uuid(), 'before', 1, '%s', 'order', i, 'null' "
			 "FROM generate_series(1, %d) AS i",
			 attempt->id_text, attempt->before);
}

/*
 * stored counts those events of an append that are there, in its order and behind `before` others.
 * There is none twice, and none besides.
 */
static size_t
stored(const Attempt *attempt, int32_t before)
{
	char text[BATCH * ID_LENGTH + 1] = "";

	for (size_t i = 0; i < attempt->n; i++)
	{
		char id[ID_LENGTH];

		goes_uuid_format(&attempt->events[i].id, id);
		sprintf(text + strlen(text), "%s%s", i > 0 ? "," : "", id);
	}
	return (size_t) number_of(
		"SELECT CASE WHEN count(*) = count(DISTINCT id) THEN count(*) ELSE -1 END "
		"FROM unnest('{%s}'::uuid[]) WITH ORDINALITY AS sent (id, place) JOIN events USING (id) "
		"WHERE aggregate_id = '%s' AND aggregate_name = 'order' AND aggregate_version = place + %d",
		text, attempt->id_text, before);
}

/*
 * check_attempt checks that a status is true about an append when the server is done with it.
 */
static void
check_attempt(const Attempt *attempt, const Plan *plan, int status, goes_error *error)
{
	size_t whole;

	if (status == GOES_OK && attempt->events[0].aggregate_version != attempt->before + 1)
		fail_msg(PLACE ": success, but as version %d", PLACE_OF(plan),
				 (int) attempt->events[0].aggregate_version);
	if (status == GOES_OK && stored(attempt, attempt->before) != attempt->n)
		fail_msg(PLACE ": success, but not all are stored", PLACE_OF(plan));
	settle();
	whole = stored(attempt, attempt->before);
	if (count_stored("events", attempt->events, attempt->n) != whole ||
		(whole != attempt->n && whole != 0) || (status == GOES_OK && whole == 0) ||
		(status == GOES_ERR_CONNECT && whole != 0) ||
		(status != GOES_OK && status != GOES_ERR_CONNECT && status != GOES_ERR_IN_DOUBT &&
		 status != GOES_ERR_TIMEOUT))
		fail_msg(PLACE ": %zu of %zu are stored, but: %s (%s)", PLACE_OF(plan), whole, attempt->n,
				 goes_status_text(status), goes_error_message(error));
	goes_error_free(error);
}

/*
 * write_at appends while the plans are carried out, and checks that the result is true. Returns the
 * status.
 */
static inline int
write_at(goes_store *store, const Plan *plans, int count, size_t n, const goes_context *context)
{
	Attempt		attempt;
	goes_error *error = NULL;
	int64_t		start;
	int			status;

	make_attempt(&attempt, n);
	proxy_plan(proxy, plans, count);
	start = milliseconds();
	status = try_append(store, "order", &attempt.id, attempt.events, n, attempt.expected, context,
						&error);
	expect_soon(plans, start, PATIENCE_MS + WITHIN_MS);
	check_attempt(&attempt, plans, status, error);
	return status;
}

/*
 * write_before leaves the store a connection that has appended before.
 */
static inline void
write_before(goes_store *store)
{
	goes_uuid id = new_id();

	reach_server(store);
	append_new(store, &id, 1);
}

/*
 * Every new connection is refused. An append of no events cannot be in doubt.
 */
static void
test_without_a_server_the_outcome_is_in_doubt(void **state)
{
	goes_store *store = open_by_proxy("events", LITTLE_PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	goes_error *error = NULL;
	goes_uuid	id = new_id();
	int64_t		start;
	int			status;

	plan.refuses = true;
	do
	{
		write_before(store);
		status = write_at(store, &plan, 1, 1, NULL);
		if (status != (proxy_struck(proxy) > 0 ? GOES_ERR_IN_DOUBT : GOES_OK))
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
	} while (next_message(&plan));
	goes_store_close(store);

	/* no events: being refused is all that there is to say, or that the last try ran out of time */
	store = open_by_proxy("events", PATIENCE_MS, 0);
	plan = (Plan){.direction = TO_CLIENT, .number = 1, .fate = DROPPED, .refuses = true};
	write_before(store);
	proxy_plan(proxy, &plan, 1);
	start = milliseconds();
	status = try_append(store, "order", &id, NULL, 0, 0, NULL, &error);
	if (status == GOES_ERR_TIMEOUT)
		assert_true(milliseconds() - start >= PATIENCE_MS);
	else
		assert_int_equal(status, GOES_ERR_CONNECT);
	expect_error(status, &error, status, "");
	plan.refuses = false;
	write_before(store);
	proxy_plan(proxy, &plan, 1);
	assert_ok(try_append(store, "order", &id, NULL, 0, 0, NULL, &error));
	assert_int_equal(proxy_struck(proxy), 1);
	goes_store_close(store);
}

/*
 * The answer is lost, and then the connection of the second try, too, at every message.
 */
static void
test_a_second_cut_does_not_make_an_append_its_own_rival(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plans[] = {{.direction = TO_CLIENT, .number = 5, .fate = DROPPED},
						   {.direction = TO_SERVER, .number = 5, .fate = TORN}};

	do
	{
		write_before(store);
		if (write_at(store, plans, 2, 3, NULL) != GOES_OK)
			fail_msg("second cut at " PLACE, PLACE_OF(&plans[1]));
		plans[1].number += 3;
		if (proxy_struck(proxy) == 1)
			plans[1] = (Plan){.direction = plans[1].direction + 1, .number = 6, .fate = TORN};
	} while (plans[1].direction < DIRECTIONS);
	goes_store_close(store);
}

/*
 * append_against_rival appends; at the cut somebody else appends an event to the same aggregate.
 */
static int
append_against_rival(goes_store *store, Plan plan, Attempt *attempt, goes_error **error)
{
	char statement[256];

	snprintf(statement, sizeof statement,
			 "SELECT goes_append('order', '%s', ARRAY[goes_new_event('rival')])", attempt->id_text);
	plan.then = run_directly;
	plan.argument = statement;
	write_before(store);
	proxy_plan(proxy, &plan, 1);
	return try_append(store, "order", &attempt->id, attempt->events, attempt->n, attempt->expected,
					  NULL, error);
}

static void
test_a_stored_append_is_known_again_behind_a_rivals(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	const Plan	answer_is_lost = {.direction = TO_CLIENT, .number = 1, .fate = DROPPED};

	for (int i = 0; i < 8; i++)
	{
		Attempt		attempt;
		goes_error *error = NULL;

		make_attempt(&attempt, i < 4 ? 1 : 3);
		assert_ok(append_against_rival(store, answer_is_lost, &attempt, &error));
		assert_int_equal(proxy_struck(proxy), 1);
		check_attempt(&attempt, &answer_is_lost, GOES_OK, NULL);
		assert_int_equal(number_of("SELECT goes_aggregate_version('order', '%s')", attempt.id_text),
						 attempt.before + (int32_t) attempt.n + 1);
	}
	goes_store_close(store);
}

/*
 * The append was not stored when the connection broke, and then a rival was faster.
 */
static void
test_what_a_rival_appended_instead_counts(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	const Plan	never_committed = {.direction = TO_SERVER, .number = 4 /* Sync */, .fate = DROPPED};

	for (int i = 0; i < 4; i++)
	{
		Attempt		attempt;
		goes_error *error = NULL;
		int			status;

		make_attempt(&attempt, 2);
		status = append_against_rival(store, never_committed, &attempt, &error);
		assert_int_equal(proxy_struck(proxy), 1);
		if (attempt.expected >= 0)
		{
			Details details = {
				"VE001", "order", attempt.id, attempt.before + 1, attempt.expected + 1, 0};

			expect_conflict(status, &error, &details);
			assert_int_equal(count_stored("events", attempt.events, 2), 0);
			continue;
		}
		assert_ok(status);
		assert_int_equal(attempt.events[0].aggregate_version, attempt.before + 2);
		assert_int_equal(stored(&attempt, attempt.before + 1), 2);
	}
	settle();
	goes_store_close(store);
}

static void
test_an_append_that_an_old_process_commits_late_is_a_success(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = {.direction = TO_SERVER,
						.number = 4, /* Sync */
						.fate = DELIVERED,
						.keeps_server = true};

	admin_do(TEST_DATABASE,
			 "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
			 "$$BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END$$;"
			 "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON events DEFERRABLE INITIALLY "
			 "DEFERRED FOR EACH ROW WHEN (NEW.name <> 'before') EXECUTE FUNCTION linger()");
	for (int i = 0; i < 4; i++)
	{
		write_before(store);
		assert_int_equal(write_at(store, &plan, 1, 1, NULL), GOES_OK);
	}
	admin_do(TEST_DATABASE, "DROP TRIGGER linger ON events");
	goes_store_close(store);
}

/*
 * The commit of several appends breaks; both sides are cut, so that the outcome is always found out.
 */
static void
test_the_lost_commit_of_appends_is_found_out(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 1);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			seen[2] = {0};

	do
	{
		Attempt		attempts[2];
		goes_error *error = NULL;
		goes_tx	   *tx = NULL;
		int			status;

		leave_in_peace();
		assert_ok(goes_tx_begin(store, &tx, NULL, &error));
		for (int i = 0; i < 2; i++)
		{
			make_attempt(&attempts[i], 3);
			assert_ok(try_append(goes_tx_store(tx), "order", &attempts[i].id, attempts[i].events, 3,
								 attempts[i].expected, NULL, &error));
		}
		proxy_plan(proxy, &plan, 1);
		status = goes_tx_commit(tx, NULL, &error);
		if (status == GOES_ERR_IN_DOUBT || status == GOES_ERR_TIMEOUT)
			fail_msg(PLACE ": %s", PLACE_OF(&plan), goes_status_text(status));
		check_attempt(&attempts[0], &plan, status, error);
		check_attempt(&attempts[1], &plan, status, NULL);
		seen[status == GOES_OK]++;
	} while (next_place(&plan));
	assert_true(seen[true] > 2 && seen[false] > 2);
	goes_store_close(store);
}

/*
 * An append with hooks is a transaction of the library's own, and is not done again, since the hooks
 * run once. The caller's events have versions only if it came through.
 */
static void
test_an_append_with_hooks_runs_them_once_whatever_breaks(void **state)
{
	goes_store *store = open_by_proxy("events", PATIENCE_MS, 0);
	Plan		plan = PLACES_FROM_THE_FIRST;
	int			runs;

	add_counting_hooks(store, &runs);
	do
	{
		int status;

		write_before(store);
		runs = 0;
		status = write_at(store, &plan, 1, 2, NULL);
		if (status == GOES_ERR_IN_DOUBT || runs > 2 || (status == GOES_OK && runs < 2))
			fail_msg(PLACE ": %s, %d hooks", PLACE_OF(&plan), goes_status_text(status), runs);
	} while (next_message(&plan));
	goes_store_close(store);
}

/*
 * Whichever message is late, an append ends at its timeout. Appending the same again tells what
 * became of it.
 */
static void
test_a_late_append_can_be_repeated(void **state)
{
	goes_store	*store = open_by_proxy("events", PATIENCE_MS, 1);
	goes_context context = {.size = sizeof context, .timeout_ms = paced_ms(100)};
	Plan		 plan = {.direction = TO_SERVER, .number = 1, .fate = DELAYED, .delay_ms = 60000};

	for (; plan.direction < DIRECTIONS; plan.direction++)
	{
		for (plan.number = 1; plan.number < 6; plan.number += 3)
		{
			Attempt		attempt;
			goes_error *error = NULL;
			int64_t		start;

			make_attempt(&attempt, 2);
			write_before(store);
			proxy_plan(proxy, &plan, 1);
			start = milliseconds();
			expect_error(try_append(store, "order", &attempt.id, attempt.events, 2,
									attempt.expected, &context, &error),
						 &error, GOES_ERR_TIMEOUT, "");
			assert_int_equal(proxy_struck(proxy), 1);
			assert_true(is_within(start, 100 + WITHIN_MS));
			settle();
			leave_in_peace();
			assert_ok(try_append(store, "order", &attempt.id, attempt.events, 2, attempt.expected,
								 NULL, &error));
			check_attempt(&attempt, &plan, GOES_OK, NULL);
		}
	}
	goes_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cut_at_any_message_is_made_good),
		cmocka_unit_test(test_a_cut_within_a_batch_is_made_good),
		cmocka_unit_test(test_a_server_that_goes_on_is_waited_for),
		cmocka_unit_test(test_without_a_server_the_outcome_is_in_doubt),
		cmocka_unit_test(test_a_second_cut_does_not_make_an_append_its_own_rival),
		cmocka_unit_test(test_a_stored_append_is_known_again_behind_a_rivals),
		cmocka_unit_test(test_what_a_rival_appended_instead_counts),
		cmocka_unit_test(test_an_append_that_an_old_process_commits_late_is_a_success),
		cmocka_unit_test(test_the_lost_commit_of_appends_is_found_out),
		cmocka_unit_test(test_an_append_with_hooks_runs_them_once_whatever_breaks),
		cmocka_unit_test(test_a_late_append_can_be_repeated),
	};

	return RUN_LOST_TESTS(tests);
}
