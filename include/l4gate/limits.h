/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sizes that both sides of the kernel boundary agree on. A limit is either a
 * rule of the API (the comment says which) or the size of a map; `apply` counts
 * against the latter before its first write and says "needs N of LIMIT".
 */
#ifndef L4GATE_LIMITS_H
#define L4GATE_LIMITS_H

/* Listeners times their addresses, for one config; the map holds two. */
#define L4GATE_MAX_BINDINGS	65536

/* Gateway listeners, each with its own counters. */
#define L4GATE_MAX_LISTENERS	16384

/* TCPRoutes and UDPRoutes that carry traffic. */
#define L4GATE_MAX_ROUTES	16384

/* Endpoints, counted once per route and backendRef that use them. */
#define L4GATE_MAX_BACKENDS	131072

/*
 * Slot tables are runs of chunks: 256 u16 slots, or 128 u32 members, each.
 * 65,536 chunks are 32 MiB, enough for 10,000 routes with ten endpoints each
 * (five chunks a route) beside the tables that an apply builds aside.
 */
#define L4GATE_CHUNK_SLOTS	256
#define L4GATE_CHUNK_MEMBERS	128
#define L4GATE_MAX_CHUNKS	65536

/* Slots of the largest table: the largest prime below 2^16. */
#define L4GATE_MAX_SLOTS	65521

/* A slot that rejects: the share of a backendRef that can't be served. */
#define L4GATE_SLOT_REJECT	0xffff

/* Flow records by default; `attach --max-flows` changes it. A power of two. */
#define L4GATE_DEFAULT_FLOWS	262144
#define L4GATE_MIN_FLOWS	65536
/* A word of the flow index spends 24 bits on the number of a record. */
#define L4GATE_MAX_FLOWS	8388608

/* Words (flows) in one 64-byte line of the flow index. */
#define L4GATE_INDEX_WORDS	8

/* Locks that flow records and index lines share; a power of two. */
#define L4GATE_FLOW_LOCKS	1024

/* Next hops that each CPU remembers, found by a hash of the address. */
#define L4GATE_NEXTHOPS		4096

/* Attached devices. */
#define L4GATE_MAX_DEVICES	256

/* Bits in one word of the port filter, and words for all 65,536 ports. */
#define L4GATE_PORT_WORDS	1024

#endif /* L4GATE_LIMITS_H */
