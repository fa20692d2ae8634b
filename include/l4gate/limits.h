/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sizes that both sides of the kernel boundary agree on. A limit is either a
 * rule of the API (the comment says which) or the size of a map; `apply` counts
 * against the latter before its first write and says "needs N of LIMIT".
 */
#ifndef L4GATE_LIMITS_H
#define L4GATE_LIMITS_H

/*
 * Listeners times their addresses, for one config; the maps hold two. Ids are
 * u16. Two places in the index for each, so that none is left without.
 */
#define L4GATE_MAX_ENDPOINTS	65536
#define L4GATE_ENDPOINT_LINES	16384

/* Places of the index of backends that answer themselves (transparent mode). */
#define L4GATE_ORIGIN_LINES	32768

/* Endpoints that one of those may answer for: a reply tries them in turn. */
#define L4GATE_MAX_ORIGINS	8

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

/*
 * Words of the flow index by default, one a flow; `attach --max-flows` changes
 * it. A power of two. There are half as many records for nat, so that their words
 * find a place while there is a record; at least as many as there are NAT ports,
 * so that a record has one port only.
 */
#define L4GATE_DEFAULT_FLOWS	1048576
#define L4GATE_MIN_FLOWS	131072
/* A word has 23 bits for the number of a record. */
#define L4GATE_MAX_FLOWS	8388608

/* Words in one 64-byte line, and the bits of a word below its tag. */
#define L4GATE_LINE_WORDS	8
#define L4GATE_PAYLOAD_BITS	24

/* Locks that flow records and index lines share; a power of two. */
#define L4GATE_FLOW_LOCKS	1024

/* NAT source addresses, for each family. */
#define L4GATE_SOURCES		16

/* Next hops that each CPU remembers, found by a hash of the address. */
#define L4GATE_NEXTHOPS		4096

/* Attached devices. */
#define L4GATE_MAX_DEVICES	256

/* Bits in one word of the port filter, and words for all 65,536 ports. */
#define L4GATE_PORT_WORDS	1024

#endif /* L4GATE_LIMITS_H */
