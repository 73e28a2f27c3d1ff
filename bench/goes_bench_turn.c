/*
 * goes_bench_turn.c
 *	  A participant's clients, and what they do in a turn.
 *
 * Clients are threads, each with a connection, which stay connected from turn to turn. A turn lasts
 * as long as it is told to, and until the last operation of each client is done.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "goes_bench.h"

#define FOLLOWED_LONGEST 10.0 /* seconds until an event that is stored counts as lost */

static Client			 clients[MOST_CLIENTS];
static Client			 follower;
static pthread_barrier_t together;
static int				 delay_of_operation;
static volatile long	 stored_so_far; /* by those who are followed; below 0: they still write */

/*
 * find_operation returns what a participant does in a scenario, or NULL.
 */
static Operation
find_operation(const Participant *participant, const char *scenario)
{
	for (const Work *work = participant->works; work->scenario != NULL; work++)
	{
		if (strcmp(work->scenario, scenario) == 0)
			return work->operation;
	}
	return NULL;
}

/*
 * begin_turn prepares a client for a turn. Each turn of "append" and "follow" begins an aggregate.
 */
static void
begin_turn(Client *client, const Participant *participant, const char *url, const Turn *turn)
{
	client->participant = participant;
	if (client->link == NULL)
		client->link = participant->connect(url);
	client->turn = turn;
	client->events = 0;
	client->latencies.count = 0;
	client->version = 0;
	goes_uuid_v7(&client->stream);
}

/*
 * work_through does operations until the time is over.
 */
static void *
work_through(void *argument)
{
	Client	 *client = argument;
	Operation operation = find_operation(client->participant, client->turn->scenario);
	double	  last;

	pthread_barrier_wait(&together);
	client->start = last = seconds_now();
	while (last < client->start + client->turn->seconds)
	{
		double now;

		client->events += operation(client);
		if (delay_of_operation > 0)
			usleep(delay_of_operation);
		now = seconds_now();
		keep(&client->latencies, 1e6 * (now - last));
		last = now;
	}
	client->end = last;
	return NULL;
}

/*
 * follow_through reads what the clients store, until all of it has come.
 */
static void *
follow_through(void *argument)
{
	Client *client = argument;
	double	last_news = seconds_now();

	while (stored_so_far < 0 || client->events < stored_so_far)
	{
		long news = client->participant->follow(client->link, &client->latencies);

		client->events += news;
		if (news > 0 || stored_so_far < 0)
			last_news = seconds_now();
		else if (seconds_now() > last_news + FOLLOWED_LONGEST)
			break;
	}
	client->end = seconds_now();
	return NULL;
}

/*
 * print_latencies prints those of a client.
 */
static void
print_latencies(const Numbers *latencies, bool *is_first)
{
	for (size_t i = 0; i < latencies->count; i++)
	{
		printf("%s%.0f", *is_first ? "" : ",", latencies->values[i]);
		*is_first = false;
	}
}

/*
 * print_answer prints what the turn was like.
 */
static void
print_answer(const Turn *turn, bool is_followed)
{
	double start = clients[0].start;
	double end = clients[0].end;
	long   events = 0;
	long   operations = 0;
	bool   is_first = true;

	for (int i = 0; i < turn->clients; i++)
	{
		start = clients[i].start < start ? clients[i].start : start;
		end = clients[i].end > end ? clients[i].end : end;
		events += clients[i].events;
		operations += (long) clients[i].latencies.count;
	}
	if (is_followed && follower.end > end)
		end = follower.end;
	printf("{\"operations\": %ld, \"events\": %ld, \"stored\": %ld, \"seconds\": %.6f, "
		   "\"latencies_us\": [",
		   operations, is_followed ? follower.events : events, events, end - start);
	if (is_followed)
		print_latencies(&follower.latencies, &is_first);
	else
	{
		for (int i = 0; i < turn->clients; i++)
			print_latencies(&clients[i].latencies, &is_first);
	}
	puts("]}");
}

/*
 * take_turn lets the clients work for a while, and prints what came of it.
 */
void
take_turn(const Participant *participant, const char *url, Turn *turn, int delay)
{
	bool	  is_followed = strcmp(turn->scenario, "follow") == 0;
	pthread_t threads[MOST_CLIENTS];
	pthread_t following;
	long	  stored = 0;

	if (find_operation(participant, turn->scenario) == NULL)
	{
		puts("{\"unsupported\": 1}");
		return;
	}
	delay_of_operation = delay;
	goes_uuid_v7(&turn->hot);
	stored_so_far = -1;
	if (is_followed)
	{
		begin_turn(&follower, participant, url, turn);
		participant->begin_following(follower.link);
	}
	for (int i = 0; i < turn->clients; i++)
		begin_turn(&clients[i], participant, url, turn);
	pthread_barrier_init(&together, NULL, (unsigned) turn->clients);
	if (is_followed && pthread_create(&following, NULL, follow_through, &follower) != 0)
		die("no thread");
	for (int i = 0; i < turn->clients; i++)
	{
		if (pthread_create(&threads[i], NULL, work_through, &clients[i]) != 0)
			die("no thread");
	}
	for (int i = 0; i < turn->clients; i++)
	{
		pthread_join(threads[i], NULL);
		stored += clients[i].events;
	}
	stored_so_far = stored;
	if (is_followed)
		pthread_join(following, NULL);
	pthread_barrier_destroy(&together);
	print_answer(turn, is_followed);
}
