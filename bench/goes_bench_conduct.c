/*
 * goes_bench_conduct.c
 *	  Rounds of turns, in which every participant has one, in an order that rotates.
 *
 * After each scenario the stores are counted. A participant that has not stored or read just what it said,
 * or what was asked for, fails the run: its rate would be a rate of something else.
 */
#include <stdlib.h>
#include <string.h>

#include "goes_bench.h"

#define LONGEST_URL 1000

static PGconn *maintenance;
static int	   turns_done;

/*
 * make_url writes a database's URL, from where the conductor itself is connected.
 */
static void
make_url(char *url, const char *database)
{
	const char *password = PQpass(maintenance);

	if (snprintf(url, LONGEST_URL, "postgres://%s%s%s@%s:%s/%s?sslmode=disable",
				 PQuser(maintenance), *password ? ":" : "", password,
				 *PQhost(maintenance) == '/' ? "localhost" : PQhost(maintenance),
				 PQport(maintenance), database) >= LONGEST_URL)
		die("the URL is too long");
}

/*
 * name_database names the database of a participant's store: ours and the references share one.
 */
static void
name_database(char *name, size_t length, const Runner *runner, long size)
{
	snprintf(name, length, "bench_%s_%ld", runner->is_ours ? "ours" : runner->name, size);
}

/*
 * drop_stores drops the databases of a size, those of an earlier run among them.
 */
static void
drop_stores(Settings *settings, long size)
{
	char database[64];

	run(maintenance, "SET client_min_messages = warning");
	for (int i = 0; i < settings->runner_count; i++)
	{
		name_database(database, sizeof(database), &settings->runners[i], size);
		run(maintenance, "DROP DATABASE IF EXISTS \"%s\" WITH (FORCE)", database);
	}
}

/*
 * open_store makes a participant's database, unless there is one that it shares, and starts it.
 */
static void
open_store(Runner *runner, long size)
{
	char	  database[64];
	char	  url[LONGEST_URL];
	char	  text[256];
	PGresult *result;

	name_database(database, sizeof(database), runner, size);
	make_url(url, database);
	snprintf(text, sizeof(text), "SELECT 1 FROM pg_database WHERE datname = '%s'", database);
	result = query(maintenance, text);
	if (PQntuples(result) == 0)
		run(maintenance, "CREATE DATABASE \"%s\"", database);
	PQclear(result);
	start_runner(runner, url, size);
	if (runner->process == 0 && runner->is_ours)
		die("%s cannot fill its store", runner->name);
}

/*
 * count_store returns how many events a participant's store has.
 */
static long
count_store(Runner *runner, long size)
{
	char	  database[64];
	char	  url[LONGEST_URL];
	double	  number = -1;
	PGconn	 *connection;
	PGresult *result;

	if (runner->counting == NULL)
	{
		if (!ask_runner(runner, "count") || !answer_number(runner->answer, "count", &number))
			return -1;
		return (long) number;
	}
	name_database(database, sizeof(database), runner, size);
	make_url(url, database);
	connection = PQconnectdb(url);
	result = PQexec(connection, runner->counting);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(connection));
	number = atof(PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(connection);
	return (long) number;
}

/*
 * check_counts makes sure that each store has what it had and what its participants say they have
 * stored.
 */
static void
check_counts(Settings *settings, const char *when, long size)
{
	long ours = 0;
	bool ours_is_counted = false;

	for (int i = 0; i < settings->runner_count; i++)
		ours += settings->runners[i].is_ours ? settings->runners[i].stored : 0;
	for (int i = 0; i < settings->runner_count; i++)
	{
		Runner *runner = &settings->runners[i];
		long	expected = runner->is_ours ? ours : runner->stored;
		long	count;

		if (runner->process == 0 || (runner->is_ours && ours_is_counted))
			continue;
		ours_is_counted |= runner->is_ours;
		count = count_store(runner, size);
		if (runner->process != 0 && count != size + expected)
			die("wrong count after \"%s\": %s has %ld events, and should have %ld", when,
				runner->is_ours ? "the shared store" : runner->name, count, size + expected);
	}
}

/*
 * check_answer makes sure that a turn was one of the scenario. Before a turn that does not count, clients may
 * have had to connect, which is not in its seconds.
 */
static void
check_answer(const Runner *runner, const Scenario *scenario, long size, double elapsed, bool counts)
{
	double operations = 0;
	double events = 0;
	double stored = 0;
	double seconds = 0;
	double expected;

	if (!answer_number(runner->answer, "operations", &operations) ||
		!answer_number(runner->answer, "events", &events) ||
		!answer_number(runner->answer, "stored", &stored) ||
		!answer_number(runner->answer, "seconds", &seconds) || operations < 1)
		die("%s does not say what it has done: %.200s", runner->name, runner->answer);
	expected = operations * (double) events_of_operation(scenario, size);
	if (scenario->writes && stored != expected)
		die("wrong count in \"%s\": %s says that it has stored %.0f events, and should have "
			"stored %.0f",
			scenario->label, runner->name, stored, expected);
	if (strcmp(scenario->name, "everything") == 0 ? events < expected : events != expected)
		die("wrong count in \"%s\": %s has %.0f events, and should have %.0f", scenario->label,
			runner->name, events, expected);
	if (seconds <= 0 || seconds > elapsed || (counts && seconds < elapsed / 2 - 1))
		die("\"%s\": %s says that it took %.3f s, and it took %.3f", scenario->label, runner->name,
			seconds, elapsed);
}

/*
 * take_answer adds a turn to the outcome of a participant.
 */
static void
take_answer(Outcome *outcome, const Scenario *scenario, bool counts)
{
	Runner *runner = outcome->runner;
	double	events = 0;
	double	stored = 0;
	double	seconds = 0;

	(void) answer_number(runner->answer, "events", &events);
	(void) answer_number(runner->answer, "stored", &stored);
	(void) answer_number(runner->answer, "seconds", &seconds);
	if (scenario->writes)
		runner->stored += (long) stored;
	if (!counts)
		return;
	outcome->rates[outcome->rounds++] = events / seconds;
	outcome->events += (long) events;
	answer_numbers(runner->answer, "latencies_us", &outcome->latencies);
}

/*
 * play_turn lets a participant have its turn.
 */
static void
play_turn(Settings *settings, Outcome *outcome, const Scenario *scenario, long size, bool counts)
{
	Runner *runner = outcome->runner;
	double	client = cpu_of_process(runner->process);
	double	server = runner->server ? cpu_of_process(runner->server) : cpu_of_server();
	double	start = seconds_now();
	bool	is_there = ask_runner(runner, "turn %s %d %d %.3f", scenario->name, scenario->clients,
								  scenario->count, settings->seconds);
	double	elapsed = seconds_now() - start;
	double	unsupported;

	if (!is_there)
	{
		if (runner->is_ours)
			die("%s has ended in \"%s\"", runner->name, scenario->label);
		snprintf(outcome->problem, sizeof(outcome->problem), "it ended in this scenario");
	}
	else if (answer_number(runner->answer, "unsupported", &unsupported))
		snprintf(outcome->problem, sizeof(outcome->problem), "it has no such thing");
	else
	{
		check_answer(runner, scenario, size, elapsed, counts);
		take_answer(outcome, scenario, counts);
	}
	client = cpu_of_process(runner->process) - client;
	server = (runner->server ? cpu_of_process(runner->server) : cpu_of_server()) - server;
	if (counts)
	{
		outcome->client_cpu += client;
		outcome->server_cpu += server;
	}
}

/*
 * play_scenario has all rounds of a scenario. The first does not count.
 */
static void
play_scenario(Settings *settings, const Scenario *scenario, long size)
{
	Outcome outcomes[MOST_PARTICIPANTS];

	memset(outcomes, 0, sizeof(outcomes));
	for (int i = 0; i < settings->runner_count; i++)
	{
		outcomes[i].runner = &settings->runners[i];
		if (settings->runners[i].process == 0)
			snprintf(outcomes[i].problem, sizeof(outcomes[i].problem), "it does not run");
	}
	for (int round = 0; round <= settings->rounds; round++)
	{
		for (int i = 0; i < settings->runner_count; i++)
		{
			Outcome *outcome = &outcomes[(round + i) % settings->runner_count];

			show_progress(scenario, size, turns_done++);
			if (*outcome->problem == '\0')
				play_turn(settings, outcome, scenario, size, round > 0);
		}
	}
	check_counts(settings, scenario->label, size);
	clear_progress();
	put_result(settings, scenario, size, outcomes, settings->runner_count);
	for (int i = 0; i < settings->runner_count; i++)
		free(outcomes[i].latencies.values);
}

/*
 * is_wanted tells whether a scenario is to be measured.
 */
static bool
is_wanted(const Settings *settings, const Scenario *scenario, long size)
{
	char listed[1024];
	char name[64];

	if (settings->only != NULL)
	{
		snprintf(listed, sizeof(listed), ",%s,", settings->only);
		snprintf(name, sizeof(name), ",%s,", scenario->name);
		if (strstr(listed, name) == NULL)
			return false;
	}
	return !has_result(settings, scenario, size);
}

/*
 * wanted_scenarios counts those of a size.
 */
static int
wanted_scenarios(const Settings *settings, long size)
{
	int count = 0;

	for (int i = 0; i < scenario_count(); i++)
		count += is_wanted(settings, &scenarios[i], size);
	return count;
}

/*
 * conduct_size measures with stores of a size.
 */
static void
conduct_size(Settings *settings, long size)
{
	if (wanted_scenarios(settings, size) == 0)
		return;
	show_progress(NULL, size, turns_done);
	drop_stores(settings, size);
	for (int i = 0; i < settings->runner_count; i++)
		open_store(&settings->runners[i], size);
	check_counts(settings, "filling", size);
	for (int i = 0; i < scenario_count(); i++)
	{
		if (is_wanted(settings, &scenarios[i], size))
			play_scenario(settings, &scenarios[i], size);
	}
	for (int i = 0; i < settings->runner_count; i++)
		stop_runner(&settings->runners[i]);
	drop_stores(settings, size);
}

/*
 * conduct measures everything that is wanted.
 */
void
conduct(Settings *settings)
{
	int scenarios_wanted = 0;

	maintenance = connect_to_server();
	watch_server(maintenance);
	for (int i = 0; i < settings->size_count; i++)
		scenarios_wanted += wanted_scenarios(settings, settings->sizes[i]);
	expect_turns(scenarios_wanted * (settings->rounds + 1) * settings->runner_count);
	for (int i = 0; i < settings->size_count; i++)
		conduct_size(settings, settings->sizes[i]);
	PQfinish(maintenance);
}
