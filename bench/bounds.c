/*
 * bounds.c
 *	  Measures what the design promises, and prints each promise with its target.
 *
 * The server is the one that libpq's environment names, on this machine, and its
 * database is one to throw away. A missed target is reported and is no failure; that
 * something could not be measured is one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"

/*
 * report prints the line of a bound.
 */
void
report(const char *what, const char *measured, const char *target, bool is_met)
{
	printf("%-48s %-22s target: %-22s %s\n", what, measured, target, is_met ? "met" : "MISSED");
	fflush(stdout);
}

/*
 * detail prints a line that belongs to the bound above it.
 */
void
detail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("    ", stdout);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	fflush(stdout);
}

/* The measures, by the names that choose them. */
static const struct
{
	const char *name;
	void (*measure)(void);
} measures[] = {
	{"batch", measure_batches},
	{"aggregate", measure_aggregate},
	{"append", measure_appends},
	{"append_batch", measure_append_batches},
	{"append_each", measure_append_each},
	{"drivers", measure_drivers},
	{"load", measure_load},
	{"memory", measure_memory},
	{"libgoes", measure_libgoes},
	{"instructions", measure_instructions},
	{"loops", measure_loops},
	{"feed", measure_feed},
	{"waits", measure_feed_waits},
	{"follow", measure_follow},
	{"tool", measure_tool},
	{"subscriptions", measure_subscriptions},
	{"subscription_waits", measure_subscription_waits},
	{"writer", measure_writer},
};

/*
 * is_chosen tells whether the arguments name a measure; none of them names all.
 */
static bool
is_chosen(const char *name, int count, char *const *arguments)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(arguments[i], name) == 0)
			return true;
	}
	return count == 0;
}

/*
 * list_measures ends the program with the names of all measures.
 */
static void
list_measures(void)
{
	char names[512] = "";

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
	{
		strcat(names, " ");
		strcat(names, measures[i].name);
	}
	die("the measures are:%s", names);
}

int
main(int count, char **arguments)
{
	PGconn *connection = connect_to_server();
	int		chosen = 0;

	run(connection, "CREATE EXTENSION IF NOT EXISTS goes_store");
	PQfinish(connection);
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
	{
		if (!is_chosen(measures[i].name, count - 1, arguments + 1))
			continue;
		measures[i].measure();
		chosen++;
	}
	if (chosen == 0 || chosen < count - 1)
		list_measures();
	return 0;
}
