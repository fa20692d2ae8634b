// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* validate and compile: offline, without root and without the kernel. */
#include <stdio.h>

#include "cli/input.h"
#include "cli/output.h"
#include "compile/report.h"
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
	enum output output = OUTPUT_TEXT;
	struct input input;
	int code;

	(void)globals;
	code = input_read(&input, "compile", argc, argv);
	if (code == EXIT_DONE && input.output)
		code = output_parse("compile", input.output, OUTPUT_TEXT |
				    OUTPUT_JSON | OUTPUT_YAML, &output);
	if (code == EXIT_DONE)
		code = input_compile(&input, NULL, 0);
	if (code == EXIT_DONE && output == OUTPUT_TEXT)
		image_print_text(stdout, input.image);
	else if (code == EXIT_DONE)
		code = output_print(report_json(input.image), output);
	input_free(&input);
	return code;
}
