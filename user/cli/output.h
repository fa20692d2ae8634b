/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The forms of -o, and the one printer of documents. */
#ifndef L4GATE_CLI_OUTPUT_H
#define L4GATE_CLI_OUTPUT_H

#include <jansson.h>

/* A bit each, for the set that a command has. */
enum output {
	OUTPUT_UNSET = 0,
	OUTPUT_TEXT = 1,
	OUTPUT_TABLE = 2,
	OUTPUT_WIDE = 4,
	OUTPUT_JSON = 8,
	OUTPUT_YAML = 16,
	OUTPUT_PROMETHEUS = 32,
};

/* The form of that name, among those of the set; EXIT_DONE or EXIT_USAGE. */
int output_parse(const char *command, const char *text, unsigned int set,
		 enum output *ret_output);

/*
 * Prints a document as OUTPUT_YAML or (any other) as indented JSON, and gives
 * it back; NULL is one that there was no memory for. An exit code.
 */
int output_print(json_t *document, enum output output);

#endif /* L4GATE_CLI_OUTPUT_H */
