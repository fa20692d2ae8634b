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

/* As many as there may be, of all modes together; those that there are go on. */
static void test_max_flows(void **state)
{
	uint16_t first;
	struct try try;
	unsigned int i;
	int udp;

	(void)state;
	for (udp = 0; udp < 2; udp++) {

		modes_publish("");
		modes_publish(POLICY("connectionLimit: {maxFlows: 33}"));
		try = (struct try){ .udp = udp };
		first = next_port;
		for (i = 0; i < 99; i++) {
			/* Each a second time, and new ones behind them. */
			unsigned int flow = i < 66 ? i % 33 : i;

			try.hook = i & 16 ? L4GATE_HOOK_TC_INGRESS :
					    node.first_hook;
			try.mode = flow % L4GATE_MODES;
			try.src = flow & 8 ? "10.0.0.2" : "2001:db8::2";
			try.sport = first + flow;
			expect_try(&try, i < 66 ? L4GATE_TO_BACKEND :
						  L4GATE_REJECT_MAX_FLOWS);
		}
		next_port += 99;
		try.sport = 0;
		try.mode = L4GATE_MODE_NAT;
		try.port = ROUTED;
		expect_try(&try, L4GATE_TO_BACKEND);
	}
}

/* Lets a bucket be as it was some time ago. */
static void age_bucket(uint32_t route, double seconds)
{
	uint64_t *buckets = dataplane_map(node.dataplane, MAP_BUCKETS);
	uint64_t time = seconds * node.dataplane->meta.hz *
			(1 << L4GATE_BUCKET_SHIFT);

	assert_non_null(buckets);
	buckets[route] -= time < buckets[route] ? time : buckets[route];
	dataplane_unmap(node.dataplane, MAP_BUCKETS, buckets);
}

#define RATE(burst) "rateLimit: {newFlowsPerSecond: 1, burst: " burst "}"

static void expect_flows(struct try *try, unsigned int count)
{
	try->sport = 0;
	while (count--)
		expect_try(try, L4GATE_TO_BACKEND);
	expect_try(try, L4GATE_REJECT_RATE);
}

/* Flows of all modes count against one limit, those of each route apart. */
static void test_rate(void **state)
{
	struct try try = { .src = "10.0.0.2" };

	(void)state;
	modes_publish(POLICY(RATE("30")));
	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++)
		for (try.mode = 0; try.mode < L4GATE_MODES; try.mode++) {
			int udp;

			for (udp = 0; udp < 2; udp++) {
				try.udp = udp;
				try.src = "10.0.0.2";
				age_bucket(modes_route(GOOD, udp), 100);
				expect_flows(&try, 30);
				age_bucket(modes_route(GOOD, udp), 3);
				try.src = "2001:db8::2";
				expect_flows(&try, 3);
			}
		}
	/* The same again fills no bucket, another rate does. */
	modes_publish(POLICY(RATE("30")));
	try.hook = node.first_hook;
	try.mode = L4GATE_MODE_NAT;
	expect_try(&try, L4GATE_REJECT_RATE);
	modes_publish(POLICY(RATE("2")));
	expect_flows(&try, 2);
	modes_publish("");
	expect_try(&try, L4GATE_TO_BACKEND);
}

/*
 * What is no new flow costs nothing: packets of one that is there, and of
 * connections of another node. A source that is not let in neither.
 */
static void test_rate_of_others(void **state)
{
	struct try try = { .src = "10.0.0.2", .sport = 900,
			   .mode = L4GATE_MODE_TRANSPARENT };
	int i;

	(void)state;
	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++) {
		modes_publish("");
		modes_publish(POLICY(RATE("2") "\n  sourceRanges: {deny: [10.0.0.3/32]}"));
		try.sport = 900 + try.hook;
		try.tcp_flags = SYN;
		expect_try(&try, L4GATE_TO_BACKEND);
		try.tcp_flags = ACK;
		for (i = 0; i < 10; i++)
			expect_try(&try, L4GATE_TO_BACKEND);
		try.sport = 0;
		for (i = 0; i < 10; i++)
			expect_try(&try, L4GATE_TO_BACKEND);
		try.tcp_flags = SYN;
		try.src = "10.0.0.3";
		for (i = 0; i < 10; i++)
			expect_try(&try, L4GATE_REJECT_SOURCE);
		try.src = "10.0.0.2";
		expect_flows(&try, 1);
	}
}

/* A client whose SYN is not answered sends it again, and that is one flow. */
static void test_rate_of_retries(void **state)
{
	struct try try = { .src = "10.0.0.2" };
	int i;

	(void)state;
	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++)
		for (try.mode = 0; try.mode < L4GATE_MODES; try.mode++) {
			modes_publish("");
			modes_publish(POLICY(RATE("3")));
			try.sport = next_port++;
			for (i = 0; i < 10; i++)
				expect_try(&try, L4GATE_TO_BACKEND);
			expect_flows(&try, 2);
		}
}

/* One in the middle of a connection is a new flow, too, to who does not know it. */
static void test_source_without_syn(void **state)
{
	struct try try = { .src = "10.0.0.4", .tcp_flags = ACK };

	(void)state;
	modes_publish(POLICY("sourceRanges: {deny: [10.0.0.4/30]}"));
	for (try.hook = node.first_hook; try.hook <= L4GATE_HOOK_TC_INGRESS;
	     try.hook++)
		for (try.mode = 0; try.mode < L4GATE_MODES; try.mode++)
			expect_try(&try, try.mode == L4GATE_MODE_NAT ?
				   L4GATE_REJECT_NO_FLOW :
				   L4GATE_REJECT_SOURCE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_most_ranges),
		cmocka_unit_test(test_flows_go_on),
		cmocka_unit_test(test_max_flows),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_of_others),
		cmocka_unit_test(test_rate_of_retries),
		cmocka_unit_test(test_source_without_syn),
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
