/*
 * resident.h
 *    How much memory the test program takes.
 */
#ifndef GOES_TEST_RESIDENT_H
#define GOES_TEST_RESIDENT_H

#include <fcntl.h>
#include <unistd.h>

#include "server.h"

/*
 * memory_kb reads a line of /proc/self/status: VmRSS is what we have, VmHWM the most we had since
 * forget_most_memory.
 */
static inline long
memory_kb(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char  line[256];
	long  found = -1;

	assert_non_null(file);
	while (found < 0 && fgets(line, sizeof line, file) != NULL)
	{
		if (strncmp(line, name, strlen(name)) == 0)
			found = atol(line + strlen(name) + 1);
	}
	fclose(file);
	assert_true(found > 0);
	return found;
}

static inline void
forget_most_memory(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY);

	assert_true(file >= 0);
	assert_int_equal(write(file, "5", 1), 1);
	close(file);
}

#endif
