/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The options of commands that read manifests, and what they lead to. */
#ifndef L4GATE_CLI_INPUT_H
#define L4GATE_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "compile/compile.h"
#include "model/model.h"

#define INPUT_MAX 64

enum {
	INPUT_GATEWAY_CLASS = 256,
	INPUT_LENIENT,
	INPUT_STRICT,
	INPUT_NAMESPACE_FROM_DIR,
	INPUT_DRY_RUN,
};

/* Of every command that reads manifests. */
#define INPUT_OPTIONS							\
	{ 'f', "filename", "PATH",					\
	  "a file, a directory, or - for standard input" },		\
	{ INPUT_GATEWAY_CLASS, "gateway-class", "NAME",			\
	  "claim a class that is not given, or not ours" },		\
	{ INPUT_LENIENT, "lenient", NULL,				\
	  "unknown fields are warnings" },				\
	{ INPUT_STRICT, "strict", NULL,					\
	  "conditions that are not good are errors" },			\
	{ INPUT_NAMESPACE_FROM_DIR, "namespace-from-dir", NULL,		\
	  "PATH holds a directory for each namespace" }

struct input {
	const char *paths[INPUT_MAX];
	size_t path_count;
	const char *classes[INPUT_MAX];
	size_t class_count;
	bool lenient;
	bool strict;
	bool namespace_from_dir;
	bool dry_run;		/* apply */
	const char *output;	/* -o, or NULL */
	struct model model;
	struct diags diags;
	uint32_t max_listeners;	/* of this node; 0: not known */
	struct image *image;	/* after input_compile() */
};

/*
 * Parses the arguments of a command and reads all -f. Diagnostics are printed.
 * EXIT_DONE, or what the command has to return; input_free() is due in any case.
 */
int input_read(struct input *input, const struct command *command, int argc,
	       char **argv);

/* Compiles what was read, for Gateways with these addresses of their own. */
int input_compile(struct input *input, const struct inet_addr *own_addresses,
		  size_t own_address_count);

void input_free(struct input *input);

#endif /* L4GATE_CLI_INPUT_H */
