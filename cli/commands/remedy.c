/*
 * remedy.c
 *    Which remedies of goes_check_store may be run without a second thought.
 *
 * They add what is missing: an index, a trigger, a column, NOT NULL. All others drop, convert or revoke
 * something, move the table to another owner, or let a feed begin anew; these are a person's to run.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands/commands.h"

/* A statement with any of these words is not run, whatever else it says. */
static const char *const words[] = {"DROP",		"USING", "CASCADE", "REVOKE", "DELETE",
									"TRUNCATE", "TYPE",	 "RESTART", "OWNER",  "UPDATE"};

/* How a statement begins that adds something, ... */
static const char *const starts[] = {"CREATE INDEX ", "CREATE UNIQUE INDEX ", "CREATE TRIGGER ",
									 "CREATE OR REPLACE TRIGGER "};

/* ... and what follows ALTER TABLE and the table's name. */
static const char *const changes[] = {"ADD COLUMN ", "ADD PRIMARY KEY ", "SET LOGGED",
									  "ENABLE ALWAYS TRIGGER "};

static const char alter_table[] = "ALTER TABLE ";

/*
 * behind_name steps over a name as it is written in SQL, and the blank behind it.
 */
static const char *
behind_name(const char *at)
{
	bool is_quoted = false;

	for (; *at != '\0' && (is_quoted || *at != ' '); at++)
		is_quoted ^= *at == '"';
	return *at == ' ' ? at + 1 : at;
}

static bool
begins_with(const char *text, const char *const *choices, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strncmp(text, choices[i], strlen(choices[i])) == 0)
			return true;
	}
	return false;
}

/*
 * has_word tells whether a word stands in a text by itself.
 */
static bool
has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = text; *c != '\0'; c++)
	{
		if (strncasecmp(c, word, length) == 0 && !isalnum((unsigned char) c[length]) &&
			c[length] != '_' && (c == text || (!isalnum((unsigned char) c[-1]) && c[-1] != '_')))
			return true;
	}
	return false;
}

static bool
changes_nothing_else(const char *change)
{
	static const char column[] = "ALTER COLUMN ";

	if (strncmp(change, column, strlen(column)) == 0)
		return strncmp(behind_name(change + strlen(column)), "SET NOT NULL", 12) == 0;
	return begins_with(change, changes, sizeof changes / sizeof *changes);
}

/*
 * switches_guard_on tells whether goes_alter_store is called for a guard. For a feed it may let the
 * positions begin anew, and every reader with them.
 */
static bool
switches_guard_on(const char *statement)
{
	return strstr(statement, "goes_alter_store(") != NULL && strstr(statement, "feed =>") == NULL;
}

/*
 * adds_something tells it of one statement.
 */
static bool
adds_something(const char *statement)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
	{
		if (has_word(statement, words[i]))
			return false;
	}
	if (strncmp(statement, alter_table, strlen(alter_table)) == 0)
		return changes_nothing_else(behind_name(statement + strlen(alter_table)));
	if (strncmp(statement, "SELECT ", 7) == 0)
		return strstr(statement, "goes_create_") != NULL || switches_guard_on(statement);
	return begins_with(statement, starts, sizeof starts / sizeof *starts);
}

bool
loses_nothing(const char *remedy)
{
	char *copy = allocated(strdup(remedy));
	char *next = copy;
	bool  is_fine = true;

	while (is_fine && next != NULL)
	{
		char *statement = next;
		char *end = strstr(statement, ";\n");

		next = end == NULL ? NULL : end + 2;
		if (end != NULL)
			*end = '\0';
		is_fine = adds_something(statement);
	}
	free(copy);
	return is_fine;
}
