/*
 * goes_bench_scenarios.c
 *	  What is measured, those first that only read, so that they meet the store as it was filled.
 */
#include <string.h>

#include "goes_bench.h"

const Scenario scenarios[] = {
	{"load", 1, 10, false, "load an aggregate of 10"},
	{"load", 1, 100, false, "load an aggregate of 100"},
	{"load", 1, 1000, false, "load an aggregate of 1,000"},
	{"find", 1, 1, false, "find by id"},
	{"common", 1, COMMON_READ, false, "1,000 of a common name"},
	{"rare", 1, RARE_STORED, false, "100 of a rare name"},
	{"everything", 1, MOST_READ, false, "everything in order"},
	{"append", 1, 1, true, "append 1, 1 client"},
	{"append", 8, 1, true, "append 1, 8 clients"},
	{"append", 32, 1, true, "append 1, 32 clients"},
	{"append", 64, 1, true, "append 1, 64 clients"},
	{"hot", 8, 1, true, "one hot stream, 8 clients"},
	{"follow", 16, 1, true, "follow 16 clients that write"},
	{"batch", 1, 10, true, "append 10 a call"},
	{"batch", 1, 100, true, "append 100 a call"},
	{"batch", 1, 1000, true, "append 1,000 a call"},
	{"each", 1, 1000, true, "1,000 appends under way"},
};

int
scenario_count(void)
{
	return (int) (sizeof(scenarios) / sizeof(scenarios[0]));
}

/*
 * events_of_operation tells how many events an operation has to read or store. Everything is at least as
 * much as there was when the store was filled.
 */
long
events_of_operation(const Scenario *scenario, long size)
{
	if (strcmp(scenario->name, "everything") == 0 && size < MOST_READ)
		return size;
	return scenario->count;
}
