/*
 * interrupt.c
 *    Ctrl-C, and how long a call may take.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"

static goes_context			 context = {.size = sizeof context};
static volatile sig_atomic_t interrupts = 0;

static void
interrupt(int signal)
{
	(void) signal;
	interrupts++;
	if (interrupts > 1)
		_exit(EXIT_INTERRUPTED);
	goes_cancel_trigger(context.cancel);
}

/*
 * catch_interrupts leaves out SA_RESTART, so that waiting for input ends, too.
 */
void
catch_interrupts(void)
{
	struct sigaction action = {.sa_handler = interrupt};

	context.cancel = goes_cancel_new();
	if (context.cancel == NULL)
	{
		perror("goes: no memory, or no file descriptor");
		exit(EXIT_OTHER);
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool
is_interrupted(void)
{
	return interrupts > 0;
}

void
set_timeout(int64_t timeout_ms)
{
	context.timeout_ms = timeout_ms;
}

const goes_context *
call_context(void)
{
	return &context;
}
