/*
 * leave.h
 *    Ending a child process at once, with nothing of what its parent has for its end. What gcov has
 *    counted in the child is kept: tools/coverage defines COUNTS_LINES.
 */
#ifndef GOES_TEST_LEAVE_H
#define GOES_TEST_LEAVE_H

#include <stdnoreturn.h>
#include <unistd.h>

#ifdef COUNTS_LINES
void __gcov_dump(void);
#endif

static inline noreturn void
leave(int status)
{
#ifdef COUNTS_LINES
	__gcov_dump();
#endif
	_exit(status);
}

#endif
