/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Documents into objects of the model: which kind, lists, what is skipped. */
#ifndef L4GATE_MODEL_OBJECT_H
#define L4GATE_MODEL_OBJECT_H

#include "model/manifest.h"
#include "model/node.h"

/* Lists of one kind of object in the model. */
enum object_list {
	LIST_CLASSES,
	LIST_GATEWAYS,
	LIST_LISTENER_SETS,
	LIST_ROUTES,
	LIST_GRANTS,
	LIST_SERVICES,
	LIST_SLICES,
	LIST_NAMESPACES,
	LIST_PARAMETERS,
	LIST_POLICIES,
	LIST_MAX
};

struct object_reader {
	struct model *model;
	struct diags *diags;
	const struct source *source;	/* that is being read */
	bool lenient;
	const char *team;	/* namespace of all that is read, or NULL: any */
	size_t seen;		/* objects met, skipped and broken ones, too */
	size_t before[LIST_MAX];	/* objects that were there before */
};

void objects_begin(struct object_reader *reader,
		   const struct manifest_options *options, struct model *model,
		   struct diags *diags);

/*
 * Decodes a document: an object, or a list of objects. Mistakes go to diags;
 * returns 0 or -ENOMEM.
 */
int object_read(struct object_reader *reader, const struct node *root);

/*
 * Adds an error for each object since objects_begin() that has the kind,
 * namespace and name of an earlier one. 0 or -ENOMEM.
 */
int objects_check_unique(const struct object_reader *reader);

#endif /* L4GATE_MODEL_OBJECT_H */
