/*
 * check.c
 *    goes check: what is wrong with a store, and what mends it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"

enum
{
	KEY_FIX = 0x300,
	KEY_YES
};

static bool fixes = false;
static bool is_agreed = false;

static const struct argp_option options[] = {
	{"fix", KEY_FIX, NULL, 0, "Ask, and run the remedies that take nothing away from anybody", 1},
	{"yes", KEY_YES, NULL, 0, "Do not ask", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	(void) argument;
	switch (key)
	{
		case KEY_FIX:
			fixes = true;
			return 0;
		case KEY_YES:
			is_agreed = true;
			return 0;
		case ARGP_KEY_ARG:
			argp_error(state, "check takes no argument; --table names another table");
			return 0;
		case ARGP_KEY_END:
			if (fixes && !is_agreed && !isatty(STDIN_FILENO))
				argp_error(
					state,
					"--fix asks before it changes anything: give --yes where nobody answers");
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc =
		"Lists what is wrong with a store, and the SQL that mends it. The exit status is 6 if "
		"there is "
		"something left. --fix runs what only adds: an index, a trigger, a column. What drops, "
		"converts or revokes something is left to you, and so is a feed that has to begin anew.\v"
		"Example:\n\n"
		"  goes check --fix",
	.children = format_children};

static PGresult *
problems_of_store(goes_pool *pool)
{
	const char *values[] = {store_table()};

	return ask(pool, "SELECT problem, remedy FROM @goes_check_store($1)", 1, values);
}

/*
 * show_text writes lines behind an indentation.
 */
static void
show_text(const char *heading, const char *text)
{
	printf("   %s", heading);
	for (const char *c = text; *c != '\0'; c++)
		printf(*c == '\n' ? "\n           " : "%c", *c);
	putchar('\n');
}

static void
show(const PGresult *problems)
{
	int count = PQntuples(problems);

	if (chosen_format()->is_json)
	{
		show_result(problems, chosen_format());
		return;
	}
	if (count == 0)
		printf("the store \"%s\" is sound\n", store_table());
	for (int i = 0; i < count; i++)
	{
		printf("%d. %s\n", i + 1, PQgetvalue(problems, i, 0));
		if (PQgetisnull(problems, i, 1))
			show_text("", "no SQL mends this: a person has to decide");
		else
			show_text("remedy: ", PQgetvalue(problems, i, 1));
	}
	require_written(stdout);
}

static bool
agrees(const char *remedy)
{
	char  *answer = NULL;
	size_t room = 0;
	bool   is_yes;

	if (is_agreed)
		return true;
	fprintf(stderr, "%s\nRun this? [y/N] ", remedy);
	is_yes = getline(&answer, &room, stdin) > 0 && (*answer == 'y' || *answer == 'Y');
	free(answer);
	if (is_interrupted())
		fail(EXIT_INTERRUPTED, "interrupted");
	return is_yes;
}

/*
 * fix runs the first remedy that may be run and was not yet. One may mend several problems, so the store is
 * checked again after each of them.
 */
static bool
fix(goes_pool *pool, const PGresult *problems, char **tried)
{
	for (int i = 0; i < PQntuples(problems); i++)
	{
		const char *remedy = PQgetvalue(problems, i, 1);
		char	   *known;

		if (*remedy == '\0' || !loses_nothing(remedy) || strstr(*tried, remedy) != NULL)
			continue;
		if (asprintf(&known, "%s\n%s", *tried, remedy) < 0)
			fail(EXIT_OTHER, "out of memory");
		free(*tried);
		*tried = known;
		if (!agrees(remedy))
			continue;
		if (try_to_run(pool, remedy))
			fprintf(stderr, "done: %s\n", remedy);
		return true;
	}
	return false;
}

/*
 * require_meant ends the tool if nobody is asked and the table may be one of something else: a name that
 * was mixed up would get the columns of a store.
 */
static void
require_meant(const PGresult *problems)
{
	static const char missing[] = "missing columns";

	for (int i = 0; is_agreed && i < PQntuples(problems); i++)
	{
		if (strncmp(PQgetvalue(problems, i, 0), missing, strlen(missing)) == 0)
			fail(EXIT_UNSOUND,
				 "table \"%s\" lacks columns of a store, so it may be another table than you mean; "
				 "nothing was done\nRun \"goes check --fix\" without --yes, and answer.",
				 store_table());
	}
}

static int
run(void)
{
	goes_pool *pool = open_database();
	PGresult  *problems = problems_of_store(pool);
	char	  *tried = allocated(strdup(""));
	bool	   is_sound;

	require_meant(problems);
	while (fixes && fix(pool, problems, &tried))
	{
		PQclear(problems);
		problems = problems_of_store(pool);
	}
	show(problems);
	is_sound = PQntuples(problems) == 0;
	PQclear(problems);
	free(tried);
	return is_sound ? EXIT_FINE : EXIT_UNSOUND;
}

const Command check_command = {"check", "say what is wrong with a store, and mend it", &argp, run};
