/*
 * goes_bench_results.c
 *	  What is printed, and the lines of JSON that are kept.
 *
 * A line is about a scenario with stores of a size. A run that was interrupted goes on where it was: what
 * its file has already is not measured again.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

/*
 * write_key writes what a line begins with, which says what it is about.
 */
static void
write_key(char *key, size_t size, const Scenario *scenario, long events)
{
	snprintf(key, size, "{\"scenario\": \"%s\", \"clients\": %d, \"count\": %d, \"size\": %ld, ",
			 scenario->name, scenario->clients, scenario->count, events);
}

/*
 * has_result tells whether the file has a scenario already.
 */
bool
has_result(const Settings *settings, const Scenario *scenario, long size)
{
	FILE  *file = settings->results != NULL ? fopen(settings->results, "r") : NULL;
	char   key[256];
	char  *line = NULL;
	size_t room = 0;
	bool   found = false;

	if (file == NULL)
		return false;
	write_key(key, sizeof(key), scenario, size);
	while (!found && getline(&line, &room, file) > 0)
		found = strncmp(line, key, strlen(key)) == 0;
	free(line);
	fclose(file);
	return found;
}

/*
 * quantile returns the number below which that share of the numbers is. They are in order.
 */
double
quantile(const Numbers *numbers, double share)
{
	size_t place = (size_t) (share * (double) numbers->count);

	if (numbers->count == 0)
		return 0;
	return numbers->values[place < numbers->count ? place : numbers->count - 1];
}

/*
 * put_outcome writes what a participant's turns were like.
 */
static void
put_outcome(FILE *file, const Outcome *outcome)
{
	if (*outcome->problem != '\0')
	{
		fprintf(file, "{\"name\": \"%s\", \"problem\": \"%s\"}", outcome->runner->name,
				outcome->problem);
		return;
	}
	fprintf(file, "{\"name\": \"%s\", \"rates\": [", outcome->runner->name);
	for (int i = 0; i < outcome->rounds; i++)
		fprintf(file, "%s%.1f", i == 0 ? "" : ", ", outcome->rates[i]);
	fprintf(
		file,
		"], \"p50_us\": %.0f, \"p99_us\": %.0f, \"client_cpu_us\": %.2f, \"server_cpu_us\": %.2f}",
		quantile(&outcome->latencies, 0.5), quantile(&outcome->latencies, 0.99),
		1e6 * outcome->client_cpu / (double) outcome->events,
		1e6 * outcome->server_cpu / (double) outcome->events);
}

/*
 * put_line writes the line of a scenario.
 */
static void
put_line(FILE *file, const Scenario *scenario, long size, const Outcome *outcomes, int count)
{
	char key[256];

	write_key(key, sizeof(key), scenario, size);
	fprintf(file, "%s\"label\": \"%s\", \"outcomes\": [", key, scenario->label);
	for (int i = 0; i < count; i++)
	{
		fputs(i == 0 ? "" : ", ", file);
		put_outcome(file, &outcomes[i]);
	}
	fputs("]}\n", file);
	fflush(file);
}

/*
 * median_rate returns that of the rounds.
 */
static double
median_rate(const Outcome *outcome)
{
	double rates[MOST_ROUNDS];

	memcpy(rates, outcome->rates, sizeof(rates));
	return median(rates, outcome->rounds);
}

/*
 * put_ratio prints how fast the first participant is beside another, round by round, if it has the scenario.
 */
static void
put_ratio(const Outcome *first, const Outcome *other)
{
	double ratios[MOST_ROUNDS];

	if (first->rounds != other->rounds)
		return;
	for (int round = 0; round < other->rounds; round++)
		ratios[round] = first->rates[round] / other->rates[round];
	qsort(ratios, (size_t) other->rounds, sizeof(double), compare_numbers);
	printf("  %s is %5.2f x (%.2f to %.2f)", first->runner->name, ratios[other->rounds / 2],
		   ratios[0], ratios[other->rounds - 1]);
}

/*
 * put_table prints a scenario for people.
 */
static void
put_table(const Scenario *scenario, long size, const Outcome *outcomes, int count)
{
	printf("%s, %ld events\n", scenario->label, size);
	for (int i = 0; i < count; i++)
	{
		const Outcome *outcome = &outcomes[i];

		if (*outcome->problem != '\0')
		{
			printf("    %-14s -  %s\n", outcome->runner->name, outcome->problem);
			continue;
		}
		printf("    %-14s %10.0f events/s", outcome->runner->name, median_rate(outcome));
		put_ratio(&outcomes[0], outcome);
		printf("  p50 %8.0f us  p99 %8.0f us  CPU %6.1f + %6.1f us\n",
			   quantile(&outcome->latencies, 0.5), quantile(&outcome->latencies, 0.99),
			   1e6 * outcome->client_cpu / (double) outcome->events,
			   1e6 * outcome->server_cpu / (double) outcome->events);
	}
	fflush(stdout);
}

/*
 * put_result prints a scenario, and keeps it if there is a file for that.
 */
void
put_result(const Settings *settings, const Scenario *scenario, long size, const Outcome *outcomes,
		   int count)
{
	FILE *file;

	for (int i = 0; i < count; i++)
		qsort(outcomes[i].latencies.values, outcomes[i].latencies.count, sizeof(double),
			  compare_numbers);
	if (settings->json)
		put_line(stdout, scenario, size, outcomes, count);
	else
		put_table(scenario, size, outcomes, count);
	if (settings->results == NULL)
		return;
	file = fopen(settings->results, "a");
	if (file == NULL)
		die("cannot write %s", settings->results);
	put_line(file, scenario, size, outcomes, count);
	fclose(file);
}
