// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 16

/* Where the text of an option begins. */
#define HELP_COLUMN 28

static bool is_short(const struct cli_option *option)
{
	return option->id < 128 && isalpha(option->id);
}

void options_print_help(const struct command *command)
{
	const struct cli_option *option;
	int n;

	printf("usage: l4gate %s%s%s [OPTION...]\n\n%s\n\n", command->name,
	       *command->arguments ? " " : "", command->arguments,
	       command->help);
	for (option = command->options; option->name; option++) {
		n = is_short(option) ? printf("  -%c, ", option->id) :
				       printf("      ");
		n += printf("--%s%s%s", option->name,
			    option->argument ? " " : "",
			    option->argument ? option->argument : "");
		if (n >= HELP_COLUMN) {
			putchar('\n');
			n = 0;
		}
		printf("%*s%s\n", HELP_COLUMN - n, "", option->help);
	}
	printf("  -h, --help%*sprint this\n", HELP_COLUMN - 12, "");
}

int options_parse(const struct command *command, int argc, char **argv,
		  option_taker take, void *context, char ***ret_rest)
{
	struct option list[OPTIONS_MAX + 2] = { 0 };
	char letters[2 * OPTIONS_MAX + 2] = "h";
	const struct cli_option *option;
	size_t i = 0, n = 1;
	int id, code;

	list[i++] = (struct option){ "help", no_argument, NULL, 'h' };
	for (option = command->options; option->name && i <= OPTIONS_MAX;
	     option++) {
		list[i++] = (struct option){
			option->name, option->argument ? required_argument :
			no_argument, NULL, option->id,
		};
		if (!is_short(option))
			continue;
		letters[n++] = option->id;
		if (option->argument)
			letters[n++] = ':';
	}

	optind = 0;	/* anew: main() parsed its options in another order */
	while ((id = getopt_long(argc, argv, letters, list, NULL)) >= 0) {
		if (id == 'h') {
			options_print_help(command);
			return OPTIONS_HELP;
		}
		code = id == '?' ? say_usage(command->name, "see above") :
				   take(context, id, optarg);
		if (code != EXIT_DONE)
			return code;
	}
	*ret_rest = argv + optind;
	return EXIT_DONE;
}
