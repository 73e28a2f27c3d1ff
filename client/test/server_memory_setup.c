/*
 * server_memory_setup.c
 *    Every allocation fails in turn while a store is set up: its database and table are made, or it
 *    turns out that they cannot be.
 */
#include "memory_server.h"

#define MADE "goes_memory"

/* How a store is opened, and what becomes of it. */
typedef struct Opening
{
	const char *test;
	const char *url_end; /* behind the server's URL */
	const char *database;
	const char *table;
	bool		no_create;
	bool		is_dropped; /* the database, each time before that */
	int			expected;
} Opening;

static const Opening openings[] = {
	{"a database is made", "", MADE, NULL, false, true, GOES_OK},
	{"a database must not be made", "", "goes_missing", NULL, true, false, GOES_ERR_SCHEMA},
	{"a role may not make a database", " user=goes_memory", "goes_missing", NULL, false, false,
	 GOES_ERR_PERMISSION},
	{"a role may not make the extension", " user=goes_memory", "postgres", NULL, false, false,
	 GOES_ERR_PERMISSION},
	{"a table is no store", "", TEST_DATABASE, "no_store", true, false, GOES_ERR_SCHEMA},
	{"a table cannot be made a store", "", TEST_DATABASE, "no_store", false, false,
	 GOES_ERR_SCHEMA},
	{"a table is in the search_path", " search_path=shop", TEST_DATABASE, "sold", false, false,
	 GOES_OK},
	{"a name is too long",
	 " application_name=0123456789012345678901234567890123456789012345678901234567890123456789",
	 TEST_DATABASE, NULL, false, false, GOES_ERR_INVALID},
	{"a host is not there", " host=/nowhere", TEST_DATABASE, NULL, false, false, GOES_ERR_CONNECT},
	{"a server is not there", " host=/nowhere,/nowhere/else port=5432,5433", TEST_DATABASE, NULL,
	 false, false, GOES_ERR_CONNECT},
};

/*
 * count_of counts what the server has of that name.
 */
static int64_t
count_of(const char *what, const char *name)
{
	return number_in(admin("postgres", "SELECT count(*) FROM %s = '%s'", what, name));
}

static int
set_up(void *input)
{
	const Opening	  *opening = input;
	goes_store_options options = options_of(opening->table);
	goes_store		  *store = NULL;
	goes_error		  *error = NULL;
	char			   url[1024];
	int				   status;

	if (opening->is_dropped && count_of("pg_database WHERE datname", opening->database) > 0)
		admin_do("postgres", "DROP DATABASE %s", opening->database);
	snprintf(url, sizeof url, "%s%s", server_url(), opening->url_end);
	options.url = url;
	options.database = opening->database;
	options.no_create = opening->no_create;
	status = goes_store_open(&store, &options, &error);
	if (status == GOES_OK)
		status = goes_store_connect(store, NULL, &error);
	assert_int_equal(goes_error_status(error), status);
	goes_error_free(error);
	goes_store_close(store);
	return status;
}

static void
test_opening(void **state)
{
	const Opening *opening = *state;

	assert_true(every_allocation_fails(set_up, *state, opening->expected, MAY_RECOVER) > 4);
}

static int
begin(void **state)
{
	if (count_of("pg_roles WHERE rolname", "goes_memory") > 0)
		return 0;
	admin_do("postgres", "CREATE ROLE goes_memory LOGIN");
	assert_int_equal(make_first_database(state), 0);
	admin_do(TEST_DATABASE,
			 "CREATE TABLE no_store (id uuid, sold text NOT NULL); CREATE SCHEMA shop");
	return 0;
}

int
main(void)
{
	return RUN_ROWS(openings, test_opening, begin, NULL);
}
