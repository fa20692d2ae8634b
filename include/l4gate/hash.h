/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Keyed hashes, the same in the kernel and in user space, which fills the tables
 * that packets look into. Multiply-and-shift rounds under a secret key, two
 * multiplications for what fits 64 bits: SipHash-1-3 costs 8 ns more a packet,
 * and nobody outside sees a hash or anything that follows from more than a few
 * bits of it.
 *
 * Rounds and finish are bijections: what fits 64 bits has a hash of its own.
 */
#ifndef L4GATE_HASH_H
#define L4GATE_HASH_H

#include "abi.h"
#include "force.h"

/* clang leaves "inline" to itself, and a call costs 8 ns. */
#define L4GATE_INLINE static inline __attribute__((always_inline))

/*
 * A product's bits depend on those below them only. Of an address in network byte
 * order the last octet is on top: without the first shift it would not reach enough
 * of the bits that choose a line, and neighbours would crowd some of them.
 */
L4GATE_INLINE __u64 hash_round(__u64 hash, __u64 word)
{
	hash ^= word;
	hash = (hash ^ hash >> 32) * 0xff51afd7ed558ccdULL;
	return hash ^ hash >> 32;
}

/* Behind a round: every bit of the result depends on every bit. */
L4GATE_INLINE __u64 hash_finish(__u64 hash)
{
	hash *= 0xc4ceb9fe1a85ec53ULL;
	return hash ^ hash >> 32;
}

/* Two words of an address, as they are in packets: a hash has no byte order. */
L4GATE_INLINE __u64 hash_words(__be32 upper, __be32 lower)
{
	return (L4GATE_FORCE __u64)upper << 32 | (L4GATE_FORCE __u32)lower;
}

L4GATE_INLINE __u64 hash_addr(__u64 hash, const struct l4gate_addr *addr)
{
	hash = hash_round(hash, hash_words(addr->w[0], addr->w[1]));
	return hash_round(hash, hash_words(addr->w[2], addr->w[3]));
}

/*
 * Of an address with a port and a number: a client with the id of the endpoint
 * that it talks to (a flow), or a place with its protocol. Port in network byte
 * order.
 */
L4GATE_INLINE __u64
hash_place(__u64 key, __u8 family, const struct l4gate_addr *addr, __be16 port,
	   __u16 number)
{
	__u64 rest = (L4GATE_FORCE __u64)port << 16 | number;

	if (family == L4GATE_IPV4)
		return hash_finish(hash_round(key, hash_words(addr->w[0], 0) |
						   rest));
	return hash_finish(hash_round(hash_addr(key, addr), rest));
}

/* Of two ends of one family, ports in network byte order, and the protocol. */
L4GATE_INLINE __u64
hash_ends(__u64 key, __u8 family, const struct l4gate_addr *a,
	  const struct l4gate_addr *b, __be16 a_port, __be16 b_port,
	  __u8 protocol)
{
	__u64 ports = (L4GATE_FORCE __u64)a_port << 32 |
		      (L4GATE_FORCE __u64)b_port << 16 | protocol;
	__u64 hash = key;

	if (family == L4GATE_IPV4)
		hash = hash_round(hash, hash_words(a->w[0], b->w[0]));
	else
		hash = hash_addr(hash_addr(hash, a), b);
	return hash_finish(hash_round(hash, ports));
}

/* Scales 32 bits of a hash to [0, count). */
L4GATE_INLINE __u32 hash_scale(__u32 hash, __u32 count)
{
	return (__u64)hash * count >> 32;
}

/*
 * Lines: a hash has two of them, and what is known of it is in one. The lines of a
 * table are rows of L4GATE_SHARDS. Both lines of a hash are in one shard, which its
 * lowest bits say, so that one lock is enough for both; the bits above say the row.
 * The other row follows from a row and from the hash's upper half, and the other of
 * the other is the first: so a word, which holds these bits, can be moved to its
 * other line without knowing more of it. Now and then both are the same line.
 */
L4GATE_INLINE __u32 line_number(__u32 row, __u64 hash)
{
	return row * L4GATE_SHARDS + (hash & (L4GATE_SHARDS - 1));
}

L4GATE_INLINE __u32 row_first(__u64 hash, __u32 rows)
{
	return hash_scale((__u32)hash << 8, rows);
}

L4GATE_INLINE __u32 row_other(__u32 row, __u64 hash, __u32 rows)
{
	__u32 other = hash_scale(hash >> 32, rows) - row;

	return other + (rows & -(other >> 31));
}

/* The two lines that a ticket may be in (bpf/ticket.h), of an even number of them. */
L4GATE_INLINE __u32 ticket_first(__u64 hash, __u32 rows)
{
	return hash_scale(hash >> 32, rows);
}

L4GATE_INLINE __u32 ticket_second(__u64 hash, __u32 rows)
{
	__u32 row = hash_scale((__u32)hash, rows);

	return row == ticket_first(hash, rows) ? row ^ 1 : row;
}

/* A word's upper bits are its hash's. */
L4GATE_INLINE __u64 line_word(__u64 hash, __u32 payload)
{
	return (hash >> L4GATE_PAYLOAD_BITS << L4GATE_PAYLOAD_BITS) | payload;
}

#endif /* L4GATE_HASH_H */
