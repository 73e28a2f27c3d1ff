/*
 * bounds_turns.c
 *	  Two things that take turns in one backend, and what each takes of a processor.
 */
#include <stdio.h>

#include "bounds.h"

#define WARM_UP 10 /* turns that do not count */

/*
 * answer_clock is the clock for the time until the answer is there.
 */
double
answer_clock(PGconn *connection)
{
	(void) connection;
	return seconds_now();
}

/*
 * cost_of runs a side's turn and returns what a call took.
 */
double
cost_of(PGconn *connection, Clock clock, const Side *side, int turn)
{
	double before = clock(connection);

	side->run(connection, side, turn);
	return (clock(connection) - before) / side->calls;
}

/*
 * compare_sides lets two sides take turns.
 */
Cost
compare_sides(PGconn *connection, Clock clock, const Side *ours, const Side *theirs, int turns)
{
	double our_cost[MOST_TURNS];
	double their_cost[MOST_TURNS];

	if (turns > MOST_TURNS)
		die("%d turns are more than %d", turns, MOST_TURNS);
	for (int turn = 0; turn < WARM_UP + turns; turn++)
	{
		int place = turn < WARM_UP ? 0 : turn - WARM_UP;

		if (turn % 2 == 0)
			our_cost[place] = cost_of(connection, clock, ours, turn);
		their_cost[place] = cost_of(connection, clock, theirs, turn);
		if (turn % 2 != 0)
			our_cost[place] = cost_of(connection, clock, ours, turn);
	}
	return (Cost){median_of_turns(our_cost, turns), median_of_turns(their_cost, turns)};
}

/*
 * report_cost prints the line of a bound.
 */
void
report_cost(const char *what, Cost cost, const char *against, double most)
{
	char measured[64];
	char target[64];

	snprintf(measured, sizeof(measured), "%.2f x %s", cost.ours / cost.theirs, against);
	snprintf(target, sizeof(target), "at most %.2f x", most);
	report(what, measured, target, cost.ours <= most * cost.theirs);
}

/*
 * run_prepared runs a prepared statement without parameters.
 */
void
run_prepared(PGconn *connection, const Side *side, int turn)
{
	(void) turn;
	for (int i = 0; i < side->calls; i++)
		(void) time_prepared(connection, side->statement, 0, NULL, NULL, PGRES_TUPLES_OK);
}
