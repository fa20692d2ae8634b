/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* XDP: a frame in one piece, read and written directly. */
#ifndef L4GATE_BPF_CTX_XDP_H
#define L4GATE_BPF_CTX_XDP_H

#include <linux/bpf.h>

#define L4GATE_BPF_CTX_CHOSEN
#define CTX struct xdp_md
#define CTX_IS_FAST_PATH 1
#define CTX_MAX_IHL 5
#define CTX_PASS XDP_PASS
#define CTX_DROP XDP_DROP

#include "ctx.h"

/*
 * Cast first, then add: arithmetic on the 32-bit field itself is what the
 * verifier refuses ("pointer arithmetic with <<= operator prohibited").
 */
static __always_inline void *ctx_data(CTX *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *ctx_data_end(CTX *ctx)
{
	return (void *)(long)ctx->data_end;
}

static __always_inline __u32 ctx_length(CTX *ctx)
{
	return ctx_data_end(ctx) - ctx_data(ctx);
}

static __always_inline __u32 ctx_ifindex(CTX *ctx)
{
	return ctx->ingress_ifindex;
}

static __always_inline int ctx_load(CTX *ctx, __u32 offset, void *to,
				    __u32 size)
{
	(void)ctx;
	(void)offset;
	(void)to;
	(void)size;
	return -1;
}

#include "ctx_frame.h"
#include "maps.h"
#include "rewrite.h"
#include "scratch.h"

/* Where an address of ours is remembered, by its last byte. */
static __always_inline __u32 own_place(__u64 own)
{
	return own >> 56 & (OWN_FRAMES - 1);
}

/* The address that a frame goes to, by one load, and never 0. */
static __always_inline __u64 own_address(const struct ethhdr *eth)
{
	__u64 bytes = *(const __u64 *)eth;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		bytes = __builtin_bswap64(bytes);
	return bytes << 16 | 1;
}

/*
 * Whether the frame at hand, not yet known to be for us, is: for all who hear it, or
 * with the device's address as `attach` found it, which is remembered then. Other
 * frames are left to TC, which knows: so a device that got another address is slow,
 * not deaf. Global, for it is rare.
 */
int frame_is_ours(CTX *ctx, __u64 own);

__noinline int frame_is_ours(CTX *ctx, __u64 own)
{
	struct ethhdr *eth = ctx_data(ctx);
	struct scratch *scratch = scratch_get();
	__u32 key = ctx->ingress_ifindex;
	struct l4gate_device *device;

	if (!scratch || (void *)(eth + 1) > ctx_data_end(ctx))
		return false;
	if (eth->h_dest[0] & 1)
		return true;
	device = bpf_map_lookup_elem(&l4gate_devices, &key);
	if (!device ||
	    *(const __u32 *)eth->h_dest != *(const __u32 *)device->mac ||
	    *(const __u16 *)(eth->h_dest + 4) !=
		    *(const __u16 *)(device->mac + 4))
		return false;
	scratch->own[own_place(own)] = own;
	return true;
}

/* Nobody has looked at the frame's address yet. */
static __always_inline bool ctx_is_for_others(CTX *ctx,
					      const struct scratch *scratch)
{
	const struct ethhdr *eth = ctx_data(ctx);
	__u64 own;

	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return false;
	own = own_address(eth);
	return own != scratch->own[own_place(own)] && !frame_is_ours(ctx, own);
}

static __always_inline int translate_l4(void *l4, void *end, __u8 protocol,
					const struct rewrite *rewrite)
{
	__u64 diff = rewrite->addr_diff + rewrite->port_diff;

	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return -1;
		tcp->source = rewrite->sport;
		tcp->dest = rewrite->dport;
		tcp->check = csum_apply(tcp->check, diff);
	} else {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return -1;
		udp->source = rewrite->sport;
		udp->dest = rewrite->dport;
		/* RFC 768: 0 says "none", and a sum of 0 is sent as 0xffff. */
		if (udp->check)
			udp->check = csum_apply(udp->check, diff) ?: 0xffff;
	}
	return 0;
}

/* Writes a rewrite into the frame; 0, or negative if that can't be. */
static __always_inline int ctx_translate(CTX *ctx, const struct packet *packet,
					 const struct rewrite *rewrite)
{
	void *l3 = ctx_data(ctx) + L3_OFFSET, *end = ctx_data_end(ctx);

	if (packet->family == L4GATE_IPV4) {
		struct iphdr *ip = l3;

		if ((void *)(ip + 1) > end)
			return -1;
		ip->saddr = rewrite->src.w[0];
		ip->daddr = rewrite->dst.w[0];
		ip->ttl -= rewrite->routed;
		ip->check = csum_apply(ip->check, rewrite->addr_diff +
						  rewrite_ttl_diff(rewrite));
		return translate_l4(ip + 1, end, packet->protocol, rewrite);
	} else {
		struct ipv6hdr *ip = l3;

		if ((void *)(ip + 1) > end)
			return -1;
		copy(&ip->saddr, &rewrite->src, sizeof(rewrite->src));
		copy(&ip->daddr, &rewrite->dst, sizeof(rewrite->dst));
		ip->hop_limit -= rewrite->routed;
		return translate_l4(ip + 1, end, packet->protocol, rewrite);
	}
}

#include "encap.h"

/* Puts an outer header in front of the IP packet; 0, or negative. */
static __always_inline int ctx_encap(CTX *ctx, const struct packet *packet,
				     const struct l4gate_addr *src,
				     const struct l4gate_addr *dst,
				     __u32 label)
{
	bool v4 = packet->family == L4GATE_IPV4;
	__u8 tos = packet_tos(ctx, packet);
	struct ethhdr *eth;
	void *outer;

	if (bpf_xdp_adjust_head(ctx, v4 ? -(int)sizeof(struct iphdr) :
					  -(int)sizeof(struct ipv6hdr)))
		return -1;
	eth = ctx_data(ctx);
	outer = eth + 1;
	if (outer + sizeof(struct ipv6hdr) > ctx_data_end(ctx))
		return -1;
	/* ctx_send() writes the addresses. */
	if (v4) {
		eth->h_proto = bpf_htons(ETH_P_IP);
		encap_ipv4(outer, packet, src, dst, tos);
	} else {
		eth->h_proto = bpf_htons(ETH_P_IPV6);
		encap_ipv6(outer, packet, src, dst, tos, label);
	}
	return 0;
}

/* Whether this hook can send a packet to a next hop at all. */
static __always_inline bool ctx_can_send(const struct packet *packet,
					 const struct l4gate_nexthop *nexthop)
{
	(void)packet;
	return nexthop->kind == L4GATE_NEXTHOP_XDP;
}

/* Sends the frame to a next hop of a kind that ctx_can_send(); an action. */
static __always_inline int ctx_send(CTX *ctx,
				    const struct l4gate_nexthop *nexthop)
{
	struct ethhdr *eth = ctx_data(ctx);

	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return XDP_DROP;
	/* Byte arrays would be copied byte by byte. */
	*(__u64 *)eth = *(const __u64 *)nexthop->mac;
	*((__u32 *)eth + 2) = *((const __u32 *)nexthop->mac + 2);
	if (nexthop->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect(nexthop->ifindex, 0);
}

/*
 * Makes the frame a reply: cuts it to keep bytes, puts room bytes in front and
 * lays header[size] over the beginning. An action.
 */
static __always_inline int ctx_make_reply(CTX *ctx, __u32 keep, __u32 room,
					  const void *header, __u32 size)
{
	void *data;

	if (bpf_xdp_adjust_tail(ctx, (int)keep - (int)ctx_length(ctx)))
		return XDP_DROP;
	if (room && bpf_xdp_adjust_head(ctx, -(int)room))
		return XDP_DROP;
	data = ctx_data(ctx);
	if (data + size > ctx_data_end(ctx))
		return XDP_DROP;
	copy(data, header, size);
	return XDP_TX;
}

#endif /* L4GATE_BPF_CTX_XDP_H */
