// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A flood of one route, which a RoutePolicy bounds, takes no flows from another:
 * they share the flow tables.
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

/* SYNs to each table, four times as many as flows fit. */
#define SYNS (4 * L4GATE_MIN_FLOWS)

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
		fail_msg("mode %s, port %u, %s: not sent on",
			 modes[victim->mode].name, victim->port,
			 victim->answered ? "established" : "half-open");
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

/* SYN number i of a mode: 10.1.0.0/16, four ports each. */
static void attack(enum l4gate_mode mode, uint32_t i)
{
	struct shape shape = { .dst = modes[mode].four, .dport = GOOD,
			       .sport = 1024 + i % 4, .tcp_flags = SYN };
	char src[INET_ADDRSTRLEN];
	struct frame in, out;

	snprintf(src, sizeof(src), "10.1.%u.%u", i / 4 >> 8 & 255,
		 i / 4 & 255);
	shape.src = src;
	frame_build(&in, &shape);
	node_run(i / 2 % 2 ? L4GATE_HOOK_TC_INGRESS : node.first_hook, &in,
		 &out);
}

static struct l4gate_stats stats_of(enum port port)
{
	return stats_read(node.dataplane, MAP_ROUTE_STATS,
			  modes_route(port, false));
}

/* nat has a table of its own, the other modes have one together. */
static void test_flood(void **state)
{
	struct victim victims[VICTIMS];
	struct l4gate_stats attacked;
	time_t begin = time(NULL);
	char policy[512];
	struct frame out;
	uint32_t i;

	(void)state;
	snprintf(policy, sizeof(policy), POLICY, RATE);
	modes_publish(policy);
	for (i = 0; i < VICTIMS; i++) {
		victim_init(&victims[i], i);
		victim_open(&victims[i]);
	}
	assert_int_equal(stats_of(ROUTED).flows, VICTIMS);
	for (i = 0; i < SYNS; i++) {
		attack(L4GATE_MODE_NAT, i);
		attack(L4GATE_MODE_DSR_L2, i);
	}
	for (i = 0; i < VICTIMS; i++)
		victim_send(&victims[i], ACK, &out);
	assert_int_equal(stats_of(ROUTED).flows, VICTIMS);
	attacked = stats_of(GOOD);
	assert_int_equal(attacked.flows + attacked.rejected, 2 * SYNS);
	/* The burst, and what came since. */
	assert_in_range(attacked.flows, RATE,
			RATE * (time(NULL) - begin + 2));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood),
	};
	int failed;

	node_enter();
	node_shell("ip route add 10.1.0.0/16 via 10.0.0.2");
	node_attach(L4GATE_MIN_FLOWS);
	modes_routes();
	failed = capture_run_tests("attack", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
