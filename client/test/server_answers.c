/*
 * server_answers.c
 *    A server whose functions answer with something else than ours do: the call says so, or a read
 *    asks the primary, and nothing is read that is not there.
 *
 * An owner can put functions of the same names in the place of the extension's.
 */
#include "subscribes.h"
#include "statistics.h"

#define TABLE "answered"

/* What takes a function's place, and who asks for it. */
typedef struct Odd
{
	const char *test;
	const char *function;
	const char *returns;
	const char *body;
	int (*ask)(goes_store *, goes_error **);
	const char *said; /* NULL: the primary has answered */
	int			status;
} Odd;

#define EVENT_TYPES                                                        \
	"name text, \"time\" bigint, aggregate_id uuid, aggregate_name text, " \
	"aggregate_version integer, data jsonb"

/* What a page of a feed begins with, what it ends with, and zeros. */
#define ZEROS(count) "pg_catalog.decode(pg_catalog.repeat(''00'', " count "), ''hex'')"
#define FORMAT "''\\x00000001''::bytea"
#define CURSOR ZEROS("28")

static int
ask_count(goes_store *store, goes_error **err)
{
	int64_t count = -1;
	int		status = goes_count(store, NULL, &count, NULL, err);

	assert_int_equal(count, -1);
	return status;
}

static int
ask_token(goes_store *store, goes_error **err)
{
	char *token = NULL;
	int	  status = goes_store_write_token(store, &token, NULL, err);

	assert_null(token);
	return status;
}

static int
ask_feed(goes_store *store, goes_error **err)
{
	goes_feed *feed = NULL;
	int		   status = goes_feed_open(store, NULL, &feed, err);

	assert_null(feed);
	return status;
}

/*
 * ask_feed_event opens a feed, which can be opened, and asks for its first event.
 */
static int
ask_feed_event(goes_store *store, goes_error **err)
{
	goes_feed		 *feed = open_feed(store, NULL);
	const goes_event *event = NULL;
	int				  status = goes_feed_next(feed, &event, NULL, err);

	assert_null(event);
	goes_feed_close(feed);
	return status;
}

static int
ask_for_work(goes_store *store, goes_error **err)
{
	goes_subscription_options options = worker_options(-1);
	goes_subscription		 *worker = open_worker(store, "answered", &options);
	const goes_delivery		 *delivery = NULL;
	int						  status = goes_subscription_next(worker, &delivery, NULL, err);

	assert_null(delivery);
	goes_subscription_close(worker);
	return status;
}

/*
 * find_freshly looks for an event with a promise that the standby, which is the server itself, has
 * to keep.
 */
static int
find_freshly(goes_store *store, const goes_freshness *freshness, goes_error **err)
{
	goes_store_options	  options = options_of(TABLE);
	goes_store_statistics statistics;
	goes_context		  context = {.size = sizeof context, .freshness = freshness};
	goes_event			  event = event_of("found", "{}");
	goes_event			 *found = NULL;
	goes_store			 *reading;
	int					  status;

	store_events(store, &event, 1);
	options.read_url = server_url();
	reading = open_with(&options);
	status = goes_find(reading, &event.id, &found, &context, err);
	statistics = counted(reading);
	assert_int_equal(statistics.standby_failures + statistics.standby_behind, 1);
	assert_int_equal(statistics.standby_reads, 0);
	goes_event_free(found);
	goes_store_close(reading);
	return status;
}

static int
find_with_token(goes_store *store, goes_error **err)
{
	char		  *token = NULL;
	goes_freshness freshness = {.size = sizeof freshness};
	int			   status = goes_store_write_token(store, &token, NULL, err);

	freshness.token = token;
	if (status == GOES_OK)
		status = find_freshly(store, &freshness, err);
	goes_free(token);
	return status;
}

static int
find_with_version(goes_store *store, goes_error **err)
{
	goes_freshness freshness = {
		.size = sizeof freshness, .aggregate_name = "order", .aggregate_version = 1};

	goes_uuid_v7(&freshness.aggregate_id);
	return find_freshly(store, &freshness, err);
}

static const Odd odd[] = {
	{"a number is null", "goes_count", "bigint", "SELECT NULL::bigint", ask_count,
	 "a number that cannot be read", GOES_ERR_SERVER},
	{"a number is text", "goes_count", "text", "SELECT ''many''", ask_count,
	 "a number that cannot be read", GOES_ERR_SERVER},
	{"there is no token", "goes_write_token", "SETOF text", "SELECT ''1'' WHERE false", ask_token,
	 "sent no token", GOES_ERR_SERVER},
	{"a page of a feed has no values", "goes_feed_page", "SETOF bytea",
	 "SELECT " CURSOR " WHERE false", ask_feed, "a page of the feed that cannot be read",
	 GOES_ERR_SERVER},
	{"a page of a feed is null", "goes_feed_page", "bytea", "SELECT NULL::bytea", ask_feed,
	 "a page of the feed that cannot be read", GOES_ERR_SERVER},
	{"a page of a feed has no cursor", "goes_feed_page", "bytea", "SELECT " FORMAT, ask_feed,
	 "a page of the feed that cannot be read", GOES_ERR_SERVER},
	{"a page of a feed is of a later version", "goes_feed_page", "bytea",
	 "SELECT ''\\x00000002''::bytea || " CURSOR, ask_feed, "install a libgoes", GOES_ERR_EXTENSION},
	{"an event of a feed is cut off", "goes_feed_page", "SETOF bytea",
	 "SELECT " FORMAT " || " CURSOR " UNION ALL SELECT " CURSOR, ask_feed_event,
	 "a page of the feed that cannot be read", GOES_ERR_SERVER},
	{"an event of a feed has no time", "goes_feed_page", "bytea",
	 "SELECT " FORMAT " || ''\\x000000000000000100000008''::bytea || " ZEROS("59") " || " CURSOR,
	 ask_feed_event, "an event that cannot be read", GOES_ERR_SERVER},
	{"a partition is no integer", "goes_claim",
	 "TABLE (\"partition\" bigint, epoch bigint, \"position\" bigint, attempts integer, id "
	 "uuid, " EVENT_TYPES ")",
	 "SELECT 1::bigint, 1::bigint, 1::bigint, 0, ''019a0000-0000-7000-8000-000000000001''::uuid, "
	 "''odd''::text, 1::bigint, NULL::uuid, NULL::text, NULL::integer, NULL::jsonb",
	 ask_for_work, "a delivery that cannot be read", GOES_ERR_SERVER},
	{"a standby does not say whether it is there", "goes_wait_for", "SETOF boolean",
	 "SELECT true WHERE false", find_with_token, NULL, GOES_OK},
	{"a standby is on another timeline", "goes_wait_for", "boolean", "SELECT NULL::boolean",
	 find_with_token, NULL, GOES_OK},
	{"a standby has no version", "goes_aggregate_version", "integer", "SELECT NULL::integer",
	 find_with_version, NULL, GOES_OK},
};

/*
 * replace puts the odd function in the place of the extension's, which gets another name.
 */
static int
replace(void **state)
{
	const Odd  *row = *state;
	goes_store *store = open_store(TABLE);

	with_feed(store, TABLE);
	goes_store_close(store);
	admin_do(TEST_DATABASE, "SELECT goes_create_subscription_store()");
	admin_do(TEST_DATABASE,
			 "DO $do$ DECLARE real regprocedure; arguments text; BEGIN "
			 "SELECT oid, pg_get_function_arguments(oid) INTO STRICT real, arguments FROM pg_proc "
			 "WHERE proname = '%s'; "
			 "EXECUTE format('ALTER FUNCTION %%s RENAME TO goes_real', real); "
			 "EXECUTE format('CREATE FUNCTION %s(%%s) RETURNS %s LANGUAGE sql AS $body$%%s$body$', "
			 "arguments, '%s'); END $do$",
			 row->function, row->function, row->returns, row->body);
	return 0;
}

static int
put_back(void **state)
{
	const Odd *row = *state;

	admin_do(TEST_DATABASE, "DROP FUNCTION %s", row->function);
	admin_do(TEST_DATABASE,
			 "DO $do$ DECLARE real regprocedure; BEGIN "
			 "SELECT oid INTO STRICT real FROM pg_proc WHERE proname = 'goes_real'; "
			 "EXECUTE format('ALTER FUNCTION %%s RENAME TO %s', real); END $do$",
			 row->function);
	return 0;
}

static void
test_odd_answer(void **state)
{
	const Odd  *row = *state;
	goes_store *store = open_store(TABLE);
	goes_error *error = NULL;
	int			status = row->ask(store, &error);

	if (row->said == NULL)
		assert_ok(status);
	else
		expect_error(status, &error, row->status, row->said);
	goes_store_close(store);
}

int
main(void)
{
	return RUN_ROWS(odd, test_odd_answer, replace, put_back);
}
