/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Libyaml counts characters and takes NEL, LS, PS and a lone CR for line
 * breaks; diagnostics count bytes, and lines by LF alone. The cursor follows
 * libyaml's marks through the text and translates.
 */
#ifndef L4GATE_MODEL_CURSOR_H
#define L4GATE_MODEL_CURSOR_H

#include <stdbool.h>

#include "util/diag.h"

struct cursor {
	const struct source *source;
	bool identical;		/* ASCII, no lone CR: marks are right */
	size_t index;		/* in characters */
	size_t offset;		/* in bytes */
	size_t line_begin;	/* offset of the line's first byte */
	unsigned int line;
};

void cursor_init(struct cursor *cursor, const struct source *source);

/*
 * The place of a mark, and its *ret_offset in bytes (or NULL): index counts
 * characters, line and column are from 0. Fast for marks in about their order.
 */
struct loc cursor_move(struct cursor *cursor, size_t index, size_t line,
		       size_t column, size_t *ret_offset);

#endif /* L4GATE_MODEL_CURSOR_H */
