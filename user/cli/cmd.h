/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The commands, one file each, and what they share. */
#ifndef L4GATE_CLI_CMD_H
#define L4GATE_CLI_CMD_H

#include <stdbool.h>

/* Exit codes. */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

struct globals {
	const char *pin_dir;
	int verbose;
};

/* An option of a command: for its parser, for --help and for the man page. */
struct cli_option {
	int id;			/* a letter, then it is short, too, or above */
	const char *name;	/* behind "--" */
	const char *argument;	/* "PATH"; NULL: it has none */
	const char *help;
};

struct command {
	const char *name;
	const char *arguments;	/* for usage, less the options */
	const char *help;	/* one line */
	const struct cli_option *options;	/* ends with a NULL name */
	/* Gets what follows the name (argv[0] is the name); an exit code. */
	int (*run)(const struct globals *globals, int argc, char **argv);
};

extern const struct command command_attach;
extern const struct command command_detach;
extern const struct command command_apply;
extern const struct command command_diff;
extern const struct command command_validate;
extern const struct command command_compile;
extern const struct command command_get;
extern const struct command command_explain;
extern const struct command command_status;
extern const struct command command_stats;

/* Whether messages on stderr are in colour; they are not unless this is said. */
void say_in_color(bool color);
bool say_is_in_color(void);

/* "l4gate: error: ..." on stderr; returns EXIT_FAILED or EXIT_USAGE. */
int say_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
int say_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* L4GATE_CLI_CMD_H */
