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
 * Flows that live side by side, of nat and of the other modes each; `attach
 * --max-flows` changes it.
 */
#define L4GATE_DEFAULT_FLOWS	524288
#define L4GATE_MIN_FLOWS	65536
#define L4GATE_MAX_FLOWS	8388608

/*
 * Places in the tables for that many: three quarters of the words and records are
 * in use then, and three fifths of the entries, whose lines are shorter, so that
 * some find both of theirs full the earlier.
 */
#define L4GATE_FLOW_WORDS(flows)	((__u64)(flows) * 4 / 3)
#define L4GATE_FLOW_RECORDS(flows)	((__u64)(flows) * 4 / 3)
#define L4GATE_FLOW_ENTRIES(flows)	((__u64)(flows) * 5 / 3)
/* Addresses whose next hop is remembered: clients have more than one flow. */
#define L4GATE_FLOW_ADDRESSES(flows)	((__u64)(flows) / 2)
/* Rows of a table with that many places, width of them in a line (hash.h). */
#define L4GATE_ROWS(places, width)					\
	((__u32)((places) / ((width) * L4GATE_SHARDS)) + 1)

/* Words in one 64-byte line, or entries, and the bits of a word below its tag. */
#define L4GATE_LINE_WORDS	8
#define L4GATE_LINE_ENTRIES	4
#define L4GATE_PAYLOAD_BITS	24

/*
 * Shards of the flow tables, each with a lock; a power of two. The NAT ports of a
 * flow are those of its shard: with more shards some would run out of them while
 * others have many left.
 */
#define L4GATE_SHARDS		64

/* NAT source addresses, for each family. */
#define L4GATE_SOURCES		16

/* Neighbours that are remembered; 12 bits. */
#define L4GATE_NEXTHOPS		4096

/* Attached devices. */
#define L4GATE_MAX_DEVICES	256

/* Bits in one word of the port filter, and words for all 65,536 ports. */
#define L4GATE_PORT_WORDS	1024

#endif /* L4GATE_LIMITS_H */
