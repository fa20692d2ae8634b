// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a RoutePolicy says of new flows, in all modes, on both hooks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The routes of port GOOD have the policy; others have none. */
#define POLICY(spec)							\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"	\
	"metadata: {name: p}\nspec:\n  targetRefs:\n"			\
	"  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: r80}\n"	\
	"  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: r80}\n"	\
	"  " spec "\n"

/* A packet of a client to a port of a mode's listeners. */
struct try {
	enum l4gate_hook hook;
	enum l4gate_mode mode;
	const char *src;
	uint16_t sport;
	uint16_t port;		/* 0: GOOD */
	bool udp;
	uint8_t tcp_flags;	/* 0: SYN */
};

static uint16_t next_port = 2000;

static void expect_try(const struct try *try, enum l4gate_reason reason)
{
	bool v6 = strchr(try->src, ':');
	const struct shape shape = {
		.v6 = v6, .udp = try->udp, .src = try->src,
		.dst = v6 ? modes[try->mode].six : modes[try->mode].four,
		.sport = try->sport ?: next_port++,
		.dport = try->port ?: GOOD,
		.tcp_flags = try->udp ? 0 : try->tcp_flags ?: SYN,
	};
	struct frame in, out;
	uint64_t before;

	frame_build(&in, &shape);
	before = stats_reason(node.dataplane, try->hook, reason).packets;
	node_run(try->hook, &in, &out);
	if (stats_reason(node.dataplane, try->hook, reason).packets !=
	    before + 1)
		fail_msg("hook %d, %s, %s from %s: not counted as %s",
			 try->hook, modes[try->mode].name,
			 try->udp ? "UDP" : "TCP", try->src,
			 reason_names[reason]);
}

/* Both protocols, in all modes, on both hooks. */
static void expect_source(const char *src, enum l4gate_reason reason)
{
	struct try try = { .src = src };

	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++)
		for (try.mode = 0; try.mode < L4GATE_MODES; try.mode++) {
			try.udp = false;
			expect_try(&try, reason);
			try.udp = true;
			expect_try(&try, reason);
		}
}

static void test_deny(void **state)
{
	(void)state;
	modes_publish(POLICY("sourceRanges: {deny: [10.0.0.4/30, '2001:db8::4/126']}"));
	expect_source("10.0.0.3", L4GATE_TO_BACKEND);
	expect_source("10.0.0.4", L4GATE_REJECT_SOURCE);
	expect_source("10.0.0.7", L4GATE_REJECT_SOURCE);
	expect_source("10.0.0.8", L4GATE_TO_BACKEND);
	expect_source("2001:db8::3", L4GATE_TO_BACKEND);
	expect_source("2001:db8::4", L4GATE_REJECT_SOURCE);
	expect_source("2001:db8::7", L4GATE_REJECT_SOURCE);
	expect_source("2001:db8::8", L4GATE_TO_BACKEND);
}

static void test_allow(void **state)
{
	(void)state;
	modes_publish(POLICY("sourceRanges: {allow: [10.0.0.0/29], deny: [10.0.0.4/32]}"));
	expect_source("10.0.0.2", L4GATE_TO_BACKEND);
	expect_source("10.0.0.4", L4GATE_REJECT_SOURCE);
	expect_source("10.0.0.5", L4GATE_TO_BACKEND);
	expect_source("10.0.0.8", L4GATE_REJECT_SOURCE);
	/* None of IPv6 is in it. */
	expect_source("2001:db8::2", L4GATE_REJECT_SOURCE);
	modes_publish(POLICY("sourceRanges: {deny: ['0.0.0.0/0']}"));
	expect_source("10.0.0.2", L4GATE_REJECT_SOURCE);
	expect_source("2001:db8::2", L4GATE_TO_BACKEND);
}

/* As many boundaries as there may be, at the ends of each: 64 and 64. */
static void test_most_ranges(void **state)
{
	char spec[8192], src[32];
	size_t at;
	int i;

	(void)state;
	at = snprintf(spec, sizeof(spec), "%s", POLICY("sourceRanges:"));
	at--;
	at += snprintf(spec + at, sizeof(spec) - at, "\n    allow:\n");
	for (i = 0; i < 64; i++)
		at += snprintf(spec + at, sizeof(spec) - at,
			       "    - 10.0.%d.0/25\n", i + 2);
	at += snprintf(spec + at, sizeof(spec) - at, "    deny:\n");
	for (i = 0; i < 64; i++)
		at += snprintf(spec + at, sizeof(spec) - at,
			       "    - 10.0.%d.64/30\n", i + 2);
	node_shell("ip route replace 10.0.0.0/16 via 10.0.0.2");
	modes_publish(spec);
	for (i = 0; i < 64; i++) {
		struct try try = { .src = src, .hook = node.first_hook };
		static const struct {
			int last;
			enum l4gate_reason reason;
		} hosts[] = {
			{ 0, L4GATE_TO_BACKEND }, { 63, L4GATE_TO_BACKEND },
			{ 64, L4GATE_REJECT_SOURCE },
			{ 67, L4GATE_REJECT_SOURCE },
			{ 68, L4GATE_TO_BACKEND }, { 127, L4GATE_TO_BACKEND },
			{ 128, L4GATE_REJECT_SOURCE },
			{ 255, L4GATE_REJECT_SOURCE },
		};
		size_t j;

		for (j = 0; j < sizeof(hosts) / sizeof(*hosts); j++) {
			snprintf(src, sizeof(src), "10.0.%d.%d", i + 2,
				 hosts[j].last);
			expect_try(&try, hosts[j].reason);
		}
	}
}

/* Who is denied keeps the flows that are there; other routes ask nobody. */
static void test_flows_go_on(void **state)
{
	struct try try = { .src = "10.0.0.2" };

	(void)state;
	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++)
		for (try.mode = 0; try.mode < L4GATE_MODES; try.mode++) {
			try.sport = 1000 + try.hook;
			try.tcp_flags = SYN;
			modes_publish("");
			expect_try(&try, L4GATE_TO_BACKEND);
			modes_publish(POLICY("sourceRanges: {deny: [10.0.0.0/8]}"));
			try.tcp_flags = ACK;
			expect_try(&try, L4GATE_TO_BACKEND);
			try.sport = 0;
			try.tcp_flags = SYN;
			expect_try(&try, L4GATE_REJECT_SOURCE);
			try.port = MISSING;
			expect_try(&try, L4GATE_REJECT_SLOT);
			try.port = 0;
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_most_ranges),
		cmocka_unit_test(test_flows_go_on),
	};
	int failed;

	node_enter();
	node_attach(0);
	modes_routes();
	failed = capture_run_tests("policy", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
