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

/* The tag that is kept beside the frame: protocol << 16 | TCI. 0: none. */
static __always_inline __u32 ctx_tag(CTX *ctx)
{
	if (!ctx->vlan_present)
		return 0;
	return bpf_ntohs(ctx->vlan_proto) << 16 | (ctx->vlan_tci & 0xffff);
}

static __always_inline int ctx_pop_tag(CTX *ctx)
{
	return bpf_skb_vlan_pop(ctx);
}

static __always_inline int ctx_push_tag(CTX *ctx, __u32 tag)
{
	return bpf_skb_vlan_push(ctx, bpf_htons(tag >> 16), tag & 0xffff);
}

static __always_inline int ctx_load(CTX *ctx, __u32 offset, void *to,
				    __u32 size)
{
	return bpf_skb_load_bytes(ctx, offset, to, size);
}

static __always_inline __u32 ctx_gso_size(CTX *ctx)
{
	/* Those of a virtual machine have a gso_size, but no gso_segs as yet. */
	return ctx->gso_size;
}

#include "config.h"
#include "l4gate/hash.h"
#include "maps.h"
#include "scratch.h"

/* The kernel has compared addresses: PACKET_OTHERHOST of <linux/if_packet.h>. */
static __always_inline bool ctx_is_for_others(CTX *ctx,
					      const struct scratch *scratch)
{
	(void)scratch;
	return ctx->pkt_type == 3;
}

/* Puts the outer tag back that was taken off of two; 0, or negative. */
int restore_tag(CTX *ctx);

__noinline int restore_tag(CTX *ctx)
{
	struct scratch *scratch = scratch_get();
	__u32 tag;

	if (!scratch)
		return -1;
	tag = scratch->packet.outer_tag;
	scratch->packet.outer_tag = 0;
	return tag ? ctx_push_tag(ctx, tag) : 0;
}

/* With two tags there is always one beside the frame. */
static __always_inline int ctx_restore(CTX *ctx)
{
	return ctx->vlan_present ? restore_tag(ctx) : 0;
}

/* The checksum at an offset, after addresses of its pseudo header changed by diff. */
static __always_inline int replace_pseudo(CTX *ctx, __u32 check, bool v6,
					  __u32 diff, __u64 flags)
{
	flags |= BPF_F_PSEUDO_HDR;
	/* Kernels that do not know BPF_F_IPV6 refuse it. */
	if (v6 && !bpf_l4_csum_replace(ctx, check, 0, diff, flags | BPF_F_IPV6))
		return 0;
	return bpf_l4_csum_replace(ctx, check, 0, diff, flags);
}

/* The L4 checksum, as its state wants it: of the addresses, and of the ports. */
static __always_inline int translate_check(CTX *ctx,
					   const struct packet *packet,
					   const struct rewrite *rewrite)
{
	__u32 check = packet->l4 + offsetof(struct tcphdr, check);
	__u64 flags = 0;

	if (packet->protocol == IPPROTO_UDP) {
		check = packet->l4 + offsetof(struct udphdr, check);
		flags = BPF_F_MARK_MANGLED_0;
	}
	return replace_pseudo(ctx, check, packet->family == L4GATE_IPV6,
			      csum_fold64(rewrite->addr_diff), flags) |
	       bpf_l4_csum_replace(ctx, check, 0,
				   csum_fold64(rewrite->port_diff), flags);
}

/*
 * What lies side by side in a packet without options or extension headers, from
 * the TTL or hop limit to the ports, is stored by one call: each costs 20 ns.
 */
struct heads4 {
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
};

struct heads6 {
	__u8 hop_limit;
	struct l4gate_addr src;
	struct l4gate_addr dst;
	__be16 sport;
	__be16 dport;
} __attribute__((packed));

/*
 * What the id of a datagram is keyed with, that nobody can guess the ids of other
 * clients; and ids of one pair of addresses stay different.
 */
static __always_inline __be16 rewrite_id(const struct rewrite *rewrite)
{
	return hash_finish(hash_round(hash_key[2],
				      hash_words(rewrite->src.w[0],
						 rewrite->dst.w[0])));
}

static __always_inline int translate_ipv4(CTX *ctx,
					  const struct packet *packet,
					  const struct rewrite *rewrite)
{
	struct iphdr *ip = ctx_data(ctx) + L3_OFFSET;
	struct heads4 heads = {
		.ttl = packet->ttl - rewrite->routed,
		.protocol = packet->protocol,
		.src = rewrite->src.w[0],
		.dst = rewrite->dst.w[0],
		.sport = rewrite->sport,
		.dport = rewrite->dport,
	};
	const __u32 at = L3_OFFSET + offsetof(struct iphdr, ttl);
	bool tail = packet_is_tail(packet);
	__u64 diff = rewrite->addr_diff + rewrite_ttl_diff(rewrite);
	__be16 id, was;
	int error = 0;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	was = ip->id;
	heads.check = ip->check;
	if (packet->part != PART_WHOLE) {
		id = packet->id ^ rewrite_id(rewrite);
		diff += csum_word_diff(was, id);
		error = bpf_skb_store_bytes(ctx, L3_OFFSET +
					    offsetof(struct iphdr, id), &id,
					    sizeof(id), 0);
	}
	heads.check = csum_apply(heads.check, diff);
	if (!tail)
		error |= translate_check(ctx, packet, rewrite);
	if (!tail && packet->l4 == L3_OFFSET + sizeof(struct iphdr))
		return error | bpf_skb_store_bytes(ctx, at, &heads,
						   sizeof(heads), 0);
	error |= bpf_skb_store_bytes(ctx, at, &heads,
				     offsetof(struct heads4, sport), 0);
	if (tail)
		return error;
	return error | bpf_skb_store_bytes(ctx, packet->l4, &heads.sport,
					   2 * sizeof(heads.sport), 0);
}

static __always_inline int translate_ipv6(CTX *ctx,
					  const struct packet *packet,
					  const struct rewrite *rewrite)
{
	struct heads6 heads = {
		.hop_limit = packet->ttl - rewrite->routed,
		.src = rewrite->src,
		.dst = rewrite->dst,
		.sport = rewrite->sport,
		.dport = rewrite->dport,
	};
	const __u32 at = L3_OFFSET + offsetof(struct ipv6hdr, hop_limit);
	int error;

	/* Nothing in a tail makes up for the new addresses. */
	if (packet_is_tail(packet))
		return bpf_skb_store_bytes(ctx, at, &heads,
					   offsetof(struct heads6, sport),
					   BPF_F_RECOMPUTE_CSUM);
	error = translate_check(ctx, packet, rewrite);
	if (packet->l4 == L3_OFFSET + sizeof(struct ipv6hdr))
		return error | bpf_skb_store_bytes(ctx, at, &heads,
						   sizeof(heads), 0);
	error |= bpf_skb_store_bytes(ctx, at, &heads,
				     offsetof(struct heads6, sport), 0);
	return error | bpf_skb_store_bytes(ctx, packet->l4, &heads.sport,
					   2 * sizeof(heads.sport), 0);
}

/* Writes the rewrite of a packet, both in scratch, into the skb; 0, or negative. */
int translate_skb(CTX *ctx);

__noinline int translate_skb(CTX *ctx)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return -1;
	return scratch->packet.family == L4GATE_IPV4 ?
	       translate_ipv4(ctx, &scratch->packet, &scratch->rewrite) :
	       translate_ipv6(ctx, &scratch->packet, &scratch->rewrite);
}

static __always_inline int ctx_translate(CTX *ctx, const struct packet *packet,
					 const struct rewrite *rewrite)
{
	(void)packet;
	(void)rewrite;
	return translate_skb(ctx);
}

#include "encap.h"

/*
 * How the kernel is to make room for an outer header. Of a superframe of TCP the
 * segments get smaller by as much; of UDP they are datagrams, and stay as they are.
 */
static __always_inline __u64 encap_flags(const struct packet *packet,
					 __u64 flags)
{
	return packet->protocol == IPPROTO_UDP ?
	       flags | BPF_F_ADJ_ROOM_FIXED_GSO : flags;
}

static __always_inline int encap_skb4(CTX *ctx, const struct packet *packet,
				      const struct rewrite *rewrite)
{
	struct iphdr outer;

	encap_ipv4(&outer, packet, &rewrite->src, &rewrite->dst,
		   packet_tos(ctx, packet));
	return bpf_skb_adjust_room(ctx, sizeof(outer), BPF_ADJ_ROOM_MAC,
				   encap_flags(packet,
					       BPF_F_ADJ_ROOM_ENCAP_L3_IPV4)) ?:
	       bpf_skb_store_bytes(ctx, L3_OFFSET, &outer, sizeof(outer), 0);
}

static __always_inline int encap_skb6(CTX *ctx, const struct packet *packet,
				      const struct rewrite *rewrite,
				      __u32 label)
{
	struct ipv6hdr outer;

	encap_ipv6(&outer, packet, &rewrite->src, &rewrite->dst,
		   packet_tos(ctx, packet), label);
	return bpf_skb_adjust_room(ctx, sizeof(outer), BPF_ADJ_ROOM_MAC,
				   encap_flags(packet,
					       BPF_F_ADJ_ROOM_ENCAP_L3_IPV6)) ?:
	       bpf_skb_store_bytes(ctx, L3_OFFSET, &outer, sizeof(outer), 0);
}

/*
 * Puts an outer header in front of the IP packet, with the addresses of
 * scratch->rewrite; 0, or negative.
 */
int encap_skb(CTX *ctx, __u32 label);

__noinline int encap_skb(CTX *ctx, __u32 label)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return -1;
	return scratch->packet.family == L4GATE_IPV4 ?
	       encap_skb4(ctx, &scratch->packet, &scratch->rewrite) :
	       encap_skb6(ctx, &scratch->packet, &scratch->rewrite, label);
}

static __always_inline int ctx_encap(CTX *ctx, const struct packet *packet,
				     const struct l4gate_addr *src,
				     const struct l4gate_addr *dst,
				     __u32 label)
{
	struct scratch *scratch = scratch_get();

	(void)packet;
	if (!scratch)
		return -1;
	scratch->rewrite.src = *src;
	scratch->rewrite.dst = *dst;
	return encap_skb(ctx, label);
}

/*
 * Whether this hook can send a packet to a next hop at all. With two tags the
 * neighbour has to be known: the stack resolves none for such a frame.
 */
static __always_inline bool ctx_can_send(const struct packet *packet,
					 const struct l4gate_nexthop *nexthop)
{
	return !packet->outer_tag || (*(const __u32 *)nexthop->mac |
				      *(const __u16 *)(nexthop->mac + 4));
}

/* To a next hop by its address: the neighbour is resolved if need be. */
static __always_inline int send_to(const struct l4gate_nexthop *nexthop)
{
	struct bpf_redir_neigh neigh = {};

	if (nexthop->family == L4GATE_IPV4) {
		neigh.nh_family = 2;	/* AF_INET */
		neigh.ipv4_nh = nexthop->gateway.w[0];
	} else {
		neigh.nh_family = 10;	/* AF_INET6 */
		copy(neigh.ipv6_nh, &nexthop->gateway, sizeof(neigh.ipv6_nh));
	}
	return bpf_redirect_neigh(nexthop->ifindex, &neigh, sizeof(neigh), 0);
}

/*
 * Sends a skb that came with tags to a numbered next hop. They belong to the link
 * that it came by: another one has none, or (a VLAN device) puts on its own.
 */
int send_tagged(CTX *ctx, __u32 number);

__noinline int send_tagged(CTX *ctx, __u32 number)
{
	const struct l4gate_nexthop *nexthop;
	struct scratch *scratch = scratch_get();

	nexthop = bpf_map_lookup_elem(&l4gate_nexthops, &number);
	if (!scratch || !nexthop)
		return CTX_DROP;
	if (nexthop->ifindex != ctx->ifindex)
		return ctx_pop_tag(ctx) ? CTX_DROP : send_to(nexthop);
	if (!scratch->packet.outer_tag)
		return send_to(nexthop);
	/* bpf_redirect_neigh() drops what is not IP behind Ethernet. */
	if (bpf_skb_store_bytes(ctx, 0, nexthop->mac, 2 * ETH_ALEN, 0) ||
	    restore_tag(ctx))
		return CTX_DROP;
	return bpf_redirect(ctx->ifindex, 0);
}

/*
 * Sends the skb to a next hop, or lets the stack deliver it on this node; an
 * action.
 */
static __always_inline int ctx_send(CTX *ctx,
				    const struct l4gate_nexthop *nexthop)
{
	if (nexthop->kind == L4GATE_NEXTHOP_LOCAL)
		return ctx_restore(ctx) ? CTX_DROP : CTX_PASS;
	return ctx->vlan_present ? send_tagged(ctx, nexthop->number) :
				   send_to(nexthop);
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
	if (ctx_restore(ctx))
		return TC_ACT_SHOT;
	return bpf_redirect(ctx->ifindex, 0);
}

#endif /* L4GATE_BPF_CTX_SKB_H */
