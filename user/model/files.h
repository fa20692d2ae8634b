/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Files into checked text. */
#ifndef L4GATE_MODEL_FILES_H
#define L4GATE_MODEL_FILES_H

#include "model/model.h"

/* Files above this size are refused before they are parsed. */
#define FILE_MAX_SIZE	(16 * 1024 * 1024)

/* A source of that name that belongs to model, empty as yet, or NULL. */
struct source *source_new(struct model *model, const char *name);

/* Adds "NAME: error: text" about a file as a whole; returns error. */
int file_error(struct model *model, const char *name, int error,
	       const char *text, struct diags *diags);

/*
 * As open(). With a root, the first bytes of path name a directory (no symbolic
 * link) that the way to the file must not leave: links in it that do are
 * refused by the kernel itself, with EXDEV. A descriptor, or -1 and errno.
 */
int open_beneath(const char *path, size_t root, int flags);

/* What a failed open_beneath() means. */
const char *explain_open(int error, size_t root);

/*
 * Reads a file (by open_beneath()), or standard input for "-", into *ret_source,
 * which belongs to model. 0 or -errno, then with a diagnostic.
 */
int source_read(struct model *model, const char *path, size_t root,
		struct source **ret_source, struct diags *diags);

/*
 * Refuses what no manifest has: NUL, control characters, invalid UTF-8, more
 * than FILE_MAX_SIZE bytes; steps over a byte order mark. 0 or -EINVAL, then
 * with a diagnostic.
 */
int source_check(struct source *source, struct diags *diags);

#endif /* L4GATE_MODEL_FILES_H */
