// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Many flows at once: where they come to lie, in the flow table and elsewhere. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BACKENDS 8
/* As many as the table is made for: three quarters of its records. */
#define FLOWS L4GATE_MIN_FLOWS

static const char manifest[] =
	"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
	"metadata: {name: g}\nspec:\n  gatewayClassName: l\n"
	"  addresses: [{value: 10.0.0.9}]\n"
	"  listeners: [{name: u, port: 80, protocol: UDP}, "
	"{name: t, port: 81, protocol: TCP}]\n"
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g}]\n"
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g}]\n"
	"  rules: [{backendRefs: [{name: one, port: 80}]}]\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: one, labels: {kubernetes.io/service-name: one}}\n"
	"addressType: IPv4\nports: [{name: t, port: 8081, protocol: TCP}]\n"
	"endpoints: [{addresses: [10.0.0.20]}]\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: a, labels: {kubernetes.io/service-name: s}}\n"
	"addressType: IPv4\n"
	"ports: [{name: t, port: 8080, protocol: UDP}]\nendpoints:\n"
	"- {addresses: [10.0.0.20]}\n- {addresses: [10.0.0.21]}\n"
	"- {addresses: [10.0.0.22]}\n- {addresses: [10.0.0.23]}\n"
	"- {addresses: [10.0.0.24]}\n- {addresses: [10.0.0.25]}\n"
	"- {addresses: [10.0.0.26]}\n- {addresses: [10.0.0.27]}\n";

/* Client i of many: 10.1.0.0/16, sixteen ports each. */
static void send_first(uint32_t i, struct frame *out)
{
	struct shape shape = { .udp = true, .dst = "10.0.0.9", .dport = 80 };
	char src[INET_ADDRSTRLEN];
	struct frame in;

	snprintf(src, sizeof(src), "10.1.%u.%u", i / 16 >> 8, i / 16 & 255);
	shape.src = src;
	shape.sport = 1024 + i % 16;
	frame_build(&in, &shape);
	node_run(node.first_hook, &in, out);
}

/*
 * Each flow has a record: none was refused and none made room for another; but for
 * one in 10,000, both of whose lines are full of what can't move.
 */
static void test_room_for_all(void **state)
{
	struct flows flows;
	struct flow flow;
	struct fail fail = { 0 };
	struct frame out;
	uint32_t i, live = 0;

	(void)state;
	for (i = 0; i < FLOWS; i++)
		send_first(i, &out);
	assert_int_equal(flows_open(node.dataplane, &flows, &fail), 0);
	for (i = 0; i < flows.record_count; i++)
		live += flow_read(&flows, i, &flow);
	flows_close(&flows);
	assert_in_range(live, FLOWS - FLOWS / 10000, FLOWS);
}

/* Whatever backend a flow goes to, any NAT port may be its own. */
static void test_ports_spread(void **state)
{
	uint32_t min = node.dataplane->meta.nat_port_min;
	uint32_t count = node.dataplane->meta.nat_port_max - min + 1;
	uint32_t seen[BACKENDS][16] = { 0 }, i, backend, part;
	struct flows flows;
	struct flow flow;
	struct fail fail = { 0 };

	(void)state;
	assert_int_equal(flows_open(node.dataplane, &flows, &fail), 0);
	for (i = 0; i < flows.record_count; i++) {
		if (!flow_read(&flows, i, &flow))
			continue;
		backend = (ntohl(flow.backend->addr.w[0]) & 255) - 20;
		assert_in_range(backend, 0, BACKENDS - 1);
		part = flow.nat_port - min;
		seen[backend][part * 16 / count]++;
	}
	flows_close(&flows);
	for (backend = 0; backend < BACKENDS; backend++)
		for (part = 0; part < 16; part++)
			/* FLOWS / BACKENDS / 16 is 512; and rows are shared. */
			assert_in_range(seen[backend][part], 300, 800);
}

/* Replies of many clients of one network find their next hops remembered. */
static void test_nexthops_spread(void **state)
{
	const struct l4gate_line *lines;
	struct shape back = { .udp = true, .dst = "10.0.0.1",
			      .sport = 8080 };
	char src[INET_ADDRSTRLEN];
	uint32_t i, used = 0;
	struct frame in, out;

	(void)state;
	for (i = 0; i < 512; i++) {
		send_first(i * 16, &out);
		snprintf(src, sizeof(src), "10.0.0.%u", out.bytes[33]);
		back.src = src;
		back.dport = frame_sport(&out);
		frame_build(&in, &back);
		node_run(node.first_hook, &in, &out);
		assert_int_equal(frame_dport(&out), 1024);
	}
	lines = dataplane_map(node.dataplane, MAP_NEXTHOP_INDEX);
	assert_non_null(lines);
	for (i = 0; i < dataplane_rows(node.dataplane).addresses *
				L4GATE_SHARDS * L4GATE_LINE_WORDS; i++)
		used += !!lines[i / L4GATE_LINE_WORDS].word[i % L4GATE_LINE_WORDS];
	dataplane_unmap(node.dataplane, MAP_NEXTHOP_INDEX, (void *)lines);
	/* Each client's, and those of the backends. */
	assert_in_range(used, 512, 512 + BACKENDS);
}

/* The backend of the route that has one only. */
static struct l4gate_backend *find_one(struct l4gate_backend *backends)
{
	uint32_t i;

	for (i = 0; i < node.dataplane->sizes.backends; i++)
		if (backends[i].port == htons(8081))
			return &backends[i];
	fail_msg("no backend");
	return NULL;
}

/*
 * A flow has ended, and its backend's number is another's by now: so its record
 * can't be found any more. A new connection from the same port is served even so.
 */
static void test_number_used_again(void **state)
{
	struct shape shape = { .src = "10.1.255.1", .dst = "10.0.0.9",
			       .sport = 4000, .dport = 81, .tcp_flags = SYN };
	struct shape back = { .src = "10.0.0.20", .dst = "10.0.0.1",
			      .sport = 8081, .tcp_flags = RST };
	struct l4gate_backend *backends, *one;
	struct frame in, out;

	(void)state;
	backends = dataplane_map(node.dataplane, MAP_BACKENDS);
	assert_non_null(backends);
	one = find_one(backends);
	frame_build(&in, &shape);
	node_run(node.first_hook, &in, &out);
	assert_int_equal(out.bytes[33], 20);
	back.dport = frame_sport(&out);
	frame_build(&in, &back);
	node_run(node.first_hook, &in, &out);
	assert_int_equal(out.bytes[33], 1);

	inet_pton(AF_INET, "10.0.0.21", &one->addr);
	one->nexthop = 0;
	shape.tcp_flags = SYN;
	frame_build(&in, &shape);
	node_run(node.first_hook, &in, &out);
	assert_int_equal(out.bytes[33], 21);
	dataplane_unmap(node.dataplane, MAP_BACKENDS, backends);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_for_all),
		cmocka_unit_test(test_ports_spread),
		cmocka_unit_test(test_nexthops_spread),
		cmocka_unit_test(test_number_used_again),
	};
	int failed;

	node_enter();
	node_shell("ip route add 10.1.0.0/16 via 10.0.0.2 && "
		   "for i in 1 2 3 4 5 6 7; do ip neigh add 10.0.0.2$i "
		   "lladdr 02:00:00:00:00:20 dev d0; done");
	node_attach(L4GATE_MIN_FLOWS);
	node_publish(manifest);
	failed = capture_run_tests("flows", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
