/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every way out of the data path, by name. The list is append-only: numbers are
 * array indexes in a pinned map and label values in people's dashboards.
 *
 * X(NAME, name, class, text): class says what happened to the packet:
 *   forward   it left for a backend or a client
 *   pass      it went on to the kernel exactly as it came
 *   defer     XDP left it, as it came, to the TC program
 *   hold      it waits, to be counted once more when it goes on
 *   reject    it was answered with a RST or an ICMP error
 *   answer    it was answered with what it asked for
 *   drop      it was dropped
 */
#ifndef L4GATE_REASONS_H
#define L4GATE_REASONS_H

#define L4GATE_REASONS(X)						\
	X(NOT_OURS, not_ours, pass,					\
	  "not for a listener and part of no flow")			\
	X(TO_BACKEND, to_backend, forward,				\
	  "translated and sent towards a backend")			\
	X(TO_CLIENT, to_client, forward,				\
	  "a reply, translated back and sent towards the client")	\
	X(TO_LOCAL, to_local, forward,					\
	  "translated and handed to a backend on this node")		\
	X(DEFER_HEADER, defer_header, defer,				\
	  "tags, IP options, extension headers or a fragment: TC decides")	\
	X(DEFER_NEXT_HOP, defer_next_hop, defer,			\
	  "neighbour or route that XDP can't use: TC decides")		\
	X(DEFER_FLOW, defer_flow, defer,				\
	  "the flow's backend is on this node: TC carries it")		\
	X(DEFER_REJECT, defer_reject, defer,				\
	  "a rejection that XDP can't write: TC does")			\
	X(MALFORMED, malformed, pass,					\
	  "truncated or contradictory headers")				\
	X(VLAN, vlan, pass,						\
	  "a VLAN tag before what is not ours")		\
	X(FRAGMENT, fragment, pass,					\
	  "an IP fragment")						\
	X(EXTENSION, extension, pass,					\
	  "IPv6 extension headers before TCP or UDP beyond what is skipped")	\
	X(REJECT_SLOT, reject_slot, reject,				\
	  "share of a backendRef that can't be served")			\
	X(REJECT_NO_ROUTE, reject_no_route, reject,			\
	  "a listener without a route that carries traffic")		\
	X(REJECT_NO_FLOW, reject_no_flow, reject,			\
	  "TCP in the middle of a connection that is not known")	\
	X(REJECT_BACKEND_GONE, reject_backend_gone, reject,		\
	  "the backend of a TCP flow was removed")			\
	X(REJECT_PORTS, reject_ports, reject,				\
	  "all NAT ports towards a backend are in use")			\
	X(REJECT_TABLE_FULL, reject_table_full, reject,			\
	  "no room for a new flow in the flow table")			\
	X(DROP_REJECT_LIMIT, drop_reject_limit, drop,			\
	  "a rejection beyond the limit per second")			\
	X(DROP_RST_NO_FLOW, drop_rst_no_flow, drop,			\
	  "a RST of an unknown connection, never answered")		\
	X(DROP_TTL, drop_ttl, drop,					\
	  "TTL or hop limit used up")					\
	X(DROP_NO_ROUTE, drop_no_route, drop,				\
	  "no IP route to the backend or client, or forwarding is off")	\
	X(DROP_TOO_BIG, drop_too_big, drop,				\
	  "larger than the MTU of the way out")				\
	X(DROP_WRITE, drop_write, drop,					\
	  "the kernel refused to change the packet")			\
	X(DROP_CONFIG, drop_config, drop,				\
	  "the published config points nowhere: please report")		\
	X(DROP_NO_NAT_ADDRESS, drop_no_nat_address, drop,		\
	  "the device towards the backend has no address to send from")	\
	X(REJECT_COLLISION, reject_collision, reject,			\
	  "a client's port that is in use at the backend by a flow to "	\
	  "another listener (transparent mode)")			\
	X(TOLD_TOO_BIG, told_too_big, reject,				\
	  "larger than the MTU of the way out: the sender was told")	\
	X(DROP_NOT_ON_LINK, drop_not_on_link, drop,			\
	  "a backend of mode dsr-l2 that is behind a router")		\
	X(DROP_BUSY, drop_busy, drop,					\
	  "other CPUs were faster, several times, with a place in a table") \
	X(TOLD_TTL, told_ttl, reject,					\
	  "TTL or hop limit used up: the sender was told")		\
	X(ICMP_TO_BACKEND, icmp_to_backend, forward,			\
	  "an ICMP error about a reply, translated, to the backend")	\
	X(ICMP_TO_CLIENT, icmp_to_client, forward,			\
	  "an ICMP error about a client's packet, translated back, to "	\
	  "the client")							\
	X(ANSWER_ECHO, answer_echo, answer,				\
	  "an echo request to an address that only listeners have")	\
	X(ANSWER_NEIGHBOUR, answer_neighbour, answer,			\
	  "ARP or a neighbour solicitation for an announced address")	\
	X(DEFER_ICMP, defer_icmp, defer,				\
	  "an ICMP error, perhaps about a flow: TC decides")		\
	X(DROP_ROUTING_HEADER, drop_routing_header, drop,		\
	  "an IPv6 routing header that is not used up")			\
	X(DROP_MARTIAN, drop_martian, drop,				\
	  "a source that no client can have, or a frame to everybody")			\
	X(REJECT_DRAINED, reject_drained, reject,			\
	  "a TCP flow whose backend had its time to drain")		\
	X(REJECT_SOURCE, reject_source, reject,				\
	  "a source that the sourceRanges of a RoutePolicy don't let in")	\
	X(REJECT_RATE, reject_rate, reject,				\
	  "a new flow beyond the rateLimit of a RoutePolicy")		\
	X(HELD_FRAGMENT, held_fragment, hold,				\
	  "a fragment that came before the first one of its datagram")	\
	X(DROP_FRAGMENT, drop_fragment, drop,				\
	  "a fragment whose first one didn't come, was rejected, or is too short")	\
	X(REJECT_MAX_FLOWS, reject_max_flows, reject,			\
	  "a flow beyond the connectionLimit of a RoutePolicy")

enum l4gate_reason {
#define X(upper, lower, class, text) L4GATE_##upper,
	L4GATE_REASONS(X)
#undef X
	L4GATE_REASON_MAX
};

/* The hook that decided; reasons are counted apart for each. */
enum l4gate_hook {
	L4GATE_HOOK_XDP,
	L4GATE_HOOK_TC_INGRESS,
	L4GATE_HOOK_TC_EGRESS,
	L4GATE_HOOK_MAX
};

#endif /* L4GATE_REASONS_H */
