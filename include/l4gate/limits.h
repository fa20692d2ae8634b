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
 * u16, because flows are named by them. Five places in the index for four.
 */
#define L4GATE_MAX_ENDPOINTS	65536
#define L4GATE_ENDPOINT_LINES	10240

/* Endpoints that a backend may answer for (transparent mode): a reply tries them. */
#define L4GATE_MAX_ORIGINS	8

/*
 * TCPRoutes and UDPRoutes that carry traffic or have flows; `attach --max-routes`
 * changes it. What else there is room for follows from it.
 */
#define L4GATE_DEFAULT_ROUTES	10112
#define L4GATE_MIN_ROUTES	128
#define L4GATE_MAX_ROUTES	131072

/* Gateway listeners, each with its own counters: a quarter of the endpoints, or
   as many as routes. */
#define L4GATE_MIN_LISTENERS	16384
#define L4GATE_LISTENERS(routes)					\
	((routes) < L4GATE_MIN_LISTENERS ? L4GATE_MIN_LISTENERS :	\
	 (routes) < L4GATE_MAX_ENDPOINTS ? (routes) : L4GATE_MAX_ENDPOINTS)

/*
 * Endpoints, counted once per route and backendRef that use them: ten a route,
 * and those being replaced. Numbers have 17 bits.
 */
#define L4GATE_MAX_BACKENDS	131072
#define L4GATE_MIN_BACKENDS	8192
#define L4GATE_BACKENDS(routes)						\
	((__u64)(routes) * 103 / 10 < L4GATE_MIN_BACKENDS ?		\
	 L4GATE_MIN_BACKENDS :						\
	 (__u64)(routes) * 103 / 10 > L4GATE_MAX_BACKENDS ?		\
	 L4GATE_MAX_BACKENDS : (routes) * 103 / 10)

/*
 * Rows of the index of backends that answer themselves (transparent mode), for
 * each half: five places for four.
 */
#define L4GATE_ORIGIN_ROWS(backends)					\
	((backends) * 5 / 4 / (L4GATE_LINE_WORDS * L4GATE_SHARDS) + 1)

/*
 * Slot tables are runs of chunks of 64 u16 slots, or 32 u32 members, each. A table
 * of ten endpoints has seventeen; beside those of all routes there is room for the
 * tables that an apply builds aside.
 */
#define L4GATE_CHUNK_SLOTS	64
#define L4GATE_CHUNK_MEMBERS	32
#define L4GATE_CHUNK_BOUNDARIES	8
#define L4GATE_CHUNK_LINES	2
/* Clients of routes with session affinity that are remembered: eight a line. */
#define L4GATE_AFFINITY_LINES	8192
/* Two for each of 64 ranges to allow and 64 to deny. */
#define L4GATE_MAX_BOUNDARIES	256
#define L4GATE_MIN_SPARE_CHUNKS	4096
#define L4GATE_CHUNKS(routes)						\
	((routes) * 17 + ((routes) * 2 / 3 < L4GATE_MIN_SPARE_CHUNKS ?	\
			  L4GATE_MIN_SPARE_CHUNKS : (routes) * 2 / 3))

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
/*
 * Half-open flows of all listeners, and of one for which nothing else is said, that
 * new ones can't take the place of.
 */
#define L4GATE_FLOW_HALF_OPEN_MAX(flows)	((flows) / 8)
#define L4GATE_LISTENER_HALF_OPEN_MAX(flows)	((flows) / 64)
/* Addresses whose next hop is remembered: clients have more than one flow. */
#define L4GATE_FLOW_ADDRESSES(flows)	((__u64)(flows) / 2)
/* Rows of a table with that many places, width of them in a line (hash.h). */
#define L4GATE_ROWS(places, width)					\
	((__u32)((places) / ((width) * L4GATE_SHARDS)) + 1)

/* Words in one 64-byte line, or entries, and the bits of a word below its tag. */
#define L4GATE_LINE_WORDS	8
#define L4GATE_LINE_ENTRIES	4
#define L4GATE_PAYLOAD_BITS	25

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

/* Classes of idle timeouts, with that of flows without any of their own: 8 bits. */
#define L4GATE_TIMEOUTS		256

/* Attached devices. */
#define L4GATE_MAX_DEVICES	256

/* Bits in one word of the port filter, and words for all 65,536 ports. */
#define L4GATE_PORT_WORDS	1024

#endif /* L4GATE_LIMITS_H */
