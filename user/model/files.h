/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Files and directories into checked text. */
#ifndef L4GATE_MODEL_FILES_H
#define L4GATE_MODEL_FILES_H

#include "model/model.h"

/* Files above this size are refused before they are parsed. */
#define FILE_MAX_SIZE	(16 * 1024 * 1024)

/* Paths, sorted; owned by malloc. */
struct path_list {
	char **items;
	size_t count;
	size_t capacity;
};

void path_list_free(struct path_list *list);

/* A source of that name that belongs to model, empty as yet, or NULL. */
struct source *source_new(struct model *model, const char *name);

/*
 * Reads a file, or standard input for "-", into *ret_source, which belongs to
 * model. 0 or -errno, then with a diagnostic.
 */
int source_read(struct model *model, const char *path,
		struct source **ret_source, struct diags *diags);

/*
 * Refuses what no manifest has: NUL, control characters, invalid UTF-8, more
 * than FILE_MAX_SIZE bytes; steps over a byte order mark. 0 or -EINVAL, then
 * with a diagnostic.
 */
int source_check(struct source *source, struct diags *diags);

/*
 * Appends the manifests below a directory, sorted by path. Symbolic links are
 * followed, each directory is read once. 0 or the first -errno, then with a
 * diagnostic; what could be read is in the list all the same.
 */
int directory_list(struct model *model, const char *path,
		   struct path_list *list, struct diags *diags);

#endif /* L4GATE_MODEL_FILES_H */
