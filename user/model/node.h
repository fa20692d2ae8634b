/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A document as a tree, the same for YAML and JSON. Nodes and texts live in an
 * arena and are gone with it; what a decoder keeps, it copies.
 */
#ifndef L4GATE_MODEL_NODE_H
#define L4GATE_MODEL_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/diag.h"

/* Maps and lists in each other. No object of the API needs a third of it. */
#define NODE_MAX_DEPTH	64

/*
 * Nodes of one document. 16 MiB of YAML as people and kubectl write it have
 * well below a million; hostile ones would have eight million and need 0.5 GB.
 */
#define NODE_MAX_COUNT	2000000

enum node_kind {
	NODE_SCALAR,
	NODE_MAP,
	NODE_LIST,
};

/*
 * What a scalar is to Kubernetes, which reads plain ones by YAML 1.1. Quoted
 * ones and blocks are strings.
 */
enum scalar_type {
	SCALAR_STRING,
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_YES_NO,		/* yes, off, ...: a boolean to some readers */
	SCALAR_INTEGER,		/* plain decimal */
	SCALAR_NUMBER,		/* 0x50, 0123, 1e3, 1_000, 80.0, +80, .inf */
};

struct node {
	struct node *next;	/* in the same map or list */
	union {
		struct node *first;	/* map, list */
		const char *text;	/* scalar, without NUL inside */
	};
	const char *key;	/* in a map; else NULL */
	uint32_t size;		/* entries, items, or bytes of text */
	uint32_t line;		/* from 1; 0: not known */
	uint32_t column;	/* from 1, in bytes */
	uint32_t key_line;
	uint32_t key_column;
	uint8_t kind;		/* enum node_kind */
	uint8_t type;		/* scalar: enum scalar_type */
};

/* The type of a plain scalar. */
enum scalar_type scalar_type(const char *text, size_t size);

bool node_is_null(const struct node *node);
bool node_is_string(const struct node *node);

/* "a map", "an integer", ...: for "expected ..., got ...". */
const char *node_describe(const struct node *node);

/* The value of key in a map, or NULL; NULL, too, if node is no map. */
const struct node *node_get(const struct node *node, const char *key);

/* A copy, with everything below it, that lives in arena; NULL without memory. */
struct node *node_copy(struct arena *arena, const struct node *node);

struct loc node_loc(const struct source *source, const struct node *node);
struct loc node_key_loc(const struct source *source, const struct node *node);

/*
 * Finds two entries of a map with equal keys, in n log n steps whatever the
 * keys. Returns 1 and writes the earlier and the later, 0 if there are none,
 * or -ENOMEM.
 */
int node_find_duplicate(const struct node *map, const struct node **ret_first,
			const struct node **ret_second);

#endif /* L4GATE_MODEL_NODE_H */
