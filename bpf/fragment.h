/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Fragments (RFC 791, RFC 8200 section 4.5), at TC. Only the first one of a datagram
 * has ports. It writes them down, the others (tails) find them under the datagram's
 * addresses, protocol and id, and from there on each goes the way of any packet: to
 * the same endpoint, by the same flow. Of a tail nothing but the IP header is
 * translated; the L4 checksum is in the first one, and what changes it is there.
 *
 * A tail that comes before its first fragment is held: its frame is copied, the skb
 * dropped. The first one, when it comes, sends what is held for it to its own
 * device's ingress, where it comes in once more, behind the first one. For that the
 * first one's skb gets the bytes of each, is cloned, and then gets its own again.
 *
 * Held are only tails to an address of a listener or to one that we translate to,
 * and of replies in transparent mode if the backend has sent first fragments lately.
 * All others pass at once. What should be held and can't be is dropped if nobody
 * but us has the address, else it passes, for the node may be able to use it. On the
 * way out of this node none is held: its stack sends them in order.
 *
 * Translated datagrams of IPv4 get another id: clients that share an address towards
 * a backend, and backends that share one towards a client, may use the same at the
 * same time, and who puts them together could not tell them apart (RFC 4963).
 *
 * Limits: DATAGRAM_SECONDS for all fragments to come, HELD_SECONDS for a tail to
 * wait, HELD_OF_ONE of one datagram, HELD_OF_SENDER of one sender in a second. RFC
 * 8200 would give them 60 seconds; but here it is about fragments that overtook each
 * other, and who waits for more is who puts them together. In a set of the table
 * that is full a datagram of the same sender has to go first, then the oldest.
 */
#ifndef L4GATE_BPF_FRAGMENT_H
#define L4GATE_BPF_FRAGMENT_H

#include "count.h"
#include "entry.h"
#include "parse.h"

#define DATAGRAM_SECONDS 2
#define HELD_SECONDS 1

#define DATAGRAM_SETS 512
#define DATAGRAMS_OF_SET 10
#define HELD 512
/* A datagram of 64 KB in fragments of 1,280 bytes has 54. */
#define HELD_OF_ONE 64
#define HELD_BYTES 1520
/* Senders are counted by 256 values of a hash. */
#define HELD_OF_SENDER 256
#define SENDERS 256

/* RFC 8200 section 4.5. */
struct fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;		/* and flags in the three lowest bits */
	__be32 id;
};

/* What is known of a datagram that comes in fragments. */
struct datagram {
	__u64 hash;		/* of addresses, protocol and id; 0: none */
	__u32 since;		/* jiffies */
	__be16 sport;
	__be16 dport;
	__u16 chain;		/* place of the tail held last, plus one */
	__u16 id;		/* that translated fragments get */
	__u16 sender;		/* bits of a hash */
	__u8 known;		/* its first fragment has been here */
	__u8 held;
};

struct datagram_set {
	struct bpf_spin_lock lock;
	__u32 serial;		/* of ids */
	struct datagram item[DATAGRAMS_OF_SET];
};

/* A tail that waits. */
struct held {
	__u64 hash;		/* of its datagram; 0: none waits here */
	__u32 since;		/* jiffies */
	__u16 length;
	__u16 chain;		/* place of the one before it, plus one */
	__u32 sender;		/* which counter it is in */
	__u32 pad;
	__u8 bytes[HELD_BYTES];	/* the frame */
};

/* Places of tails are given out in turn: the oldest gives way. */
struct held_turn {
	struct bpf_spin_lock lock;
	__u32 next;
};

/* How many of a sender wait; forgotten with each second. */
struct holder {
	__u32 second;
	__u32 held;
};

/* Not pinned: what they hold is of use for two seconds at most. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DATAGRAM_SETS);
	__type(key, __u32);
	__type(value, struct datagram_set);
} datagrams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HELD);
	__type(key, __u32);
	__type(value, struct held);
} held_tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct held_turn);
} held_turn SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENDERS);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

/* A first fragment, while its skb is used for others. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct held);
} first_fragment SEC(".maps");

static __always_inline __u32 seconds(__u32 count)
{
	return count * jiffies_second;
}

static __always_inline __u64 sender_hash(const struct packet *packet)
{
	return hash_finish(hash_addr(hash_key[2], &packet->src));
}

static __always_inline __u64 datagram_hash(const struct packet *packet,
					   __u32 id)
{
	__u64 hash = hash_addr(hash_addr(hash_key[2], &packet->src),
			       &packet->dst);

	hash = hash_finish(hash_round(hash, (__u64)id << 8 | packet->protocol));
	return hash ?: 1;
}

static __always_inline __u32 sender_number(const struct packet *packet)
{
	return sender_hash(packet) & (SENDERS - 1);
}

/* Approximate: CPUs that count at the same time may lose one. */
static __always_inline bool sender_may_hold(const struct packet *packet)
{
	__u32 key = sender_number(packet);
	struct holder *holder = bpf_map_lookup_elem(&holders, &key);
	__u32 second = packet->now / jiffies_second;

	if (!holder)
		return false;
	if (holder->second != second) {
		holder->second = second;
		holder->held = 0;
	}
	return holder->held < HELD_OF_SENDER && ++holder->held;
}

static __always_inline void sender_release(__u32 key)
{
	struct holder *holder = bpf_map_lookup_elem(&holders, &key);

	if (holder && holder->held)
		holder->held--;
}

/* Another CPU's packet may have come a jiffy later and been here first. */
static __always_inline __u32 age_of(const struct datagram *item, __u32 now)
{
	__s32 age = now - item->since;

	return age & ~(age >> 31);
}

/* The place in a set of a datagram, or that of the one that has to go. */
static __always_inline __u32 datagram_place(const struct datagram_set *set,
					    __u64 hash, __u16 sender, __u32 now)
{
	__u64 best = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < DATAGRAMS_OF_SET; i++) {
		const struct datagram *item = &set->item[i];
		__u32 age = age_of(item, now);
		__u64 worth;

		worth = (mask_if_zero(item->hash ^ hash) & 1) << 42 |
			(mask_if_zero(item->hash) & 1) << 41 |
			(mask_if_less(seconds(DATAGRAM_SECONDS), age) & 1) << 41 |
			(mask_if_zero(item->sender ^ sender) & 1) << 40 |
			(__u64)age << 4 | i;
		best = worth + ((best - worth) & mask_if_less(worth, best));
	}
	return best & 15;
}

/* What a fragment is to its datagram. */
enum {
	DATAGRAM_FIRST,		/* it knows the ports, */
	DATAGRAM_TAIL,		/* or asks for them, */
	DATAGRAM_HOLD,		/* or waits for them, in a place */
};

#define DATAGRAM_UNKNOWN (-1)
#define DATAGRAM_FULL (-2)

/*
 * Looks a datagram up for the fragment in scratch. Of the first one, the place of the
 * tail held last, plus one. Of a tail, 0: the packet has its ports now; or less, and
 * with DATAGRAM_HOLD it will be sent. Global, for the verifier to look at it once.
 */
int datagram_visit(__u64 hash, __u32 what, __u32 place);

__noinline int datagram_visit(__u64 hash, __u32 what, __u32 place)
{
	__u32 number = hash & (DATAGRAM_SETS - 1), now, at;
	struct scratch *scratch = scratch_get();
	struct datagram_set *set;
	struct packet *packet;
	struct datagram *item;
	struct held *held;
	__u16 sender, id;
	__be16 sport = 0, dport = 0;
	int said = DATAGRAM_UNKNOWN;

	set = bpf_map_lookup_elem(&datagrams, &number);
	held = bpf_map_lookup_elem(&held_tails, &place);
	if (!scratch || !set || !held)
		return DATAGRAM_FULL;
	packet = &scratch->packet;
	sender = sender_hash(packet) >> 48;
	now = packet->now;
	bpf_spin_lock(&set->lock);
	at = datagram_place(set, hash, sender, now);
	if (at >= DATAGRAMS_OF_SET)
		at = 0;
	item = &set->item[at];
	if (item->hash != hash ||
	    age_of(item, now) > seconds(DATAGRAM_SECONDS)) {
		if (what == DATAGRAM_TAIL)
			goto out;
		item->hash = hash;
		item->since = now;
		item->chain = 0;
		item->sender = sender;
		item->id = set->serial++ << 9 | number;
		item->known = 0;
		item->held = 0;
	}
	if (what == DATAGRAM_FIRST) {
		said = item->chain;
		item->since = now;
		item->sport = packet->sport;
		item->dport = packet->dport;
		item->chain = 0;
		item->known = 1;
	} else if (item->known) {
		sport = item->sport;
		dport = item->dport;
		said = 0;
	} else if (what == DATAGRAM_HOLD) {
		said = DATAGRAM_FULL;
		if (item->held < HELD_OF_ONE) {
			held->chain = item->chain;
			item->chain = place + 1;
			item->held++;
			said = DATAGRAM_UNKNOWN;
		}
	}
out:
	id = item->id;
	bpf_spin_unlock(&set->lock);
	packet->id = id;
	if (what != DATAGRAM_FIRST) {
		packet->sport = sport;
		packet->dport = dport;
	}
	return said;
}

/* The skb becomes a frame that was kept, of a length that is checked. */
static __always_inline int frame_restore(CTX *ctx, const struct held *from)
{
	__u32 length = from->length;

	barrier_var(length);
	if (length < L3_OFFSET || length > HELD_BYTES)
		return -1;
	return bpf_skb_change_tail(ctx, length, 0) ?:
	       bpf_skb_store_bytes(ctx, 0, from->bytes, length,
				   BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int frame_keep(CTX *ctx, struct held *to)
{
	__u32 length = ctx_length(ctx);

	barrier_var(length);
	if (length < L3_OFFSET || length > HELD_BYTES)
		return -1;
	to->length = length;
	return bpf_skb_load_bytes(ctx, 0, to->bytes, length);
}

/*
 * Sends the tail in a place to the ingress of the skb's device. The place of the one
 * that was held before it, plus one; 0: there is none, or it had to give way. Global,
 * for the verifier to look at it once.
 */
int tail_send(CTX *ctx, __u64 hash, __u32 place);

__noinline int tail_send(CTX *ctx, __u64 hash, __u32 place)
{
	struct held *held = bpf_map_lookup_elem(&held_tails, &place);
	__u32 now = bpf_jiffies64();
	__u16 chain;

	if (!held || held->hash != hash)
		return 0;
	held->hash = 0;
	chain = held->chain;
	sender_release(held->sender);
	if (now - held->since > seconds(HELD_SECONDS) ||
	    frame_restore(ctx, held) ||
	    bpf_clone_redirect(ctx, ctx_ifindex(ctx), BPF_F_INGRESS))
		count_reason(ctx, L4GATE_HOOK_TC_INGRESS, L4GATE_DROP_FRAGMENT);
	return chain;
}

/* Sends all tails that wait for the fragment at hand, and leaves it as it was. */
static __always_inline int tails_send(CTX *ctx, __u64 hash, __u32 chain)
{
	__u32 key = 0, i;
	struct held *first = bpf_map_lookup_elem(&first_fragment, &key);

	if (!first || frame_keep(ctx, first))
		return 0;
#pragma nounroll
	for (i = 0; i < HELD_OF_ONE && chain; i++)
		chain = tail_send(ctx, hash, chain - 1);
	return frame_restore(ctx, first);
}

/* Whether backends are sent to from the address that a packet goes to. */
static __always_inline bool is_source(const struct packet *packet)
{
	const struct l4gate_addr *source;
	__u32 i;

#pragma nounroll
	for (i = 0; i < L4GATE_SOURCES; i++) {
		source = source_get(packet->family, i);
		if (source && addr_equal(source, &packet->dst))
			return true;
	}
	return false;
}

#define CONCERNS_US 1
#define CONCERNS_US_ALONE 2

/*
 * Whether the fragment in scratch may be ours, as far as its addresses say. Global,
 * for the verifier to look at it once.
 */
int fragment_concerns(__u32 half);

__noinline int fragment_concerns(__u32 half)
{
	struct scratch *scratch = scratch_get();
	__u32 flags;

	if (!scratch)
		return 0;
	flags = address_flags(scratch->packet.family,
			      addr_upper(&scratch->packet.dst),
			      addr_lower(&scratch->packet.dst), half);
	if (flags & L4GATE_ADDRESS_F_ECHO)
		return CONCERNS_US_ALONE;
	return flags || is_source(&scratch->packet) ? CONCERNS_US : 0;
}

/* A place for one more tail, or negative. What waited there has waited in vain. */
static __always_inline int tail_place(CTX *ctx, const struct packet *packet)
{
	struct held_turn *turn;
	struct held *held;
	__u32 key = 0, place;

	turn = bpf_map_lookup_elem(&held_turn, &key);
	if (!turn || !sender_may_hold(packet))
		return -1;
	bpf_spin_lock(&turn->lock);
	place = turn->next++ & (HELD - 1);
	bpf_spin_unlock(&turn->lock);
	held = bpf_map_lookup_elem(&held_tails, &place);
	if (!held)
		return -1;
	if (held->hash)
		count_reason(ctx, L4GATE_HOOK_TC_INGRESS, L4GATE_DROP_FRAGMENT);
	held->hash = 0;
	if (frame_keep(ctx, held))
		return -1;
	held->since = packet->now;
	held->sender = sender_number(packet);
	return place;
}

/*
 * Holds the tail in scratch until its first fragment comes. GO_ON: it just has.
 * lost: what becomes of one that can't be held.
 */
static __always_inline int tail_hold(CTX *ctx, const struct packet *packet,
				     __u64 hash, int lost)
{
	int place = tail_place(ctx, packet), said;
	struct held *held;

	if (place < 0)
		return lost;
	held = bpf_map_lookup_elem(&held_tails, &place);
	if (!held)
		return lost;
	held->hash = hash;
	said = datagram_visit(hash, DATAGRAM_HOLD, place);
	if (said == DATAGRAM_UNKNOWN)
		return L4GATE_HELD_FRAGMENT;
	held->hash = 0;
	return said ? lost : GO_ON;
}

/* A fragment without ports: it takes those of its datagram. */
static __always_inline int fragment_tail(CTX *ctx, __u32 hook,
					 struct scratch *scratch, __u64 hash,
					 __u32 offset)
{
	struct packet *packet = &scratch->packet;
	int concerns, lost;

	packet->part = PART_TAIL;
	packet->tcp_flags = 0;
	/* RFC 1858, RFC 3128: it writes over what we have looked at. */
	if (offset >= l4_header(packet) &&
	    !datagram_visit(hash, DATAGRAM_TAIL, 0))
		return GO_ON;
	if (hook == L4GATE_HOOK_TC_EGRESS)
		return L4GATE_FRAGMENT;
	concerns = fragment_concerns(config_half());
	if (!concerns && datagram_visit(sender_hash(packet), DATAGRAM_TAIL, 0))
		return L4GATE_FRAGMENT;
	lost = concerns == CONCERNS_US_ALONE ? L4GATE_DROP_FRAGMENT :
					       L4GATE_FRAGMENT;
	if (offset < l4_header(packet) || packet->outer_tag)
		return lost;
	return tail_hold(ctx, packet, hash, lost);
}

/* A fragment with ports, which it writes down if it may be ours. */
static __always_inline int fragment_first(CTX *ctx, __u32 hook,
					  struct scratch *scratch, __u64 hash)
{
	struct packet *packet = &scratch->packet;
	int chain;

	if (port_is_in(L4GATE_PORTS_ORIGIN, packet->protocol, packet->sport))
		datagram_visit(sender_hash(packet), DATAGRAM_FIRST, 0);
	else if (hook != L4GATE_HOOK_TC_EGRESS &&
		 !fragment_concerns(config_half()))
		return GO_ON;
	chain = datagram_visit(hash, DATAGRAM_FIRST, 0);
	if (chain < 0)
		return GO_ON;
	packet->part = PART_FIRST;
	if (!chain)
		return GO_ON;
	if (tails_send(ctx, hash, chain))
		return L4GATE_DROP_FRAGMENT;
	ctx_pull(ctx, packet->l4 + l4_header(packet));
	return GO_ON;
}

/*
 * Reads what is said of the fragment in scratch. Its offset and, below, whether more
 * follow; negative: it is none that we know.
 */
static __always_inline int fragment_read(CTX *ctx, struct packet *packet,
					 __u32 *ret_id)
{
	struct fragment_header header;
	struct iphdr ip;
	__u32 word;

	if (packet->family == L4GATE_IPV4) {
		if (ctx_load(ctx, L3_OFFSET, &ip, sizeof(ip)))
			return -1;
		*ret_id = ip.id;
		word = bpf_ntohs(ip.frag_off);
		return (word & 0x1fff) << 3 | (word >> 13 & 1);
	}
	if (ctx_load(ctx, packet->l4, &header, sizeof(header)) ||
	    (header.next != IPPROTO_TCP && header.next != IPPROTO_UDP))
		return -1;
	packet->protocol = header.next;
	packet->l4 += sizeof(header);
	*ret_id = header.id;
	return bpf_ntohs(header.offset) & 0xfff9;
}

/*
 * The packet in scratch is parsed but for what says that it is a fragment. GO_ON: its
 * ports are known, and it goes the way of all. Else the reason to leave it.
 */
__noinline int fragment_parse(CTX *ctx, __u32 hook)
{
	struct scratch *scratch = scratch_get();
	struct packet *packet;
	__u32 id = 0, end;
	__u64 hash;
	int said, reason;

	if (!scratch)
		return L4GATE_FRAGMENT;
	packet = &scratch->packet;
	said = fragment_read(ctx, packet, &id);
	if (said < 0)
		return L4GATE_FRAGMENT;
	end = L3_OFFSET + packet->l3_length;
	if (end > packet->length || end <= packet->l4 ||
	    (said & ~7) + end - packet->l4 > 0xffff)
		return L4GATE_MALFORMED;
	hash = datagram_hash(packet, id);
	if (said & ~7)
		return fragment_tail(ctx, hook, scratch, hash, said & ~7);
	/* RFC 1858: it hides what we have to see. */
	if (end < packet->l4 + l4_header(packet))
		return fragment_concerns(config_half()) == CONCERNS_US_ALONE ?
		       L4GATE_DROP_FRAGMENT : L4GATE_MALFORMED;
	ctx_pull(ctx, packet->l4 + l4_header(packet));
	reason = parse_l4(ctx, packet);
	/* RFC 6946: one that is whole has nothing to do with others of its id. */
	if (reason != GO_ON || !said)
		return reason;
	return fragment_first(ctx, hook, scratch, hash);
}

#endif /* L4GATE_BPF_FRAGMENT_H */
