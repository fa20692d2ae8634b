/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A parsed packet, and what is asked of it. bpf/parse.h fills it. */
#ifndef L4GATE_BPF_PACKET_H
#define L4GATE_BPF_PACKET_H

#include "ctx.h"

struct packet {
	struct l4gate_addr src;
	struct l4gate_addr dst;
	__be16 sport;
	__be16 dport;
	__u16 l4;		/* offset of the TCP or UDP header */
	__u16 l3_length;	/* of the IP packet, as its header says */
	__u8 family;		/* enum l4gate_family */
	__u8 protocol;		/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 tcp_flags;		/* 0 for UDP */
	__u8 ttl;		/* or hop limit */
	__u32 length;		/* of the frame */
	__u64 now;		/* jiffies */
	__u32 outer_tag;	/* taken off of two, for ctx_restore(); 0: none */
	__u16 part;		/* of a datagram in fragments, PART_* */
	__be16 id;		/* of the datagram, before it is keyed */
};

#define PART_WHOLE 0
#define PART_FIRST 1
#define PART_TAIL 2		/* without TCP or UDP header: ports are the first's */

/* A step's answer that is not a way out: go on. */
#define GO_ON L4GATE_REASON_MAX

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Offset of the IP header: no tag is left where we look. */
#define L3_OFFSET ((int)sizeof(struct ethhdr))

/*
 * The farthest that TCP or UDP may begin: IPv4 has 40 bytes of options at most. IPv6
 * may have any number of extension headers, of which TC skips this many bytes.
 */
#define EXTENSION_BYTES 256
#define L4_OFFSET_MAX (L3_OFFSET + (CTX_IS_FAST_PATH ? 60 : \
				    (int)sizeof(struct ipv6hdr) + EXTENSION_BYTES))

/* Longest headers up to the end of TCP's fixed part, with IPv4 options. */
#define HEADERS_MAX (L3_OFFSET + 60 + (int)sizeof(struct tcphdr))

/* XDP sees no fragments. */
static __always_inline bool packet_is_tail(const struct packet *packet)
{
	return !CTX_IS_FAST_PATH && packet->part == PART_TAIL;
}

/* An address in two numbers, for functions that take no pointers. */
static __always_inline __u64 addr_upper(const struct l4gate_addr *addr)
{
	return (__u64)addr->w[0] << 32 | addr->w[1];
}

static __always_inline __u64 addr_lower(const struct l4gate_addr *addr)
{
	return (__u64)addr->w[2] << 32 | addr->w[3];
}

/*
 * In moves of eight bytes, as it is read later: a load that spans two stores has to
 * wait until both are through.
 */
static __always_inline void addr_set_ipv4(struct l4gate_addr *addr, __be32 ipv4)
{
	__u64 *halves = (__u64 *)addr;

	halves[0] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ?
		    ipv4 : (__u64)ipv4 << 32;
	halves[1] = 0;
}

static __always_inline bool
addr_equal(const struct l4gate_addr *a, const struct l4gate_addr *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

/*
 * The L4 header of a parsed packet, to be checked against the end by the caller.
 * The bound is for the verifier: read back from the stack, l4 may be anything up
 * to 65,535, and then no check against the end counts ("invalid access to
 * packet", 6.18).
 */
static __always_inline void *packet_l4(CTX *ctx, const struct packet *packet)
{
	__u32 offset = packet->l4;

	barrier_var(offset);
	if (offset > L4_OFFSET_MAX)
		offset = L3_OFFSET;
	return ctx_data(ctx) + offset;
}

/* Whether routers may not fragment it: IPv4's DF, and always for IPv6. */
static __always_inline bool packet_is_whole(CTX *ctx,
					    const struct packet *packet)
{
	struct iphdr *ip = ctx_data(ctx) + L3_OFFSET;

	if (packet->family == L4GATE_IPV6)
		return true;
	return (void *)(ip + 1) <= ctx_data_end(ctx) &&
	       (ip->frag_off & bpf_htons(0x4000));
}

/* TOS (RFC 2474: DSCP and ECN) or traffic class. */
static __always_inline __u8 packet_tos(CTX *ctx, const struct packet *packet)
{
	__u8 *l3 = ctx_data(ctx) + L3_OFFSET;

	if ((void *)(l3 + 2) > ctx_data_end(ctx))
		return 0;
	return packet->family == L4GATE_IPV4 ? l3[1] : l3[0] << 4 | l3[1] >> 4;
}

/* The fixed part of the L4 header, in bytes. */
static __always_inline __u32 l4_header(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) :
						 sizeof(struct udphdr);
}

#endif /* L4GATE_BPF_PACKET_H */
