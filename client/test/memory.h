/*
 * memory.h
 *    Letting every allocation of some calls fail in turn. A new case is a scenario and one line:
 *
 *        static int
 *        insert_an_event(void *store)
 *        {
 *            goes_event event;
 *
 *            goes_event_init(&event, "order.placed", "{}");
 *            return goes_insert(store, &event, 1, NULL, NULL);
 *        }
 *        …
 *        every_allocation_fails(insert_an_event, store, GOES_OK, SAYS_NO_MEMORY);
 *
 * A program that includes this has "memory" in its name, so that the Makefile gives it the library
 * whose allocations can fail.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "unit.h"

/* What a scenario may return when an allocation failed. */
typedef enum Answer
{
	SAYS_NO_MEMORY, /* GOES_ERR_NOMEM only */
	MAY_RECOVER		/* or what it returns with enough memory: it could do without */
} Answer;

/*
 * A scenario makes calls, frees what it got and returns its status; NULL from a function that makes
 * something is GOES_ERR_NOMEM.
 */
typedef int (*Scenario)(void *input);

/*
 * every_allocation_fails runs a scenario again and again: the first allocation fails, then the second
 * and so on, alone and with all that follow, until none is left to fail. Each time it checks the
 * status and that nothing leaks. `expected` is the status when there is enough memory. Returns how
 * many allocations failed.
 */
long every_allocation_fails(Scenario scenario, void *input, int expected, Answer answer);

/* For tests with a story of their own: the next allocation but so many fails, or all from it on. */
void fail_allocation(long nth, bool and_all_later_ones);

/* Allocations succeed again; tells whether one failed. */
bool stop_failing(void);

/* How many blocks the library has allocated and not freed. */
long live_blocks(void);

/*
 * worse returns the first of two statuses that is a failure.
 */
static inline int
worse(int status, int other)
{
	return status != GOES_OK ? status : other;
}

#endif
