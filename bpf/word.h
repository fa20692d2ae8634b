/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flows of the modes that leave the client's address alone: a word for each, in a
 * table (table.h).
 *
 * A word is found by 39 bits of its hash and by its line, another sixteen or more.
 * There is no more of such a flow than that: the word of another is taken for it
 * once in 2^35 new flows at most, and then it is believed only if it leads to a
 * backend of the same route (direct.h).
 */
#ifndef L4GATE_BPF_WORD_H
#define L4GATE_BPF_WORD_H

#include "table.h"
#include "timeouts.h"

#define WORD_NO_ROOM (~0ULL)
/* The payload but for the mark of surplus flows, which stays. */
#define WORD_SAYS (L4GATE_WORD_F_SURPLUS - 1)

/*
 * The word of a flow, or 0. Who found none looks into the first line again: a
 * word that moved there from the second in the meantime was in neither.
 */
static __always_inline __u64 word_find(__u64 hash)
{
	__u32 row = row_first(hash, word_rows);
	struct l4gate_line *first, *second;
	__u64 word = 0;

	first = line_get(&l4gate_words, 0, row, hash);
	if (first)
		word = line_find(first, hash);
	if (word)
		return word;
	second = line_get(&l4gate_words, 0, row_other(row, hash, word_rows),
			  hash);
	if (second)
		word = line_find(second, hash);
	if (word)
		return word;
	return first ? line_find(first, hash) : 0;
}

static __always_inline __u32 word_payload(__u32 backend, __u32 state, __u64 now)
{
	return backend << L4GATE_WORD_BACKEND_SHIFT |
	       state << L4GATE_WORD_STATE_SHIFT | clock_quarters(state, now);
}

/* Of a flow to a backend with a class of timeouts. */
static __always_inline __u32 word_payload_timed(__u32 backend, __u32 state,
						__u32 timeouts, __u64 now)
{
	return backend << L4GATE_WORD_BACKEND_SHIFT |
	       state << L4GATE_WORD_STATE_SHIFT |
	       timed_quarters(timeouts, state, now);
}

/* Quarters of the timeout since a flow's last packet. */
static __always_inline __u32 word_age(__u64 word, __u64 now)
{
	__u32 age = clock_quarters(word_state(word), now) - word;

	if (word & L4GATE_FLOW_TIMED)
		age = timed_word_age(word, now);
	barrier_var(age);
	return age & L4GATE_WORD_CLOCK;
}

/* Whether a flow's time has passed. */
static __always_inline bool word_is_over(__u64 word, __u64 now)
{
	return word_age(word, now) > 4;
}

/* In words states 0 and 1 are a FIN of the backend and of the client. */
static const volatile __u8 word_worths[2 * L4GATE_FLOW_STATES] = {
	FLOW_WORTHS(0, FLOW_KEPT, FLOW_DOUBTED, FLOW_HALF_OPEN,
		    FLOW_UNREPLIED),
	FLOW_WORTHS(SURPLUS_INDEX, FLOW_KEPT, FLOW_DOUBTED, FLOW_SURPLUS,
		    FLOW_SURPLUS),
};

static __always_inline __u32 word_surplus(__u64 word)
{
	return word / L4GATE_WORD_F_SURPLUS & 1;
}

static __always_inline __u32 word_worth_index(__u64 word)
{
	return worth_index(word_state(word), word_surplus(word));
}

/* What a word is worth to its flow; 0: nothing any more. */
static __always_inline __u64 word_worth(__u64 word, __u64 now)
{
	return word_is_over(word, now) ? 0 :
					 word_worths[word_worth_index(word)];
}

/* The same, with no branches; as if a flow with a mark were never over. */
static __always_inline __u64 word_worth_unmarked(__u64 word, __u64 now)
{
	__u32 state = word_state(word);
	__u64 age = (clock_quarters(state, now) - word) & L4GATE_WORD_CLOCK;

	return word_worths[word_worth_index(word)] &
	       ~mask_if_less(4, age & ~timed_mask(word));
}

/* A place of two full lines with a mark whose time has passed, or FLOW_KEPT << 4. */
__u64 words_timed_out(__u64 hash);

__noinline __u64 words_timed_out(__u64 hash)
{
	__u64 best = FLOW_KEPT << 4, now = bpf_jiffies64();
	struct lines lines;
	int i;

	if (!lines_open(&l4gate_words, word_rows, hash, &lines))
		return best;
#pragma unroll
	for (i = 0; i < WORDS; i++) {
		__u64 a = timed_word_worth(READ_ONCE(lines.first->word[i]), now);
		__u64 b = timed_word_worth(READ_ONCE(lines.second->word[i]), now);

		best = lesser(best, lesser(a << 4 | i, b << 4 | 8 | i));
	}
	return best;
}

/*
 * The word that is worth least in both lines of a hash, which are full: its worth << 4
 * | its place, with places of the second behind those of the first. No branches: the
 * verifier would follow each way through apart. And global, for it to look at it once.
 */
__u64 words_cheapest(__u64 hash);

__noinline __u64 words_cheapest(__u64 hash)
{
	__u64 best = FLOW_KEPT << 4, now = bpf_jiffies64(), marks = 0;
	struct lines lines;
	int i;

	if (!lines_open(&l4gate_words, word_rows, hash, &lines))
		return best;
	for (i = 0; i < WORDS; i++) {
		__u64 first = READ_ONCE(lines.first->word[i]);
		__u64 second = READ_ONCE(lines.second->word[i]);
		__u64 a = word_worth_unmarked(first, now);
		__u64 b = word_worth_unmarked(second, now);

		best = lesser(best, lesser(a << 4 | i, b << 4 | 8 | i));
		marks |= first | second;
	}
	if (best >> 4 && marks & L4GATE_FLOW_TIMED)
		best = lesser(best, words_timed_out(hash));
	return best;
}

/*
 * Finds who could make room in two full lines: one whose time has passed, else
 * one that can move, else one that is not worth more than most.
 */
static __always_inline bool words_make_room(struct displacement *result,
					    __u64 hash,
					    const struct lines *lines,
					    __u64 most)
{
	__u64 best = words_cheapest(hash);
	__u32 at = best & (WORDS - 1);

	if (best >> 4 && lines_displace(result, &l4gate_words, word_rows, hash,
					lines, WORDS))
		return true;
	result->to = NULL;
	result->from = best & WORDS ? lines->second : lines->first;
	result->at = at;
	result->word = READ_ONCE(result->from->word[at]);
	/* Of what is there by now: it may have been established meanwhile. */
	return word_worth(result->word, bpf_jiffies64()) <= most;
}

/*
 * Enters a flow. Returns 0, the word of the same flow that another CPU entered
 * first, or WORD_NO_ROOM.
 *
 * This and the next are global functions: the verifier looks at them once, for
 * any arguments, and not once for each state that a caller may be in.
 */
__u64 word_enter(__u64 hash, __u32 payload);

__noinline __u64 word_enter(__u64 hash, __u32 payload)
{
	struct shard *shard = shard_get(hash);
	__u64 word = line_word(hash, payload), found;
	struct displacement room = {};
	struct lines lines;
	bool can_displace = false;

	if (!shard || !lines_open(&l4gate_words, word_rows, hash, &lines))
		return WORD_NO_ROOM;
	if (line_room(lines.first, WORDS) == WORDS &&
	    line_room(lines.second, WORDS) == WORDS)
		can_displace = words_make_room(&room, hash, &lines,
					       displaces_most(word_surplus(payload)));

	bpf_spin_lock(&shard->lock);
	found = line_find(lines.first, hash);
	if (!found)
		found = line_find(lines.second, hash);
	if (!found && !line_enter(lines.first, word, 0, WORDS) &&
	    !line_enter(lines.second, word, 0, WORDS) &&
	    !(can_displace && displace(&room, word, 0, WORDS)))
		found = WORD_NO_ROOM;
	bpf_spin_unlock(&shard->lock);
	return found;
}

static __always_inline bool word_swap(struct l4gate_line *line, __u64 from,
				      __u64 to)
{
	__u32 at = line_position(line, from, WORDS);

	if (at >= WORDS)
		return false;
	WRITE_ONCE(line->word[position_of(at, WORDS)], to);
	return true;
}

/*
 * Replaces the word of a flow by another (0: removes it), if it is still there;
 * whether it was.
 */
int word_replace(__u64 hash, __u64 from, __u64 to);

__noinline int word_replace(__u64 hash, __u64 from, __u64 to)
{
	struct shard *shard = shard_get(hash);
	struct lines lines;
	bool was;

	if (!shard || !lines_open(&l4gate_words, word_rows, hash, &lines))
		return 0;
	bpf_spin_lock(&shard->lock);
	was = word_swap(lines.first, from, to) ||
	      word_swap(lines.second, from, to);
	bpf_spin_unlock(&shard->lock);
	return was;
}

#endif /* L4GATE_BPF_WORD_H */
