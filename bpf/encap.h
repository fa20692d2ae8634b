/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The outer header of dsr-ipip: IPv4 in IPv4 (RFC 2003), IPv6 in IPv6 (RFC 2473).
 * ECN and DSCP are the inner packet's (RFC 6040). How room is made for it is the
 * hook's business: ctx_encap().
 */
#ifndef L4GATE_BPF_ENCAP_H
#define L4GATE_BPF_ENCAP_H

#include "packet.h"
#include "rewrite.h"

#define ENCAP_TTL 64

static __always_inline void encap_ipv4(struct iphdr *outer,
				       const struct packet *packet,
				       const struct l4gate_addr *src,
				       const struct l4gate_addr *dst, __u8 tos)
{
	zero(outer, sizeof(*outer));
	outer->version = 4;
	outer->ihl = 5;
	outer->tos = tos;
	outer->tot_len = bpf_htons(packet->l3_length + sizeof(*outer));
	outer->frag_off = bpf_htons(0x4000);	/* DF: ID 0 is fine, RFC 6864 */
	outer->ttl = ENCAP_TTL;
	outer->protocol = IPPROTO_IPIP;
	outer->saddr = src->w[0];
	outer->daddr = dst->w[0];
	outer->check = csum_finish(csum_bytes(outer, sizeof(*outer)));
}

/* The flow label spreads flows over queues where a NIC looks at it (RFC 6438). */
static __always_inline void encap_ipv6(struct ipv6hdr *outer,
				       const struct packet *packet,
				       const struct l4gate_addr *src,
				       const struct l4gate_addr *dst, __u8 tos,
				       __u32 label)
{
	zero(outer, sizeof(*outer));
	outer->version = 6;
	outer->priority = tos >> 4;
	outer->flow_lbl[0] = tos << 4 | (label >> 16 & 15);
	outer->flow_lbl[1] = label >> 8;
	outer->flow_lbl[2] = label;
	outer->payload_len = bpf_htons(packet->l3_length);
	outer->nexthdr = IPPROTO_IPV6;
	outer->hop_limit = ENCAP_TTL;
	copy(&outer->saddr, src, sizeof(*src));
	copy(&outer->daddr, dst, sizeof(*dst));
}

#endif /* L4GATE_BPF_ENCAP_H */
