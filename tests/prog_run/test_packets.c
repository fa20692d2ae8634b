// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Packets through the programs that the kernel runs (BPF_PROG_TEST_RUN), each
 * case on both hooks: what comes out, what it is counted as.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "capture.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/*
 * 10.0.0.9 and 2001:db8::9 listen on 80 (to one backend), 81 (all rejected) and
 * 82 (no route), TCP and UDP; TCP alone on 84, UDP alone on 85. Backends are behind the attached device, with
 * neighbours that are known.
 */
static const char manifest[] =
#define TABLE(kind, proto)						\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\n"	\
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g, port: 80, sectionName: " proto "80}]\n" \
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"		\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\n"	\
	"metadata: {name: x}\nspec:\n  parentRefs: [{name: g, port: 81, sectionName: " proto "81}]\n" \
	"  rules: [{backendRefs: [{name: missing, port: 80}]}]\n"
	TABLE("TCPRoute", "tcp") TABLE("UDPRoute", "udp")
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
	"metadata: {name: g}\nspec:\n  gatewayClassName: l\n"
	"  addresses: [{value: 10.0.0.9}, {value: '2001:db8::9'}]\n"
	"  listeners:\n"
	"  - {name: tcp80, port: 80, protocol: TCP}\n"
	"  - {name: udp80, port: 80, protocol: UDP}\n"
	"  - {name: tcp81, port: 81, protocol: TCP}\n"
	"  - {name: udp81, port: 81, protocol: UDP}\n"
	"  - {name: tcp82, port: 82, protocol: TCP}\n"
	"  - {name: udp82, port: 82, protocol: UDP}\n"
	"  - {name: tcp84, port: 84, protocol: TCP}\n"
	"  - {name: udp85, port: 85, protocol: UDP}\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}, {name: u, port: 80, protocol: UDP}]\n"
#define SLICE(name, type, address)					\
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: " name ", labels: {kubernetes.io/service-name: s}}\n"	\
	"addressType: " type "\nendpoints: [{addresses: ['" address "']}]\n"	\
	"ports: [{name: t, port: 8080, protocol: TCP}, {name: u, port: 8080, protocol: UDP}]\n"
	SLICE("a", "IPv4", "10.0.0.20") SLICE("b", "IPv6", "2001:db8::20");

enum outcome {
	PASSES,		/* byte-identical */
	FORWARDED,	/* translated, to the backend */
	REJECTED,	/* RST or port unreachable */
	SILENCED,	/* rejected, but without an answer */
	TOLD,		/* time exceeded, from the device's address */
};

struct test_case {
	const char *name;
	struct shape shape;
	enum outcome outcome;
	/* The reasons on XDP and on TC. */
	enum l4gate_reason xdp, tc;
	bool xdp_defers;	/* XDP passes it on; outcome is TC's */
	uint32_t cut;		/* bytes cut off the end */
};

#define V4 .src = "10.0.0.2", .dst = "10.0.0.9"
#define V6 .v6 = true, .src = "2001:db8::2", .dst = "2001:db8::9"
#define BOTH(reason) .xdp = L4GATE_##reason, .tc = L4GATE_##reason
#define DEFERS(reason) .xdp = L4GATE_DEFER_HEADER, .tc = L4GATE_##reason, \
	.xdp_defers = true

#define TELLS(reason) .xdp = L4GATE_DEFER_REJECT, .tc = L4GATE_##reason, \
	.xdp_defers = true

static const struct test_case cases[] = {
	{ "tcp4 syn", { V4, .sport = 1000, .dport = 80, .tcp_flags = SYN },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "tcp6 syn", { V6, .sport = 1000, .dport = 80, .tcp_flags = SYN },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "udp4", { V4, .udp = true, .sport = 1000, .dport = 80, .payload = 7 },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "udp6", { V6, .udp = true, .sport = 1000, .dport = 80, .payload = 8 },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "udp4 without checksum", { V4, .udp = true, .sport = 1001,
	  .dport = 80, .payload = 5, .no_udp_check = true },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "udp4 empty", { V4, .udp = true, .sport = 1002, .dport = 80 },
	  FORWARDED, BOTH(TO_BACKEND) },
	{ "tcp4 syn again", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN }, FORWARDED, BOTH(TO_BACKEND) },
	{ "tcp4 data of a flow", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = ACK, .payload = 31 }, FORWARDED, BOTH(TO_BACKEND) },
	{ "tcp4 options in ip", { V4, .sport = 1003, .dport = 80,
	  .tcp_flags = SYN, .options = 3 }, FORWARDED, DEFERS(TO_BACKEND) },
	{ "tcp4 most options in ip", { V4, .sport = 1004, .dport = 80,
	  .tcp_flags = SYN, .options = 10 }, FORWARDED, DEFERS(TO_BACKEND) },
	{ "tcp4 ttl 1", { V4, .sport = 1005, .dport = 80, .tcp_flags = SYN,
	  .ttl = 1 }, TOLD, TELLS(TOLD_TTL) },
	{ "tcp6 hop limit 1", { V6, .sport = 1005, .dport = 80,
	  .tcp_flags = SYN, .ttl = 1 }, TOLD, TELLS(TOLD_TTL) },
	{ "tcp4 reject slot", { V4, .sport = 1000, .dport = 81,
	  .tcp_flags = SYN }, REJECTED, BOTH(REJECT_SLOT) },
	{ "tcp6 reject slot", { V6, .sport = 1000, .dport = 81,
	  .tcp_flags = SYN }, REJECTED, BOTH(REJECT_SLOT) },
	{ "udp4 reject slot", { V4, .udp = true, .sport = 1000, .dport = 81,
	  .payload = 40 }, REJECTED, BOTH(REJECT_SLOT) },
	{ "udp6 reject slot", { V6, .udp = true, .sport = 1000, .dport = 81,
	  .payload = 40 }, REJECTED, BOTH(REJECT_SLOT) },
	{ "udp4 reject, empty", { V4, .udp = true, .sport = 1000, .dport = 81 },
	  REJECTED, BOTH(REJECT_SLOT) },
	{ "tcp4 no route", { V4, .sport = 1000, .dport = 82,
	  .tcp_flags = SYN }, REJECTED, BOTH(REJECT_NO_ROUTE) },
	{ "udp4 no route", { V4, .udp = true, .sport = 1000, .dport = 82 },
	  REJECTED, BOTH(REJECT_NO_ROUTE) },
	{ "tcp4 ack of no flow", { V4, .sport = 1099, .dport = 80,
	  .tcp_flags = ACK }, REJECTED, BOTH(REJECT_NO_FLOW) },
	{ "tcp4 syn ack of no flow", { V4, .sport = 1099, .dport = 80,
	  .tcp_flags = SYN | ACK }, REJECTED, BOTH(REJECT_NO_FLOW) },
	{ "tcp4 fin of no flow with data", { V4, .sport = 1099, .dport = 80,
	  .tcp_flags = FIN, .payload = 9 }, REJECTED, BOTH(REJECT_NO_FLOW) },
	{ "tcp4 rst of no flow", { V4, .sport = 1099, .dport = 80,
	  .tcp_flags = RST }, SILENCED, BOTH(DROP_RST_NO_FLOW) },
	{ "tcp4 rst to reject", { V4, .sport = 1099, .dport = 81,
	  .tcp_flags = RST }, SILENCED, BOTH(DROP_RST_NO_FLOW) },
	{ "other port", { V4, .sport = 1000, .dport = 83, .tcp_flags = SYN },
	  PASSES, BOTH(NOT_OURS) },
	{ "other port, ipv6", { V6, .sport = 1000, .dport = 83,
	  .tcp_flags = SYN }, PASSES, BOTH(NOT_OURS) },
	{ "nat port, no flow", { V4, .sport = 8080, .dport = 20000,
	  .tcp_flags = ACK }, PASSES, BOTH(NOT_OURS) },
	{ "other address", { .src = "10.0.0.2", .dst = "10.0.0.8",
	  .sport = 1000, .dport = 80, .tcp_flags = SYN }, PASSES,
	  BOTH(NOT_OURS) },
	{ "other address, udp6", { .v6 = true, .udp = true,
	  .src = "2001:db8::2", .dst = "2001:db8::8", .sport = 1000,
	  .dport = 80 }, PASSES, BOTH(NOT_OURS) },
	{ "first fragment", { V4, .udp = true, .sport = 1000, .dport = 80,
	  .fragment = 0x2000, .payload = 16 }, FORWARDED, DEFERS(TO_BACKEND) },
	{ "later fragment to another", { .src = "10.0.0.2",
	  .dst = "10.0.0.8", .udp = true, .sport = 1000, .dport = 80,
	  .fragment = 100, .payload = 16 }, PASSES, DEFERS(FRAGMENT) },
	{ "ipv6 fragment header", { V6, .sport = 1000, .dport = 80,
	  .protocol = 44 }, PASSES, DEFERS(FRAGMENT) },
	{ "ipv6 hop-by-hop", { V6, .sport = 1000, .dport = 80,
	  .protocol = 0xff }, PASSES, BOTH(NOT_OURS) },
	{ "ipv6 routing header", { V6, .sport = 1000, .dport = 80,
	  .protocol = 43 }, PASSES, DEFERS(EXTENSION) },
	{ "ipv6 destination options", { V6, .sport = 1000, .dport = 80,
	  .protocol = 60 }, PASSES, DEFERS(EXTENSION) },
	{ "vlan", { V4, .sport = 1000, .dport = 80, .tcp_flags = SYN,
	  .tag = 0x8100 }, FORWARDED, DEFERS(TO_BACKEND) },
	{ "service tag, ipv6", { V6, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .tag = 0x88a8 }, FORWARDED,
	  DEFERS(TO_BACKEND) },
	{ "vlan, other port", { V4, .sport = 1000, .dport = 83,
	  .tcp_flags = SYN, .tag = 0x8100 }, PASSES, DEFERS(VLAN) },
	{ "vlan, no ip", { V4, .udp = true, .sport = 1000, .dport = 80,
	  .ethertype = 0x0806, .payload = 10, .tag = 0x8100 }, PASSES,
	  BOTH(VLAN) },
	{ "tcp4 cut in the tcp header", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN }, PASSES, BOTH(MALFORMED), .cut = 5 },
	{ "udp6 cut in the udp header", { V6, .udp = true, .sport = 1000,
	  .dport = 80 }, PASSES, BOTH(MALFORMED), .cut = 3 },
	{ "udp4 shorter than it says", { V4, .udp = true, .sport = 1000,
	  .dport = 80, .payload = 32 }, PASSES, BOTH(MALFORMED), .cut = 1 },
	{ "tcp4 don't fragment", { V4, .sport = 1006, .dport = 80,
	  .tcp_flags = SYN, .fragment = 0x4000 }, FORWARDED,
	  BOTH(TO_BACKEND) },
	{ "tcp4 smallest frame, padded", { V4, .sport = 1007, .dport = 80,
	  .tcp_flags = SYN, .padding = 6 }, FORWARDED, BOTH(TO_BACKEND) },
	{ "udp4 smallest frame, padded", { V4, .udp = true, .sport = 1007,
	  .dport = 80, .payload = 1, .padding = 17 }, FORWARDED,
	  BOTH(TO_BACKEND) },
	{ "udp6 padded", { V6, .udp = true, .sport = 1007, .dport = 80,
	  .payload = 1, .padding = 3 }, FORWARDED, BOTH(TO_BACKEND) },
	{ "tcp4 padded, rejected", { V4, .sport = 1007, .dport = 81,
	  .tcp_flags = SYN, .padding = 6 }, REJECTED, BOTH(REJECT_SLOT) },
	{ "udp4 padded, rejected", { V4, .udp = true, .sport = 1007,
	  .dport = 81, .padding = 18 }, REJECTED, BOTH(REJECT_SLOT) },
	{ "udp6 without checksum", { V6, .udp = true, .sport = 1008,
	  .dport = 80, .payload = 6, .no_udp_check = true }, FORWARDED,
	  BOTH(TO_BACKEND) },
	{ "tcp4 ttl 0", { V4, .sport = 1005, .dport = 80, .tcp_flags = SYN,
	  .poke = { { 22, 0 } } }, TOLD, TELLS(TOLD_TTL) },
	{ "tcp4 data of a flow, ttl 1", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = ACK, .ttl = 1 }, TOLD, TELLS(TOLD_TTL) },
	{ "udp6 hop limit 1", { V6, .udp = true, .sport = 1009, .dport = 80,
	  .ttl = 1 }, TOLD, TELLS(TOLD_TTL) },
	{ "udp4 ttl 1", { V4, .udp = true, .sport = 1009, .dport = 80,
	  .ttl = 1 }, TOLD, TELLS(TOLD_TTL) },
	{ "tcp4 reject slot, ttl 1", { V4, .sport = 1000, .dport = 81,
	  .tcp_flags = SYN, .ttl = 1 }, REJECTED, BOTH(REJECT_SLOT) },
	{ "tcp6 no route", { V6, .sport = 1000, .dport = 82,
	  .tcp_flags = SYN }, REJECTED, BOTH(REJECT_NO_ROUTE) },
	{ "udp6 no route", { V6, .udp = true, .sport = 1000, .dport = 82 },
	  REJECTED, BOTH(REJECT_NO_ROUTE) },
	{ "tcp6 ack of no flow", { V6, .sport = 1099, .dport = 80,
	  .tcp_flags = ACK }, REJECTED, BOTH(REJECT_NO_FLOW) },
	{ "tcp6 rst of no flow", { V6, .sport = 1099, .dport = 80,
	  .tcp_flags = RST }, SILENCED, BOTH(DROP_RST_NO_FLOW) },
	{ "tcp4 without flags", { V4, .sport = 1099, .dport = 80 },
	  REJECTED, BOTH(REJECT_NO_FLOW) },
	{ "udp to the port of a tcp listener", { V4, .udp = true,
	  .sport = 1000, .dport = 84 }, PASSES, BOTH(NOT_OURS) },
	{ "tcp to the port of a udp listener", { V6, .sport = 1000,
	  .dport = 85, .tcp_flags = SYN }, PASSES, BOTH(NOT_OURS) },
	{ "multicast", { .udp = true, .src = "10.0.0.2", .dst = "224.0.0.5",
	  .sport = 1000, .dport = 80 }, PASSES, BOTH(NOT_OURS) },
	{ "arp", { V4, .udp = true, .ethertype = 0x0806, .payload = 10 },
	  PASSES, BOTH(NOT_OURS) },
	{ "lldp", { V4, .udp = true, .ethertype = 0x88cc, .payload = 10 },
	  PASSES, BOTH(NOT_OURS) },
	{ "icmp", { V4, .protocol = 1, .dport = 80 }, PASSES, BOTH(NOT_OURS) },
	{ "icmpv6", { V6, .protocol = 58, .dport = 80 }, PASSES,
	  BOTH(NOT_OURS) },
	{ "gre", { V4, .protocol = 47, .dport = 80 }, PASSES, BOTH(NOT_OURS) },
	{ "esp", { V4, .protocol = 50, .dport = 80 }, PASSES, BOTH(NOT_OURS) },
	{ "sctp", { V4, .protocol = 132, .dport = 80 }, PASSES,
	  BOTH(NOT_OURS) },
	{ "sctp over ipv6", { V6, .protocol = 132, .dport = 80 }, PASSES,
	  BOTH(NOT_OURS) },
	{ "ipv6 no next header", { V6, .protocol = 59, .dport = 80 }, PASSES,
	  BOTH(NOT_OURS) },
	{ "ipv4 header of 4 words", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .poke = { { 14, 0x44 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv4 header beyond the end", { V4, .udp = true, .sport = 1000,
	  .dport = 80, .poke = { { 14, 0x4f } } }, PASSES, DEFERS(MALFORMED) },
	{ "ipv4 with version 5", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .poke = { { 14, 0x55 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv6 with version 4", { V6, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .poke = { { 14, 0x40 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv4 longer than the frame", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .poke = { { 17, 41 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv4 shorter than its headers", { V4, .udp = true, .sport = 1000,
	  .dport = 80, .payload = 9, .poke = { { 17, 27 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "tcp4 shorter than its header", { V4, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .payload = 9, .poke = { { 17, 39 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv6 longer than the frame", { V6, .sport = 1000, .dport = 80,
	  .tcp_flags = SYN, .poke = { { 19, 21 } } }, PASSES,
	  BOTH(MALFORMED) },
	{ "ipv6 jumbogram", { V6, .udp = true, .sport = 1000, .dport = 80,
	  .payload = 9, .poke = { { 19, 0 } } }, PASSES, BOTH(MALFORMED) },
	{ "ipv6 authentication header", { V6, .sport = 1000, .dport = 80,
	  .protocol = 51 }, PASSES, BOTH(NOT_OURS) },
	{ "tcp4 options in ip, no flow", { V4, .sport = 1098, .dport = 80,
	  .tcp_flags = ACK, .options = 2 }, REJECTED, DEFERS(REJECT_NO_FLOW) },
};

static const char *backend_of(const struct shape *shape)
{
	return shape->v6 ? "2001:db8::20" : "10.0.0.20";
}

static void check_forwarded(const struct shape *shape, enum l4gate_hook hook,
			    int action, const struct frame *out)
{
	assert_int_equal(action, hook == L4GATE_HOOK_XDP ? XDP_TX :
			 TC_ACT_REDIRECT);
	assert_int_equal(frame_ttl(out), 63);
	if (shape->options)
		return;
	assert_true(frame_checks(out));
	assert_true(frame_has_ends(out, shape->v6 ? "2001:db8::1" : "10.0.0.1",
				   backend_of(shape)));
	assert_int_equal(frame_dport(out), 8080);
	assert_in_range(frame_sport(out), node.dataplane->meta.nat_port_min,
			node.dataplane->meta.nat_port_max);
}

static void check_rejected(const struct shape *shape, enum l4gate_hook hook,
			   int action, const struct frame *out)
{
	assert_int_equal(action, hook == L4GATE_HOOK_XDP ? XDP_TX :
			 TC_ACT_REDIRECT);
	assert_true(frame_has_ends(out, shape->dst, shape->src));
	assert_true(frame_checks(out));
	if (shape->udp) {
		assert_int_equal(frame_protocol(out), shape->v6 ? 58 : 1);
		return;
	}
	assert_int_equal(frame_sport(out), shape->dport);
	assert_int_equal(frame_dport(out), shape->sport);
	assert_true(frame_tcp_flags(out) & RST);
}

static void check_told(const struct shape *shape, int action,
		       const struct frame *out)
{
	assert_int_equal(action, TC_ACT_REDIRECT);
	assert_true(frame_has_ends(out, shape->v6 ? "2001:db8::1" : "10.0.0.1",
				   shape->src));
	assert_true(frame_checks(out));
	assert_int_equal(frame_protocol(out), shape->v6 ? 58 : 1);
	assert_int_equal(out->bytes[shape->v6 ? 54 : 34], shape->v6 ? 3 : 11);
}

/* Sums over all listeners, routes and backends of the manifest. */
enum { LISTENERS, ROUTES, BACKENDS, PLACES };
#define IDS 16

static void read_totals(struct l4gate_stats totals[PLACES])
{
	static const enum map_id maps[PLACES] = {
		[LISTENERS] = MAP_LISTENER_STATS, [ROUTES] = MAP_ROUTE_STATS,
		[BACKENDS] = MAP_BACKEND_STATS,
	};
	uint32_t place, id;

	memset(totals, 0, PLACES * sizeof(*totals));
	for (place = 0; place < PLACES; place++)
		for (id = 0; id < IDS; id++) {
			struct l4gate_stats stats =
				stats_read(node.dataplane, maps[place], id);

			totals[place].packets[L4GATE_FROM_CLIENT] +=
				stats.packets[L4GATE_FROM_CLIENT];
			totals[place].bytes[L4GATE_FROM_CLIENT] +=
				stats.bytes[L4GATE_FROM_CLIENT];
			totals[place].rejected += stats.rejected;
		}
}

/* A packet counts at each place as what became of it, and as nothing else. */
static void check_totals(const struct l4gate_stats before[PLACES],
			 enum outcome outcome, uint32_t size, bool has_route)
{
	struct l4gate_stats after[PLACES];
	uint32_t place, forwarded = outcome == FORWARDED;

	read_totals(after);
	for (place = 0; place < PLACES; place++) {
		bool rejected = (outcome == REJECTED || outcome == SILENCED) &&
				(place == LISTENERS ||
				 (place == ROUTES && has_route));

		assert_int_equal(after[place].packets[L4GATE_FROM_CLIENT] -
				 before[place].packets[L4GATE_FROM_CLIENT],
				 forwarded);
		assert_int_equal(after[place].bytes[L4GATE_FROM_CLIENT] -
				 before[place].bytes[L4GATE_FROM_CLIENT],
				 forwarded * size);
		assert_int_equal(after[place].rejected -
				 before[place].rejected, rejected);
	}
}

static void run_case(const struct test_case *test, enum l4gate_hook hook)
{
	enum l4gate_reason reason = hook == L4GATE_HOOK_XDP ? test->xdp :
							      test->tc;
	enum outcome outcome = test->outcome;
	struct l4gate_stats totals[PLACES];
	struct frame in, out;
	uint64_t before;
	int action;

	if (hook == L4GATE_HOOK_XDP && test->xdp_defers)
		outcome = PASSES;
	frame_build(&in, &test->shape);
	in.size -= test->cut;
	before = stats_reason(node.dataplane, hook, reason).packets;
	read_totals(totals);
	action = node_run(hook, &in, &out);
	if (stats_reason(node.dataplane, hook, reason).packets != before + 1)
		fail_msg("not counted as %s", reason_names[reason]);
	/* A tag beside the frame is not of its length. */
	check_totals(totals, outcome, in.size - (test->shape.tag ? 4 : 0),
		     test->shape.dport != 82);
	switch (outcome) {
	case PASSES:
		assert_int_equal(action, hook == L4GATE_HOOK_XDP ? XDP_PASS :
				 TC_ACT_UNSPEC);
		assert_int_equal(out.size, in.size);
		assert_memory_equal(out.bytes, in.bytes, in.size);
		break;
	case FORWARDED:
		check_forwarded(&test->shape, hook, action, &out);
		break;
	case REJECTED:
		check_rejected(&test->shape, hook, action, &out);
		break;
	case TOLD:
		check_told(&test->shape, action, &out);
		break;
	case SILENCED:
		assert_int_equal(action, hook == L4GATE_HOOK_XDP ? XDP_DROP :
				 TC_ACT_SHOT);
		break;
	}
}

static void test_case_xdp(void **state)
{
	if (node.first_hook != L4GATE_HOOK_XDP)
		skip();
	run_case(*state, L4GATE_HOOK_XDP);
}

static void test_case_tc(void **state)
{
	run_case(*state, L4GATE_HOOK_TC_INGRESS);
}

/* There and back: what the backend answers reaches the client as it should. */
static void round_trip(enum l4gate_hook hook, bool v6, bool udp)
{
	struct shape there = { .v6 = v6, .udp = udp,
		.src = v6 ? "2001:db8::2" : "10.0.0.2",
		.dst = v6 ? "2001:db8::9" : "10.0.0.9",
		.sport = 3000 + hook, .dport = 80, .tcp_flags = SYN };
	struct shape back = { .v6 = v6, .udp = udp, .src = backend_of(&there),
		.dst = v6 ? "2001:db8::1" : "10.0.0.1", .sport = 8080,
		.tcp_flags = SYN | ACK, .payload = 3 };
	struct frame in, out;

	frame_build(&in, &there);
	node_run(hook, &in, &out);
	back.dport = frame_sport(&out);
	frame_build(&in, &back);
	node_run(hook, &in, &out);
	assert_true(frame_checks(&out));
	assert_true(frame_has_ends(&out, there.dst, there.src));
	assert_int_equal(frame_sport(&out), there.dport);
	assert_int_equal(frame_dport(&out), there.sport);
}

static void test_round_trips(void **state)
{
	enum l4gate_hook hook;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		round_trip(hook, false, false);
		round_trip(hook, false, true);
		round_trip(hook, true, false);
		round_trip(hook, true, true);
	}
}

/*
 * Payloads with every sum there is, so that the checksum takes every value, with
 * the corners of ones' complement: 0, 0xffff, carries.
 */
static void sweep_checksums(enum l4gate_hook hook, bool v6, bool udp)
{
	struct shape shape = { .v6 = v6, .udp = udp,
		.src = v6 ? "2001:db8::2" : "10.0.0.2",
		.dst = v6 ? "2001:db8::9" : "10.0.0.9",
		.sport = 4000, .dport = 80, .tcp_flags = SYN, .payload = 2 };
	struct frame in, out;
	uint32_t word;

	frame_build(&in, &shape);
	for (word = 0; word < 0x10000; word++) {
		frame_set_payload(&in, word);
		node_run(hook, &in, &out);
		if (!frame_checks(&out) || (udp && !frame_l4_check(&out)))
			fail_msg("payload %#x: checksum %#x became %#x", word,
				 frame_l4_check(&in), frame_l4_check(&out));
	}
}

static void test_every_checksum(void **state)
{
	enum l4gate_hook hook;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		sweep_checksums(hook, false, false);
		sweep_checksums(hook, false, true);
		sweep_checksums(hook, true, false);
		sweep_checksums(hook, true, true);
	}
}

/* Every prefix of a packet that is ours: passed as it came, never misread. */
static void test_truncations(void **state)
{
	static const struct shape shapes[] = {
		{ V4, .sport = 5, .dport = 80, .tcp_flags = SYN },
		{ V4, .sport = 5, .dport = 81, .tcp_flags = SYN, .options = 5 },
		{ V4, .udp = true, .sport = 5, .dport = 81, .payload = 1 },
		{ V6, .sport = 5, .dport = 80, .tcp_flags = SYN },
		{ V6, .udp = true, .sport = 5, .dport = 80, .payload = 4 },
		{ V4, .udp = true, .sport = 5, .dport = 80, .tag = 0x8100 },
	};
	enum l4gate_hook hook;
	struct frame in, out;
	size_t i;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
			/* Runs on less are refused, by TC below IP's header. */
			uint32_t least = hook == L4GATE_HOOK_XDP ? 14 :
					 shapes[i].v6 ? 54 : 34;

			frame_build(&in, &shapes[i]);
			for (in.size--; in.size >= least; in.size--) {
				int action = node_run(hook, &in, &out);

				assert_int_equal(action,
					hook == L4GATE_HOOK_XDP ? XDP_PASS :
					TC_ACT_UNSPEC);
				assert_int_equal(out.size, in.size);
				assert_memory_equal(in.bytes, out.bytes,
						    in.size);
			}
		}
}

#define COUNT (sizeof(cases) / sizeof(*cases))

int main(void)
{
	static struct CMUnitTest tests[2 * COUNT + 3];
	static char names[2 * COUNT][80];
	size_t i;
	int failed = 0;

	node_enter();
	node_attach(0);
	node_publish(manifest);
	for (i = 0; i < 2 * COUNT; i++) {
		const struct test_case *test = &cases[i % COUNT];

		snprintf(names[i], sizeof(names[i]), "%s: %s",
			 i < COUNT ? "xdp" : "tc", test->name);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = i < COUNT ? test_case_xdp : test_case_tc,
			.initial_state = (void *)test,
		};
	}
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_round_trips);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_every_checksum);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_truncations);
	failed = capture_run_tests("packets", tests, i);
	node_detach();
	return failed != 0;
}
