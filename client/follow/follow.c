/*
 * follow.c
 *    What feeds and subscriptions have in common.
 */
#include <stdio.h>

#include "follow/follow.h"

void
add_number(Parameters *parameters, const char *argument, Oid type, int64_t number, NumberText text)
{
	snprintf(text, sizeof(NumberText), "%lld", (long long) number);
	add_text(parameters, argument, type, text);
}

int64_t
wait_of_question(int64_t wait_ms)
{
	if (wait_ms < 0)
		return 0;
	return wait_ms > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : wait_ms;
}
