/*
 * goes_bench_cpu.c
 *	  Who has taken how much of a processor: a process, or all processes of the PostgreSQL server.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "goes_bench.h"

#define MOST_PROCESSES 1024

/* The server's processes, with what each had taken when they were looked at last. */
static struct
{
	pid_t  process;
	double seconds;
} known[MOST_PROCESSES];

static int	  known_count;
static double taken; /* since watch_server */
static pid_t  postmaster;

/*
 * cpu_of_process returns the seconds that all threads of a process have taken; 0 if it is gone.
 */
double
cpu_of_process(pid_t process)
{
	clockid_t		clock;
	struct timespec time;

	if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return 0;
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/*
 * watch_server finds the server's processes by a backend's parent.
 */
void
watch_server(PGconn *connection)
{
	char  path[64];
	int	  parent;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", PQbackendPID(connection));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
		die("cannot read %s: the server must run on this machine, and this must be Linux", path);
	fclose(file);
	postmaster = parent;
}

/*
 * since_known returns what a process has taken since it was looked at last, and remembers it.
 */
static double
since_known(pid_t process)
{
	double seconds = cpu_of_process(process);
	double before;

	for (int i = 0; i < known_count; i++)
	{
		if (known[i].process != process)
			continue;
		before = known[i].seconds;
		known[i].seconds = seconds;
		return seconds > before ? seconds - before : 0;
	}
	if (known_count == MOST_PROCESSES)
		known_count = 0;
	known[known_count].process = process;
	known[known_count++].seconds = seconds;
	return seconds;
}

/*
 * cpu_of_server returns the seconds that the server's processes have taken so far. What a process took at
 * the end of its life, after it was looked at last, is not in it.
 */
double
cpu_of_server(void)
{
	char  path[64];
	int	  process;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) postmaster, (int) postmaster);
	file = fopen(path, "r");
	if (file == NULL)
		die("cannot read %s, which tells the server's processes", path);
	taken += since_known(postmaster);
	while (fscanf(file, "%d", &process) == 1)
		taken += since_known(process);
	fclose(file);
	return taken;
}
