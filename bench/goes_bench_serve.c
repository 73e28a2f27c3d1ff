/*
 * goes_bench_serve.c
 *	  The participant's side of the protocol.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

static const Participant *const participants[] = {
	&with_libgoes, &with_shared_commits, &with_sql, &with_bare, &with_copy, &with_unnest};

/*
 * find_participant returns the one of that name.
 */
static const Participant *
find_participant(const char *name)
{
	for (size_t i = 0; i < sizeof(participants) / sizeof(participants[0]); i++)
	{
		if (strcmp(participants[i]->name, name) == 0)
			return participants[i];
	}
	die("there is no participant \"%s\"", name);
}

/*
 * serve does what the standard input says, a line at a time: "open URL SIZE" once, and then
 * "turn SCENARIO CLIENTS COUNT SECONDS". Each line is answered by a line of JSON. The delay is that of
 * every operation, in microseconds: tests slow a participant down, to see whether that shows.
 */
int
serve(const char *name, int delay)
{
	const Participant *participant = find_participant(name);
	char			   line[1024];
	char			   scenario[64];
	char			   opened[1024] = "";
	Turn			   turn = {.scenario = scenario};

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		if (sscanf(line, "open %1000s %ld", opened, &turn.size) == 2)
		{
			fill_store(opened, turn.size);
			puts("{\"ready\": 1, \"count\": \"SELECT (SELECT count(*) FROM events) + (SELECT "
				 "count(*) FROM followed)\"}");
		}
		else if (sscanf(line, "turn %63s %d %d %lf", scenario, &turn.clients, &turn.count,
						&turn.seconds) == 4 &&
				 turn.clients <= MOST_CLIENTS && turn.count <= MOST_READ)
			take_turn(participant, opened, &turn, delay);
		else
			die("not understood: %s", line);
		fflush(stdout);
	}
	return 0;
}
