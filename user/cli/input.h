/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The options -f, --gateway-class and --lenient, and what they lead to. */
#ifndef L4GATE_CLI_INPUT_H
#define L4GATE_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cmd.h"
#include "compile/compile.h"
#include "model/model.h"

#define INPUT_MAX 64

struct input {
	const char *paths[INPUT_MAX];
	size_t path_count;
	const char *classes[INPUT_MAX];
	size_t class_count;
	bool lenient;
	bool strict;
	bool dry_run;		/* apply */
	const char *output;	/* -o, or NULL */
	struct model model;
	struct diags diags;
	struct image *image;	/* after input_compile() */
};

/*
 * Parses the arguments of a command and reads all -f. Diagnostics are printed.
 * EXIT_DONE, EXIT_FAILED or EXIT_USAGE; input_free() is due in any case.
 */
int input_read(struct input *input, const char *command, int argc,
	       char **argv);

/* Compiles what was read, for Gateways with these addresses of their own. */
int input_compile(struct input *input, const struct inet_addr *own_addresses,
		  size_t own_address_count);

void input_free(struct input *input);

#endif /* L4GATE_CLI_INPUT_H */
