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
#define L4GATE_ABI_VERSION	2

#define L4GATE_ASSERT_SIZE(type, size)					\
	_Static_assert(sizeof(type) == (size), #type " is not " #size " bytes")

/* IPv4 in w[0] with the rest zero, or IPv6. */
struct l4gate_addr {
	__be32 w[4];
};
L4GATE_ASSERT_SIZE(struct l4gate_addr, 16);

enum l4gate_family {
	L4GATE_IPV4,
	L4GATE_IPV6,
	L4GATE_FAMILIES
};

/*
 * l4gate_control[0]: the generation that packets see. Its lowest bit chooses
 * one of the two halves of the maps that are published at one instant.
 */
struct l4gate_control {
	__u64 generation;
};
L4GATE_ASSERT_SIZE(struct l4gate_control, 8);

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

/* l4gate_bindings: where a listener listens. */
struct l4gate_binding_key {
	struct l4gate_addr addr;
	__be16 port;
	__u8 protocol;		/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 half_family;	/* half << 1 | enum l4gate_family */
};
L4GATE_ASSERT_SIZE(struct l4gate_binding_key, 20);

#define L4GATE_NO_ROUTE		0xffffffff

struct l4gate_binding {
	__u32 listener;		/* index of its counters */
	__u32 route;		/* index into l4gate_routes, or L4GATE_NO_ROUTE */
};
L4GATE_ASSERT_SIZE(struct l4gate_binding, 8);

/*
 * A slot table: slots / 256 chunks (rounded up) of u16 slots, then chunks of
 * u32 members. A slot is an index of a member, or L4GATE_SLOT_REJECT; a member
 * is an index into l4gate_backends. A table that packets may see is never
 * changed: a new one is written beside it.
 */
struct l4gate_table {
	__u32 chunk;		/* the first one */
	__u32 slots;		/* 0: reject everything */
};
L4GATE_ASSERT_SIZE(struct l4gate_table, 8);

/* l4gate_routes[route * 2 + half] */
struct l4gate_route {
	struct l4gate_table table[L4GATE_FAMILIES];
};
L4GATE_ASSERT_SIZE(struct l4gate_route, 16);

/* l4gate_chunks */
union l4gate_chunk {
	__u16 slot[L4GATE_CHUNK_SLOTS];
	__u32 member[L4GATE_CHUNK_MEMBERS];
};
L4GATE_ASSERT_SIZE(union l4gate_chunk, 512);

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
	__u32 generation;	/* a flow with another one has lost its backend */
	__u32 route;		/* index of the counters of its route */
	__u32 pad;
};
L4GATE_ASSERT_SIZE(struct l4gate_backend, 32);

/* l4gate_ports[0]: which (protocol, port) may be a listener's, half or not. */
struct l4gate_ports {
	__u64 tcp[L4GATE_PORT_WORDS];
	__u64 udp[L4GATE_PORT_WORDS];
};
L4GATE_ASSERT_SIZE(struct l4gate_ports, 16384);

/*
 * Flow states. The order matters to eviction: from CLOSING down to HALF_OPEN a
 * record may be taken for a new flow when none is free, from ESTABLISHED on
 * never before its timeout.
 */
enum l4gate_flow_state {
	L4GATE_FLOW_FREE,
	L4GATE_FLOW_CLAIMED,	/* being written; readers look away */
	L4GATE_FLOW_CLOSING,	/* TCP: RST, or FIN from both sides */
	L4GATE_FLOW_HALF_OPEN,	/* TCP: SYN, not yet acknowledged by both */
	L4GATE_FLOW_UNREPLIED,	/* UDP: the backend has not answered */
	L4GATE_FLOW_ESTABLISHED,	/* TCP */
	L4GATE_FLOW_REPLIED,	/* UDP */
	L4GATE_FLOW_STATES
};

#define L4GATE_FLOW_F_LOCAL	(1 << 0)	/* backend on this node: TC only */
#define L4GATE_FLOW_F_SYN_ACK	(1 << 1)	/* the backend answered the SYN */
#define L4GATE_FLOW_F_FIN_CLIENT	(1 << 2)
#define L4GATE_FLOW_F_FIN_BACKEND	(1 << 3)
#define L4GATE_FLOW_F_RST	(1 << 4)	/* closing by RST alone: data revives */

/* Indexes of the four ends of a flow in the arrays below. */
enum l4gate_flow_end {
	L4GATE_END_CLIENT,
	L4GATE_END_LISTENER,
	L4GATE_END_BACKEND,
	L4GATE_END_NAT,		/* the source that the backend sees */
	L4GATE_ENDS
};

/*
 * l4gate_flows: one flow, both directions, so that they can't drift apart. The
 * first cache line is all that an IPv4 packet reads; IPv6 reads both. The
 * number of a record is bound to its NAT port (bpf/flow.h), so that a reply
 * finds it without a search.
 */
struct l4gate_flow {
	__u64 hash;		/* of client, listener and protocol */
	__u32 backend;		/* index into l4gate_backends */
	__u32 backend_generation;
	__u32 listener;		/* index of its counters */
	__u32 stamp;		/* last packet, in ticks (bpf/clock.h) */
	__u32 serial;		/* raised at each claim */
	__u8 state;		/* enum l4gate_flow_state */
	__u8 flags;		/* L4GATE_FLOW_F_* */
	__u8 protocol;
	__u8 family;		/* enum l4gate_family */
	__be16 port[L4GATE_ENDS];
	__be32 addr4[L4GATE_ENDS];
	__u8 pad[8];
	struct l4gate_addr addr6[L4GATE_ENDS];
};
L4GATE_ASSERT_SIZE(struct l4gate_flow, 128);

/*
 * l4gate_flow_index: from the hash of a flow to its record. A word is 0 or
 * tag << 24 | (record + 1), the tag being the upper 40 bits of the hash.
 */
struct l4gate_index_line {
	__u64 word[L4GATE_INDEX_WORDS];
};
L4GATE_ASSERT_SIZE(struct l4gate_index_line, 64);

/* l4gate_devices, by ifindex: the devices that we are attached to. */
#define L4GATE_DEVICE_F_XDP	(1 << 0)	/* XDP may send out here */

struct l4gate_device {
	struct l4gate_addr addr[L4GATE_FAMILIES];	/* NAT source, or zero */
	__u32 mtu;
	__u32 flags;		/* L4GATE_DEVICE_F_* */
};
L4GATE_ASSERT_SIZE(struct l4gate_device, 40);

/* l4gate_nexthops, per CPU: what the FIB said about an address, for a while. */
struct l4gate_nexthop {
	struct l4gate_addr addr;
	struct l4gate_addr nat;		/* the source towards it, or zero */
	struct l4gate_addr gateway;	/* the neighbour: addr itself, or a router */
	__u64 jiffies;		/* when it was asked */
	__u32 ifindex;
	__u32 mtu;
	__u8 smac[6];
	__u8 dmac[6];
	__u8 family;		/* of addr; enum l4gate_family */
	__u8 gateway_family;
	__u8 kind;		/* enum l4gate_nexthop_kind */
	__u8 pad[9];
};
L4GATE_ASSERT_SIZE(struct l4gate_nexthop, 88);

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
