// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Global options and the table of commands. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "l4gate/names.h"
#include "util/log.h"

static const struct command commands[] = {
	{ "attach", "DEV... [--mode auto|native|generic|tc] [--max-flows N]",
	  "attach to devices, or update in place", cmd_attach },
	{ "detach", "[DEV...]", "detach from devices, or from all",
	  cmd_detach },
	{ "apply", "-f PATH... [--gateway-class NAME] [--lenient] [--strict] [--dry-run]",
	  "make the manifests the whole config", cmd_apply },
	{ "diff", "-f PATH... [--gateway-class NAME] [--lenient] [--strict]",
	  "what apply would change: 0 nothing, 1 something, 2 error",
	  cmd_diff },
	{ "validate", "-f PATH... [--lenient] [--strict]", "check manifests, offline",
	  cmd_validate },
	{ "compile", "-f PATH... [--gateway-class NAME] [--strict] [-o text|json|yaml]",
	  "show tables and status, offline", cmd_compile },
	{ "get", "KIND [NAME] [-n NS] [-o table|wide|json|yaml]",
	  "classes, gateways, listeners, routes, backends, flows", cmd_get },
	{ "status", "[-o table|json]", "what is attached, and how full it is",
	  cmd_status },
	{ "stats", "[-o table|json|prometheus] [--textfile PATH]",
	  "counters", cmd_stats },
};

static const struct option options[] = {
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "color", optional_argument, NULL, 'c' },
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
		printf("  %s %s\n      %s\n", commands[i].name,
		       commands[i].arguments, commands[i].help);
	puts("\n  --pin-dir DIR  where maps and links are pinned, one instance per\n"
	     "                 network namespace (" L4GATE_PIN_DIR ")\n"
	     "  -v             libbpf's messages, -vv all of them\n"
	     "  --color WHEN   auto, always or never\n"
	     "  --version      print the version\n\n"
	     "exit codes: 0 done, 1 failed, 2 usage");
}

/* A full disk, a pipe that is closed: what was printed is not all there. */
static int finish(int code)
{
	if ((fflush(stdout) || ferror(stdout)) && code == EXIT_DONE)
		return say_failed("standard output: can't be written: %m");
	return code;
}

int main(int argc, char **argv)
{
	struct globals globals = {
		.pin_dir = L4GATE_PIN_DIR,
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
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
			if (optarg && strcmp(optarg, "auto"))
				globals.color = !strcmp(optarg, "always");
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
	log_init(globals.verbose);
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[optind], commands[i].name))
			return finish(commands[i].run(&globals, argc - optind,
						      argv + optind));
	return say_usage("", "%s: unknown command", argv[optind]);
}
