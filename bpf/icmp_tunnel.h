/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP errors about packets of dsr-ipip on their way to a backend: they come to this
 * node, which sent the outer packet, and are the client's business, which sent the
 * inner one (RFC 2003 sections 4 and 5, RFC 2473 section 8). So the outer header goes
 * out of the quote, and what is left is an error like all others.
 *
 * Only of a flow that is known, and from the address and to the backend that its
 * packets have: else anybody could talk to clients in a router's name.
 */
#ifndef L4GATE_BPF_ICMP_TUNNEL_H
#define L4GATE_BPF_ICMP_TUNNEL_H

#include "icmp_skb.h"

/* Nobody has to take less (RFC 8200 section 5), or may be told to. */
#define LEAST_MTU6 1280

/*
 * What the client is told: type << 8 | code, or 0 for what does not concern it. Its
 * packets have neither our protocol, nor our hop limit, and ports only inside.
 */
static __always_inline __u32 unwrapped_kind4(__u8 type, __u8 code)
{
	if (type == ICMPV4_TIME_EXCEEDED >> 8)
		return ICMPV4_HOST_UNREACHABLE;
	if (type != ICMPV4_HOST_UNREACHABLE >> 8 ||
	    code == (ICMPV4_PORT_UNREACHABLE & 0xff) ||
	    code == (ICMPV4_SOURCE_ROUTE_FAILED & 0xff))
		return 0;
	if (code == (ICMPV4_PROTOCOL_UNREACHABLE & 0xff))
		return ICMPV4_HOST_UNREACHABLE;
	return type << 8 | code;
}

static __always_inline __u32 unwrapped_kind6(__u8 type)
{
	if (type == ICMPV6_TOO_BIG >> 8)
		return ICMPV6_TOO_BIG;
	if (type == ICMPV6_ADDRESS_UNREACHABLE >> 8 ||
	    type == ICMPV6_TIME_EXCEEDED >> 8)
		return ICMPV6_ADDRESS_UNREACHABLE;
	return 0;
}

static __always_inline __be32 unwrapped_mtu(__u32 mtu, __u32 outer, __u32 least)
{
	return bpf_htonl(mtu > least + outer ? mtu - outer : least);
}

/* What the ICMP checksum changes by, apart from the addresses. */
static __always_inline __u64 unwrapped_diff(const struct icmp_header *was,
					    const struct icmp_header *now,
					    __u64 outer)
{
	return csum_word_diff(bpf_htons(was->type << 8 | was->code),
			      bpf_htons(now->type << 8 | now->code)) +
	       csum_word_diff(was->rest, now->rest) +
	       csum_word_diff(csum_fold64(outer), 0);
}

struct wrapped4 {
	struct iphdr ip;
	struct icmp_header icmp;
	struct iphdr outer;
};

static __always_inline int unwrap4(CTX *ctx, struct scratch *scratch)
{
	const int outer = sizeof(struct iphdr);
	struct icmp_header icmp;
	struct wrapped4 was;
	__be16 length;
	__u32 kind;

	/* Options of its own would stay in front of what moves. */
	if (scratch->icmp.at != L3_OFFSET + sizeof(was.ip) ||
	    bpf_skb_load_bytes(ctx, L3_OFFSET, &was, sizeof(was)))
		return 0;
	icmp = was.icmp;
	kind = unwrapped_kind4(icmp.type, icmp.code);
	if (!kind)
		return 0;
	icmp.type = kind >> 8;
	icmp.code = kind;
	icmp.rest = 0;
	/* A router older than RFC 1191 says no MTU: nor do we. */
	if (kind == ICMPV4_FRAG_NEEDED && (was.icmp.rest & bpf_htonl(0xffff)))
		icmp.rest = unwrapped_mtu(bpf_ntohl(was.icmp.rest) & 0xffff,
					  outer, LEAST_MTU4);
	icmp.check = csum_apply(icmp.check,
				unwrapped_diff(&was.icmp, &icmp,
					       csum_bytes(&was.outer, outer)));
	was.icmp = icmp;
	length = bpf_htons(bpf_ntohs(was.ip.tot_len) - outer);
	was.ip.check = csum_apply(was.ip.check,
				  csum_word_diff(was.ip.tot_len, length));
	was.ip.tot_len = length;
	scratch->icmp.ip_check = was.ip.check;
	if (bpf_skb_adjust_room(ctx, -outer, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(ctx, L3_OFFSET, &was,
				offsetof(struct wrapped4, outer),
				BPF_F_RECOMPUTE_CSUM))
		return -1;
	return 1;
}

struct wrapped6 {
	struct ipv6hdr ip;
	struct icmp_header icmp;
	struct ipv6hdr outer;
};

static __always_inline int unwrap6(CTX *ctx)
{
	const int outer = sizeof(struct ipv6hdr);
	struct icmp_header icmp;
	struct wrapped6 was;
	__be16 length;
	__u32 kind;

	if (bpf_skb_load_bytes(ctx, L3_OFFSET, &was, sizeof(was)))
		return 0;
	icmp = was.icmp;
	kind = unwrapped_kind6(icmp.type);
	if (!kind)
		return 0;
	icmp.type = kind >> 8;
	icmp.code = kind;
	icmp.rest = 0;
	if (kind == ICMPV6_TOO_BIG)
		icmp.rest = unwrapped_mtu(bpf_ntohl(was.icmp.rest), outer,
					  LEAST_MTU6);
	length = bpf_htons(bpf_ntohs(was.ip.payload_len) - outer);
	icmp.check = csum_apply(icmp.check,
				unwrapped_diff(&was.icmp, &icmp,
					       csum_bytes(&was.outer, outer)) +
				csum_word_diff(was.ip.payload_len, length));
	was.icmp = icmp;
	was.ip.payload_len = length;
	if (bpf_skb_adjust_room(ctx, -outer, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(ctx, L3_OFFSET, &was,
				offsetof(struct wrapped6, outer),
				BPF_F_RECOMPUTE_CSUM))
		return -1;
	return 1;
}

/*
 * Takes the outer header out; 1, 0 if the error is not for the client, or negative.
 * Global, for its frame: in that of icmp_unwrap() there would be no room for
 * nexthop_ask()'s ("combined stack size of 4 calls is 544").
 */
int icmp_take_out(CTX *ctx);

__noinline int icmp_take_out(CTX *ctx)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return 0;
	return scratch->packet.family == L4GATE_IPV4 ? unwrap4(ctx, scratch) :
						       unwrap6(ctx);
}

/* Whether the outer packet, whose header has that size, is one that we sent. */
static __always_inline bool tunnel_is_ours(CTX *ctx, struct scratch *scratch,
					   __u32 outer, __u32 half)
{
	struct packet *packet = &scratch->packet;
	const struct l4gate_nexthop *nexthop;
	struct l4gate_backend *backend;

	if (icmp_find_backend(half | ICMP_KNOWN) != 1 + L4GATE_MODE_DSR_IPIP)
		return false;
	backend = backend_get(scratch->icmp.backend);
	if (!backend || !addr_equal(&backend->addr, &scratch->icmp.far))
		return false;
	nexthop = nexthop_of_backend(ctx, backend, packet);
	return nexthop && addr_equal(&nexthop->nat, &scratch->icmp.dst) &&
	       direct_overhead(L4GATE_MODE_DSR_IPIP, packet->family,
			       nexthop) == outer;
}

/* The sender of the inner packet is the client, and not who answers it. */
static __always_inline void swap_ends(struct packet *packet)
{
	struct l4gate_addr addr = packet->src;
	__be16 port = packet->sport;

	packet->src = packet->dst;
	packet->sport = packet->dport;
	packet->dst = addr;
	packet->dport = port;
}

__noinline int icmp_unwrap(CTX *ctx, __u32 half)
{
	struct scratch *scratch = scratch_get();
	struct packet *packet;
	int outer, changed;

	if (!scratch)
		return QUOTED_OTHER;
	packet = &scratch->packet;
	outer = packet->l4 - scratch->icmp.at - sizeof(struct icmp_header);
	if (icmp_read_quote(ctx, 1) != QUOTED_L4)
		return QUOTED_OTHER;
	swap_ends(packet);
	if (!tunnel_is_ours(ctx, scratch, outer, half & 1))
		return QUOTED_OTHER;
	changed = icmp_take_out(ctx);
	if (changed <= 0)
		return changed ? QUOTED_BROKEN : QUOTED_OTHER;
	packet->l3_length -= outer;
	packet->l4 -= outer;
	scratch->icmp.end -= outer;
	/* Nothing in it changes any more. */
	scratch->rewrite.src = packet->dst;
	scratch->rewrite.sport = packet->dport;
	scratch->rewrite.dst = packet->src;
	scratch->rewrite.dport = packet->sport;
	return QUOTED_CLIENT;
}

#endif /* L4GATE_BPF_ICMP_TUNNEL_H */
