/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The flow table: find, insert, touch, close. Nothing else in bpf/ knows how it
 * is made.
 *
 * A flow is one record that both directions use, so there are no halves that
 * could drift apart or be evicted one without the other. Two ways lead to it:
 *
 * - From the client: hash of (client, listener, protocol) -> a word in one of
 *   two lines of the index -> the record's number. One word for each record, at
 *   most; it holds 40 bits of the hash, and the record has the whole key.
 * - From the backend: the number follows from the packet. The NAT port is
 *   chosen so that record = (base + port * stride) mod table, where base and
 *   the odd stride are hashes of (NAT address, backend, protocol). So two flows
 *   to one backend never share a NAT port: they would share a record. Owning
 *   the record is owning the port. With a stride of its own each backend's ports
 *   lie all over the table; side by side they would pile up where the runs of
 *   some backends meet, and leave the rest empty.
 *
 * Who writes what:
 * - A record changes hands under its lock only (flow_claim, flow_release), from
 *   FREE, from a state whose timeout has passed, or, when there is no other
 *   room, from CLOSING, HALF_OPEN and UNREPLIED. An established flow is never
 *   taken before its timeout, so that no flood of SYNs or datagrams can push one
 *   out; half-open flows need no table of their own for that.
 * - Between claim and flow_publish() the state is CLAIMED and readers look away.
 *   The words of the record are written before the state, the index word after
 *   it: on x86 stores are seen in that order. On CPUs with a weaker order a
 *   reader may miss a record for an instant; then its packet is a flow's first
 *   once more, and flow_link() finds the word that was there already.
 * - Two CPUs that insert the same flow meet in flow_link(): both of a hash's
 *   lines share one lock, and the one that finds its tag there gives its record
 *   back and uses the other's.
 * - Locks are never nested, and BPF programs can't be killed in the middle.
 */
#ifndef L4GATE_BPF_FLOW_H
#define L4GATE_BPF_FLOW_H

#include "clock.h"
#include "hash.h"
#include "maps.h"

/*
 * NAT ports that are looked at before a new flow is refused; and before it takes
 * the place of a half-open connection. Each is a line out of the cache, and in
 * a flood of SYNs nearly every record is such a place.
 */
#define FLOW_PROBES 32
#define FLOW_PROBES_FLOOD 8

#define INDEX_NUMBER_BITS 24
#define INDEX_NUMBER_MASK ((1U << INDEX_NUMBER_BITS) - 1)

/* What the record of a new flow is made of, apart from the packet. */
struct flow_seed {
	__u64 hash;
	__u32 backend;
	__u32 listener;
	const struct l4gate_backend *to;
	const struct l4gate_addr *nat;	/* source that the backend will see */
	__u8 flags;			/* L4GATE_FLOW_F_LOCAL or 0 */
};

static __always_inline struct l4gate_flow *flow_record(__u32 number)
{
	number &= flow_mask;
	return bpf_map_lookup_elem(&l4gate_flows, &number);
}

static __always_inline struct flow_lock *flow_lock_of(__u32 number)
{
	number &= L4GATE_FLOW_LOCKS - 1;
	return bpf_map_lookup_elem(&l4gate_flow_locks, &number);
}

/* The first line of a hash. */
static __always_inline __u32 index_first(__u64 hash)
{
	return (__u32)hash & index_mask;
}

/*
 * The second line: another one with the same lock, that is, with equal low
 * bits. The odd factor makes the difference nonzero.
 */
static __always_inline __u32 index_second(__u64 hash)
{
	__u32 distance = (__u32)(hash >> 40) | 1;

	return (index_first(hash) ^ distance * L4GATE_FLOW_LOCKS) & index_mask;
}

static __always_inline __u64 index_word(__u64 hash, __u32 number)
{
	return (hash >> INDEX_NUMBER_BITS << INDEX_NUMBER_BITS) | (number + 1);
}

static __always_inline bool index_same_tag(__u64 word, __u64 hash)
{
	return !((word ^ hash) >> INDEX_NUMBER_BITS) &&
	       (word & INDEX_NUMBER_MASK);
}

/* Position of a hash's word in a line, or L4GATE_INDEX_WORDS. */
static __always_inline int index_scan(struct l4gate_index_line *line,
				      __u64 hash)
{
	int i;

#pragma unroll
	for (i = 0; i < L4GATE_INDEX_WORDS; i++)
		if (index_same_tag(READ_ONCE(line->word[i]), hash))
			return i;
	return L4GATE_INDEX_WORDS;
}

static __always_inline __u64 index_find_in(__u32 number, __u64 hash)
{
	struct l4gate_index_line *line;
	int i;

	line = bpf_map_lookup_elem(&l4gate_flow_index, &number);
	if (!line)
		return 0;
#pragma unroll
	for (i = 0; i < L4GATE_INDEX_WORDS; i++) {
		__u64 word = READ_ONCE(line->word[i]);

		if (index_same_tag(word, hash))
			return word;
	}
	return 0;
}

static __always_inline bool
addr_equal(const struct l4gate_addr *a, const struct l4gate_addr *b)
{
	return !((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) |
		 (a->w[2] ^ b->w[2]) | (a->w[3] ^ b->w[3]));
}

/*
 * Whether the two ends that a packet shows (src, dst) are these of a record.
 * For IPv4 all is in the record's first cache line.
 */
static __always_inline bool
flow_has_ends(const struct l4gate_flow *flow, const struct packet *packet,
	      enum l4gate_flow_end src, enum l4gate_flow_end dst)
{
	if (flow->state <= L4GATE_FLOW_CLAIMED ||
	    flow->family != packet->family ||
	    flow->protocol != packet->protocol ||
	    flow->port[src] != packet->sport ||
	    flow->port[dst] != packet->dport)
		return false;
	if (packet->family == L4GATE_IPV4)
		return flow->addr4[src] == packet->src.w[0] &&
		       flow->addr4[dst] == packet->dst.w[0];
	return addr_equal(&flow->addr6[src], &packet->src) &&
	       addr_equal(&flow->addr6[dst], &packet->dst);
}

/* The flow of a packet from a client, expired or not, or NULL. */
static __always_inline struct l4gate_flow *
flow_find_forward(const struct packet *packet, __u64 hash)
{
	struct l4gate_flow *flow;
	__u64 word;

	word = index_find_in(index_first(hash), hash);
	if (!word)
		word = index_find_in(index_second(hash), hash);
	if (!word)
		return NULL;
	flow = flow_record((word & INDEX_NUMBER_MASK) - 1);
	if (!flow || !flow_has_ends(flow, packet, L4GATE_END_CLIENT,
				    L4GATE_END_LISTENER))
		return NULL;
	return flow;
}

/* Where the records of a NAT address and a backend lie: flow_at() reads it. */
static __always_inline __u64
flow_place(__u8 family, const struct l4gate_addr *nat,
	   const struct l4gate_addr *backend, __be16 backend_port,
	   __u8 protocol)
{
	return hash_ends(hash_key[2], family, nat, backend, 0, backend_port,
			 protocol);
}

/*
 * The number of the record of the NAT port nat_port_min + offset. Different for
 * different offsets: the stride is odd, and the table is a power of two that has
 * at least as many records as there are ports.
 */
static __always_inline __u32 flow_at(__u64 place, __u32 offset)
{
	__u32 stride = (__u32)(place >> 32) | 1;

	return ((__u32)place + offset * stride) & flow_mask;
}

static __always_inline bool is_nat_port(__be16 port)
{
	return bpf_ntohs(port) - nat_port_min < nat_port_count;
}

/* The flow of a packet from a backend, expired or not, or NULL. */
static __always_inline struct l4gate_flow *
flow_find_reply(const struct packet *packet)
{
	struct l4gate_flow *flow;
	__u64 place;

	place = flow_place(packet->family, &packet->dst, &packet->src,
			   packet->sport, packet->protocol);
	flow = flow_record(flow_at(place, bpf_ntohs(packet->dport) -
				   nat_port_min));
	if (!flow || !flow_has_ends(flow, packet, L4GATE_END_BACKEND,
				    L4GATE_END_NAT))
		return NULL;
	return flow;
}

/* Bounds a state for the verifier, which forgets what memory holds. */
static __always_inline __u32 flow_timeout_of(__u32 state)
{
	if (state >= L4GATE_FLOW_STATES)
		return 0;
	return flow_timeout[state];
}

static __always_inline bool flow_expired(const struct l4gate_flow *flow)
{
	return clock_ticks() - flow->stamp > flow_timeout_of(flow->state);
}

/*
 * Takes a record for writing if it is free, or its time has passed, or (evict)
 * its flow is worth less than a new one. *ret_old becomes the hash of the flow
 * that had it, 0 for none.
 */
static __always_inline bool flow_claim(struct l4gate_flow *flow, __u32 number,
				       bool evict, __u64 *ret_old)
{
	struct flow_lock *lock = flow_lock_of(number);
	__u32 now = clock_ticks();
	bool ours = false;
	__u64 old = 0;
	__u32 state;

	if (!lock)
		return false;
	bpf_spin_lock(&lock->lock);
	state = flow->state;
	if (state == L4GATE_FLOW_FREE) {
		ours = true;
	} else if (state > L4GATE_FLOW_CLAIMED && state < L4GATE_FLOW_STATES) {
		ours = now - flow->stamp > flow_timeout[state] ||
		       (evict && state <= L4GATE_FLOW_UNREPLIED);
		old = flow->hash;
	}
	if (ours) {
		flow->state = L4GATE_FLOW_CLAIMED;
		flow->serial++;
	}
	bpf_spin_unlock(&lock->lock);
	*ret_old = old;
	return ours;
}

static __always_inline void index_remove_in(__u32 number, __u64 word)
{
	struct flow_lock *lock = flow_lock_of(number);
	struct l4gate_index_line *line;
	int i;

	line = bpf_map_lookup_elem(&l4gate_flow_index, &number);
	if (!line || !lock)
		return;
	bpf_spin_lock(&lock->lock);
#pragma unroll
	for (i = 0; i < L4GATE_INDEX_WORDS; i++)
		if (line->word[i] == word)
			line->word[i] = 0;
	bpf_spin_unlock(&lock->lock);
}

/* Takes the word of a flow out of the index; its record is claimed by us. */
static __noinline int flow_unlink(__u64 hash, __u32 number)
{
	index_remove_in(index_first(hash), index_word(hash, number));
	index_remove_in(index_second(hash), index_word(hash, number));
	return 0;
}

/*
 * Enters a flow into the index. Returns 0, the word of the same flow that
 * another CPU entered first, or ~0 when both lines are full.
 */
static __noinline __u64 flow_link(__u64 hash, __u32 number)
{
	__u32 first = index_first(hash), second = index_second(hash);
	struct l4gate_index_line *a, *b;
	struct flow_lock *lock = flow_lock_of(first);
	__u64 result = ~0ULL;
	int i, in_a, in_b;

	a = bpf_map_lookup_elem(&l4gate_flow_index, &first);
	b = bpf_map_lookup_elem(&l4gate_flow_index, &second);
	if (!a || !b || !lock)
		return result;

	bpf_spin_lock(&lock->lock);
	in_a = index_scan(a, hash);
	in_b = index_scan(b, hash);
	if (in_a < L4GATE_INDEX_WORDS) {
		result = a->word[in_a & (L4GATE_INDEX_WORDS - 1)];
	} else if (in_b < L4GATE_INDEX_WORDS) {
		result = b->word[in_b & (L4GATE_INDEX_WORDS - 1)];
	} else {
		for (i = 0; i < 2 * L4GATE_INDEX_WORDS; i++) {
			struct l4gate_index_line *line =
				i < L4GATE_INDEX_WORDS ? a : b;
			__u32 at = i & (L4GATE_INDEX_WORDS - 1);

			if (!line->word[at]) {
				line->word[at] = index_word(hash, number);
				result = 0;
				break;
			}
		}
	}
	bpf_spin_unlock(&lock->lock);
	return result;
}

/* Forgets a flow that the caller found and, by serial, still means. */
static __noinline int flow_release(struct l4gate_flow *flow, __u32 number,
				   __u32 serial)
{
	struct flow_lock *lock = flow_lock_of(number);
	bool ours = false;

	if (!flow || !lock)
		return 0;
	bpf_spin_lock(&lock->lock);
	if (flow->state > L4GATE_FLOW_CLAIMED && flow->serial == serial) {
		flow->state = L4GATE_FLOW_CLAIMED;
		flow->serial++;
		ours = true;
	}
	bpf_spin_unlock(&lock->lock);
	if (!ours)
		return 0;
	flow_unlink(flow->hash, number);
	WRITE_ONCE(flow->state, L4GATE_FLOW_FREE);
	return 0;
}

/* The number of a record that was found by its key. */
static __always_inline __u32 flow_number(const struct l4gate_flow *flow)
{
	struct l4gate_addr nat = {}, backend = {};
	__u64 place;

	if (flow->family == L4GATE_IPV4) {
		nat.w[0] = flow->addr4[L4GATE_END_NAT];
		backend.w[0] = flow->addr4[L4GATE_END_BACKEND];
	} else {
		nat = flow->addr6[L4GATE_END_NAT];
		backend = flow->addr6[L4GATE_END_BACKEND];
	}
	place = flow_place(flow->family, &nat, &backend,
			   flow->port[L4GATE_END_BACKEND], flow->protocol);
	return flow_at(place, bpf_ntohs(flow->port[L4GATE_END_NAT]) -
		       nat_port_min);
}

/* Closes a flow at once: its next packet is the first of a new one. */
static __always_inline void flow_close(struct l4gate_flow *flow)
{
	__u32 serial = READ_ONCE(flow->serial);

	flow_release(flow, flow_number(flow), serial);
}

/*
 * What a record is worth to the flow that has it: 0 is to be had at once, what
 * is below FLOW_KEPT may be taken if there is nothing better.
 */
#define FLOW_KEPT 15

static const volatile __u8 flow_worth[16] = {
	[L4GATE_FLOW_FREE] = 0,
	[L4GATE_FLOW_CLAIMED] = FLOW_KEPT,
	[L4GATE_FLOW_CLOSING] = 1,
	[L4GATE_FLOW_HALF_OPEN] = 2,
	[L4GATE_FLOW_UNREPLIED] = 3,
	[L4GATE_FLOW_ESTABLISHED] = FLOW_KEPT,
	[L4GATE_FLOW_REPLIED] = FLOW_KEPT,
};

/* 1 if a < b, else 0, without a branch. Both below 2^63. */
static __always_inline __u64 is_less(__u64 a, __u64 b)
{
	return (a - b) >> 63;
}

/* The worth of a record now: 0 when its time has passed, unless being written. */
static __always_inline __u64 flow_worth_of(const struct l4gate_flow *flow,
					   __u32 now)
{
	__u64 state = READ_ONCE(flow->state) & 7;
	__u64 idle = now - flow->stamp;

	/* The timeout of CLAIMED is the largest there is. */
	return flow_worth[state] & (is_less(flow_timeout[state & 7], idle) - 1);
}

/*
 * Looks at some NAT ports for the record that is worth least, up to the first
 * that is free. Returns worth << 32 | offset of the port; *ret_own becomes the
 * number of records seen that serve the same backend.
 *
 * The hash chooses where to begin, by bits that the slot did not go by: flows of
 * one backend have those in common. It also chooses the step: from port to port,
 * flows would pile up where some are (linear probing), and some of them find no
 * room in a table that is half empty. The steps lead once around at most.
 *
 * Written without branches: with them the verifier follows each outcome of each
 * round apart (1,000,000 instructions were not enough, 6.18), so all it may know
 * of a round is that it gives some number.
 */
static __always_inline __u64 flow_probe(__u64 place, __u64 hash,
					__u32 backend, __u64 *ret_own)
{
	__u64 offset = hash_scale(hash, nat_port_count);
	__u64 step = 1 + hash_scale(hash >> 16, nat_port_count / FLOW_PROBES);
	__u64 best = (__u64)FLOW_KEPT << 32, own = 0;
	__u32 now = clock_ticks();
	int i;

	for (i = 0; i < FLOW_PROBES; i++) {
		struct l4gate_flow *flow = flow_record(flow_at(place, offset));
		__u64 found, worth;

		if (!flow)
			break;
		worth = flow_worth_of(flow, now);
		found = worth << 32 | offset;
		if (!worth) {
			best = found;
			break;
		}
		best -= (best - found) & (is_less(best, found) - 1);
		if (i >= FLOW_PROBES_FLOOD - 1 &&
		    best >> 32 <= flow_worth[L4GATE_FLOW_HALF_OPEN])
			break;
		own += is_less(flow->backend ^ backend, 1);
		offset += step;
		offset -= nat_port_count & (is_less(offset, nat_port_count) - 1);
	}
	*ret_own = own;
	return best;
}

static __always_inline void flow_write_ends4(struct l4gate_flow *flow,
					     const struct packet *packet,
					     const struct flow_seed *seed)
{
	flow->addr4[L4GATE_END_CLIENT] = packet->src.w[0];
	flow->addr4[L4GATE_END_LISTENER] = packet->dst.w[0];
	flow->addr4[L4GATE_END_BACKEND] = seed->to->addr.w[0];
	flow->addr4[L4GATE_END_NAT] = seed->nat->w[0];
}

static __always_inline void flow_write_ends6(struct l4gate_flow *flow,
					     const struct packet *packet,
					     const struct flow_seed *seed)
{
	flow->addr6[L4GATE_END_CLIENT] = packet->src;
	flow->addr6[L4GATE_END_LISTENER] = packet->dst;
	flow->addr6[L4GATE_END_BACKEND] = seed->to->addr;
	flow->addr6[L4GATE_END_NAT] = *seed->nat;
}

/* Fills a claimed record and opens it to readers, the state last. */
static __always_inline void flow_publish(struct l4gate_flow *flow,
					 const struct packet *packet,
					 const struct flow_seed *seed,
					 __u32 offset)
{
	flow->hash = seed->hash;
	flow->backend = seed->backend;
	flow->backend_generation = seed->to->generation;
	flow->listener = seed->listener;
	flow->stamp = clock_ticks();
	flow->flags = seed->flags;
	flow->protocol = packet->protocol;
	flow->family = packet->family;
	flow->port[L4GATE_END_CLIENT] = packet->sport;
	flow->port[L4GATE_END_LISTENER] = packet->dport;
	flow->port[L4GATE_END_BACKEND] = seed->to->port;
	flow->port[L4GATE_END_NAT] = bpf_htons(nat_port_min + offset);
	if (packet->family == L4GATE_IPV4)
		flow_write_ends4(flow, packet, seed);
	else
		flow_write_ends6(flow, packet, seed);
	WRITE_ONCE(flow->state, packet->protocol == IPPROTO_TCP ?
		   L4GATE_FLOW_HALF_OPEN : L4GATE_FLOW_UNREPLIED);
}

/*
 * Makes the record of a new flow, or returns the one that another CPU made for
 * it in the meantime, or NULL with the reason in *ret_reason.
 */
static __noinline struct l4gate_flow *
flow_insert(const struct packet *packet, const struct flow_seed *seed,
	    enum l4gate_reason *ret_reason)
{
	__u64 place, best, own, old, word;
	__u32 number, offset;
	struct l4gate_flow *flow;

	*ret_reason = L4GATE_REJECT_TABLE_FULL;
	place = flow_place(packet->family, seed->nat, &seed->to->addr,
			   seed->to->port, packet->protocol);
	best = flow_probe(place, seed->hash, seed->backend, &own);
	if (best >> 32 >= FLOW_KEPT) {
		if (own == FLOW_PROBES)
			*ret_reason = L4GATE_REJECT_PORTS;
		return NULL;
	}

	offset = best;
	number = flow_at(place, offset);
	flow = flow_record(number);
	if (!flow || !flow_claim(flow, number, best >> 32, &old))
		return NULL;
	if (old)
		flow_unlink(old, number);
	flow_publish(flow, packet, seed, offset);

	word = flow_link(seed->hash, number);
	if (!word)
		return flow;
	flow_release(flow, number, READ_ONCE(flow->serial));
	if (word == ~0ULL)
		return NULL;
	flow = flow_record((word & INDEX_NUMBER_MASK) - 1);
	if (!flow || !flow_has_ends(flow, packet, L4GATE_END_CLIENT,
				    L4GATE_END_LISTENER))
		return NULL;
	return flow;
}

/* Keeps a flow alive. */
static __always_inline void flow_touch(struct l4gate_flow *flow)
{
	__u32 now = clock_ticks();

	if (flow->stamp != now)
		flow->stamp = now;
}

#endif /* L4GATE_BPF_FLOW_H */
