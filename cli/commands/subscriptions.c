/*
 * subscriptions.c
 *    goes subscriptions: how far they are, and what to do about events that failed.
 */
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

enum
{
	KEY_STORE = 0x300
};

typedef struct Action
{
	const char *name;
	int			least_positions;
	int			most_positions;
	int (*run)(goes_pool *pool);
} Action;

static int show_lag(goes_pool *pool);
static int show_partitions(goes_pool *pool);
static int show_parked(goes_pool *pool);
static int unpark(goes_pool *pool);
static int skip(goes_pool *pool);
static int rewind_to(goes_pool *pool);

/* Between 0 and so many positions follow the name. */
static const Action actions[] = {{"lag", 0, 0, show_partitions},
								 {"parked", 0, 0, show_parked},
								 {"unpark", 0, INT32_MAX, unpark},
								 {"skip", 1, INT32_MAX, skip},
								 {"rewind", 1, 1, rewind_to}};

static struct
{
	const Action *action;
	const char	 *subscription;
	const char	 *table;	 /* of the subscriptions */
	char		 *positions; /* as an array of PostgreSQL's; NULL: none */
	int			  position_count;
	const char	 *place; /* to rewind to */
} wanted;

static const struct argp_option options[] = {
	{"subscriptions", KEY_STORE, "NAME", 0, "The table of subscriptions (subscriptions)", 11},
	{0}};

static const Action *
find_action(const struct argp_state *state, const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
	{
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	argp_error(state, "there is no action \"%s\": see --help", name);
	return NULL;
}

/*
 * take_position takes a position; of a rewind also the words start and now.
 */
static void
take_position(const struct argp_state *state, const char *text)
{
	char *longer;

	wanted.position_count++;
	if (wanted.action->run == rewind_to && strcmp(text, "start") == 0)
		text = "0";
	else if (wanted.action->run == rewind_to && strcmp(text, "now") == 0)
		text = "-1";
	else if (wanted.action->run == rewind_to && !is_numeral(text))
		argp_error(state, "\"%s\" is neither a position nor start or now", text);
	else
		(void) number_between(state, text, 0, INT64_MAX);
	wanted.place = text;
	if (asprintf(&longer, "%s%s%s", wanted.positions == NULL ? "" : wanted.positions,
				 wanted.positions == NULL ? "" : ",", text) < 0)
		fail(EXIT_OTHER, "out of memory");
	free(wanted.positions);
	wanted.positions = longer;
}

static void
check_arguments(const struct argp_state *state)
{
	if (wanted.action == NULL)
		return;
	if (wanted.subscription == NULL)
		argp_error(state, "%s needs the name of a subscription", wanted.action->name);
	if (wanted.position_count < wanted.action->least_positions ||
		wanted.position_count > wanted.action->most_positions)
		argp_error(state, "%s takes %s", wanted.action->name,
				   wanted.action->most_positions == 0	? "no position"
				   : wanted.action->most_positions == 1 ? "one position"
														: "at least one position");
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case KEY_STORE:
			wanted.table = argument;
			return 0;
		case ARGP_KEY_ARG:
			if (state->arg_num == 0)
				wanted.action = find_action(state, argument);
			else if (state->arg_num == 1)
				wanted.subscription = argument;
			else
				take_position(state, argument);
			return 0;
		case ARGP_KEY_END:
			check_arguments(state);
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[lag|parked|unpark|skip|rewind NAME [POSITION...]]",
	.doc = "Shows how far the subscriptions of a store are.\v"
		   "  lag NAME                    how far each partition is, and who works there\n"
		   "  parked NAME                 the events that failed for good\n"
		   "  unpark NAME [POSITION...]   try parked events again: all, or these\n"
		   "  skip NAME POSITION...       give events up that are held\n"
		   "  rewind NAME POSITION        go on behind that position; start and now stand\n"
		   "                              for the first event and the next one\n\n"
		   "Example:\n\n"
		   "  goes subscriptions parked mails\n"
		   "  goes subscriptions unpark mails 4711",
	.children = format_children};

static void
show_rows(goes_pool *pool, const char *text, int count, const char *const *values)
{
	PGresult *result = ask(pool, text, count, values);

	show_result(result, chosen_format());
	PQclear(result);
}

static int
show_lag(goes_pool *pool)
{
	const char *values[] = {wanted.table};

	show_rows(pool,
			  "SELECT subscription, pg_catalog.count(*) AS partitions, "
			  "pg_catalog.min(position) AS position, pg_catalog.max(behind) AS behind, "
			  "pg_catalog.count(DISTINCT worker) FILTER (WHERE lease_until > pg_catalog.now()) AS "
			  "workers, "
			  "pg_catalog.sum(retrying)::pg_catalog.int8 AS retrying, "
			  "pg_catalog.sum(parked)::pg_catalog.int8 AS parked, "
			  "pg_catalog.sum(waiting)::pg_catalog.int8 AS waiting "
			  "FROM @goes_subscription_lag($1) GROUP BY subscription ORDER BY subscription",
			  1, values);
	return EXIT_FINE;
}

/*
 * require_subscription ends the tool unless there is the subscription.
 */
static void
require_subscription(int count)
{
	if (count == 0)
		fail(EXIT_NOT_FOUND, "there is no subscription \"%s\"", wanted.subscription);
}

static int
show_partitions(goes_pool *pool)
{
	const char *values[] = {wanted.table, wanted.subscription};
	PGresult   *result = ask(pool,
							 "SELECT partition, position, behind, retrying, parked, waiting, "
							   "pg_catalog.date_trunc('second', lease_until) AS lease_until, worker "
							   "FROM @goes_subscription_lag($1) WHERE subscription = $2 "
							   "ORDER BY partition",
							 2, values);

	require_subscription(PQntuples(result));
	show_result(result, chosen_format());
	PQclear(result);
	return EXIT_FINE;
}

static int
show_parked(goes_pool *pool)
{
	const char *values[] = {wanted.subscription, wanted.table};

	show_rows(pool,
			  "SELECT position, attempts, pg_catalog.date_trunc('second', failed_at) AS failed_at, "
			  "waiting, "
			  "name, aggregate_name, aggregate_id, id, error "
			  "FROM @goes_parked($1, store => $2) ORDER BY position",
			  2, values);
	return EXIT_FINE;
}

/*
 * tell_count says how many events were meant.
 */
static int
tell_count(PGresult *result, const char *what)
{
	const char *count = PQgetvalue(result, 0, 0);

	if (chosen_format()->is_json)
		printf("{\"%s\": %s}\n", what, count);
	else
		printf("%s %s %s\n", count, strcmp(count, "1") == 0 ? "event is" : "events are", what);
	require_written(stdout);
	PQclear(result);
	return EXIT_FINE;
}

/*
 * array_of_positions writes the positions in braces; NULL stands for all.
 */
static const char *
array_of_positions(void)
{
	char *text;

	if (wanted.positions == NULL)
		return NULL;
	if (asprintf(&text, "{%s}", wanted.positions) < 0)
		fail(EXIT_OTHER, "out of memory");
	return text;
}

static int
unpark(goes_pool *pool)
{
	const char *values[] = {wanted.subscription, array_of_positions(), wanted.table};

	return tell_count(
		ask(pool, "SELECT @goes_unpark($1, positions => $2::int8[], store => $3)", 3, values),
		"unparked");
}

static int
skip(goes_pool *pool)
{
	const char *values[] = {wanted.subscription, array_of_positions(), wanted.table};

	return tell_count(ask(pool, "SELECT @goes_skip($1, $2::int8[], store => $3)", 3, values),
					  "skipped");
}

static int
rewind_to(goes_pool *pool)
{
	const char *values[] = {wanted.subscription, wanted.place, wanted.table};

	PQclear(ask(pool, "SELECT @goes_rewind($1, $2, store => $3)", 3, values));
	if (!chosen_format()->is_json)
		printf("%s goes on behind %s\n", wanted.subscription,
			   strcmp(wanted.place, "-1") == 0 ? "what is there now" : wanted.place);
	require_written(stdout);
	return EXIT_FINE;
}

static int
run(void)
{
	goes_pool *pool = goes_store_pool(open_store(false));

	return wanted.action == NULL ? show_lag(pool) : wanted.action->run(pool);
}

const Command subscriptions_command = {"subscriptions", "show subscriptions, and mend what failed",
									   &argp, run};
