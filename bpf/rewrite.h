/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What changes in a translated packet, and by how much its checksums do
 * (RFC 1624, equation 3). How it is written is the hook's business:
 * ctx_translate().
 */
#ifndef L4GATE_BPF_REWRITE_H
#define L4GATE_BPF_REWRITE_H

#include "packet.h"

struct rewrite {
	struct l4gate_addr src;
	struct l4gate_addr dst;
	__be16 sport;
	__be16 dport;
	__u64 addr_diff;	/* ones' complement sum of new minus old words, */
	__u64 port_diff;	/* not folded: below 2^36 */
	bool routed;		/* TTL or hop limit goes down by one */
};

/* Ones' complement sum in 32 bits out of one in 64. */
static __always_inline __u32 csum_fold64(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return sum;
}

/* A checksum field after the words that it covers changed by diff, below 2^40. */
static __always_inline __u16 csum_apply(__u16 check, __u64 diff)
{
	__u64 sum = (__u16)~check + diff;

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/*
 * Sum over size bytes (constant, a multiple of four), not folded. By 32 bits:
 * clang 19 loads all words first, and more of them would not fit on the stack.
 */
static __always_inline __u64 csum_bytes(const void *bytes, int size)
{
	const __u32 *word = bytes;
	__u64 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < size / 4; i++)
		sum += word[i];
	return sum;
}

static __always_inline __u16 csum_finish(__u64 sum)
{
	return csum_apply(0xffff, sum);
}

static __always_inline __u64 csum_word_diff(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

static __always_inline __u64 csum_addr_diff(const struct l4gate_addr *from,
					    const struct l4gate_addr *to,
					    __u8 family)
{
	__u64 sum = csum_word_diff(from->w[0], to->w[0]);

	if (family == L4GATE_IPV6) {
		sum += csum_word_diff(from->w[1], to->w[1]);
		sum += csum_word_diff(from->w[2], to->w[2]);
		sum += csum_word_diff(from->w[3], to->w[3]);
	}
	return sum;
}

/* Fills in the differences between a packet and its new addresses and ports. */
static __always_inline void rewrite_diff(struct rewrite *rewrite,
					 const struct packet *packet)
{
	rewrite->addr_diff =
		csum_addr_diff(&packet->src, &rewrite->src, packet->family) +
		csum_addr_diff(&packet->dst, &rewrite->dst, packet->family);
	rewrite->port_diff = csum_word_diff(packet->sport, rewrite->sport) +
			     csum_word_diff(packet->dport, rewrite->dport);
}

/* Difference that one less TTL makes to the IPv4 header's checksum. */
static __always_inline __u32 rewrite_ttl_diff(const struct rewrite *rewrite)
{
	/* -0x0100 in network byte order, in ones' complement. */
	return rewrite->routed ? bpf_htons(0xfeff) : 0;
}

#endif /* L4GATE_BPF_REWRITE_H */
