/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where an address is reached. The kernel's FIB knows; asking it costs 112 ns, so
 * its answers are remembered: the neighbours (next hops) in one table, and in
 * another, by the hash of an address, which of them is the way there. So a million
 * clients behind one router share the little that has to be kept fresh. Routes with
 * different MTUs share none: a neighbour is a next hop for each MTU.
 *
 * How a change is noticed:
 * - A next hop is believed for a second; then the FIB is asked for the address of
 *   the packet at hand, and a new MAC address counts for all.
 * - An address believes in its next hop for NEXTHOP_SECONDS, a record of nat until
 *   the time of its last packet is written down once more.
 * - Whoever learns that an address has moved to another next hop raises the
 *   generation of the old one, and all addresses that used it ask anew. So a changed
 *   default route is noticed within a second of its busiest address.
 * - An answer that is not final (a neighbour being resolved) is not believed at all.
 *
 * Readers take no lock. One that reads a next hop in the instant in which it is
 * written may send a packet to an address that is partly the old one: the packet is
 * lost, as those before it were that went to the old one.
 */
#ifndef L4GATE_BPF_NEXTHOP_H
#define L4GATE_BPF_NEXTHOP_H

#include "packet.h"
#include "scratch.h"
#include "table.h"

#define AF_INET 2
#define AF_INET6 10

#define NEXTHOP_SECONDS 4
/* Places in the table that a neighbour may have. */
#define NEXTHOP_PLACES 4

/* No MTU is less (RFC 791). */
#define LEAST_MTU4 68

static __always_inline enum l4gate_nexthop_kind
nexthop_kind(long fib, const struct l4gate_device *device)
{
	switch (fib) {
	/*
	 * What too large a packet at TC gets from Linux 5.10 as it was first (up to
	 * 5.10.19), with all else filled in: check_way() will see to that one.
	 */
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
	case BPF_FIB_LKUP_RET_SUCCESS:
		if (!device)
			return L4GATE_NEXTHOP_UNATTACHED;
		return device->flags & L4GATE_DEVICE_F_XDP ?
		       L4GATE_NEXTHOP_XDP : L4GATE_NEXTHOP_TC;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return device ? L4GATE_NEXTHOP_TC : L4GATE_NEXTHOP_UNATTACHED;
	/*
	 * An address of this node, or (the kernel's answer is the same) none
	 * that it has a route for; with forwarding off it does not even look.
	 * The stack will know.
	 */
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return L4GATE_NEXTHOP_LOCAL;
	default:
		return L4GATE_NEXTHOP_UNREACHABLE;
	}
}

/* Two ticks are a second, near enough. */
static __always_inline __u32 nexthop_seconds(__u64 now)
{
	return clock_ticks(now) / 2 & L4GATE_HOP_SECONDS;
}

static __always_inline struct l4gate_nexthop *nexthop_get(__u32 number)
{
	number &= L4GATE_HOP_NUMBER;
	return bpf_map_lookup_elem(&l4gate_nexthops, &number);
}

/*
 * The MTU of a way: of the route or, if the kernel has learned less of the path, of
 * that (from Linux 5.12 on, once the neighbour is known); or of the device. told: as
 * the FIB has left it, one if it says nothing; larger ones than 16 bits hold are cut.
 */
static __always_inline __u32 nexthop_mtu(__u32 told, __u32 device)
{
	/* That of a device that is not known is 0, and no bound. */
	__u32 mask = mask_if_less(LEAST_MTU4 - 1, told) &
		     mask_if_less(told - 1, device - 1);

	return (told & mask) | (device & ~mask);
}

/*
 * The answer of the FIB about an address. It is in scratch, and not on the stack, for
 * the verifier to forget which of the ways through here it took.
 */
static __always_inline void nexthop_look_up(CTX *ctx, __u32 family,
					    const struct l4gate_addr *addr,
					    struct l4gate_nexthop *answer)
{
	struct bpf_fib_lookup params = {};
	struct l4gate_device *device;
	__u32 ifindex;
	long fib;

	zero(answer, sizeof(*answer));
	params.ifindex = ctx_ifindex(ctx);
	params.tot_len = 1;	/* of which the MTU takes the place */
	if (family == L4GATE_IPV4) {
		params.family = AF_INET;
		params.ipv4_dst = addr->w[0];
	} else {
		params.family = AF_INET6;
		copy(params.ipv6_dst, addr, sizeof(*addr));
	}
	fib = bpf_fib_lookup(ctx, &params, sizeof(params), 0);

	ifindex = params.ifindex;
	device = bpf_map_lookup_elem(&l4gate_devices, &ifindex);
	answer->mtu = nexthop_mtu(params.tot_len, device ? device->mtu : 0);
	answer->ifindex = ifindex;
	answer->kind = nexthop_kind(fib, device);
	answer->asked = bpf_jiffies64();
	if (fib == BPF_FIB_LKUP_RET_NO_NEIGH)
		answer->asked -= jiffies_second + 1;
	if (device) {
		answer->nat = family == L4GATE_IPV4 ?
			      device->addr[L4GATE_IPV4] :
			      device->addr[L4GATE_IPV6];
		answer->source = family == L4GATE_IPV4 ?
				 device->source[L4GATE_IPV4] :
				 device->source[L4GATE_IPV6];
	}
	/* The FIB replaced the address by that of a router, if there is one. */
	if (params.family == AF_INET) {
		answer->family = L4GATE_IPV4;
		answer->gateway.w[0] = params.ipv4_dst;
	} else {
		answer->family = L4GATE_IPV6;
		copy(&answer->gateway, params.ipv6_dst,
		     sizeof(answer->gateway));
	}
	copy(answer->mac, params.dmac, ETH_ALEN);
	copy(answer->mac + ETH_ALEN, params.smac, ETH_ALEN);
}

/* All ones if both are the same neighbour, by the same MTU, else 0. */
static __always_inline __u64 nexthop_same(const struct l4gate_nexthop *a,
					  const struct l4gate_nexthop *b)
{
	return mask_if_zero((__u64)(a->gateway.w[0] ^ b->gateway.w[0]) |
			    (a->gateway.w[1] ^ b->gateway.w[1]) |
			    (a->gateway.w[2] ^ b->gateway.w[2]) |
			    (a->gateway.w[3] ^ b->gateway.w[3]) |
			    (a->ifindex ^ b->ifindex) | (a->mtu ^ b->mtu) |
			    (a->family ^ b->family) |
			    (a->source ^ b->source)) &
	       ~mask_if_zero(a->kind);
}

/* The place that a neighbour has, or the one that was used last long ago. */
static __always_inline __u32 nexthop_place(const struct l4gate_nexthop *answer)
{
	__u64 hash = hash_finish(hash_round(hash_addr(hash_key[3],
						      &answer->gateway),
					    (__u64)answer->mtu << 32 |
						    answer->ifindex));
	__u64 best = 0;
	int i;

	for (i = 0; i < NEXTHOP_PLACES; i++) {
		__u32 number = hash >> i * 16 & L4GATE_HOP_NUMBER;
		struct l4gate_nexthop *nexthop = nexthop_get(number);
		__u64 worth, age;

		if (!nexthop)
			break;
		age = answer->asked - nexthop->asked;
		worth = (nexthop_same(nexthop, answer) & 1) << 45 |
			(mask_if_zero(nexthop->kind) & 1) << 44 | age << 12 |
			number;
		best = worth + ((best - worth) & mask_if_less(worth, best));
	}
	return best & L4GATE_HOP_NUMBER;
}

static __always_inline __u32 nexthop_payload(__u32 number, __u8 generation,
					     __u64 now)
{
	return nexthop_seconds(now) << L4GATE_HOP_SECONDS_SHIFT |
	       generation << L4GATE_HOP_GENERATION_SHIFT | number;
}

/* Leads the hash of an address to a next hop. */
static __always_inline void nexthop_bind(__u64 hash, __u32 number,
					 __u8 generation)
{
	__u64 was, now = bpf_jiffies64();
	struct l4gate_nexthop *old;
	struct l4gate_line *line;
	__u32 at;

	line = line_get(&l4gate_nexthop_index, 0, row_first(hash, address_rows),
			hash);
	if (!line)
		return;
	was = line_find(line, hash);
	at = line_position(line, was, WORDS);
	if (at >= WORDS)
		at = clock_ticks(now) + hash;
	WRITE_ONCE(line->word[position_of(at, WORDS)],
		   line_word(hash, nexthop_payload(number, generation, now)));

	old = nexthop_get(was);
	if (was && old && ((was ^ number) & L4GATE_HOP_NUMBER) &&
	    old->generation ==
	    (__u8)(was >> L4GATE_HOP_GENERATION_SHIFT))
		old->generation++;
}

/*
 * Asks the FIB about an address, which is in two halves, and remembers the answer.
 * Returns the number of the next hop, or -1 if another CPU wanted its place just
 * now. Global, for the verifier to look at it once; so it has no pointers.
 */
int nexthop_ask(CTX *ctx, __u64 hash, __u32 family, __u64 upper, __u64 lower);

__noinline int nexthop_ask(CTX *ctx, __u64 hash, __u32 family, __u64 upper,
			   __u64 lower)
{
	struct l4gate_addr addr = { {
		upper >> 32, upper, lower >> 32, lower,
	} };
	struct l4gate_nexthop *answer, *nexthop;
	struct scratch *scratch = scratch_get();
	struct shard *shard;
	bool known, ours;
	__u8 generation;
	__u32 number;

	if (!scratch)
		return -1;
	answer = &scratch->answer;
	nexthop_look_up(ctx, family, &addr, answer);
	number = nexthop_place(answer);
	shard = shard_get(number);
	nexthop = nexthop_get(number);
	if (!shard || !nexthop)
		return -1;
	generation = READ_ONCE(nexthop->generation);

	bpf_spin_lock(&shard->lock);
	known = nexthop_same(nexthop, answer);
	ours = known || nexthop->generation == generation;
	if (ours) {
		generation = nexthop->generation + !known;
		WRITE_ONCE(nexthop->generation, generation);
		answer->generation = generation;
		answer->number = number;
		*nexthop = *answer;
	}
	bpf_spin_unlock(&shard->lock);
	if (!ours)
		return -1;
	nexthop_bind(hash, number, generation);
	return number;
}

static __always_inline __u64 nexthop_hash(const struct l4gate_addr *addr,
					  __u8 family)
{
	if (family == L4GATE_IPV4)
		return hash_finish(hash_round(hash_key[3],
					      (__u64)addr->w[0] << 32));
	return hash_finish(hash_addr(hash_key[3], addr));
}

/* Whether the FIB has been asked about it lately. */
static __always_inline bool
nexthop_is_fresh(const struct l4gate_nexthop *nexthop, __u64 now)
{
	return (__u32)now - nexthop->asked <= jiffies_second;
}

/* Four bits of the generation and the number, for a record to remember it by. */
static __always_inline __u16 nexthop_note(const struct l4gate_nexthop *nexthop)
{
	return nexthop->generation << 12 | nexthop->number;
}

/* The next hop that a word names, if it is still to be believed. */
static __always_inline struct l4gate_nexthop *nexthop_of(__u64 word, __u64 now)
{
	struct l4gate_nexthop *nexthop = nexthop_get(word);

	if (!nexthop ||
	    nexthop->generation != (__u8)(word >> L4GATE_HOP_GENERATION_SHIFT) ||
	    !nexthop_is_fresh(nexthop, now))
		return NULL;
	if (((nexthop_seconds(now) - (word >> L4GATE_HOP_SECONDS_SHIFT)) &
	     L4GATE_HOP_SECONDS) > NEXTHOP_SECONDS)
		return NULL;
	return nexthop;
}

/*
 * Starts to read what nexthop_find() will: while the CPU waits for this line it can
 * wait for that of the flow as well.
 */
static __always_inline void nexthop_touch(const struct l4gate_addr *addr,
					  __u8 family)
{
	__u64 hash = nexthop_hash(addr, family);
	struct l4gate_line *line;

	line = line_get(&l4gate_nexthop_index, 0, row_first(hash, address_rows),
			hash);
	if (line)
		(void)READ_ONCE(line->word[0]);
}

/* The next hop of an address for a packet. NULL: other CPUs were faster with its place. */
static __always_inline struct l4gate_nexthop *
nexthop_find(CTX *ctx, const struct l4gate_addr *addr,
	     const struct packet *packet)
{
	__u8 family = packet->family;
	__u64 hash = nexthop_hash(addr, family), word = 0;
	struct l4gate_nexthop *nexthop = NULL;
	struct l4gate_line *line;
	int number;

	line = line_get(&l4gate_nexthop_index, 0, row_first(hash, address_rows),
			hash);
	if (line)
		word = line_find(line, hash);
	if (word)
		nexthop = nexthop_of(word, packet->now);
	if (nexthop)
		return nexthop;
	number = nexthop_ask(ctx, hash, family, addr_upper(addr),
			     addr_lower(addr));
	return number < 0 ? NULL : nexthop_get(number);
}

/* The next hop of a backend, which has a note of its own: no need to search. */
static __always_inline struct l4gate_nexthop *
nexthop_of_backend(CTX *ctx, struct l4gate_backend *backend,
		   const struct packet *packet)
{
	__u8 family = packet->family;
	__u32 payload = READ_ONCE(backend->nexthop);
	struct l4gate_nexthop *nexthop = NULL;
	int number;

	if (payload)
		nexthop = nexthop_of(payload, packet->now);
	if (nexthop)
		return nexthop;
	number = nexthop_ask(ctx, nexthop_hash(&backend->addr, family), family,
			     addr_upper(&backend->addr),
			     addr_lower(&backend->addr));
	if (number >= 0)
		nexthop = nexthop_get(number);
	if (nexthop)
		WRITE_ONCE(backend->nexthop,
			   nexthop_payload(number, nexthop->generation,
					   packet->now));
	return nexthop;
}

#endif /* L4GATE_BPF_NEXTHOP_H */
