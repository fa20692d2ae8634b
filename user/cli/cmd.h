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
	bool color;
};

/* A command gets what follows its name (argv[0] is the name); an exit code. */
typedef int (*command_function)(const struct globals *globals, int argc,
				char **argv);

struct command {
	const char *name;
	const char *arguments;	/* for usage */
	const char *help;	/* one line */
	command_function run;
};

int cmd_attach(const struct globals *globals, int argc, char **argv);
int cmd_detach(const struct globals *globals, int argc, char **argv);
int cmd_apply(const struct globals *globals, int argc, char **argv);
int cmd_diff(const struct globals *globals, int argc, char **argv);
int cmd_validate(const struct globals *globals, int argc, char **argv);
int cmd_compile(const struct globals *globals, int argc, char **argv);
int cmd_get(const struct globals *globals, int argc, char **argv);
int cmd_status(const struct globals *globals, int argc, char **argv);
int cmd_stats(const struct globals *globals, int argc, char **argv);

/* "l4gate: error: ..." on stderr; returns EXIT_FAILED or EXIT_USAGE. */
int say_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
int say_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* L4GATE_CLI_CMD_H */
