/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Session affinity: new flows of a client address go where its earlier ones went.
 * The slot of such a route follows from the client's address alone (select.h), so
 * nodes with the same seed agree, and the weights hold for the clients that there
 * are. What is remembered here makes a difference only after a change of the slot
 * tables: who came less than the timeout before stays where it was.
 *
 * A word for a client and a route, in one line of eight. When that is full the one
 * that came longest ago is forgotten, and the slot table decides its next flow.
 * Nobody locks: of two CPUs at one place the later one is remembered.
 */
#ifndef L4GATE_BPF_AFFINITY_H
#define L4GATE_BPF_AFFINITY_H

#include "clock.h"
#include "lines.h"
#include "scratch.h"
#include "select.h"

static __always_inline __u64 affinity_hash(const struct packet *packet,
					   __u32 route)
{
	return hash_place(hash_key[3], packet->family, &packet->src,
			  route >> 16, route);
}

static __always_inline struct l4gate_line *affinity_line(__u64 hash)
{
	return line_get(&l4gate_affinity, 0,
			row_first(hash, L4GATE_AFFINITY_LINES / L4GATE_SHARDS),
			hash);
}

/* All ones if a word is that of a hash, else 0. */
static __always_inline __u64 affinity_is(__u64 word, __u64 hash)
{
	return mask_if_zero((word ^ hash) >> L4GATE_AFFINITY_TAG_SHIFT);
}

/* Ticks since a word was written. */
static __always_inline __u32 affinity_age(__u64 word)
{
	return (clock_ticks(bpf_jiffies64()) - word) & L4GATE_AFFINITY_TICKS;
}

static __always_inline __u32 affinity_backend(__u64 word)
{
	return word >> L4GATE_AFFINITY_BACKEND_SHIFT & L4GATE_WORD_BACKEND;
}

/*
 * Where the client of the packet in scratch was sent to by a route less than so many
 * seconds ago, if there may be new flows: the number of a backend, or -1. Global,
 * for the verifier to look at it once.
 */
int affinity_recall(__u32 route, __u32 seconds);

__noinline int affinity_recall(__u32 route, __u32 seconds)
{
	__u32 timeout = (__u64)seconds * jiffies_second >> tick_shift, i;
	const struct scratch *scratch = scratch_get();
	const struct l4gate_backend *backend;
	struct l4gate_line *line;
	__u64 hash, word = 0;

	if (!scratch)
		return -1;
	hash = affinity_hash(&scratch->packet, route);
	line = affinity_line(hash);
	if (!line)
		return -1;
#pragma unroll
	for (i = 0; i < L4GATE_LINE_WORDS; i++)
		word |= line->word[i] & affinity_is(line->word[i], hash);
	backend = backend_get(affinity_backend(word));
	if (!word || affinity_age(word) > timeout || !backend ||
	    backend->route != route ||
	    backend->family != scratch->packet.family ||
	    backend->state != L4GATE_BACKEND_ACTIVE)
		return -1;
	return affinity_backend(word);
}

/* Remembers where it is sent to now. */
int affinity_remember(__u32 route, __u32 backend);

__noinline int affinity_remember(__u32 route, __u32 backend)
{
	const struct scratch *scratch = scratch_get();
	struct l4gate_line *line;
	__u64 hash, best = 0;
	__u32 i;

	if (!scratch)
		return 0;
	hash = affinity_hash(&scratch->packet, route);
	line = affinity_line(hash);
	if (!line)
		return 0;
	/* The client's own place, an empty one, or that of the oldest. */
#pragma unroll
	for (i = 0; i < L4GATE_LINE_WORDS; i++) {
		__u64 word = READ_ONCE(line->word[i]);
		__u64 worth = (affinity_is(word, hash) & 1) << 33 |
			      (mask_if_zero(word) & 1) << 32 |
			      (__u64)affinity_age(word) << 3 | i;

		best = worth + ((best - worth) & mask_if_less(worth, best));
	}
	WRITE_ONCE(line->word[best % L4GATE_LINE_WORDS],
		   hash >> L4GATE_AFFINITY_TAG_SHIFT << L4GATE_AFFINITY_TAG_SHIFT |
		   (__u64)backend << L4GATE_AFFINITY_BACKEND_SHIFT |
		   (clock_ticks(bpf_jiffies64()) & L4GATE_AFFINITY_TICKS));
	return 0;
}

/* After a flow of a route is made. */
static __always_inline void affinity_note(const struct l4gate_route *route,
					  __u32 number, __u32 backend)
{
	if (route->flags & L4GATE_ROUTE_F_AFFINITY)
		affinity_remember(number, backend);
}

#endif /* L4GATE_BPF_AFFINITY_H */
