/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Addresses of listeners that no interface has, and that GatewayParameters tell us
 * to announce: who asks on an attached device where they are (ARP, RFC 826;
 * neighbour solicitations, RFC 4861) is told the device's own MAC address. In TC:
 * asking is rare, and there the reply gets out of any device.
 *
 * What is not answered goes on to the stack as it came.
 */
#ifndef L4GATE_BPF_ANNOUNCE_H
#define L4GATE_BPF_ANNOUNCE_H

#include "endpoint.h"
#include "forward.h"

#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

/* ARP for IPv4 over Ethernet, as it lies in the frame. */
struct arp_frame {
	struct ethhdr eth;
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_size;
	__u8 protocol_size;
	__be16 operation;
	__u8 sender[ETH_ALEN];
	__be32 sender_ip;
	__u8 target[ETH_ALEN];
	__be32 target_ip;
} __attribute__((packed));

#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_HOPS 255
#define ND_F_SOLICITED (1U << 30)
#define ND_F_OVERRIDE (1U << 29)
#define ND_TARGET_MAC 2
#define ND_OPTION_SIZE 8

/* What a solicitation has at least, and an advertisement. */
struct nd_message {
	struct icmp_header icmp;
	__be32 target[4];
};

#define ND_HEADERS (L3_OFFSET + sizeof(struct ipv6hdr))

/* The pad aligns what follows Ethernet's 14 bytes. */
struct nd_reply {
	__u16 pad;
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct nd_message nd;
	__u8 option;
	__u8 option_size;	/* in units of ND_OPTION_SIZE */
	__u8 mac[ETH_ALEN];
};

static __always_inline const struct l4gate_device *announce_device(CTX *ctx)
{
	__u32 key = ctx_ifindex(ctx);

	return bpf_map_lookup_elem(&l4gate_devices, &key);
}

static __always_inline bool is_announced(__u8 family,
					 const struct l4gate_addr *addr)
{
	return address_flags(family, addr_upper(addr), addr_lower(addr),
			     config_half()) &
	       L4GATE_ADDRESS_F_ANNOUNCE;
}

/* Nothing that we answer. */
static __always_inline int announce_nothing(CTX *ctx)
{
	return leave(ctx, L4GATE_HOOK_TC_INGRESS, L4GATE_NOT_OURS, CTX_PASS);
}

/*
 * Answers an ARP request for an announced address; of all other frames that are no
 * packets nothing is known. Who says of itself that it has the address (sender and
 * target are the same, RFC 5227) asks nothing. Counts; an action.
 */
int announce_arp(CTX *ctx);

__noinline int announce_arp(CTX *ctx)
{
	const struct l4gate_device *device = announce_device(ctx);
	struct arp_frame *arp = ctx_data(ctx), reply;
	struct l4gate_addr target;

	if (!device || (void *)(arp + 1) > ctx_data_end(ctx))
		return announce_nothing(ctx);
	if (arp->eth.h_proto != bpf_htons(ETH_P_ARP) ||
	    arp->hardware != bpf_htons(ARP_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_size != ETH_ALEN ||
	    arp->protocol_size != sizeof(__be32) ||
	    arp->operation != bpf_htons(ARP_REQUEST) ||
	    arp->sender_ip == arp->target_ip)
		return announce_nothing(ctx);
	addr_set_ipv4(&target, arp->target_ip);
	if (!is_announced(L4GATE_IPV4, &target))
		return announce_nothing(ctx);

	reply = *arp;
	copy(reply.eth.h_dest, arp->sender, ETH_ALEN);
	copy(reply.eth.h_source, device->mac, ETH_ALEN);
	reply.operation = bpf_htons(ARP_REPLY);
	copy(reply.sender, device->mac, ETH_ALEN);
	reply.sender_ip = arp->target_ip;
	copy(reply.target, arp->sender, ETH_ALEN);
	reply.target_ip = arp->sender_ip;
	count_reason(ctx, L4GATE_HOOK_TC_INGRESS, L4GATE_ANSWER_NEIGHBOUR);
	return ctx_make_reply(ctx, sizeof(reply), 0, &reply, sizeof(reply));
}

/* RFC 4861 section 7.1.1: who is not on the link can't have sent it. */
static __always_inline bool nd_is_valid(const struct ipv6hdr *ip,
					const struct nd_message *nd)
{
	return nd->icmp.type == ND_SOLICITATION && !nd->icmp.code &&
	       ip->hop_limit == ND_HOPS &&
	       bpf_ntohs(ip->payload_len) >= sizeof(*nd);
}

static __always_inline bool nd_from_nobody(const struct ipv6hdr *ip)
{
	const __u32 *w = ip->saddr.s6_addr32;

	return !(w[0] | w[1] | w[2] | w[3]);
}

/* Who has no address yet asks whether it may have this one: all are told. */
static __always_inline void nd_address(struct nd_reply *reply,
				       const struct ethhdr *eth,
				       const struct ipv6hdr *ip)
{
	const __u8 all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };

	if (nd_from_nobody(ip)) {
		reply->ip.daddr.s6_addr32[0] = bpf_htonl(0xff020000);
		reply->ip.daddr.s6_addr32[3] = bpf_htonl(1);
		copy(reply->eth.h_dest, all_nodes_mac, ETH_ALEN);
		reply->nd.icmp.rest = bpf_htonl(ND_F_OVERRIDE);
		return;
	}
	copy(&reply->ip.daddr, &ip->saddr, sizeof(ip->saddr));
	copy(reply->eth.h_dest, eth->h_source, ETH_ALEN);
	reply->nd.icmp.rest = bpf_htonl(ND_F_SOLICITED | ND_F_OVERRIDE);
}

/*
 * Answers a neighbour solicitation for an announced address, in a frame that is
 * known to be IPv6 with ICMPv6 right behind its header. Counts; an action.
 */
int announce_nd(CTX *ctx);

__noinline int announce_nd(CTX *ctx)
{
	const __u16 length = sizeof(struct nd_reply) -
			     offsetof(struct nd_reply, nd);
	const struct l4gate_device *device = announce_device(ctx);
	const struct ethhdr *eth = ctx_data(ctx);
	const struct ipv6hdr *ip = ctx_data(ctx) + L3_OFFSET;
	const struct nd_message *nd = ctx_data(ctx) + ND_HEADERS;
	struct nd_reply reply = {};
	struct l4gate_addr target;

	if (!device || (void *)(nd + 1) > ctx_data_end(ctx) ||
	    !nd_is_valid(ip, nd))
		return announce_nothing(ctx);
	copy(&target, nd->target, sizeof(target));
	if (!is_announced(L4GATE_IPV6, &target))
		return announce_nothing(ctx);

	nd_address(&reply, eth, ip);
	copy(&reply.ip.saddr, nd->target, sizeof(nd->target));
	copy(reply.eth.h_source, device->mac, ETH_ALEN);
	reply.eth.h_proto = bpf_htons(ETH_P_IPV6);
	reply.ip.version = 6;
	reply.ip.payload_len = bpf_htons(length);
	reply.ip.nexthdr = IPPROTO_ICMPV6;
	reply.ip.hop_limit = ND_HOPS;
	reply.nd.icmp.type = ND_ADVERTISEMENT;
	copy(reply.nd.target, nd->target, sizeof(nd->target));
	reply.option = ND_TARGET_MAC;
	reply.option_size = 1;
	copy(reply.mac, device->mac, ETH_ALEN);
	reply.nd.icmp.check =
		csum_finish(csum_bytes(&reply.nd, length) +
			    csum_bytes(&reply.ip.saddr, 2 * sizeof(target)) +
			    bpf_htons(length) + bpf_htons(IPPROTO_ICMPV6));
	count_reason(ctx, L4GATE_HOOK_TC_INGRESS, L4GATE_ANSWER_NEIGHBOUR);
	return ctx_make_reply(ctx, ND_HEADERS + sizeof(*nd), ND_OPTION_SIZE,
			      &reply.eth, HEADER_SIZE(reply));
}

#endif /* L4GATE_BPF_ANNOUNCE_H */
