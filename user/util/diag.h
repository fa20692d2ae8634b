/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Diagnostics about input: collected by the layer that knows the place, printed
 * once by cli/.
 */
#ifndef L4GATE_UTIL_DIAG_H
#define L4GATE_UTIL_DIAG_H

#include <stdbool.h>
#include <stddef.h>

/* A file that was read. Lives as long as the manifest that it belongs to. */
struct source {
	const char *name;	/* as given, or "<stdin>" */
	const char *text;	/* size bytes, then a NUL */
	size_t size;
};

/* A place in a file. No source: a place that nobody wrote. */
struct loc {
	const struct source *source;
	unsigned int line;	/* from 1; 0: the file as a whole */
	unsigned int column;	/* from 1, in bytes */
};

enum diag_level {
	DIAG_ERROR,
	DIAG_WARNING,
	DIAG_NOTE,
};

struct diag {
	enum diag_level level;
	struct loc loc;
	char *text;
};

/* Zero is an empty list. */
struct diags {
	struct diag *items;
	size_t count;
	size_t errors;
	size_t dropped;		/* beyond DIAG_MAX */
};

/* A hostile file can be wrong in every line; people read the first ones. */
#define DIAG_MAX 200

/* Adds one; text is formatted as by printf. Never fails (it drops instead). */
void diag_add(struct diags *diags, enum diag_level level, struct loc loc,
	      const char *format, ...) __attribute__((format(printf, 4, 5)));

#define diag_error(diags, loc, ...)					\
	diag_add(diags, DIAG_ERROR, loc, __VA_ARGS__)
#define diag_warning(diags, loc, ...)					\
	diag_add(diags, DIAG_WARNING, loc, __VA_ARGS__)

/*
 * Returns "file:line:col: error: text\n    source line\n    ^\n", to be freed
 * by the caller, or NULL without memory. Control characters of the source line
 * are shown as '?', tabs as one space, and long lines are cut around the caret.
 */
char *diag_format(const struct diag *diag);

/* The same, with the level in colour for a terminal. */
char *diag_format_color(const struct diag *diag, bool color);

void diags_free(struct diags *diags);

#endif /* L4GATE_UTIL_DIAG_H */
