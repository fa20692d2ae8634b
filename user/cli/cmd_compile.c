// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* validate and compile: offline, without root and without the kernel. */
#include <stdio.h>

#include "cli/input.h"
#include "cli/output.h"
#include "compile/report.h"
#include "compile/text.h"

static int run_validate(const struct globals *globals, int argc, char **argv)
{
	struct input input;
	int code;

	(void)globals;
	code = input_read(&input, &command_validate, argc, argv);
	if (code == EXIT_DONE)
		code = input_compile(&input, NULL, 0);
	if (code == EXIT_DONE)
		printf("%zu objects are valid\n", input.model.object_count);
	input_free(&input);
	return code;
}

static const struct cli_option validate_options[] = { INPUT_OPTIONS, { 0 } };

const struct command command_validate = {
	.name = "validate",
	.arguments = "-f PATH...",
	.help = "check manifests, offline",
	.options = validate_options,
	.run = run_validate,
};

static int run_compile(const struct globals *globals, int argc, char **argv)
{
	enum output output = OUTPUT_TEXT;
	struct input input;
	int code;

	(void)globals;
	code = input_read(&input, &command_compile, argc, argv);
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

static const struct cli_option compile_options[] = {
	INPUT_OPTIONS,
	{ 'o', "output", "FORM", "text, json or yaml" },
	{ 0 },
};

const struct command command_compile = {
	.name = "compile",
	.arguments = "-f PATH...",
	.help = "show tables and the status of every object, offline",
	.options = compile_options,
	.run = run_compile,
};
