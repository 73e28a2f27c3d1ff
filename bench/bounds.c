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

int
main(void)
{
	PGconn *connection = connect_to_server();

	run(connection, "CREATE EXTENSION goes_store");
	PQfinish(connection);

	measure_batches();
	measure_aggregate();
	measure_appends();
	measure_load();
	measure_memory();
	measure_libgoes();
	measure_loops();
	return 0;
}
