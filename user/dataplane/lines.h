/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Lines of words (l4gate/hash.h), filled for packets to look into. */
#ifndef L4GATE_DATAPLANE_LINES_H
#define L4GATE_DATAPLANE_LINES_H

#include "l4gate/hash.h"

/*
 * Enters a word into one of the two lines of its hash, the second only if the first
 * is full: readers count on that. Others move to make room.
 * 0, or -ENOSPC: not before far more than half of the places are taken.
 */
int lines_enter(struct l4gate_line *lines, uint32_t rows, uint64_t hash,
		uint32_t payload);

/* Where the word of a hash is, or NULL. */
uint64_t *lines_word(struct l4gate_line *lines, uint32_t rows, uint64_t hash);

#endif /* L4GATE_DATAPLANE_LINES_H */
