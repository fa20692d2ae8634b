// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A flood of one route takes no flows from another, though they share the flow
 * tables: what a RoutePolicy doesn't bound the limits of half-open flows do
 * (bpf/half_open.h).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "capture.h"
#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* New flows a second that the policy lets in, and at once. */
#define RATE 100

/* Packets to each table, twice as many as flows fit. */
#define PACKETS (2 * L4GATE_MIN_FLOWS)

#define VICTIMS 100

/* On the routes of port GOOD; those of ROUTED have none. */
#define POLICY								\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"	\
	"metadata: {name: p}\nspec:\n  targetRefs:\n"			\
	"  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: r80}\n"	\
	"  rateLimit: {newFlowsPerSecond: %d}\n"

/* A connection of a client to the route without a policy. */
struct victim {
	enum l4gate_mode mode;
	enum l4gate_hook hook;
	uint16_t port;
	bool answered;		/* else it is half-open */
};

static void victim_init(struct victim *victim, int number)
{
	*victim = (struct victim){
		.mode = number % 2 ? L4GATE_MODE_NAT : L4GATE_MODE_TRANSPARENT,
		.hook = number / 2 % 2 ? L4GATE_HOOK_TC_INGRESS :
					 node.first_hook,
		.answered = number / 4 % 2,
		.port = 5000 + number,
	};
}

/* A segment from the client; out is what its backend gets. */
static void victim_send(const struct victim *victim, uint8_t flags,
			struct frame *out)
{
	const struct shape shape = {
		.src = "10.0.0.2", .dst = modes[victim->mode].four,
		.sport = victim->port, .dport = ROUTED, .tcp_flags = flags,
	};
	uint64_t before = stats_reason(node.dataplane, victim->hook,
				       L4GATE_TO_BACKEND).packets;
	struct frame in;

	frame_build(&in, &shape);
	node_run(victim->hook, &in, out);
	if (stats_reason(node.dataplane, victim->hook,
			 L4GATE_TO_BACKEND).packets != before + 1)
		fail_msg("mode %s, port %u, %s, flags %02x: not sent on",
			 modes[victim->mode].name, victim->port,
			 victim->answered ? "established" : "half-open", flags);
}

static void victim_open(const struct victim *victim)
{
	struct shape answer = {
		.src = backends[ROUTED].four, .dst = "10.0.0.2",
		.sport = 8080, .dport = victim->port, .tcp_flags = SYN | ACK,
	};
	struct frame in, out;

	victim_send(victim, SYN, &out);
	if (!victim->answered)
		return;
	if (victim->mode == L4GATE_MODE_NAT)
		answer.dst = "10.0.0.1";
	answer.dport = frame_sport(&out);
	frame_build(&in, &answer);
	node_run(victim->hook, &in, &out);
	assert_int_equal(frame_dport(&out), victim->port);
	victim_send(victim, ACK, &out);
}

/* What a flood is of. */
enum flood {
	SYNS_OF_TCP,
	ACKS_OF_TCP,		/* a flow without a SYN may be another node's */
	DATAGRAMS
};

/* Packet number i to a mode, of clients with four ports each; 10.64.0.0/16 is 0. */
static void attack(enum l4gate_mode mode, enum flood flood, int clients,
		   uint32_t i)
{
	struct shape shape = { .dst = modes[mode].four, .dport = GOOD,
			       .sport = 1024 + i % 4 };
	char src[INET_ADDRSTRLEN];
	struct frame in, out;

	snprintf(src, sizeof(src), "10.%d.%u.%u", 64 + clients,
		 i / 4 >> 8 & 255,
		 i / 4 & 255);
	shape.src = src;
	if (flood == DATAGRAMS)
		shape.udp = true;
	else
		shape.tcp_flags = flood == SYNS_OF_TCP ? SYN : ACK;
	frame_build(&in, &shape);
	node_run(i / 2 % 2 ? L4GATE_HOOK_TC_INGRESS : node.first_hook, &in,
		 &out);
}

static struct l4gate_stats stats_of(enum port port, bool udp)
{
	return stats_read(node.dataplane, MAP_ROUTE_STATS,
			  modes_route(port, udp));
}

/*
 * Victims, then so many packets to each table, then the victims go on; what the
 * attacked route has counted. nat has a table of its own, the other modes have one
 * together.
 */
static struct l4gate_stats flood_beside_victims(enum flood flood, int round,
						uint32_t packets)
{
	bool udp = flood == DATAGRAMS;
	struct l4gate_stats before = stats_of(GOOD, udp), after;
	uint64_t flows = stats_of(ROUTED, false).flows;
	struct victim victims[VICTIMS];
	struct frame out;
	uint32_t i;

	for (i = 0; i < VICTIMS; i++) {
		victim_init(&victims[i], round * VICTIMS + i);
		victim_open(&victims[i]);
	}
	assert_int_equal(stats_of(ROUTED, false).flows, flows + VICTIMS);
	for (i = 0; i < packets; i++) {
		attack(L4GATE_MODE_NAT, flood, round, i);
		attack(L4GATE_MODE_DSR_L2, flood, round, i);
	}
	for (i = 0; i < VICTIMS; i++)
		victim_send(&victims[i], ACK, &out);
	assert_int_equal(stats_of(ROUTED, false).flows, flows + VICTIMS);
	after = stats_of(GOOD, udp);
	after.flows -= before.flows;
	after.rejected -= before.rejected;
	return after;
}

static void test_limited(void **state)
{
	struct l4gate_stats attacked;
	time_t begin = time(NULL);
	char policy[512];

	(void)state;
	snprintf(policy, sizeof(policy), POLICY, RATE);
	modes_publish(policy);
	attacked = flood_beside_victims(SYNS_OF_TCP, 0, PACKETS);
	assert_int_equal(attacked.flows + attacked.rejected, 2 * PACKETS);
	/* The burst, and what came since. */
	assert_in_range(attacked.flows, RATE,
			RATE * (time(NULL) - begin + 2));
}

static void test_unlimited(void **state)
{
	static const enum flood floods[] = { SYNS_OF_TCP, ACKS_OF_TCP, DATAGRAMS };
	struct l4gate_stats attacked;
	int i;

	(void)state;
	modes_publish("");
	for (i = 0; i < 3; i++) {
		attacked = flood_beside_victims(floods[i], i + 1, PACKETS);
		printf("flood %d: %llu flows, %llu rejected\n", i,
		       (unsigned long long)attacked.flows,
		       (unsigned long long)attacked.rejected);
		assert_true(attacked.flows > L4GATE_MIN_FLOWS / 2);
	}
}

/*
 * Where established flows leave hardly a place, surplus ones find none: they go on
 * without one (dsr), and nobody loses his.
 */
static void test_nearly_full(void **state)
{
	const uint32_t most = L4GATE_LISTENER_HALF_OPEN_MAX(L4GATE_MIN_FLOWS);
	uint32_t i;

	(void)state;
	node_detach();
	node_attach(L4GATE_MIN_FLOWS);
	modes_publish("");
	for (i = 0; i < most; i++)
		attack(L4GATE_MODE_DSR_L2, SYNS_OF_TCP, 4, i);
	for (i = 0; i < L4GATE_MIN_FLOWS; i++) {
		attack(L4GATE_MODE_DSR_L2, SYNS_OF_TCP, 5, i);
		attack(L4GATE_MODE_DSR_L2, ACKS_OF_TCP, 5, i);
	}
	flood_beside_victims(SYNS_OF_TCP, 6, L4GATE_MIN_FLOWS / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_nearly_full),
	};
	int failed;

	node_enter();
	node_shell("ip route add 10.64.0.0/10 via 10.0.0.2");
	node_attach(L4GATE_MIN_FLOWS);
	modes_routes();
	failed = capture_run_tests("attack", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
