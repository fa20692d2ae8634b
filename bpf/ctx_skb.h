/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TC: an skb, read directly once its headers are linear, and written through
 * helpers only. They know the skb's checksum state: with CHECKSUM_PARTIAL (local
 * containers, GSO) the field holds a sum that the device completes later, and a
 * direct write would make it wrong for good.
 */
#ifndef L4GATE_BPF_CTX_SKB_H
#define L4GATE_BPF_CTX_SKB_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define L4GATE_BPF_CTX_CHOSEN
#define CTX struct __sk_buff
#define CTX_IS_FAST_PATH 0
#define CTX_MAX_IHL 15
/* "Go on": the next TCX program or filter, then the stack. Not the last word. */
#define CTX_PASS TC_ACT_UNSPEC
#define CTX_DROP TC_ACT_SHOT

#include "ctx.h"

/* Linux 6.16: address changes of IPv6 don't touch CHECKSUM_COMPLETE. */
#ifndef BPF_F_IPV6
#define BPF_F_IPV6 (1ULL << 7)
#endif

static __always_inline void *ctx_data(CTX *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *ctx_data_end(CTX *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* Asks for what may be missing only: the helper costs 14 ns. */
static __always_inline void ctx_pull(CTX *ctx, __u32 length)
{
	if (ctx_data(ctx) + length > ctx_data_end(ctx))
		bpf_skb_pull_data(ctx, length < ctx->len ? length : ctx->len);
}

static __always_inline __u32 ctx_length(CTX *ctx)
{
	return ctx->len;
}

static __always_inline __u32 ctx_packets(CTX *ctx)
{
	return ctx->gso_segs ?: 1;
}

static __always_inline __u32 ctx_ifindex(CTX *ctx)
{
	return ctx->ifindex;
}

static __always_inline bool ctx_has_vlan(CTX *ctx)
{
	return ctx->vlan_present;
}

static __always_inline bool ctx_is_gso(CTX *ctx)
{
	return ctx->gso_segs > 1;
}

#include "rewrite.h"

static __always_inline int translate_l4(CTX *ctx, const struct packet *packet,
					const struct rewrite *rewrite)
{
	__be16 ports[2] = { rewrite->sport, rewrite->dport };
	__u32 check = packet->l4 + offsetof(struct tcphdr, check);
	__u64 flags = 0;
	int error;

	if (packet->protocol == IPPROTO_UDP) {
		check = packet->l4 + offsetof(struct udphdr, check);
		flags = BPF_F_MARK_MANGLED_0;
	}
	error = -1;
	if (packet->family == L4GATE_IPV6)
		error = bpf_l4_csum_replace(ctx, check, 0, rewrite->addr_diff,
					    flags | BPF_F_PSEUDO_HDR |
					    BPF_F_IPV6);
	if (error)
		error = bpf_l4_csum_replace(ctx, check, 0, rewrite->addr_diff,
					    flags | BPF_F_PSEUDO_HDR);
	error |= bpf_l4_csum_replace(ctx, check, 0, rewrite->port_diff, flags);
	error |= bpf_skb_store_bytes(ctx, packet->l4, ports, sizeof(ports), 0);
	return error;
}

/* Writes a rewrite into the skb; 0, or negative if the kernel refuses. */
static __always_inline int ctx_translate(CTX *ctx, const struct packet *packet,
					 const struct rewrite *rewrite)
{
	__u8 ttl = packet->ttl - rewrite->routed;
	int error;

	error = translate_l4(ctx, packet, rewrite);
	if (packet->family == L4GATE_IPV4) {
		__be32 addrs[2] = { rewrite->src.w[0], rewrite->dst.w[0] };
		__u32 diff = csum_fold64((__u64)rewrite->addr_diff +
					 rewrite_ttl_diff(rewrite));

		error |= bpf_l3_csum_replace(ctx, L3_OFFSET +
					     offsetof(struct iphdr, check),
					     0, diff, 0);
		error |= bpf_skb_store_bytes(ctx, L3_OFFSET +
					     offsetof(struct iphdr, saddr),
					     addrs, sizeof(addrs), 0);
		error |= bpf_skb_store_bytes(ctx, L3_OFFSET +
					     offsetof(struct iphdr, ttl), &ttl,
					     sizeof(ttl), 0);
	} else {
		/* src and dst lie side by side, as in the header. */
		error |= bpf_skb_store_bytes(ctx, L3_OFFSET +
					     offsetof(struct ipv6hdr, saddr),
					     rewrite,
					     2 * sizeof(rewrite->src), 0);
		error |= bpf_skb_store_bytes(ctx, L3_OFFSET +
					     offsetof(struct ipv6hdr, hop_limit),
					     &ttl, sizeof(ttl), 0);
	}
	return error;
}

/* Whether this hook can send to a next hop at all. */
static __always_inline bool ctx_can_send(const struct l4gate_nexthop *nexthop)
{
	return nexthop->kind != L4GATE_NEXTHOP_UNREACHABLE;
}

/*
 * Sends the skb to a next hop, resolving the neighbour if need be, or lets the
 * stack deliver it on this node; an action.
 */
static __always_inline int ctx_send(CTX *ctx,
				    const struct l4gate_nexthop *nexthop)
{
	struct bpf_redir_neigh neigh = {};

	(void)ctx;
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL)
		return CTX_PASS;
	if (nexthop->gateway_family == L4GATE_IPV4) {
		neigh.nh_family = 2;	/* AF_INET */
		neigh.ipv4_nh = nexthop->gateway.w[0];
	} else {
		neigh.nh_family = 10;	/* AF_INET6 */
		copy(neigh.ipv6_nh, &nexthop->gateway, sizeof(neigh.ipv6_nh));
	}
	return bpf_redirect_neigh(nexthop->ifindex, &neigh, sizeof(neigh), 0);
}

/*
 * Makes the skb a reply: cuts it to keep bytes, puts room bytes in front and
 * lays header[size] over the beginning. An action.
 *
 * CHECKSUM_PARTIAL survives this, with its start where the old L4 header was.
 * Only packets of a local stack are in that state, the reply goes back to that
 * very stack, and there such an skb counts as verified.
 */
static __always_inline int ctx_make_reply(CTX *ctx, __u32 keep, __u32 room,
					  const void *header, __u32 size)
{
	if (bpf_skb_change_tail(ctx, keep, 0))
		return TC_ACT_SHOT;
	if (room && bpf_skb_change_head(ctx, room, 0))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(ctx, 0, header, size, 0))
		return TC_ACT_SHOT;
	return bpf_redirect(ctx->ifindex, 0);
}

#endif /* L4GATE_BPF_CTX_SKB_H */
