/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The options of a command, by its table. */
#ifndef L4GATE_CLI_OPTIONS_H
#define L4GATE_CLI_OPTIONS_H

#include "cli/cmd.h"

/* Help was asked for and is printed: there is nothing else to do. */
#define OPTIONS_HELP -1

/*
 * Takes one option and its argument, which lives as long as argv. EXIT_DONE, or
 * an exit code that ends the command.
 */
typedef int (*option_taker)(void *context, int id, char *argument);

/*
 * Parses the options of a command, wherever they stand; what is left is at
 * *ret_rest: arguments, up to a NULL. EXIT_DONE, or what the command has to
 * return.
 */
int options_parse(const struct command *command, int argc, char **argv,
		  option_taker take, void *context, char ***ret_rest);

/* What --help prints. */
void options_print_help(const struct command *command);

#endif /* L4GATE_CLI_OPTIONS_H */
