// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* validate and compile: offline, without root and without the kernel. */
#include <stdio.h>
#include <string.h>

#include "cli/input.h"
#include "compile/text.h"

int cmd_validate(const struct globals *globals, int argc, char **argv)
{
	struct input input;
	int code;

	(void)globals;
	code = input_read(&input, "validate", argc, argv);
	if (code == EXIT_DONE)
		code = input_compile(&input, NULL, 0);
	if (code == EXIT_DONE)
		printf("%zu objects are valid\n", input.model.object_count);
	input_free(&input);
	return code;
}

int cmd_compile(const struct globals *globals, int argc, char **argv)
{
	struct input input;
	int code;

	(void)globals;
	code = input_read(&input, "compile", argc, argv);
	if (code == EXIT_DONE && input.output && strcmp(input.output, "text"))
		code = say_usage("compile", "-o %s: text is what there is",
				 input.output);
	if (code == EXIT_DONE)
		code = input_compile(&input, NULL, 0);
	if (code == EXIT_DONE)
		image_print_text(stdout, input.image);
	input_free(&input);
	return code;
}
