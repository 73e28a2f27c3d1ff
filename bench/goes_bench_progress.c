/*
 * goes_bench_progress.c
 *	  How far it is, for whoever looks at a terminal.
 */
#include <unistd.h>

#include "goes_bench.h"

static int	  turns_expected;
static double first_turn;

/*
 * expect_turns says how many turns there will be in all.
 */
void
expect_turns(int count)
{
	turns_expected = count;
	first_turn = seconds_now();
}

/*
 * show_progress says what is measured, and how long all of it may still take.
 */
void
show_progress(const Scenario *scenario, long size, int turns_done)
{
	double since = seconds_now() - first_turn;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%3.0f %%  %ld events: %s", 100.0 * turns_done / turns_expected, size,
			scenario != NULL ? scenario->label : "filling the stores");
	if (turns_done > 0 && turns_done < turns_expected)
		fprintf(stderr, "; about %.0f s left", since / turns_done * (turns_expected - turns_done));
	fflush(stderr);
}

/*
 * clear_progress makes room for a line that stays.
 */
void
clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}
