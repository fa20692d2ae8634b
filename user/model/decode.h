/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Nodes to structs by tables: what fields an object of the API has, of what
 * type, form and range, and where in a struct of the model each one goes. Rules
 * across fields are functions beside the tables.
 */
#ifndef L4GATE_MODEL_DECODE_H
#define L4GATE_MODEL_DECODE_H

#include "model/format.h"
#include "model/model.h"
#include "model/node.h"

enum field_type {
	FIELD_ANY,		/* known, not read */
	FIELD_STRING,		/* const char * */
	FIELD_INT,		/* an unsigned type, or int64_t */
	FIELD_INT_OR_STRING,	/* checked only */
	FIELD_BOOL,		/* bool */
	FIELD_ENUM,		/* enum: index into words */
	FIELD_TIME,		/* int64_t */
	FIELD_DURATION,		/* int64_t, in milliseconds */
	FIELD_OBJECT,		/* struct by schema, or fields of the same one */
	FIELD_LIST,		/* of structs by schema */
	FIELD_STRINGS,		/* list: const char ** */
	FIELD_MAP,		/* of strings: struct label *, sorted by key */
	FIELD_CUSTOM,		/* by function */
};

struct decoder;
struct schema;

struct field {
	const char *name;
	enum field_type type;
	bool required;
	bool nullable;		/* string: NULL if it is not given, not "" */
	size_t offset;		/* of the member */
	size_t size;		/* its size; 0: checked, but not stored */
	size_t count;		/* offset of the size_t of a list or map */
	size_t present;		/* offset of a bool: was it given? 0: none */
	bool has_loc;
	size_t loc;		/* offset of a struct loc for the place */
	const struct format *format;	/* of a string; of a map's values */
	const char *const *words;	/* of an enum; ends with NULL */
	const char *fallback;	/* of a string that is not given */
	int64_t initial;	/* of another one that is not given */
	int64_t min;		/* of a number; of a list's or map's size */
	int64_t max;		/* 0 for a list: no limit */
	const struct schema *schema;
	int (*decode)(struct decoder *decoder, const struct node *node,
		      void *object);
};

/* Where a field goes. */
#define STORE(type, member)						\
	.offset = offsetof(type, member),				\
	.size = sizeof(((type *)0)->member)
#define STORE_LIST(type, member, number)				\
	STORE(type, member), .count = offsetof(type, number)
#define STORE_LOC(type, member)						\
	.has_loc = true, .loc = offsetof(type, member)

/* All ports of the API. */
#define PORT_RANGE	.min = 1, .max = 65535

struct schema {
	const struct field *fields;	/* ends with a NULL name */
	size_t size;		/* of the struct of an element of a list */
	bool has_loc;
	size_t loc;		/* offset of a struct loc for its place */
	/*
	 * Rules across fields; called when all of them are right by themselves.
	 * 0 or -ENOMEM.
	 */
	int (*check)(struct decoder *decoder, const struct node *node,
		     void *object);
};

/* One step from the object towards the field that is being decoded. */
struct path {
	const struct path *up;
	const char *name;	/* of a field; NULL: an item */
	size_t index;
};

struct decoder {
	struct model *model;
	struct diags *diags;
	const struct source *source;
	bool warn_unknown;	/* fields: a warning, not an error */
	const char *kind;
	const char *version;
	const char *namespace;	/* for messages, as far as it is known */
	const char *default_namespace;	/* of objects that don't say theirs */
	const char *name;
	const struct path *path;
};

/* Fills in what object is if nothing is given. */
void decode_defaults(const struct schema *schema, void *object);

/* Decodes a map over the defaults. 0 or -ENOMEM; mistakes go to diags. */
int decode_object(struct decoder *decoder, const struct schema *schema,
		  const struct node *node, void *object);

/*
 * Adds a diagnostic at a node. Where the place is not known (JSON by Jansson)
 * the object and the path of the field are added to the text.
 */
void decode_report(struct decoder *decoder, enum diag_level level,
		   struct loc loc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define decode_error(decoder, node, ...)				\
	decode_report(decoder, DIAG_ERROR,				\
		      node_loc((decoder)->source, node), __VA_ARGS__)

/* The node of a field for the place of an error: itself, or the map. */
const struct node *decode_at(const struct node *node, const char *name);

#endif /* L4GATE_MODEL_DECODE_H */
