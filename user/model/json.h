/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * JSON that the YAML reader can't take: surrogate pairs, keys above 1024
 * bytes, several values without a separator. Nodes have no line. And the way
 * back, from nodes to JSON.
 */
#ifndef L4GATE_MODEL_JSON_H
#define L4GATE_MODEL_JSON_H

#include <jansson.h>

#include "model/node.h"

struct json_problem {
	struct loc loc;
	char text[256];
};

/*
 * Parses the value at *offset of source and moves *offset behind it. Returns 0
 * with *ret_node, NULL at the end of the text; -EINVAL with *ret_problem; or
 * -ENOMEM.
 */
int json_parse(const struct source *source, size_t *offset,
	       struct arena *arena, struct node **ret_node,
	       struct json_problem *ret_problem);

/*
 * The value of a node; what a plain scalar is, it is to Kubernetes, too (yes is
 * true). NULL without memory.
 */
json_t *json_from_node(const struct node *node);

/* Whether the text begins as a JSON object or array. */
bool json_looks_like(const struct source *source);

#endif /* L4GATE_MODEL_JSON_H */
