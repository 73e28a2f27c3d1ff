/*
 * goes_bench_runner.c
 *	  The conductor's side of the protocol: participants are processes that are told what to do, a line at a
 *	  time, and answer with a line of JSON.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goes_bench.h"

/*
 * launch starts a participant's process.
 */
static void
launch(Runner *runner)
{
	int	 down[2];
	int	 up[2];
	char command[4096];

	if (pipe(down) != 0 || pipe(up) != 0)
		die("no pipe");
	runner->process = fork();
	if (runner->process < 0)
		die("no process");
	if (runner->process == 0)
	{
		dup2(down[0], STDIN_FILENO);
		dup2(up[1], STDOUT_FILENO);
		for (int file = 3; file < 256; file++)
			close(file);
		snprintf(command, sizeof(command), "exec %s", runner->command);
		execl("/bin/sh", "sh", "-c", command, (char *) NULL);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	runner->to = fdopen(down[1], "w");
	runner->from = fdopen(up[0], "r");
	if (runner->to == NULL || runner->from == NULL)
		die("no pipe");
}

/*
 * ask_runner sends a line and waits for the answer. It is false if the participant has ended.
 */
bool
ask_runner(Runner *runner, const char *format, ...)
{
	va_list arguments;

	if (runner->process == 0)
		return false;
	va_start(arguments, format);
	vfprintf(runner->to, format, arguments);
	va_end(arguments);
	fputc('\n', runner->to);
	fflush(runner->to);
	if (getline(&runner->answer, &runner->room, runner->from) > 0)
		return true;
	stop_runner(runner);
	return false;
}

/*
 * start_runner starts a participant, and has it fill its store.
 */
void
start_runner(Runner *runner, const char *url, long size)
{
	double server = 0;

	signal(SIGPIPE, SIG_IGN);
	launch(runner);
	runner->stored = 0;
	free(runner->counting);
	runner->counting = NULL;
	if (!ask_runner(runner, "open %s %ld", url, size))
		return;
	runner->counting = answer_text(runner->answer, "count");
	(void) answer_number(runner->answer, "server_pid", &server);
	runner->server = (pid_t) server;
}

/*
 * stop_runner ends a participant: it does so itself when there is nothing more to read.
 */
void
stop_runner(Runner *runner)
{
	if (runner->process == 0)
		return;
	fclose(runner->to);
	fclose(runner->from);
	waitpid(runner->process, NULL, 0);
	runner->process = 0;
}

/*
 * value_of finds a key's value. Answers are objects of numbers, texts and arrays of numbers, and no text
 * has a key of another value in it.
 */
static const char *
value_of(const char *answer, const char *key)
{
	char		quoted[64];
	const char *place;

	snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	place = strstr(answer, quoted);
	if (place == NULL)
		return NULL;
	place += strlen(quoted);
	return place + strspn(place, ": ");
}

/*
 * answer_number reads a number, and is false if there is none.
 */
bool
answer_number(const char *answer, const char *key, double *number)
{
	const char *value = value_of(answer, key);
	char	   *end;

	if (value == NULL)
		return false;
	*number = strtod(value, &end);
	return end != value;
}

/*
 * answer_text returns a text, which is to be freed, or NULL. Quotes and backslashes in it come with a
 * backslash before them; no other characters do.
 */
char *
answer_text(const char *answer, const char *key)
{
	const char *value = value_of(answer, key);
	char	   *text;
	size_t		length = 0;

	if (value == NULL || *value != '"')
		return NULL;
	text = malloc(strlen(value));
	if (text == NULL)
		die("out of memory");
	for (value++; *value != '"' && *value != '\0'; value++)
	{
		if (*value == '\\' && value[1] != '\0')
			value++;
		text[length++] = *value;
	}
	text[length] = '\0';
	return text;
}

/*
 * answer_numbers appends the numbers of an array.
 */
void
answer_numbers(const char *answer, const char *key, Numbers *numbers)
{
	const char *value = value_of(answer, key);

	if (value == NULL || *value != '[')
		return;
	for (value++; *value != ']' && *value != '\0';)
	{
		char  *end;
		double number = strtod(value, &end);

		if (end == value)
			die("\"%s\" has something else than numbers: %.40s", key, value);
		keep(numbers, number);
		value = end + strspn(end, ", ");
	}
}
