/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading lines of words (include/l4gate/hash.h). Who finds a word by 39 bits of
 * a hash, and by the line that it is in, checks what it leads to.
 */
#ifndef L4GATE_BPF_LINES_H
#define L4GATE_BPF_LINES_H

#include "maps.h"
#include "l4gate/hash.h"

/*
 * All ones if x is 0, else 0. The barriers keep clang from making a branch of
 * it, which the verifier would follow both ways.
 */
static __always_inline __u64 mask_if_zero(__u64 x)
{
	__u64 sign = x | -x;

	barrier_var(sign);
	sign = (__s64)sign >> 63;
	barrier_var(sign);
	return ~sign;
}

/* All ones if a < b, else 0. Both below 2^63. */
static __always_inline __u64 mask_if_less(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	barrier_var(difference);
	difference = (__s64)difference >> 63;
	barrier_var(difference);
	return difference;
}

/* The lesser of two numbers below 2^63. */
static __always_inline __u64 lesser(__u64 a, __u64 b)
{
	return a + ((b - a) & mask_if_less(b, a));
}

/*
 * The word of a hash in a line, or 0. Places are taken from the first on, so
 * that in a table that is not full it is among the first: a branch that is
 * guessed right costs less than to look at all of them.
 */
static __always_inline __u64 line_find(const struct l4gate_line *line,
				       __u64 hash)
{
	int i;

#pragma unroll
	for (i = 0; i < L4GATE_LINE_WORDS; i++) {
		__u64 word = READ_ONCE(line->word[i]);

		if (!((word ^ hash) >> L4GATE_PAYLOAD_BITS))
			return word;
	}
	return 0;
}

static __always_inline struct l4gate_line *
line_get(void *map, __u32 base, __u32 row, __u64 hash)
{
	__u32 number = base + line_number(row, hash);

	return bpf_map_lookup_elem(map, &number);
}

/*
 * The word of a hash in lines that user space fills, the half of a map that begins
 * at line base and has that many rows; 0 if there is none. The second line is used
 * only when the first is full.
 */
static __always_inline __u64 lines_find(void *map, __u32 base, __u32 rows,
					__u64 hash)
{
	__u32 row = row_first(hash, rows);
	struct l4gate_line *line;
	__u64 word = 0;

	line = line_get(map, base, row, hash);
	if (line)
		word = line_find(line, hash);
	if (word || !line || !READ_ONCE(line->word[L4GATE_LINE_WORDS - 1]))
		return word;
	line = line_get(map, base, row_other(row, hash, rows), hash);
	return line ? line_find(line, hash) : 0;
}

#endif /* L4GATE_BPF_LINES_H */
