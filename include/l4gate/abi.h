/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Keys and values of every map. Both sides include this file and nothing else
 * defines these structs; tests/abi compares it with the BTF of the objects.
 *
 * Addresses and ports are in network byte order (__be*); everything else is in
 * host order. Padding is written out, so that keys can be compared as bytes.
 */
#ifndef L4GATE_ABI_H
#define L4GATE_ABI_H

#include <linux/types.h>

#include "limits.h"
#include "reasons.h"

/*
 * Raise when the meaning of a map changes. Together with sizes and types it is
 * the hash in struct l4gate_meta; libbpf itself reuses a pinned map whose
 * layout changed at equal size.
 */
#define L4GATE_ABI_VERSION	6

#define L4GATE_ASSERT_SIZE(type, size)					\
	_Static_assert(sizeof(type) == (size), #type " is not " #size " bytes")

/* IPv4 in w[0] with the rest zero, or IPv6. Aligned to be copied in two moves. */
struct l4gate_addr {
	__be32 w[4];
} __attribute__((aligned(8)));
L4GATE_ASSERT_SIZE(struct l4gate_addr, 16);

enum l4gate_family {
	L4GATE_IPV4,
	L4GATE_IPV6,
	L4GATE_FAMILIES
};

/*
 * l4gate_control[0]: the generation that packets see. Its lowest bit chooses
 * one of the two halves of the maps that are published at one instant. The other
 * one is what was there before, and for some time a witness: it says where the
 * connections are that another node had.
 */
struct l4gate_control {
	__u64 generation;
	__u64 changing_until;	/* jiffies; 0: a half is being written */
};
L4GATE_ASSERT_SIZE(struct l4gate_control, 16);

/* l4gate_meta[0]: written once when the maps are made. Holds secrets. */
struct l4gate_meta {
	__u64 abi;		/* hash over this file's layouts */
	__u64 key[4];		/* keys of the hashes, from getrandom(2) */
	__u32 max_flows;
	__u32 hz;		/* jiffies a second */
	__u32 nat_port_min;	/* host order, both included */
	__u32 nat_port_max;
};
L4GATE_ASSERT_SIZE(struct l4gate_meta, 56);

/* How a Gateway's packets reach its backends. */
enum l4gate_mode {
	L4GATE_MODE_NAT,	/* client and destination replaced */
	L4GATE_MODE_TRANSPARENT,	/* destination replaced */
	L4GATE_MODE_DSR_L2,	/* to the backend's MAC address as it came */
	L4GATE_MODE_DSR_IPIP,	/* to the backend in another IP packet */
	L4GATE_MODES
};

/*
 * A line, what hashes lead to (hash.h): one line of the cache. The upper 39 bits
 * of a word are its hash's, the rest is what it says; 0 is an empty place. Lines of
 * l4gate_entries are half words that are whole hashes, half what these say.
 */
struct l4gate_line {
	__u64 word[L4GATE_LINE_WORDS];
};
L4GATE_ASSERT_SIZE(struct l4gate_line, 64);

#define L4GATE_NO_ROUTE		0xffffffff
#define L4GATE_NO_LISTENER	0xffffffff

/*
 * l4gate_endpoints[half * L4GATE_MAX_ENDPOINTS + id]: where a listener listens.
 * Flows are named by a client and the id, which is not used again while a flow
 * may have it.
 */
struct l4gate_endpoint {
	struct l4gate_addr addr;
	__be16 port;
	__u8 protocol;		/* IPPROTO_TCP, IPPROTO_UDP; 0: none here */
	__u8 family;		/* enum l4gate_family */
	__u32 listener;		/* index of its counters, or L4GATE_NO_LISTENER */
	__u32 route;		/* index into l4gate_routes, or L4GATE_NO_ROUTE */
	__u8 mode;		/* enum l4gate_mode */
	__u8 moved;		/* had another route, whose flows may live */
	__u16 max_half_open;	/* of its listener; 0: as many as is usual */
};
L4GATE_ASSERT_SIZE(struct l4gate_endpoint, 32);

/*
 * l4gate_endpoint_index[half * L4GATE_ENDPOINT_LINES + line]: from the hash of
 * address, port and protocol to an id.
 *
 * l4gate_origin_index, alike: from a backend of transparent mode to where in
 * l4gate_chunks the ids are listed of the endpoints that it may answer for.
 */

/*
 * l4gate_address_index[half * L4GATE_ENDPOINT_LINES + line], alike: from an address
 * of listeners to what is done for it; the first two only if the node does not own it:
 */
#define L4GATE_ADDRESS_F_ECHO	(1U << 0)	/* echo requests are answered */
#define L4GATE_ADDRESS_F_ANNOUNCE	(1U << 1)	/* and ARP, and neighbour
						   solicitations */
#define L4GATE_ADDRESS_F_FRAGMENTS	(1U << 2)	/* put in order */

/*
 * A slot table: slots / 64 chunks (rounded up) of u16 slots, then chunks of
 * u32 members. A slot is an index of a member, or L4GATE_SLOT_REJECT; a member
 * is an index into l4gate_backends. A table that packets may see is never
 * changed: a new one is written beside it.
 */
struct l4gate_table {
	__u32 chunk;		/* the first one */
	__u32 slots;		/* 0: reject everything */
};
L4GATE_ASSERT_SIZE(struct l4gate_table, 8);

/*
 * A sorted list of boundaries: addresses from which on sources are let in if those
 * before were not, and the other way round. In chunks as a slot table, and like it
 * never changed.
 */
struct l4gate_ranges {
	__u32 chunk;		/* the first one */
	__u32 count;		/* of boundaries */
};
L4GATE_ASSERT_SIZE(struct l4gate_ranges, 8);

/* What a route has of its policy, so that others don't pay for it. */
/* What is below the first boundary is let in; << enum l4gate_family. */
#define L4GATE_ROUTE_F_ALLOW	(1U << 0)
#define L4GATE_ROUTE_F_RANGES	(1U << 2)	/* not all sources are let in */
#define L4GATE_ROUTE_F_RATE	(1U << 3)
#define L4GATE_ROUTE_F_MAX_FLOWS	(1U << 4)
#define L4GATE_ROUTE_F_AFFINITY	(1U << 5)
/* New flows are counted. */
#define L4GATE_ROUTE_F_COUNTED						\
	(L4GATE_ROUTE_F_RATE | L4GATE_ROUTE_F_MAX_FLOWS)

/*
 * l4gate_routes[route * 2 + half]: its slot tables, and what its policy says of new
 * flows. One line of the cache.
 */
struct l4gate_route {
	struct l4gate_table table[L4GATE_FAMILIES];
	__u64 key;		/* of the hash from flows to slots */
	struct l4gate_ranges ranges[L4GATE_FAMILIES];
	__u32 rate;		/* new flows a second, */
	__u32 burst;		/* and at once; with L4GATE_ROUTE_F_RATE */
	__u32 max_flows;	/* at once */
	__u32 affinity;		/* seconds that a client keeps its backend */
	__u8 flags;		/* L4GATE_ROUTE_F_* */
	__u8 pad[3];
	__u32 tickets;		/* the first chunk; with L4GATE_ROUTE_F_MAX_FLOWS */
};
L4GATE_ASSERT_SIZE(struct l4gate_route, 64);

/*
 * l4gate_buckets, by route: when the next new flow is due at its rate, in jiffies
 * << L4GATE_BUCKET_SHIFT. If that is past, all of the burst may come.
 */
#define L4GATE_BUCKET_SHIFT	24

/* An address in host order, IPv4 in the lower half. */
struct l4gate_boundary {
	__u64 upper;
	__u64 lower;
};
L4GATE_ASSERT_SIZE(struct l4gate_boundary, 16);

/*
 * The tickets that a route's flows have, at most max_flows (bpf/ticket.h): behind
 * this, in chunks of their own, lines of the hashes of these flows. Unlike all else
 * in chunks they are written by packets.
 */
struct l4gate_tickets {
	__u32 taken;
	__u32 hand;		/* lines that were looked through last */
	__u32 chunks;		/* of lines */
	__u32 serial;		/* of the last one given, to who had it, too */
};
L4GATE_ASSERT_SIZE(struct l4gate_tickets, 16);

/* l4gate_chunks */
union l4gate_chunk {
	__u16 slot[L4GATE_CHUNK_SLOTS];
	__u32 member[L4GATE_CHUNK_MEMBERS];
	struct l4gate_boundary boundary[L4GATE_CHUNK_BOUNDARIES];
	struct l4gate_origins {
		__u32 count;
		__u16 endpoint[L4GATE_MAX_ORIGINS];
	} origins;
	struct l4gate_tickets tickets;
	struct l4gate_line line[L4GATE_CHUNK_LINES];
};
L4GATE_ASSERT_SIZE(union l4gate_chunk, 128);

enum l4gate_backend_state {
	L4GATE_BACKEND_FREE,	/* never used, or its last flow was cut */
	L4GATE_BACKEND_ACTIVE,
	L4GATE_BACKEND_DRAINING,	/* keeps its flows, gets no new ones */
};

/* l4gate_backends: one endpoint of one backendRef of one route. */
struct l4gate_backend {
	struct l4gate_addr addr;
	__be16 port;
	__u8 family;		/* enum l4gate_family */
	__u8 state;		/* enum l4gate_backend_state */
	__u32 route : 24;	/* index of the counters of its route */
	__u32 timeouts : 8;	/* class of its flows' idle timeouts */
	__u32 nexthop;		/* the way there, noted by packets; 0: none yet */
	__u32 until;		/* tick at which its time to drain is over */
};
L4GATE_ASSERT_SIZE(struct l4gate_backend, 32);

/*
 * l4gate_ports[enum l4gate_port_set]: which ports may be a listener's, or that of
 * a backend that answers under its own address, in either half. What has neither
 * is not ours.
 */
enum l4gate_port_set {
	L4GATE_PORTS_LISTENER,
	L4GATE_PORTS_ORIGIN,
	L4GATE_PORT_SETS
};

struct l4gate_ports {
	__u64 tcp[L4GATE_PORT_WORDS];
	__u64 udp[L4GATE_PORT_WORDS];
};
L4GATE_ASSERT_SIZE(struct l4gate_ports, 16384);

/*
 * Flow states. The order matters to eviction: up to UNREPLIED a flow may be
 * forgotten for a new one when there is no other room, from ESTABLISHED on never
 * before its timeout. Three bits, in records and in words.
 */
enum l4gate_flow_state {
	L4GATE_FLOW_FREE,
	L4GATE_FLOW_CLAIMED,	/* being written; readers look away */
	L4GATE_FLOW_RESET,	/* TCP: the client's RST, or another's in its name */
	L4GATE_FLOW_CLOSING,	/* TCP: FIN from both sides, or the backend's RST */
	L4GATE_FLOW_HALF_OPEN,	/* TCP: SYN, not yet acknowledged by both */
	L4GATE_FLOW_UNREPLIED,	/* UDP: the backend has not answered */
	L4GATE_FLOW_ESTABLISHED,	/* TCP */
	L4GATE_FLOW_REPLIED,	/* UDP */
	L4GATE_FLOW_STATES
};

/*
 * l4gate_timeouts[class]: idle timeouts of the flows of a route. Class 0 is what
 * holds without any; programs have it in their constants, too, so that most flows
 * are judged without a look here. bpf/timeouts.h has the rules.
 */
struct l4gate_idle {
	__u32 timeout;		/* ticks, with those that were not written down */
	__u32 refresh;		/* ticks until a packet is written down again */
	__u32 quarter;		/* 2^32 / jiffies in a quarter of the timeout */
	__u32 keep;		/* tick up to which nothing is over */
};
L4GATE_ASSERT_SIZE(struct l4gate_idle, 16);

struct l4gate_timeouts {
	struct l4gate_idle state[L4GATE_FLOW_STATES];
};
L4GATE_ASSERT_SIZE(struct l4gate_timeouts, 128);

/*
 * In a word, and in the value of a record: what it says of its time is by the
 * timeouts of its backend, and not by those of class 0.
 */
#define L4GATE_FLOW_TIMED	(1U << 23)

/*
 * l4gate_half_open[L4GATE_HALF_OPEN_NODES + listener]: flows that began as half open
 * and were not surplus, less those that got further; and what that was at the
 * beginning of a quarter of such flows' timeout, by its number modulo as many as
 * there are. In front of the listeners' are those of all TCP and of all UDP
 * (half_open.h).
 */
#define L4GATE_HALF_OPEN_TCP	0
#define L4GATE_HALF_OPEN_UDP	1
#define L4GATE_HALF_OPEN_NODES	2
#define L4GATE_HALF_OPEN_QUARTERS	8
#define L4GATE_HALF_OPEN_AGE	4	/* quarters after which a flow has timed out */
/* A listener has few if it has less than one of so many that it may have. */
#define L4GATE_HALF_OPEN_FEW	16

struct l4gate_half_open {
	__s32 total;
	__s32 base;		/* what it was so many quarters before the */
	__u32 quarter;		/* last one that was begun */
	__s32 at[L4GATE_HALF_OPEN_QUARTERS];
	__u32 pad[5];
};
L4GATE_ASSERT_SIZE(struct l4gate_half_open, 64);

/* l4gate_surplus_stats: by listener, per CPU, how many flows began as surplus (__u64). */

/*
 * l4gate_words: all that there is of a flow of the transparent and dsr modes is a
 * word, found by the hash of client and endpoint. Its payload is
 *
 *   surplus << 24 | L4GATE_FLOW_TIMED or 0 | backend << 6 | state << 3 | clock
 *
 * where the clock counts quarters of the state's timeout. A word has no flags to
 * remember one side's FIN by; so the states that only records have mean that.
 */
#define L4GATE_WORD_FIN_BACKEND	L4GATE_FLOW_FREE
#define L4GATE_WORD_FIN_CLIENT	L4GATE_FLOW_CLAIMED
#define L4GATE_WORD_BACKEND_SHIFT	6
#define L4GATE_WORD_BACKEND	((1U << 17) - 1)
#define L4GATE_WORD_STATE_SHIFT	3
#define L4GATE_WORD_CLOCK	7
#define L4GATE_WORD_F_SURPLUS	(1U << 24)	/* half open, beyond the limit */

/*
 * l4gate_affinity: where a client of a route with session affinity was sent last, by
 * the hash of its address and the route, in lines. A word is
 *
 *   upper bits of the hash << 40 | backend << 23 | ticks
 */
#define L4GATE_AFFINITY_TAG_SHIFT	40
#define L4GATE_AFFINITY_BACKEND_SHIFT	23
#define L4GATE_AFFINITY_TICKS	((1U << L4GATE_AFFINITY_BACKEND_SHIFT) - 1)

/*
 * A flow of nat has two halves, so that each direction reads one line of memory:
 *
 * l4gate_entries, for the client's packets: word[i] of a line is the hash of client
 * and endpoint, word[L4GATE_LINE_ENTRIES + i] a value as in struct l4gate_record.
 *
 * l4gate_records, for the backend's: the number of a record is bound to its NAT
 * port (bpf/record.h), so that a reply finds it without a search. The value is read
 * and written as one, and equal to that of the entry but for the NAT port: in its
 * place is a note of the way to the client.
 */
struct l4gate_record {
	/* First word of the client's address << 32 | its port << 16 | endpoint. */
	__u64 key;
	__u64 value;
};
L4GATE_ASSERT_SIZE(struct l4gate_record, 16);

/* A record's value from bit 0 on: state (3), flags (4), */
#define L4GATE_RECORD_STATE	7
#define L4GATE_RECORD_F_SYN_ACK	(1U << 3)	/* the backend answered the SYN */
#define L4GATE_RECORD_F_FIN_CLIENT	(1U << 4)
#define L4GATE_RECORD_F_FIN_BACKEND	(1U << 5)
#define L4GATE_RECORD_F_IPV6	(1U << 6)
#define L4GATE_RECORD_LIFE	0x7f		/* state and flags */
/*
 * Both ends' FIN make a flow CLOSING. So in one that is HALF_OPEN or UNREPLIED both
 * flags say something else: it is surplus, half open beyond the limit.
 */
#define L4GATE_RECORD_SURPLUS						\
	(L4GATE_RECORD_F_FIN_CLIENT | L4GATE_RECORD_F_FIN_BACKEND)
/* time of the last packet (16, in ticks, bpf/clock.h), L4GATE_FLOW_TIMED, */
#define L4GATE_RECORD_STAMP_SHIFT	7
/* and whose it is: serial number (3), NAT port (16), source (4), backend (17). */
#define L4GATE_RECORD_SERIAL_SHIFT	24
#define L4GATE_RECORD_SERIAL	7
#define L4GATE_RECORD_PORT_SHIFT	27
#define L4GATE_RECORD_NOTE_SHIFT	L4GATE_RECORD_PORT_SHIFT
#define L4GATE_RECORD_SOURCE_SHIFT	43
#define L4GATE_RECORD_BACKEND_SHIFT	47
/* Whose it is: all but state, flags, stamp, mark, and port or note. */
#define L4GATE_RECORD_OWNER						\
	(~((1ULL << L4GATE_RECORD_SERIAL_SHIFT) - 1) &			\
	 ~(0xffffULL << L4GATE_RECORD_PORT_SHIFT))

/* l4gate_clients6: by number of a record, struct l4gate_addr of its client. */

/*
 * l4gate_sources[family * L4GATE_SOURCES + number]: addresses that backends see.
 * A number keeps its address while a flow may have it.
 */
#define L4GATE_SOURCE_CLIENT	15	/* the client's own: a backend on this node */

/* l4gate_devices, by ifindex: the devices that we are attached to. */
#define L4GATE_DEVICE_F_XDP	(1 << 0)	/* XDP may send out here */

struct l4gate_device {
	struct l4gate_addr addr[L4GATE_FAMILIES];	/* NAT source, or zero */
	__u32 mtu;
	__u8 flags;		/* L4GATE_DEVICE_F_* */
	__u8 source[L4GATE_FAMILIES];	/* numbers of the addresses */
	__u8 pad;
	__u8 mac[6];		/* its own */
	__u8 pad2[2];
};
L4GATE_ASSERT_SIZE(struct l4gate_device, 48);

/*
 * l4gate_nexthops: a neighbour that packets are sent to, as the FIB told us. Many
 * addresses behind a router share it: l4gate_nexthop_index leads to it from the
 * hash of an address, by a word with the payload
 *
 *   seconds << 20 | generation << 12 | number
 *
 * which counts while the generation is that of the next hop, for some seconds. A
 * backend has such a payload of its own.
 */
struct l4gate_nexthop {
	struct l4gate_addr gateway;	/* the address itself, or a router's */
	struct l4gate_addr nat;		/* the source towards it, or zero */
	__u8 mac[12];		/* destination and source, as in the frame */
	__u32 asked;		/* jiffies, when the FIB was asked last */
	__u32 ifindex;
	__u32 mtu;
	__u8 generation;	/* how often the place changed hands */
	__u8 family;		/* of gateway; enum l4gate_family */
	__u8 kind;		/* enum l4gate_nexthop_kind */
	__u8 source;		/* number of the NAT source */
	__u16 number;		/* its own */
	__u16 pad;
};
L4GATE_ASSERT_SIZE(struct l4gate_nexthop, 64);

#define L4GATE_HOP_NUMBER	(L4GATE_NEXTHOPS - 1)
#define L4GATE_HOP_GENERATION_SHIFT	12
#define L4GATE_HOP_SECONDS_SHIFT	20
#define L4GATE_HOP_SECONDS	15

enum l4gate_nexthop_kind {
	L4GATE_NEXTHOP_NONE,		/* empty entry */
	L4GATE_NEXTHOP_XDP,		/* known neighbour, device takes XDP frames */
	L4GATE_NEXTHOP_TC,		/* attached device, but only TC can send */
	L4GATE_NEXTHOP_UNATTACHED,	/* on this node, behind another device */
	L4GATE_NEXTHOP_LOCAL,		/* an address of this node */
	L4GATE_NEXTHOP_UNREACHABLE,
};

/* Traffic in both directions, per CPU. */
enum l4gate_direction {
	L4GATE_FROM_CLIENT,
	L4GATE_FROM_BACKEND,
	L4GATE_DIRECTIONS
};

/* l4gate_listener_stats, l4gate_route_stats, l4gate_backend_stats */
struct l4gate_stats {
	__u64 packets[L4GATE_DIRECTIONS];
	__u64 bytes[L4GATE_DIRECTIONS];
	__u64 flows;		/* new ones */
	__u64 rejected;		/* packets answered or dropped by rejection */
};
L4GATE_ASSERT_SIZE(struct l4gate_stats, 48);

/* l4gate_reason_stats[hook * L4GATE_REASON_MAX + reason] */
struct l4gate_count {
	__u64 packets;
	__u64 bytes;
};
L4GATE_ASSERT_SIZE(struct l4gate_count, 16);

/* l4gate_budgets, per CPU: tokens for packets that we originate. */
enum l4gate_budget_kind {
	L4GATE_BUDGET_RST,
	L4GATE_BUDGET_ICMP,
	L4GATE_BUDGETS
};

struct l4gate_budget {
	__u64 jiffies;		/* when it was filled last */
	__u64 tokens;
};
L4GATE_ASSERT_SIZE(struct l4gate_budget, 16);

#endif /* L4GATE_ABI_H */
