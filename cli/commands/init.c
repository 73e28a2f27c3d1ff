/*
 * init.c
 *    goes init: makes a store.
 */
#include <string.h>

#include "commands/commands.h"

enum
{
	KEY_FEED = 0x300,
	KEY_APPEND_ONLY,
	KEY_VALIDATE
};

static struct
{
	bool		has_feed;
	bool		is_append_only;
	const char *validate;
} wanted;

static const struct argp_option options[] = {
	{"feed", KEY_FEED, NULL, 0, "Let the store be followed, which tail and export need", 1},
	{"append-only", KEY_APPEND_ONLY, NULL, 0, "Refuse to change and to remove events", 1},
	{"validate-versions", KEY_VALIDATE, "HOW", 0,
	 "Which versions writers may add: sequential or increasing", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case KEY_FEED:
			wanted.has_feed = true;
			return 0;
		case KEY_APPEND_ONLY:
			wanted.is_append_only = true;
			return 0;
		case KEY_VALIDATE:
			wanted.validate = argument;
			return 0;
		case ARGP_KEY_ARG:
			argp_error(state, "init takes no argument; --table names another table");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Makes a store: its database, the extension and the table, as far as they are missing. "
		   "What is "
		   "there stays, and what the options name is switched on.\v"
		   "Example:\n\n  goes init --feed --validate-versions sequential",
	.children = connection_children};

static int
run(void)
{
	goes_pool  *pool = goes_store_pool(open_store(true));
	const char *values[] = {store_table(), wanted.validate, wanted.is_append_only ? "true" : NULL,
							wanted.has_feed ? "true" : NULL};

	if (wanted.validate != NULL || wanted.is_append_only || wanted.has_feed)
		PQclear(ask(
			pool,
			"SELECT @goes_alter_store($1, validate_versions => $2, append_only => $3, feed => $4)",
			4, values));
	printf("the store \"%s\" is ready\n", store_table());
	require_written(stdout);
	return EXIT_FINE;
}

const Command init_command = {"init", "make a store", &argp, run};
