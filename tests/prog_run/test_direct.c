// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The modes that leave the client's address alone, where real hosts can't be made
 * to send what matters: ports that are used again, superframes.
 */
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

/* Listeners 80 and 81 of 10.0.0.9 share a backend; one of 10.0.0.10 is dsr-ipip. */
#define GATEWAY(name, address, mode)					\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"	\
	"metadata: {name: " name "}\nspec:\n  gatewayClassName: l\n"	\
	"  addresses: [{value: " address "}]\n"				\
	"  listeners:\n"						\
	"  - {name: a, port: 80, protocol: TCP}\n"			\
	"  - {name: b, port: 81, protocol: TCP}\n"			\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n"			\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name "}\nspec: {mode: " mode "}\n"

static const char manifest[] =
	GATEWAY("g", "10.0.0.9", "transparent")
	GATEWAY("h", "10.0.0.10", "dsr-ipip")
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g}, {name: h}]\n"
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: a, labels: {kubernetes.io/service-name: s}}\n"
	"addressType: IPv4\nendpoints: [{addresses: [10.0.0.20]}]\n"
	"ports: [{name: t, port: 8080, protocol: TCP}]\n";

#define CLIENT .src = "10.0.0.2", .dst = "10.0.0.9"

/* Runs a packet, and says whether it was counted once as that. */
static void expect_reason(enum l4gate_hook hook, const struct frame *in,
			  struct frame *out, enum l4gate_reason reason)
{
	uint64_t before = stats_reason(node.dataplane, hook, reason).packets;

	node_run(hook, in, out);
	if (stats_reason(node.dataplane, hook, reason).packets != before + 1)
		fail_msg("hook %d: not counted as %s", hook,
			 reason_names[reason]);
}

static void send_tcp(enum l4gate_hook hook, uint16_t sport, uint16_t dport,
		     uint8_t flags, enum l4gate_reason reason)
{
	struct shape shape = { CLIENT, .sport = sport, .dport = dport,
			       .tcp_flags = flags };
	struct frame in, out;

	frame_build(&in, &shape);
	expect_reason(hook, &in, &out, reason);
}

/* What the backend says to a client's port leaves from a listener's. */
static void expect_listener(enum l4gate_hook hook, uint16_t port,
			    uint16_t listener)
{
	struct shape shape = { .src = "10.0.0.20", .dst = "10.0.0.2",
			       .sport = 8080, .dport = port,
			       .tcp_flags = SYN | ACK };
	struct frame in, out;

	frame_build(&in, &shape);
	expect_reason(hook, &in, &out, L4GATE_TO_CLIENT);
	assert_int_equal(frame_sport(&out), listener);
}

/* The backend says the last word. */
static void end_flow(enum l4gate_hook hook, uint16_t port, uint8_t end)
{
	struct shape shape = { .src = "10.0.0.20", .dst = "10.0.0.2",
			       .sport = 8080, .dport = port, .tcp_flags = end };
	struct frame in, out;

	frame_build(&in, &shape);
	expect_reason(hook, &in, &out, L4GATE_TO_CLIENT);
}

static void use_again(enum l4gate_hook hook, uint16_t port, uint8_t end)
{
	send_tcp(hook, port, 80, SYN, L4GATE_TO_BACKEND);
	send_tcp(hook, port, 80, ACK, L4GATE_TO_BACKEND);
	send_tcp(hook, port, 81, SYN, L4GATE_REJECT_COLLISION);
	expect_listener(hook, port, 80);
	send_tcp(hook, port, 80, end, L4GATE_TO_BACKEND);
	/* Anybody may have sent that. */
	send_tcp(hook, port, 81, SYN, L4GATE_REJECT_COLLISION);
	end_flow(hook, port, end);
	/* No new connection: the old one may have something to say. */
	send_tcp(hook, port, 81, ACK, L4GATE_REJECT_COLLISION);
	expect_listener(hook, port, 80);
	send_tcp(hook, port, 81, SYN, L4GATE_TO_BACKEND);
	expect_listener(hook, port, 81);
	/* Which is now the one that is in the way. */
	send_tcp(hook, port, 80, SYN, L4GATE_REJECT_COLLISION);
}

static void test_port_used_again(void **state)
{
	enum l4gate_hook hook;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		use_again(hook, 1000 + hook, FIN | ACK);
		use_again(hook, 2000 + hook, RST);
	}
}

/* A packet in one piece has to fit, or what a superframe is cut into. */
static void test_gso(void **state)
{
	struct shape shape = { CLIENT, .sport = 3000, .dport = 80,
			       .tcp_flags = SYN, .payload = 1800 };
	struct frame in, out;

	(void)state;
	frame_build(&in, &shape);
	if (node.first_hook == L4GATE_HOOK_XDP)
		expect_reason(L4GATE_HOOK_XDP, &in, &out,
			      L4GATE_DEFER_NEXT_HOP);
	expect_reason(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_DROP_TOO_BIG);
	/* As a virtual machine sends it: nobody has counted yet. */
	in.gso_size = 900;
	expect_reason(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_TO_BACKEND);
	/* Segments of 1,500 bytes, and of one more. */
	in.gso_size = 1460;
	expect_reason(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_TO_BACKEND);
	in.gso_size = 1461;
	expect_reason(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_DROP_TOO_BIG);
}

/* A header that says more than there is, and than an outer one could. */
static void test_claims_too_much(void **state)
{
	struct shape shape = { .src = "10.0.0.2", .dst = "10.0.0.10",
			       .sport = 3000, .dport = 80, .tcp_flags = SYN,
			       .poke = { { 16, 0xff }, { 17, 0xfa } } };
	enum l4gate_hook hook;
	struct frame in, out;

	(void)state;
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		frame_build(&in, &shape);
		expect_reason(hook, &in, &out, L4GATE_MALFORMED);
		assert_int_equal(out.size, in.size);
		assert_memory_equal(out.bytes, in.bytes, in.size);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_used_again),
		cmocka_unit_test(test_gso),
		cmocka_unit_test(test_claims_too_much),
	};
	int failed;

	node_enter();
	node_attach(0);
	node_publish(manifest);
	failed = capture_run_tests("direct", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
