/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tables of flows: lines (include/l4gate/hash.h) of words, or of entries. One
 * code for both: width says how many of them are in a line, and with that what is
 * in it. It is a constant wherever this is inlined.
 *
 * A flow lives in one shard, which its hash says: both of its lines, and for nat
 * its record. Readers take no lock. Who changes anything of a shard holds its lock,
 * so that
 * - two CPUs that enter one flow find each other: the second gets what the first
 *   has entered;
 * - both halves of a flow of nat come, change and go at once;
 * - what moves to its other line is there before it is gone from here, and a reader
 *   looks into the first line once more before it says that there is none.
 *
 * An entry's value is written before its hash. Who finds a hash and reads the value
 * looks at the hash again: so the value was that flow's. On x86 stores are seen in
 * their order; on a CPU with a weaker one a reader may take a flow for unknown for
 * an instant, and word_enter() or nat_insert() find out.
 */
#ifndef L4GATE_BPF_TABLE_H
#define L4GATE_BPF_TABLE_H

#include "clock.h"
#include "lines.h"

#define WORDS L4GATE_LINE_WORDS
#define ENTRIES L4GATE_LINE_ENTRIES

static __always_inline struct shard *shard_get(__u32 number)
{
	number &= L4GATE_SHARDS - 1;
	return bpf_map_lookup_elem(&l4gate_shards, &number);
}

/*
 * What the place of a flow in some state is worth: 0 is to be had at once, what is
 * below FLOW_KEPT may be taken if there is nothing better.
 *
 * So half-open flows are in a table of their own within this one: they share the
 * lines of the established, and may use every place that these leave, but they take
 * places from each other only. A flood of SYNs finds no way to an established flow,
 * whether there is room or not. And those beyond the limit of their listener
 * (half_open.h) find none to the half-open flows of others: they may take the places
 * of their like only, and of connections that are closed, or may be.
 */
#define FLOW_KEPT 15
#define FLOW_SURPLUS 1
#define FLOW_CLOSED 2
/* Of a flow whose client has, or has not, spoken of its end. */
#define FLOW_DOUBTED 3
#define FLOW_HALF_OPEN 4
#define FLOW_UNREPLIED 5
/* Worths have two halves, by state each: the second is of flows marked as surplus. */
#define SURPLUS_INDEX L4GATE_FLOW_STATES

/*
 * Linux 5.10 knows no bounds of what is made of two numbers ("math between map_value
 * pointer and register with unbounded min value"), and clang that there are some.
 */
static __always_inline __u32 worth_index(__u32 state, __u32 surplus)
{
	__u32 index = state | surplus * SURPLUS_INDEX;

	barrier_var(index);
	return index & (2 * L4GATE_FLOW_STATES - 1);
}

#define FLOW_WORTHS(at, free, claimed, half_open, unreplied)		\
	[(at) + L4GATE_FLOW_FREE] = (free),				\
	[(at) + L4GATE_FLOW_CLAIMED] = (claimed),			\
	[(at) + L4GATE_FLOW_RESET] = FLOW_DOUBTED,			\
	[(at) + L4GATE_FLOW_CLOSING] = FLOW_CLOSED,			\
	[(at) + L4GATE_FLOW_HALF_OPEN] = (half_open),			\
	[(at) + L4GATE_FLOW_UNREPLIED] = (unreplied),			\
	[(at) + L4GATE_FLOW_ESTABLISHED] = FLOW_KEPT,			\
	[(at) + L4GATE_FLOW_REPLIED] = FLOW_KEPT

/*
 * The worth up to which a new flow may take a place; surplus: 0 or 1. A number, where
 * two ways would be followed apart to the end (8,000 instructions more, clang 19).
 */
static __always_inline __u64 displaces_most(__u64 surplus)
{
	barrier_var(surplus);
	return FLOW_KEPT - 1 - surplus * (FLOW_KEPT - 1 - FLOW_DOUBTED);
}

/* Both lines of a hash. */
struct lines {
	struct l4gate_line *first;
	struct l4gate_line *second;
	__u32 row;		/* of the first */
	__u32 other;
};

static __always_inline bool lines_open(void *map, __u32 rows, __u64 hash,
				       struct lines *lines)
{
	lines->row = row_first(hash, rows);
	lines->other = row_other(lines->row, hash, rows);
	lines->first = line_get(map, 0, lines->row, hash);
	lines->second = line_get(map, 0, lines->other, hash);
	return lines->first && lines->second;
}

/*
 * Starts to read both lines of a hash. Behind a lock nothing is read ahead: there
 * the CPU would wait for one after the other.
 */
static __always_inline void lines_touch(const struct lines *lines)
{
	(void)READ_ONCE(lines->first->word[0]);
	(void)READ_ONCE(lines->second->word[0]);
}

/* Position of an empty place in a line, or width. */
static __always_inline __u32 line_room(const struct l4gate_line *line,
				       const __u32 width)
{
	__u64 room = width;
	int i;

#pragma unroll
	for (i = width - 1; i >= 0; i--) {
		__u64 empty = mask_if_zero(READ_ONCE(line->word[i]));

		room = (room & ~empty) | (i & empty);
	}
	return room;
}

/* Position of a word or an entry's hash in a line, or width. */
static __always_inline __u32 line_position(const struct l4gate_line *line,
					   __u64 word, const __u32 width)
{
	__u64 position = width;
	int i;

#pragma unroll
	for (i = width - 1; i >= 0; i--) {
		__u64 same = mask_if_zero(READ_ONCE(line->word[i]) ^ word);

		position = (position & ~same) | (i & same);
	}
	return position;
}

/*
 * A position as the verifier believes it: it does not follow the masks above, and
 * clang, which does, would leave out a plain bound.
 */
static __always_inline __u32 position_of(__u32 at, const __u32 width)
{
	barrier_var(at);
	return at & (width - 1);
}

/* Puts a word, or an entry, in a place of a line. Locked. */
static __always_inline void line_put(struct l4gate_line *line, __u32 at,
				     __u64 word, __u64 value,
				     const __u32 width)
{
	at = position_of(at, width);
	if (width == ENTRIES)
		WRITE_ONCE(line->word[ENTRIES + at], value);
	asm volatile("" ::: "memory");
	WRITE_ONCE(line->word[at], word);
}

/* The same, if there is room. */
static __always_inline bool line_enter(struct l4gate_line *line, __u64 word,
				       __u64 value, const __u32 width)
{
	__u32 at = line_room(line, width);

	if (at >= width)
		return false;
	line_put(line, at, word, value, width);
	return true;
}

/* One of two full lines that can give up a place. */
struct displacement {
	struct l4gate_line *from;
	struct l4gate_line *to;	/* where what was there goes, or NULL: away */
	__u64 word;
	__u64 value;
	__u32 at;		/* in from */
};

/*
 * Looks for a word or an entry of two full lines that can move to its other line.
 * Nothing is locked here: who acts on it looks again.
 */
static __always_inline bool lines_displace(struct displacement *result,
					   void *map, __u32 rows, __u64 hash,
					   const struct lines *lines,
					   const __u32 width)
{
	int i;

#pragma unroll
	for (i = 0; i < 8; i++) {
		struct l4gate_line *from = i & 1 ? lines->second : lines->first;
		__u32 at = (i / 2 + (hash >> 8)) & (width - 1);
		__u64 word = READ_ONCE(from->word[at]);
		__u32 row = row_other(i & 1 ? lines->other : lines->row, word,
				      rows);

		result->to = line_get(map, 0, row, hash);
		if (!result->to || line_room(result->to, width) >= width)
			continue;
		result->from = from;
		result->at = at;
		result->word = word;
		if (width == ENTRIES)
			result->value = READ_ONCE(from->word[ENTRIES + at]);
		return true;
	}
	return false;
}

/* Puts a word or an entry where a displacement says, if all is as it was. Locked. */
static __always_inline bool displace(const struct displacement *d, __u64 word,
				     __u64 value, const __u32 width)
{
	__u32 at = position_of(d->at, width);

	if (d->from->word[at] != d->word)
		return false;
	/* Worth more by now, perhaps. */
	if (width == ENTRIES && !d->to &&
	    d->from->word[ENTRIES + at] != d->value)
		return false;
	if (d->to && !line_enter(d->to, d->word,
				 width == ENTRIES ?
				 d->from->word[ENTRIES + at] : 0, width))
		return false;
	/* Between two owners the place is nobody's: see line_entry(). */
	if (width == ENTRIES) {
		WRITE_ONCE(d->from->word[at], 0);
		asm volatile("" ::: "memory");
	}
	line_put(d->from, at, word, value, width);
	return true;
}

/*
 * Of a flow, by its client and the endpoint that it goes to. One of 2^64 keys has
 * the hash 0, which is that of an empty place: it gets no flow.
 */
static __always_inline __u64 flow_hash(__u8 family,
				       const struct l4gate_addr *client,
				       __be16 port, __u16 endpoint)
{
	return hash_place(hash_key[0], family, client, port, endpoint);
}

#endif /* L4GATE_BPF_TABLE_H */
