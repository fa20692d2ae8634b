/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * VLAN tags, at TC. The stack has taken the outer one off the frame and keeps it
 * beside; of QinQ (IEEE 802.1ad) the inner one is left where we look for IP. It is
 * taken out only of frames that are ours, for not all kernels can put it back so
 * that their stack understands it: in Linux before 6.12 bpf_skb_vlan_push() leaves
 * an ingress skb with the wrong mac_len.
 *
 * What becomes of tags when a packet leaves is in ctx_send().
 */
#ifndef L4GATE_BPF_TAGS_H
#define L4GATE_BPF_TAGS_H

#include "direct.h"
#include "nat.h"
#include "parse.h"

/* Two words of a tag in a frame (struct vlan_hdr, which is not in UAPI). */
struct tag {
	__be16 tci;
	__be16 protocol;	/* of what follows */
};

/* The tags of a frame whose Ethernet header is followed by one. */
struct tags {
	__u32 outer;		/* as of ctx_tag() */
	__u32 l3;		/* where IP is */
	__be16 protocol;	/* whether it is IP, that is */
	bool one;		/* only in frames that the stack has not seen */
};

/* False: more than two, or not there. */
static __always_inline bool tags_read(CTX *ctx, struct tags *tags)
{
	struct {
		__be16 protocol;
		struct tag first, second;
	} in;
	const __u32 at = offsetof(struct ethhdr, h_proto);

	if (ctx_load(ctx, at, &in, sizeof(in)))
		return false;
	tags->outer = ctx_tag(ctx);
	tags->protocol = in.first.protocol;
	tags->l3 = L3_OFFSET + sizeof(struct tag);
	if (tags->outer)
		return true;
	tags->outer = bpf_ntohs(in.protocol) << 16 | bpf_ntohs(in.first.tci);
	tags->one = !is_tag(in.first.protocol);
	if (!tags->one) {
		tags->protocol = in.second.protocol;
		tags->l3 += sizeof(struct tag);
	}
	return true;
}

/* Where TCP or UDP is, in a packet at an offset; 0: it is another. */
static __always_inline __u32 peek_ipv4(CTX *ctx, __u32 l3,
				       struct packet *packet)
{
	struct iphdr ip;

	if (ctx_load(ctx, l3, &ip, sizeof(ip)) || ip.version != 4 ||
	    ip.ihl < 5 || (ip.frag_off & bpf_htons(0x3fff)))
		return 0;
	packet->l3_length = bpf_ntohs(ip.tot_len);
	packet->family = L4GATE_IPV4;
	packet->protocol = ip.protocol;
	addr_set_ipv4(&packet->src, ip.saddr);
	addr_set_ipv4(&packet->dst, ip.daddr);
	return l3 + ip.ihl * 4;
}

static __always_inline __u32 peek_ipv6(CTX *ctx, __u32 l3,
				       struct packet *packet)
{
	struct ipv6hdr ip;

	if (ctx_load(ctx, l3, &ip, sizeof(ip)) || ip.version != 6)
		return 0;
	packet->l3_length = bpf_ntohs(ip.payload_len) + sizeof(ip);
	packet->family = L4GATE_IPV6;
	packet->protocol = ip.nexthdr;
	copy(&packet->src, &ip.saddr, sizeof(packet->src));
	copy(&packet->dst, &ip.daddr, sizeof(packet->dst));
	return l3 + sizeof(ip);
}

/*
 * As much of a packet as says whose it is, and that it can be parsed, read where it
 * lies.
 */
static __always_inline bool peek_packet(CTX *ctx, const struct tags *tags,
					struct packet *packet)
{
	__be16 ports[2];
	__u32 l4 = 0, end;

	if (tags->protocol == bpf_htons(ETH_P_IP))
		l4 = peek_ipv4(ctx, tags->l3, packet);
	else if (tags->protocol == bpf_htons(ETH_P_IPV6))
		l4 = peek_ipv6(ctx, tags->l3, packet);
	if (!l4 || ctx_load(ctx, l4, ports, sizeof(ports)) ||
	    (packet->protocol != IPPROTO_TCP &&
	     packet->protocol != IPPROTO_UDP))
		return false;
	end = tags->l3 + packet->l3_length;
	if (end > ctx_length(ctx) || end < l4 + l4_header(packet))
		return false;
	packet->sport = ports[0];
	packet->dport = ports[1];
	return true;
}

/* Whether the packet in scratch is to a listener, or of a flow, at a hook. */
static __always_inline bool is_ours(struct scratch *scratch,
				    enum l4gate_hook hook)
{
	bool egress = hook == L4GATE_HOOK_TC_EGRESS;
	const struct packet *packet = &scratch->packet;
	struct direct_reply direct = {};
	struct nat_reply nat = {};
	__u32 half = config_half();
	__u16 id = 0;

	if (!egress &&
	    port_is_in(L4GATE_PORTS_LISTENER, packet->protocol,
		       packet->dport) &&
	    endpoint_find(packet, half, &id))
		return true;
	return direct_find_reply(scratch, half, &direct) ||
	       (nat_find_reply(scratch, half, &nat) &&
		nat_reply_is_local(&nat) == egress);
}

/*
 * Parses a packet behind a tag that is in the frame, if it is ours, and takes that
 * tag out, for ctx_restore() to put it back. GO_ON, or the reason to leave it, as it
 * came. Global, for the verifier to look at it once.
 */
int parse_tagged(CTX *ctx, __u32 hook);

__noinline int parse_tagged(CTX *ctx, __u32 hook)
{
	struct scratch *scratch = scratch_get();
	struct tags tags = {};
	int reason;

	if (!scratch || !tags_read(ctx, &tags) ||
	    !peek_packet(ctx, &tags, &scratch->packet) ||
	    !is_ours(scratch, hook))
		return L4GATE_VLAN;
	/* Also moves a second one out of the frame. */
	if (ctx_pop_tag(ctx))
		return L4GATE_VLAN;
	/* Like the stack, which keeps it beside the frame. */
	if (tags.one && ctx_push_tag(ctx, tags.outer))
		return L4GATE_VLAN;
	reason = parse_packet(ctx, &scratch->packet);
	if (!tags.one)
		scratch->packet.outer_tag = tags.outer;
	return reason;
}

#endif /* L4GATE_BPF_TAGS_H */
