/*
 * main.c
 *    goes, the command-line tool: which command is meant.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

static const Command *const commands[] = {
	&init_command,	 &append_command, &history_command, &query_command, &tail_command,
	&export_command, &import_command, &check_command,	&stats_command, &subscriptions_command};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* Where the command's own arguments begin. */
static int command_index = 0;

static void
print_version(FILE *stream, struct argp_state *state)
{
	uint32_t version = goes_version();

	(void) state;
	fprintf(stream, "goes (goes_store) %u.%u.%u\n", version >> 16, version >> 8 & 0xff,
			version & 0xff);
}

void (*argp_program_version_hook)(FILE *stream, struct argp_state *state) = print_version;

/*
 * list_commands makes the part of the help that names the commands.
 */
static char *
list_commands(int key, const char *text, void *input)
{
	char  *list = NULL;
	size_t length;
	FILE  *file;

	(void) input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *) text;
	file = allocated(open_memstream(&list, &length));
	fputs("Commands:\n\n", file);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(file, "  %-15s%s\n", commands[i]->name, commands[i]->summary);
	fprintf(file, "\n%s", text);
	fclose(file);
	return allocated(list);
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	(void) argument;
	switch (key)
	{
		case ARGP_KEY_ARG:
			command_index = state->next - 1;
			state->next = state->argc;
			return 0;
		case ARGP_KEY_NO_ARGS:
			argp_usage(state);
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc =
		"Looks after an event store in PostgreSQL: goes_store's.\v"
		"Each command has its own help: goes append --help\n\n"
		"Exit status: 0 done, 1 another error, 2 usage, 3 not found, 4 conflict, 5 no connection, "
		"6 the store is missing or has problems, 7 stored or not is unknown, 130 interrupted.\n\n"
		"Example:\n\n"
		"  export POSTGRES_EVENTSTORE=postgres://user@localhost\n"
		"  goes init && goes stats",
	.children = connection_children,
	.help_filter = list_commands};

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
	{
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	fail(EXIT_USAGE, "there is no command \"%s\": goes --help lists them", name);
}

int
main(int argc, char **argv)
{
	const Command *command;
	char		   name[64];

	setlocale(LC_CTYPE, "");
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
	command = find_command(argv[command_index]);
	snprintf(name, sizeof name, "goes %s", command->name);
	argv[command_index] = name;
	argp_parse(command->argp, argc - command_index, argv + command_index, 0, NULL, NULL);
	catch_interrupts();
	return command->run();
}
