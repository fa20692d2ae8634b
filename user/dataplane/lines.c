// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/lines.h"

/* Words that one may push on before the lines count as full. */
#define MOVES_MAX 500

static bool enter_line(struct l4gate_line *line, uint64_t word)
{
	int i;

	for (i = 0; i < L4GATE_LINE_WORDS; i++)
		if (!line->word[i]) {
			line->word[i] = word;
			return true;
		}
	return false;
}

/*
 * Cuckoo hashing: who finds both lines full takes the place of another, which
 * goes to its other line, and so on.
 */
int lines_enter(struct l4gate_line *lines, uint32_t rows, uint64_t hash,
		uint32_t payload)
{
	uint64_t word = line_word(hash, payload), out;
	uint32_t row = row_first(hash, rows), moves;
	struct l4gate_line *line = &lines[line_number(row, hash)];

	if (enter_line(line, word))
		return 0;
	for (moves = 0; moves < MOVES_MAX; moves++) {
		row = row_other(row, word, rows);
		line = &lines[line_number(row, hash)];
		if (enter_line(line, word))
			return 0;
		out = line->word[moves % L4GATE_LINE_WORDS];
		line->word[moves % L4GATE_LINE_WORDS] = word;
		word = out;
	}
	return -ENOSPC;
}

static uint64_t *find_line(struct l4gate_line *line, uint64_t hash)
{
	uint64_t *word;
	int i;

	for (i = 0; i < L4GATE_LINE_WORDS; i++) {
		word = (uint64_t *)&line->word[i];
		if (*word && !((*word ^ hash) >> L4GATE_PAYLOAD_BITS))
			return word;
	}
	return NULL;
}

uint64_t *lines_word(struct l4gate_line *lines, uint32_t rows, uint64_t hash)
{
	uint32_t row = row_first(hash, rows);

	return find_line(&lines[line_number(row, hash)], hash) ?:
	       find_line(&lines[line_number(row_other(row, hash, rows), hash)],
			 hash);
}
