// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "model/yaml_write.h"

static const struct {
	const char *name;
	enum output output;
} forms[] = {
	{ "text", OUTPUT_TEXT },	{ "table", OUTPUT_TABLE },
	{ "wide", OUTPUT_WIDE },	{ "json", OUTPUT_JSON },
	{ "yaml", OUTPUT_YAML },	{ "prometheus", OUTPUT_PROMETHEUS },
};

int output_parse(const char *command, const char *text, unsigned int set,
		 enum output *ret_output)
{
	char expected[96] = "";
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (!(forms[i].output & set))
			continue;
		if (!strcmp(forms[i].name, text)) {
			*ret_output = forms[i].output;
			return EXIT_DONE;
		}
		strcat(expected, *expected ? ", " : "");
		strcat(expected, forms[i].name);
	}
	return say_usage(command, "-o %s: expected one of %s", text, expected);
}

int output_print(json_t *document, enum output output)
{
	int error = 0;

	if (!document)
		return say_failed("out of memory");
	if (output == OUTPUT_YAML) {
		error = yaml_write(stdout, document);
	} else {
		json_dumpf(document, stdout, JSON_INDENT(2) |
			   JSON_REAL_PRECISION(REAL_DIGITS));
		putchar('\n');
	}
	json_decref(document);
	/* What can't be written is noticed by main(), for every command. */
	return error == -ENOMEM ? say_failed("out of memory") : EXIT_DONE;
}
