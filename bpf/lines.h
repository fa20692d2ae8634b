/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading lines of words (include/l4gate/hash.h). Who finds a word by 40 bits of
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

/*
 * The word of a hash in a map of lines whose part begins at line base and has
 * mask + 1 lines; 0 if there is none.
 */
static __always_inline __u64 lines_find(void *map, __u32 base, __u32 mask,
					__u64 hash)
{
	__u32 first = line_first(hash, mask), number = base + first;
	struct l4gate_line *line;
	__u64 word = 0;

	line = bpf_map_lookup_elem(map, &number);
	if (line)
		word = line_find(line, hash);
	if (word)
		return word;
	number = base + line_other(first, hash, mask);
	line = bpf_map_lookup_elem(map, &number);
	return line ? line_find(line, hash) : 0;
}

#endif /* L4GATE_BPF_LINES_H */
