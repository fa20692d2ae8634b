// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Global options and the table of commands. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "l4gate/names.h"
#include "util/log.h"

static const struct command *const commands[] = {
	&command_attach,
	&command_detach,
	&command_apply,
	&command_diff,
	&command_validate,
	&command_compile,
	&command_get,
	&command_explain,
	&command_status,
	&command_stats,
};

static const struct option options[] = {
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "color", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static void print_help(void)
{
	size_t i;

	puts("l4gate: layer-4 gateway in the kernel, by Gateway API manifests\n\n"
	     "usage: l4gate [--pin-dir DIR] [-v] [--color WHEN] COMMAND ...\n");
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->help);
	puts("\nl4gate COMMAND --help says more of each.\n\n"
	     "  --pin-dir DIR  where maps and links are pinned, one instance per\n"
	     "                 network namespace (" L4GATE_PIN_DIR ")\n"
	     "  -v, --verbose  libbpf's messages, -vv all of them\n"
	     "  --color WHEN   colour in messages: auto (on a terminal), always, never\n"
	     "  -h, --help     print this\n"
	     "  --version      print the version\n\n"
	     "exit codes: 0 done, 1 failed, 2 usage");
}

/* A full disk, a pipe that is closed: what was printed is not all there. */
static int finish(int code)
{
	if (code == OPTIONS_HELP)
		code = EXIT_DONE;
	if ((fflush(stdout) || ferror(stdout)) && code == EXIT_DONE)
		return say_failed("standard output: can't be written: %m");
	return code;
}

int main(int argc, char **argv)
{
	struct globals globals = {
		.pin_dir = L4GATE_PIN_DIR,
	};
	bool color = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	int option;
	size_t i;

	/* "+": options behind the command are the command's. */
	while ((option = getopt_long(argc, argv, "+vh", options, NULL)) >= 0) {
		switch (option) {
		case 'p':
			globals.pin_dir = optarg;
			break;
		case 'v':
			globals.verbose++;
			break;
		case 'c':
			if (!strcmp(optarg, "always") ||
			    !strcmp(optarg, "never"))
				color = !strcmp(optarg, "always");
			else if (strcmp(optarg, "auto"))
				return say_usage("", "--color %s: expected auto, always or never", optarg);
			break;
		case 'h':
			print_help();
			return EXIT_DONE;
		case 'V':
			puts("l4gate " L4GATE_VERSION);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		print_help();
		return EXIT_USAGE;
	}
	say_in_color(color);
	log_init(globals.verbose);
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[optind], commands[i]->name))
			return finish(commands[i]->run(&globals, argc - optind,
						       argv + optind));
	return say_usage("", "%s: unknown command", argv[optind]);
}
