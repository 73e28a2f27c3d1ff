/*
 * commands.h
 *    The commands, one a file.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options/options.h"

typedef struct Command
{
	const char		  *name;
	const char		  *summary;
	const struct argp *argp;
	int (*run)(void); /* returns the exit code, or does not return */
} Command;

extern const Command init_command;
extern const Command append_command;
extern const Command history_command;
extern const Command query_command;
extern const Command tail_command;
extern const Command export_command;
extern const Command import_command;
extern const Command check_command;
extern const Command stats_command;
extern const Command subscriptions_command;

/* remedy.c: whether a remedy of goes_check_store takes nothing away from anybody. */
bool loses_nothing(const char *remedy);

#endif
