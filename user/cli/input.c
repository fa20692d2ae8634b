// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/manifest.h"

/* Prints diagnostics that have not been printed yet. */
static void print_diags(const struct diags *diags, size_t from)
{
	size_t i;

	for (i = from; i < diags->count; i++) {
		char *text = diag_format_color(&diags->items[i],
					       say_is_in_color());

		fputs(text ? text : diags->items[i].text, stderr);
		free(text);
	}
	if (diags->dropped)
		fprintf(stderr, "l4gate: ... and %zu more\n", diags->dropped);
}

static void print_skipped(const struct model *model)
{
	size_t i;

	if (!model->skipped.count)
		return;
	fputs("l4gate: skipped", stderr);
	for (i = 0; i < model->skipped.count; i++)
		fprintf(stderr, "%s %zu %s", i ? "," : "",
			model->skipped.items[i].count,
			model->skipped.items[i].kind);
	fputs(": not for a layer-4 gateway\n", stderr);
}

struct parse {
	struct input *input;
	const char *command;
};

static int take_option(void *context, int id, char *argument)
{
	const struct parse *parse = context;
	struct input *input = parse->input;

	switch (id) {
	case 'f':
		if (input->path_count == INPUT_MAX)
			return say_usage(parse->command, "more than %d -f: give a directory instead", INPUT_MAX);
		input->paths[input->path_count++] = argument;
		break;
	case INPUT_GATEWAY_CLASS:
		if (input->class_count == INPUT_MAX)
			return say_usage(parse->command, "more than %d --gateway-class", INPUT_MAX);
		input->classes[input->class_count++] = argument;
		break;
	case INPUT_LENIENT:
		input->lenient = true;
		break;
	case INPUT_STRICT:
		input->strict = true;
		break;
	case INPUT_NAMESPACE_FROM_DIR:
		input->namespace_from_dir = true;
		break;
	case INPUT_DRY_RUN:
		input->dry_run = true;
		break;
	case 'o':
		input->output = argument;
		break;
	}
	return EXIT_DONE;
}

static int parse_options(struct input *input, const struct command *command,
			 int argc, char **argv)
{
	struct parse parse = { input, command->name };
	char **rest;
	int code;

	code = options_parse(command, argc, argv, take_option, &parse, &rest);
	if (code != EXIT_DONE)
		return code;
	if (*rest)
		return say_usage(command->name, "%s: unexpected (files are given with -f)", *rest);
	if (!input->path_count)
		return say_usage(command->name, "-f PATH is missing (a file, a directory, or - for standard input)");
	return EXIT_DONE;
}

int input_read(struct input *input, const struct command *command, int argc,
	       char **argv)
{
	struct manifest_options options = { 0 };
	int code, error = 0;
	size_t i;

	*input = (struct input){ 0 };
	code = parse_options(input, command, argc, argv);
	if (code != EXIT_DONE)
		return code;
	options.lenient = input->lenient;
	options.namespace_from_dir = input->namespace_from_dir;
	for (i = 0; i < input->path_count; i++)
		error = manifest_read(input->paths[i], &options, &input->model,
				      &input->diags) ?: error;
	print_diags(&input->diags, 0);
	print_skipped(&input->model);
	return error ? EXIT_FAILED : EXIT_DONE;
}

int input_compile(struct input *input, const struct inet_addr *own_addresses,
		  size_t own_address_count)
{
	struct compile_options options = {
		.claimed_classes = input->classes,
		.claimed_class_count = input->class_count,
		.own_addresses = own_addresses,
		.own_address_count = own_address_count,
		.strict = input->strict,
		.max_listeners = input->max_listeners,
	};
	size_t printed = input->diags.count;
	int error;

	error = compile(&input->model, &options, &input->image, &input->diags);
	print_diags(&input->diags, printed);
	if (error == -ENOMEM)
		return say_failed("out of memory");
	return error ? EXIT_FAILED : EXIT_DONE;
}

void input_free(struct input *input)
{
	image_free(input->image);
	diags_free(&input->diags);
	model_free(&input->model);
}
