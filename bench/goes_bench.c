/*
 * goes_bench.c
 *	  Measures the store beside what else a program might use: `make bench`, `make bench-peers`.
 *
 * The server is the one that libpq's environment names, on this machine. The databases bench_* there are
 * made and dropped.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goes_bench.h"

static const char usage[] =
	"usage: goes_bench [option ...]\n"
	"  --size EVENTS[,EVENTS...]   how many events the stores have (10000,1000000)\n"
	"  --rounds COUNT              turns of each participant that count (5)\n"
	"  --seconds SECONDS           how long a turn is (0.5)\n"
	"  --only SCENARIO[,...]       append, hot, batch, each, load, find, common, rare, everything, "
	"follow\n"
	"  --participants NAME[,...]   libgoes, shared, sql, bare, copy, unnest (all), or \"none\"\n"
	"  --peer NAME=COMMAND         a program that speaks the protocol of bench/README.md\n"
	"  --results FILE              keeps lines of JSON there, and goes on with what it lacks\n"
	"  --json                      prints lines of JSON\n"
	"  --participant NAME          is a participant, and serves the standard input\n"
	"  --delay MICROSECONDS        slows each operation of that participant down\n";

enum
{
	SIZE = 1,
	ROUNDS,
	SECONDS,
	ONLY,
	PARTICIPANTS,
	PEER,
	RESULTS,
	JSON,
	PARTICIPANT,
	DELAY
};

static const struct option options[] = {{"size", required_argument, NULL, SIZE},
										{"rounds", required_argument, NULL, ROUNDS},
										{"seconds", required_argument, NULL, SECONDS},
										{"only", required_argument, NULL, ONLY},
										{"participants", required_argument, NULL, PARTICIPANTS},
										{"peer", required_argument, NULL, PEER},
										{"results", required_argument, NULL, RESULTS},
										{"json", no_argument, NULL, JSON},
										{"participant", required_argument, NULL, PARTICIPANT},
										{"delay", required_argument, NULL, DELAY},
										{0}};

static char participants[] = "libgoes,shared,sql,bare,copy,unnest";

/*
 * add_runner adds a participant.
 */
static void
add_runner(Settings *settings, const char *name, const char *command, bool is_ours)
{
	Runner *runner = &settings->runners[settings->runner_count];

	if (settings->runner_count++ == MOST_PARTICIPANTS)
		die("there are more than %d participants", MOST_PARTICIPANTS);
	runner->name = name;
	runner->command = command;
	runner->is_ours = is_ours;
}

/*
 * add_own adds those that are this program, by their names.
 */
static void
add_own(Settings *settings, char *names)
{
	char self[1024];

	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		die("cannot find the program itself");
	self[length] = '\0';
	for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ","))
	{
		char *command;

		if (asprintf(&command, "'%s' --participant %s", self, name) < 0)
			die("out of memory");
		add_runner(settings, name, command, true);
	}
}

/*
 * add_peer adds a program by "NAME=COMMAND".
 */
static void
add_peer(Settings *settings, char *text)
{
	char *command = strchr(text, '=');

	if (command == NULL)
		die("--peer takes NAME=COMMAND, and not \"%s\"", text);
	*command++ = '\0';
	add_runner(settings, text, command, false);
}

/*
 * read_sizes reads how many events there are to be. The aggregates of 1,000 take 5,000.
 */
static void
read_sizes(Settings *settings, char *text)
{
	settings->size_count = 0;
	for (char *size = strtok(text, ","); size != NULL; size = strtok(NULL, ","))
	{
		long events = strtol(size, NULL, 10);

		if (events < 5000 || events % 5000 != 0 || settings->size_count == 8)
			die("--size takes up to 8 multiples of 5000, and not \"%s\"", size);
		settings->sizes[settings->size_count++] = events;
	}
}

int
main(int count, char **arguments)
{
	Settings settings = {.seconds = 0.5, .rounds = 5, .sizes = {10000, 1000000}, .size_count = 2};
	const char *participant = NULL;
	char	   *own = participants;
	char	   *peers[MOST_PARTICIPANTS];
	int			peer_count = 0;
	int			delay = 0;
	int			option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1)
	{
		switch (option)
		{
			case SIZE:
				read_sizes(&settings, optarg);
				break;
			case ROUNDS:
				settings.rounds = atoi(optarg);
				break;
			case SECONDS:
				settings.seconds = atof(optarg);
				break;
			case ONLY:
				settings.only = optarg;
				break;
			case PARTICIPANTS:
				own = optarg;
				break;
			case PEER:
				if (peer_count == MOST_PARTICIPANTS)
					die("there are more than %d peers", MOST_PARTICIPANTS);
				peers[peer_count++] = optarg;
				break;
			case RESULTS:
				settings.results = optarg;
				break;
			case JSON:
				settings.json = true;
				break;
			case PARTICIPANT:
				participant = optarg;
				break;
			case DELAY:
				delay = atoi(optarg);
				break;
			default:
				fputs(usage, stderr);
				return 2;
		}
	}
	if (participant != NULL)
		return serve(participant, delay);
	if (settings.rounds < 1 || settings.rounds > MOST_ROUNDS || settings.seconds <= 0)
		die("--rounds takes 1 to %d, --seconds more than 0", MOST_ROUNDS);
	if (strcmp(own, "none") != 0)
		add_own(&settings, own);
	for (int i = 0; i < peer_count; i++)
		add_peer(&settings, peers[i]);
	conduct(&settings);
	return 0;
}
