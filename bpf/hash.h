/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Keyed hashes. Multiply-and-shift rounds under a secret key, three
 * multiplications for IPv4: SipHash-1-3 costs 8 ns more a packet, and nobody
 * outside sees a hash or anything that follows from more than a few bits of it.
 */
#ifndef L4GATE_BPF_HASH_H
#define L4GATE_BPF_HASH_H

#include "config.h"
#include "packet.h"

static __always_inline __u64 hash_round(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
	return hash ^ hash >> 32;
}

/* MurmurHash3's finaliser: every bit of the result depends on every bit. */
static __always_inline __u64 hash_finish(__u64 hash)
{
	hash *= 0xc4ceb9fe1a85ec53ULL;
	hash ^= hash >> 29;
	hash *= 0x9fb21c651e98df25ULL;
	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_addr(__u64 hash, const struct l4gate_addr *addr)
{
	hash = hash_round(hash, (__u64)addr->w[0] << 32 | addr->w[1]);
	return hash_round(hash, (__u64)addr->w[2] << 32 | addr->w[3]);
}

/* Of two ends of one family, ports in network byte order, and the protocol. */
static __always_inline __u64
hash_ends(__u64 key, __u8 family, const struct l4gate_addr *a,
	  const struct l4gate_addr *b, __be16 a_port, __be16 b_port,
	  __u8 protocol)
{
	__u64 ports = (__u64)a_port << 32 | (__u64)b_port << 16 | protocol;
	__u64 hash = key;

	if (family == L4GATE_IPV4) {
		hash = hash_round(hash, (__u64)a->w[0] << 32 | b->w[0]);
	} else {
		hash = hash_addr(hash, a);
		hash = hash_addr(hash, b);
	}
	return hash_finish(hash_round(hash, ports ^ hash_key[1]));
}

/* Of a flow, seen from the client: what the flow table and slots go by. */
static __always_inline __u64 hash_flow(const struct packet *packet)
{
	return hash_ends(hash_key[0], packet->family, &packet->src,
			 &packet->dst, packet->sport, packet->dport,
			 packet->protocol);
}

/* Scales 32 bits of a hash to [0, count). */
static __always_inline __u32 hash_scale(__u32 hash, __u32 count)
{
	return (__u64)hash * count >> 32;
}

#endif /* L4GATE_BPF_HASH_H */
