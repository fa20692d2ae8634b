/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Manifests, YAML or JSON, into a model. */
#ifndef L4GATE_MODEL_MANIFEST_H
#define L4GATE_MODEL_MANIFEST_H

#include "model/model.h"

struct manifest_options {
	bool lenient;		/* unknown fields of Gateway API kinds: warnings */
	/*
	 * Paths are directories of directories, one for each namespace: what is
	 * below one is in that namespace, says so or nothing, and is nothing
	 * that is in none. Files beside them may hold anything.
	 */
	bool namespace_from_dir;
};

/*
 * Reads path into model: a file, "-" for standard input, or a directory (all
 * *.yaml, *.yml and *.json below it, sorted by path; hidden ones are left out).
 * What is wrong is added to diags, with its place.
 *
 * Returns 0, -EINVAL when diags has new errors, or another -errno (with a
 * diagnostic, too) when something could not be read. Model and diags stay
 * usable and are the caller's to free in any case; diags first.
 */
int manifest_read(const char *path, const struct manifest_options *options,
		  struct model *model, struct diags *diags);

/* The same for text in memory, under the given name. For tests and fuzzing. */
int manifest_read_text(const char *name, const char *text, size_t size,
		       const struct manifest_options *options,
		       struct model *model, struct diags *diags);

#endif /* L4GATE_MODEL_MANIFEST_H */
