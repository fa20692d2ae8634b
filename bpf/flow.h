/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The index of flows: a word for each, in one of two lines (lines.h).
 *
 * Readers take no lock. Who changes a line holds the lock of both lines of the
 * hash, which is one and the same, so that
 * - two CPUs that enter the same flow find each other: the second one gets the
 *   word of the first;
 * - a word that moves to its other line is there before it is gone from here, and
 *   a reader looks into the first line once more before it says that there is none.
 *
 * A word is found by 40 bits of its hash and by its line. Of a flow of nat the
 * record holds the whole key. Of a direct flow there is no more than the word: one
 * of another flow is taken for it once in 2^36 new flows at most, and then it is
 * believed only if it leads to a backend of the same route (direct.h).
 */
#ifndef L4GATE_BPF_FLOW_H
#define L4GATE_BPF_FLOW_H

#include "record.h"

#define WORD_NO_ROOM (~0ULL)

/* Of a flow, by its client and the endpoint that it goes to. */
static __always_inline __u64 flow_hash(__u8 family,
				       const struct l4gate_addr *client,
				       __be16 port, __u16 endpoint)
{
	return hash_place(hash_key[0], family, client, port, endpoint);
}

/*
 * The word of a flow, or 0. Who found none looks into the first line again: a
 * word that moved there from the second in the meantime was in neither, and an
 * established connection must not get a RST for that.
 */
static __always_inline __u64 flow_find(__u64 hash)
{
	__u32 first = line_first(hash, flow_line_mask);
	struct l4gate_line *line;
	__u64 word;

	word = lines_find(&l4gate_flow_index, 0, flow_line_mask, hash);
	if (word)
		return word;
	line = bpf_map_lookup_elem(&l4gate_flow_index, &first);
	return line ? line_find(line, hash) : 0;
}

static __always_inline __u32 word_state(__u64 word)
{
	return word >> L4GATE_WORD_STATE_SHIFT & L4GATE_RECORD_STATE;
}

static __always_inline __u32 word_backend(__u64 word)
{
	return word >> L4GATE_WORD_BACKEND_SHIFT & L4GATE_WORD_BACKEND;
}

static __always_inline __u32 word_payload(__u32 backend, __u32 state)
{
	return L4GATE_WORD_F_DIRECT | backend << L4GATE_WORD_BACKEND_SHIFT |
	       state << L4GATE_WORD_STATE_SHIFT | clock_quarters(state);
}

/* Whether a direct flow's time has passed. */
static __always_inline bool word_is_over(__u64 word)
{
	return ((clock_quarters(word_state(word)) - word) & L4GATE_WORD_CLOCK) >
	       4;
}

/* What a word is worth to its flow, as of a record; 0: nothing any more. */
static __always_inline __u64 word_worth(__u64 word)
{
	__u32 state = word_state(word);
	__u64 age = (clock_quarters(state) - word) & L4GATE_WORD_CLOCK;
	__u64 direct = word >> 23 & 1;

	return (flow_worth[state] & ~mask_if_less(4, age) & -direct) |
	       (FLOW_KEPT & (direct - 1));
}

/* Position of an empty place in a line, or L4GATE_LINE_WORDS. */
static __always_inline __u64 line_room(const struct l4gate_line *line)
{
	__u64 room = L4GATE_LINE_WORDS;
	int i;

#pragma unroll
	for (i = L4GATE_LINE_WORDS - 1; i >= 0; i--) {
		__u64 empty = mask_if_zero(READ_ONCE(line->word[i]));

		room = (room & ~empty) | (i & empty);
	}
	return room;
}

/* Two full lines, and the word in them that could give up its place. */
struct displacement {
	struct l4gate_line *from;
	struct l4gate_line *to;	/* its other line, or NULL: it is dropped */
	__u64 word;
	__u32 at;		/* in from */
};

/* Words that are looked at for one that could move to its other line. */
#define MOVES 4

/*
 * The word that is worth least in two lines: its worth << 4 | its place, with
 * places of b behind those of a. No branches, see record_probe().
 */
static __always_inline __u64 lines_cheapest(const struct l4gate_line *a,
					    const struct l4gate_line *b)
{
	__u64 best = FLOW_KEPT << 4;
	int i;

	for (i = 0; i < L4GATE_LINE_WORDS; i++) {
		__u64 in_a = word_worth(READ_ONCE(a->word[i])) << 4 | i;
		__u64 in_b = word_worth(READ_ONCE(b->word[i])) << 4 | 8 | i;

		best = lesser(best, lesser(in_a, in_b));
	}
	return best;
}

/* The line that a word could move to, if that has room. */
static __always_inline struct l4gate_line *other_with_room(__u32 number,
							   __u64 word)
{
	__u32 other = line_other(number, word, flow_line_mask);
	struct l4gate_line *line;

	line = bpf_map_lookup_elem(&l4gate_flow_index, &other);
	if (line && line_room(line) < L4GATE_LINE_WORDS)
		return line;
	return NULL;
}

/*
 * Finds who could make room in two full lines: one whose time has passed, else
 * one that can move, else one that is worth less than a new flow. Nothing is
 * locked here: who acts on it looks again.
 */
static __always_inline bool
flow_make_room(struct displacement *result, struct l4gate_line *a,
	       struct l4gate_line *b, __u32 first, __u32 second)
{
	__u64 best = lines_cheapest(a, b);
	__u32 at = best & (L4GATE_LINE_WORDS - 1);
	int i;

	result->from = best & L4GATE_LINE_WORDS ? b : a;
	result->at = at;
	result->word = READ_ONCE(result->from->word[at]);
	if (best >> 4 == 0)
		return true;
	for (i = 0; i < MOVES; i++) {
		struct l4gate_line *from = i & 1 ? b : a;
		__u64 word;

		at = (at + 3) & (L4GATE_LINE_WORDS - 1);
		word = READ_ONCE(from->word[at]);
		result->to = other_with_room(i & 1 ? second : first, word);
		if (!result->to)
			continue;
		result->from = from;
		result->at = at;
		result->word = word;
		return true;
	}
	return best >> 4 < FLOW_KEPT;
}

/* Puts a word where displacement says, if all is as it was. Locked. */
static __always_inline bool displace(const struct displacement *d, __u64 word)
{
	__u32 at = d->at & (L4GATE_LINE_WORDS - 1);
	__u64 room;

	if (d->from->word[at] != d->word)
		return false;
	if (d->to) {
		room = line_room(d->to);
		if (room >= L4GATE_LINE_WORDS)
			return false;
		WRITE_ONCE(d->to->word[room & (L4GATE_LINE_WORDS - 1)],
			   d->word);
	}
	WRITE_ONCE(d->from->word[at], word);
	return true;
}

static __always_inline bool line_enter(struct l4gate_line *line, __u64 word)
{
	__u64 room = line_room(line);

	if (room >= L4GATE_LINE_WORDS)
		return false;
	WRITE_ONCE(line->word[room & (L4GATE_LINE_WORDS - 1)], word);
	return true;
}

/*
 * Enters a flow. Returns 0, the word of the same flow that another CPU entered
 * first, or WORD_NO_ROOM.
 *
 * This and the next are global functions: the verifier looks at them once, for
 * any arguments, and not once for each state that a caller may be in.
 */
__u64 flow_enter(__u64 hash, __u32 payload);

__noinline __u64 flow_enter(__u64 hash, __u32 payload)
{
	__u32 first = line_first(hash, flow_line_mask);
	__u32 second = line_other(first, hash, flow_line_mask);
	__u64 word = line_word(hash, payload), found;
	struct flow_lock *lock = lock_get(first);
	struct displacement room = {};
	struct l4gate_line *a, *b;
	bool can_displace = false;

	a = bpf_map_lookup_elem(&l4gate_flow_index, &first);
	b = bpf_map_lookup_elem(&l4gate_flow_index, &second);
	if (!a || !b || !lock)
		return WORD_NO_ROOM;
	if (line_room(a) == L4GATE_LINE_WORDS &&
	    line_room(b) == L4GATE_LINE_WORDS)
		can_displace = flow_make_room(&room, a, b, first, second);

	bpf_spin_lock(&lock->lock);
	found = line_find(a, hash);
	if (!found)
		found = line_find(b, hash);
	if (!found && !line_enter(a, word) && !line_enter(b, word) &&
	    !(can_displace && displace(&room, word)))
		found = WORD_NO_ROOM;
	bpf_spin_unlock(&lock->lock);
	return found;
}

static __always_inline bool line_replace(struct l4gate_line *line, __u64 from,
					 __u64 to)
{
	int i;

#pragma unroll
	for (i = 0; i < L4GATE_LINE_WORDS; i++)
		if (line->word[i] == from) {
			WRITE_ONCE(line->word[i], to);
			return true;
		}
	return false;
}

/* Replaces the word of a flow by another (0: removes it), if it is still there. */
int flow_replace(__u64 hash, __u64 from, __u64 to);

__noinline int flow_replace(__u64 hash, __u64 from, __u64 to)
{
	__u32 first = line_first(hash, flow_line_mask);
	__u32 second = line_other(first, hash, flow_line_mask);
	struct flow_lock *lock = lock_get(first);
	struct l4gate_line *a, *b;

	a = bpf_map_lookup_elem(&l4gate_flow_index, &first);
	b = bpf_map_lookup_elem(&l4gate_flow_index, &second);
	if (!a || !b || !lock)
		return 0;
	bpf_spin_lock(&lock->lock);
	if (!line_replace(a, from, to))
		line_replace(b, from, to);
	bpf_spin_unlock(&lock->lock);
	return 0;
}

#endif /* L4GATE_BPF_FLOW_H */
