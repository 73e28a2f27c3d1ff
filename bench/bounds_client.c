/*
 * bounds_client.c
 *	  Talking to the server, and reading the clock and a backend's memory.
 *
 * Whatever goes wrong ends the program: a number is measured or there is none.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"

/*
 * die ends the program with a message.
 */
void
die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

/*
 * connect_to_server opens a connection to the server that the environment names.
 */
PGconn *
connect_to_server(void)
{
	/* encryption costs both sides of a ratio the same and would hide the difference */
	PGconn *connection = PQconnectdb("sslmode=disable");

	if (PQstatus(connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(connection));
	return connection;
}

/*
 * check_result makes sure that a command went as expected, and frees its result.
 */
void
check_result(PGconn *connection, PGresult *result, ExecStatusType expected)
{
	if (PQresultStatus(result) != expected)
		die("%s", PQerrorMessage(connection));
	PQclear(result);
}

/*
 * run runs a command, or a query whose rows are of no interest.
 */
void
run(PGconn *connection, const char *format, ...)
{
	char	  command[4096];
	va_list	  arguments;
	PGresult *result;

	va_start(arguments, format);
	if (vsnprintf(command, sizeof(command), format, arguments) >= (int) sizeof(command))
		die("command is too long: %s", command);
	va_end(arguments);
	result = PQexec(connection, command);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s%s", PQerrorMessage(connection), command);
	PQclear(result);
}

/*
 * query runs a query and returns its rows in binary.
 */
PGresult *
query(PGconn *connection, const char *text)
{
	PGresult *result = PQexecParams(connection, text, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s%s", PQerrorMessage(connection), text);
	return result;
}

/*
 * type_oid looks up a type that the extension brought.
 */
Oid
type_oid(PGconn *connection, const char *name)
{
	PGresult *result =
		PQexecParams(connection, "SELECT $1::regtype::oid::text", 1, NULL, &name, NULL, NULL, 0);
	Oid oid;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(connection));
	oid = (Oid) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return oid;
}

/*
 * prepare prepares a statement.
 */
void
prepare(PGconn *connection, const char *name, const char *text, int type_count, const Oid *types)
{
	check_result(connection, PQprepare(connection, name, text, type_count, types),
				 PGRES_COMMAND_OK);
}

/*
 * run_on lets a process, or with 0 this one, run on some processors only.
 */
static void
run_on(const cpu_set_t *processors, pid_t process)
{
	if (sched_setaffinity(process, sizeof(*processors), processors) != 0)
		die("cannot choose the processor of process %d: %s", (int) process, strerror(errno));
}

/*
 * share_processor lets this program and all backends of the connection's database run on
 * one processor, or on any again. Otherwise one of two backends that take turns may be on
 * the program's processor for a whole run, and the other on another one. Waking that one
 * takes three times as long as the call, so the ratio would tell where they were.
 */
void
share_processor(PGconn *connection, bool is_shared)
{
	static cpu_set_t any;
	cpu_set_t		 chosen;
	PGresult *result = query(connection, "SELECT pid::text FROM pg_stat_activity WHERE datname = "
										 "current_database() AND backend_type = 'client backend'");

	if (is_shared)
	{
		if (sched_getaffinity(0, sizeof(any), &any) != 0)
			die("cannot learn the processors: %s", strerror(errno));
		CPU_ZERO(&chosen);
		CPU_SET(sched_getcpu(), &chosen);
	}
	else
		chosen = any;
	for (int row = 0; row < PQntuples(result); row++)
		run_on(&chosen, (pid_t) atoi(PQgetvalue(result, row, 0)));
	run_on(&chosen, 0);
	PQclear(result);
}

/*
 * memory_of returns how much memory a connection's backend has for itself, in kB.
 *
 * RssAnon is what the process allocated and touched. Shared buffers and the pages of
 * files that it maps or reads are not in it, so neither is a tuplestore that went to
 * disk.
 */
long
memory_of(PGconn *connection)
{
	char  path[64];
	char  line[256];
	long  kilobytes = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", PQbackendPID(connection));
	file = fopen(path, "r");
	if (file == NULL)
		die("cannot read %s: the server must run on this machine, and this must be Linux", path);
	while (kilobytes < 0 && fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "RssAnon: %ld kB", &kilobytes);
	fclose(file);
	if (kilobytes < 0)
		die("%s has no RssAnon", path);
	return kilobytes;
}

/*
 * cpu_of returns how much time of a processor a connection's backend has taken so far, in
 * seconds. It is asked between statements, when the backend sleeps.
 */
double
cpu_of(PGconn *connection)
{
	char			   path[64];
	unsigned long long nanoseconds;
	FILE			  *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", PQbackendPID(connection));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%llu", &nanoseconds) != 1)
		die("cannot read %s: the server must run on this machine, and this must be Linux", path);
	fclose(file);
	return (double) nanoseconds / 1e9;
}

/*
 * seconds_now reads a clock that only ever goes forward.
 */
double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * pause_for sleeps.
 */
void
pause_for(int milliseconds)
{
	struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/*
 * compare_numbers orders numbers for qsort.
 */
int
compare_numbers(const void *left, const void *right)
{
	double a = *(const double *) left;
	double b = *(const double *) right;

	return (a > b) - (a < b);
}

/*
 * median returns the value in the middle, which a few disturbed ones do not move. It
 * sorts the values.
 */
double
median(double *values, int count)
{
	qsort(values, count, sizeof(double), compare_numbers);
	return values[count / 2];
}

/*
 * median_of_turns returns the median of calls that come first in every other pair. Coming
 * first and coming second take different times, above all when each has a backend of
 * its own: one median over both halves would be anywhere between.
 */
double
median_of_turns(const double *values, int count)
{
	double *half = malloc(count * sizeof(double));
	double	sum = 0;

	if (half == NULL)
		die("out of memory");
	for (int first = 0; first < 2; first++)
	{
		int length = 0;

		for (int i = first; i < count; i += 2)
			half[length++] = values[i];
		sum += median(half, length);
	}
	free(half);
	return sum / 2;
}

/*
 * random_number returns the next number of a fixed sequence (splitmix64), so that
 * every run asks the same questions.
 */
uint64_t
random_number(void)
{
	static uint64_t state = 0;
	uint64_t		number = state += 0x9e3779b97f4a7c15;

	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
	number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
	return number ^ (number >> 31);
}
