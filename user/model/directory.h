/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The manifests below a directory, and to which namespace each one belongs. */
#ifndef L4GATE_MODEL_DIRECTORY_H
#define L4GATE_MODEL_DIRECTORY_H

#include "model/model.h"

struct found_file {
	char *path;
	const char *namespace;	/* whose directory it is in, or NULL */
	size_t root;		/* how much of path names that directory, or 0 */
};

/* Sorted by path; owned by malloc, the names by the model. */
struct found_files {
	struct found_file *items;
	size_t count;
	size_t capacity;
};

void found_files_free(struct found_files *files);

/*
 * Appends the manifests below a directory, sorted by path. Symbolic links are
 * followed, each directory is read once. 0 or the first -errno, then with a
 * diagnostic; what could be read is in the list all the same.
 *
 * by_namespace: each directory in path is that of the namespace with its name,
 * and whoever may write there may write nowhere else. Links from it that lead
 * out of it, and links in its place, are refused; so are links beside it that
 * lead into it, as what is in path itself is trusted with everything.
 */
int directory_list(struct model *model, const char *path, bool by_namespace,
		   struct found_files *files, struct diags *diags);

#endif /* L4GATE_MODEL_DIRECTORY_H */
