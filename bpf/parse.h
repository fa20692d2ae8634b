/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From bytes to named fields, once. Later stages work on struct packet and on
 * offsets that were checked here.
 */
#ifndef L4GATE_BPF_PARSE_H
#define L4GATE_BPF_PARSE_H

#include "extension.h"
#include "packet.h"

/*
 * Ports and flags. The L4 header is at packet->l4; its fixed part must be
 * there, so that whatever is rejected or translated later has it.
 */
static __always_inline enum l4gate_reason
parse_l4(CTX *ctx, struct packet *packet)
{
	void *end = ctx_data_end(ctx);
	void *l4 = packet_l4(ctx, packet);

	if (packet->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return L4GATE_MALFORMED;
		packet->sport = tcp->source;
		packet->dport = tcp->dest;
		packet->tcp_flags = ((__u8 *)tcp)[13];
	} else {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return L4GATE_MALFORMED;
		packet->sport = udp->source;
		packet->dport = udp->dest;
		packet->tcp_flags = 0;
	}
	return GO_ON;
}

/* RFC 791. For a fragment there is more to do: fragment_parse(). */
static __always_inline enum l4gate_reason
parse_ipv4(CTX *ctx, struct packet *packet)
{
	struct iphdr *ip = ctx_data(ctx) + L3_OFFSET;
	__u32 header;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return L4GATE_MALFORMED;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return ip->protocol == IPPROTO_ICMP ? L4GATE_DEFER_ICMP :
						      L4GATE_NOT_OURS;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip))
		return L4GATE_MALFORMED;
	if (header > CTX_MAX_IHL * 4)
		return L4GATE_DEFER_HEADER;
	if (CTX_IS_FAST_PATH && (ip->frag_off & bpf_htons(0x3fff)))
		return L4GATE_DEFER_HEADER;

	packet->family = L4GATE_IPV4;
	packet->protocol = ip->protocol;
	packet->ttl = ip->ttl;
	packet->l3_length = bpf_ntohs(ip->tot_len);
	packet->l4 = L3_OFFSET + (CTX_MAX_IHL == 5 ? sizeof(*ip) : header);
	addr_set_ipv4(&packet->src, ip->saddr);
	addr_set_ipv4(&packet->dst, ip->daddr);
	return !CTX_IS_FAST_PATH && (ip->frag_off & bpf_htons(0x3fff)) ?
	       L4GATE_FRAGMENT : GO_ON;
}

/* RFC 8200. */
static __always_inline enum l4gate_reason
parse_ipv6(CTX *ctx, struct packet *packet)
{
	struct ipv6hdr *ip = ctx_data(ctx) + L3_OFFSET;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return L4GATE_MALFORMED;
	if (ip->version != 6)
		return L4GATE_MALFORMED;
	switch (ip->nexthdr) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		break;
	case IPPROTO_FRAGMENT:
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		if (CTX_IS_FAST_PATH)
			return L4GATE_DEFER_HEADER;
		break;
	case IPPROTO_ICMPV6:
		return L4GATE_DEFER_ICMP;
	default:
		return L4GATE_NOT_OURS;
	}
	packet->family = L4GATE_IPV6;
	packet->protocol = ip->nexthdr;
	packet->ttl = ip->hop_limit;
	packet->l3_length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	packet->l4 = L3_OFFSET + sizeof(*ip);
	copy(&packet->src, &ip->saddr, sizeof(packet->src));
	copy(&packet->dst, &ip->daddr, sizeof(packet->dst));
	if (!CTX_IS_FAST_PATH && ip->nexthdr == IPPROTO_FRAGMENT)
		return L4GATE_FRAGMENT;
	if (!CTX_IS_FAST_PATH && is_extension(ip->nexthdr))
		return extensions_skip(ctx);
	return GO_ON;
}

static __always_inline bool is_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) ||
	       ethertype == bpf_htons(ETH_P_8021AD);
}

/* XDP: whether TC should have a look at a tagged frame. */
static __always_inline enum l4gate_reason parse_tag(CTX *ctx)
{
	/* The tag's two words, and those of another one. */
	const __be16 *word = ctx_data(ctx) + L3_OFFSET;
	__be16 inner;

	if (!CTX_IS_FAST_PATH || (void *)(word + 4) > ctx_data_end(ctx))
		return L4GATE_VLAN;
	inner = is_tag(word[1]) ? word[3] : word[1];
	return inner == bpf_htons(ETH_P_IP) || inner == bpf_htons(ETH_P_IPV6) ?
	       L4GATE_DEFER_HEADER : L4GATE_VLAN;
}

/*
 * Fills *packet, or returns the reason to leave the packet alone. L4GATE_VLAN: at TC
 * it may still be ours (parse_tagged()).
 */
static __always_inline enum l4gate_reason
parse_packet(CTX *ctx, struct packet *packet)
{
	enum l4gate_reason reason;
	struct ethhdr *eth;
	__u32 end;

	if (!CTX_IS_FAST_PATH) {
		packet->outer_tag = 0;
		packet->part = PART_WHOLE;
	}
	ctx_pull(ctx, HEADERS_MAX);
	eth = ctx_data(ctx);
	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return L4GATE_MALFORMED;

	packet->length = ctx_length(ctx);
	packet->now = bpf_jiffies64();
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_IP):
		reason = parse_ipv4(ctx, packet);
		break;
	case bpf_htons(ETH_P_IPV6):
		reason = parse_ipv6(ctx, packet);
		break;
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return parse_tag(ctx);
	default:
		return L4GATE_NOT_OURS;
	}
	if (reason != GO_ON)
		return reason;

	/*
	 * Shorter than its header says: whoever forwards it makes it worse. Or
	 * the L4 header goes on in what is only padding.
	 */
	end = L3_OFFSET + packet->l3_length;
	if (end > packet->length || end < packet->l4 + l4_header(packet))
		return L4GATE_MALFORMED;
	return parse_l4(ctx, packet);
}

#endif /* L4GATE_BPF_PARSE_H */
