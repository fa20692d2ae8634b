// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ICMP errors about packets of flows: found by what they quote, translated within
 * and without, with checksums that are right. XDP leaves them to TC.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "run_as.h"

enum mode { NAT, TRANSPARENT, DSR_L2, DSR_IPIP, MODES };

/* Mode m listens on 10.0.0.(30 + m) and 2001:db8::(30 + m), ports 80. */
#define GATEWAY(name, last)						\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"	\
	"metadata: {name: " name "}\nspec:\n  gatewayClassName: l\n"	\
	"  addresses: [{value: 10.0.0." last "}, {value: '2001:db8::" last "'}]\n" \
	"  listeners:\n"						\
	"  - {name: t, port: 80, protocol: TCP}\n"			\
	"  - {name: u, port: 80, protocol: UDP}\n"			\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n"			\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name "}\nspec: {mode: " name ", "		\
	"seed: 00112233445566778899aabbccddeeff}\n"
#define PARENTS								\
	"  parentRefs: [{name: nat}, {name: transparent}, {name: dsr-l2}, {name: dsr-ipip}]\n"
#define ROUTE(kind, port)						\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\n"	\
	"metadata: {name: r}\nspec:\n" PARENTS				\
	"  rules: [{backendRefs: [{name: s, port: " port "}]}]\n"
#define SLICE(name, type, address)					\
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: " name ", labels: {kubernetes.io/service-name: s}}\n"	\
	"addressType: " type "\nendpoints: [{addresses: ['" address "']}]\n"	\
	"ports: [{name: t, port: 8080, protocol: TCP}, {name: u, port: 8080, protocol: UDP}]\n"

static const char manifest[] =
	GATEWAY("nat", "30") GATEWAY("transparent", "31")
	GATEWAY("dsr-l2", "32") GATEWAY("dsr-ipip", "33")
	ROUTE("TCPRoute", "80") ROUTE("UDPRoute", "80")
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}, {name: u, port: 80, protocol: UDP}]\n"
	SLICE("a", "IPv4", "10.0.0.20") SLICE("b", "IPv6", "2001:db8::20");

static const char *const listener[MODES][2] = {
	{ "10.0.0.30", "2001:db8::30" }, { "10.0.0.31", "2001:db8::31" },
	{ "10.0.0.32", "2001:db8::32" }, { "10.0.0.33", "2001:db8::33" },
};
static const char *const client[] = { "10.0.0.2", "2001:db8::2" };
static const char *const backend[] = { "10.0.0.20", "2001:db8::20" };
static const char *const router[] = { "10.9.9.9", "2001:db8:9::9" };

/* A flow that is open, and its packets as each side sees them. */
struct talk {
	enum mode mode;
	bool v6, udp;
	struct shape from_client, to_backend;
	struct shape from_backend, to_client;
};

static void open_flow(struct talk *flow, enum mode mode, bool v6, bool udp,
		      uint16_t port)
{
	static char source[2][64] = { "10.0.0.1", "2001:db8::1" };
	struct frame in, out;

	*flow = (struct talk){ .mode = mode, .v6 = v6, .udp = udp };
	flow->from_client = (struct shape){ .v6 = v6, .udp = udp,
		.src = client[v6], .dst = listener[mode][v6], .sport = port,
		.dport = 80, .tcp_flags = SYN, .payload = 12 };
	frame_build(&in, &flow->from_client);
	run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_TO_BACKEND);
	flow->to_backend = flow->from_client;
	if (mode <= TRANSPARENT) {
		flow->to_backend.dst = backend[v6];
		flow->to_backend.sport = frame_sport(&out);
		flow->to_backend.dport = 8080;
	}
	if (mode == NAT)
		flow->to_backend.src = source[v6];
	flow->from_backend = flow->to_backend;
	flow->from_backend.src = flow->to_backend.dst;
	flow->from_backend.dst = flow->to_backend.src;
	flow->from_backend.sport = flow->to_backend.dport;
	flow->from_backend.dport = flow->to_backend.sport;
	flow->to_client = flow->from_client;
	flow->to_client.src = flow->from_client.dst;
	flow->to_client.dst = flow->from_client.src;
	flow->to_client.sport = flow->from_client.dport;
	flow->to_client.dport = flow->from_client.sport;
}

static size_t ip_header(const struct shape *shape)
{
	return shape->v6 ? 40 : 20 + shape->options * 4;
}

/* An error from an address about a packet, of which some bytes of L4 are quoted. */
static void build_error(struct frame *frame, const char *from,
			const struct shape *quoted, uint8_t type, uint8_t code,
			size_t l4_bytes)
{
	struct shape shape = { .v6 = quoted->v6, .src = from,
			       .dst = quoted->src };
	struct frame inner;

	frame_build(&inner, quoted);
	frame_build_icmp(frame, &shape, type, code, 1280, inner.bytes + 14,
			 ip_header(quoted) + l4_bytes);
}

static void expect_same(const struct frame *got, const struct frame *want)
{
	size_t i;

	assert_int_equal(got->size, want->size);
	/* The MAC addresses are the way's. */
	for (i = 12; i < want->size; i++)
		if (got->bytes[i] != want->bytes[i])
			fail_msg("byte %zu is %#x, not %#x", i, got->bytes[i],
				 want->bytes[i]);
}

static void one_hop(struct frame *frame)
{
	frame_set_ttl(frame, frame_ttl(frame) - 1);
}

/* An error about `sent` becomes one about `meant`. */
static void expect_error(const struct shape *sent, const struct shape *meant,
			 const char *from, const char *shown, uint8_t type,
			 uint8_t code, size_t l4_bytes,
			 enum l4gate_reason reason)
{
	struct frame in, out, want;

	build_error(&in, from, sent, type, code, l4_bytes);
	assert_true(frame_checks(&in));
	if (node.first_hook == L4GATE_HOOK_XDP) {
		assert_int_equal(run_as(L4GATE_HOOK_XDP, &in, &out,
				     L4GATE_DEFER_ICMP), XDP_PASS);
		assert_memory_equal(in.bytes, out.bytes, in.size);
	}
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, reason),
			 TC_ACT_REDIRECT);
	assert_true(frame_checks(&out));
	build_error(&want, shown, meant, type, code, l4_bytes);
	one_hop(&want);
	expect_same(&out, &want);
}

static const struct kind {
	uint8_t type[2], code[2];
} kinds[] = {
	{ { 3, 1 }, { 4, 4 } },		/* frag needed; port unreachable */
	{ { 3, 2 }, { 3, 0 } },		/* port unreachable; packet too big */
	{ { 11, 3 }, { 0, 0 } },	/* time exceeded */
	{ { 12, 4 }, { 0, 1 } },	/* parameter problem */
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void both_ways(const struct talk *flow, size_t kind, size_t l4_bytes)
{
	bool v6 = flow->v6;
	uint8_t type = kinds[kind].type[v6], code = kinds[kind].code[v6];

	expect_error(&flow->to_backend, &flow->from_client, router[v6],
		     router[v6], type, code, l4_bytes, L4GATE_ICMP_TO_CLIENT);
	expect_error(&flow->to_backend, &flow->from_client, backend[v6],
		     listener[flow->mode][v6], type, code, l4_bytes,
		     L4GATE_ICMP_TO_CLIENT);
	expect_error(&flow->to_client, &flow->from_backend, router[v6],
		     router[v6], type, code, l4_bytes, L4GATE_ICMP_TO_BACKEND);
	expect_error(&flow->to_client, &flow->from_backend, client[v6],
		     flow->to_backend.src, type, code, l4_bytes,
		     L4GATE_ICMP_TO_BACKEND);
}

/* Every kind of error, and every length of the quote from eight bytes of L4 on. */
static void test_translated(void **state)
{
	struct talk flow;
	uint16_t port = 1000;
	size_t kind, bytes;
	int mode, i;

	(void)state;
	for (mode = NAT; mode <= TRANSPARENT; mode++)
		for (i = 0; i < 4; i++) {
			bool v6 = i & 1, udp = i & 2;

			open_flow(&flow, mode, v6, udp, port++);
			for (kind = 0; kind < KINDS; kind++)
				both_ways(&flow, kind, 8);
			/* Half of TCP's checksum is left as it is. */
			for (bytes = 8; bytes <= (udp ? 20 : 32); bytes++)
				if (udp || bytes != 17)
					both_ways(&flow, 0, bytes);
		}
}

static void test_udp_without_checksum(void **state)
{
	struct talk flow;
	int mode;

	(void)state;
	for (mode = NAT; mode <= TRANSPARENT; mode++) {
		open_flow(&flow, mode, false, true, 2000);
		flow.from_client.no_udp_check = true;
		flow.to_backend.no_udp_check = true;
		flow.to_client.no_udp_check = true;
		flow.from_backend.no_udp_check = true;
		both_ways(&flow, 0, 8);
		both_ways(&flow, 0, 20);
	}
}

/* IP options in the quote; and that it is the first fragment. */
static void test_quoted_options(void **state)
{
	static const uint16_t fragments[] = { 0, 0x4000, 0x2000 };
	struct talk flow;
	int mode;
	size_t i;

	(void)state;
	for (mode = NAT; mode <= TRANSPARENT; mode++)
		for (i = 0; i < 3; i++) {
			open_flow(&flow, mode, false, false, 2100);
			flow.from_client.options = flow.to_backend.options = 10;
			flow.to_client.options = flow.from_backend.options = 1;
			flow.from_client.fragment = fragments[i];
			flow.to_backend.fragment = fragments[i];
			flow.to_client.fragment = fragments[i];
			flow.from_backend.fragment = fragments[i];
			both_ways(&flow, 0, 8);
			both_ways(&flow, 1, 25);
		}
}

static void expect_passed(const struct frame *in)
{
	struct frame out;

	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, in, &out,
			     L4GATE_NOT_OURS), TC_ACT_UNSPEC);
	assert_int_equal(out.size, in->size);
	assert_memory_equal(out.bytes, in->bytes, in->size);
}

/* Less than eight bytes of L4, down to nothing at all: as it came. */
static void test_truncated(void **state)
{
	struct frame in, inner;
	struct talk flow;
	size_t bytes;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1;
		struct shape shape = { .v6 = v6, .src = router[v6] };

		open_flow(&flow, NAT, v6, i & 2, 2200 + i);
		frame_build(&inner, &flow.to_backend);
		shape.dst = flow.to_backend.src;
		for (bytes = 0; bytes < ip_header(&flow.to_backend) + 8;
		     bytes++) {
			frame_build_icmp(&in, &shape, 3, 0, 0,
					 inner.bytes + 14, bytes);
			expect_passed(&in);
			/* The rest may be there, but as padding. */
			in.size += 30;
			expect_passed(&in);
		}
	}
}

static void test_not_ours(void **state)
{
	struct shape quoted = { .src = "10.0.0.1", .dst = "10.0.0.20",
				.sport = 20000, .dport = 8080 };
	struct talk flow;
	struct frame in;

	(void)state;
	/* Of no flow. */
	build_error(&in, router[0], &quoted, 3, 4, 8);
	expect_passed(&in);
	open_flow(&flow, NAT, false, false, 2300);
	/* No error: a redirect, source quench, an echo request to the node. */
	build_error(&in, router[0], &flow.to_backend, 5, 1, 8);
	expect_passed(&in);
	build_error(&in, router[0], &flow.to_backend, 4, 0, 8);
	expect_passed(&in);
	build_error(&in, router[0], &flow.to_backend, 8, 0, 8);
	expect_passed(&in);
	/* A later fragment, another protocol. */
	quoted = flow.to_backend;
	quoted.fragment = 1;
	build_error(&in, router[0], &quoted, 3, 4, 8);
	expect_passed(&in);
	quoted = flow.to_backend;
	quoted.protocol = 132;
	build_error(&in, router[0], &quoted, 3, 4, 8);
	expect_passed(&in);
	/* Not for whom the quoted packet is from. */
	build_error(&in, router[0], &flow.to_backend, 3, 4, 8);
	frame_set_dst(&in, "10.0.0.77");
	expect_passed(&in);
	/* Client to listener: who sent it is not us. */
	build_error(&in, router[0], &flow.from_client, 3, 4, 8);
	expect_passed(&in);
}

static uint32_t u32_at(const struct frame *frame, size_t at)
{
	uint32_t value;

	memcpy(&value, frame->bytes + at, 4);
	return ntohl(value);
}

/* The dsr modes: the whole error to the backend, as it is. */
static void test_dsr(void **state)
{
	struct frame in, out;
	struct talk flow;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1;
		size_t outer = v6 ? 40 : 20;

		open_flow(&flow, DSR_L2, v6, i & 2, 2400);
		build_error(&in, router[v6], &flow.to_client, v6 ? 2 : 3,
			    v6 ? 0 : 4, 8);
		run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_ICMP_TO_BACKEND);
		expect_same(&out, &in);

		open_flow(&flow, DSR_IPIP, v6, i & 2, 2400);
		build_error(&in, router[v6], &flow.to_client, v6 ? 2 : 3,
			    v6 ? 0 : 4, 8);
		run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_ICMP_TO_BACKEND);
		assert_int_equal(out.size, in.size + outer);
		assert_memory_equal(out.bytes + 14 + outer, in.bytes + 14,
				    in.size - 14);
		assert_int_equal(frame_protocol(&out), v6 ? 41 : 4);
		assert_true(frame_has_ends(&out, v6 ? "2001:db8::1" : "10.0.0.1",
					   backend[v6]));
		if (!v6)
			assert_int_equal(u32_at(&out, 14) >> 24, 0x45);
	}
}

/*
 * Of a flow that another node had, the slot table says which backend sent what is
 * quoted. What was sent to a backend may be of a connection that is not ours.
 */
static void test_unknown_flow(void **state)
{
	struct talk flow;
	struct frame in, out;
	int mode, i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1;

		open_flow(&flow, TRANSPARENT, v6, i & 2, 2500);
		flow.to_backend.sport = flow.from_backend.dport = 2501;
		flow.to_client.dport = 2501;
		expect_error(&flow.to_client, &flow.from_backend, router[v6],
			     router[v6], 3, 0, 8, L4GATE_ICMP_TO_BACKEND);
		build_error(&in, router[v6], &flow.to_backend, 3, 0, 8);
		expect_passed(&in);
		/* And no flow came of it. */
		frame_build(&in, &flow.from_backend);
		run_as(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_NOT_OURS);
		for (mode = DSR_L2; mode <= DSR_IPIP; mode++) {
			open_flow(&flow, mode, v6, i & 2, 2500);
			flow.to_client.dport = 2501;
			build_error(&in, router[v6], &flow.to_client, 3, 0, 8);
			run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
			    L4GATE_ICMP_TO_BACKEND);
		}
	}
}

/* Never an error about an error. */
static void test_ttl(void **state)
{
	struct frame in, out;
	struct talk flow;

	(void)state;
	open_flow(&flow, NAT, false, false, 2600);
	build_error(&in, router[0], &flow.to_backend, 3, 4, 8);
	frame_set_ttl(&in, 1);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
			     L4GATE_DROP_TTL), TC_ACT_SHOT);
}

/* Echo to a listener's address is answered, that of the node is the stack's. */
static void test_echo(void **state)
{
	static const char data[] = "echoes of the data";
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct shape there = { .v6 = i, .src = client[i],
				       .dst = listener[NAT][i], .ttl = 7 };
		struct shape back = { .v6 = i, .src = listener[NAT][i],
				      .dst = client[i] };
		struct frame in, out, want;

		frame_build_icmp(&in, &there, i ? 128 : 8, 0, 0x10002,
				 (const uint8_t *)data, sizeof(data));
		frame_build_icmp(&want, &back, i ? 129 : 0, 0, 0x10002,
				 (const uint8_t *)data, sizeof(data));
		assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				     L4GATE_ANSWER_ECHO), TC_ACT_REDIRECT);
		expect_same(&out, &want);
		assert_memory_equal(out.bytes, in.bytes + 6, 6);
		assert_memory_equal(out.bytes + 6, in.bytes, 6);
		in.bytes[i ? 55 : 35] = 1;
		expect_passed(&in);
		there.dst = i ? "2001:db8::1" : "10.0.0.1";
		frame_build_icmp(&in, &there, i ? 128 : 8, 0, 0x10002,
				 (const uint8_t *)data, sizeof(data));
		expect_passed(&in);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translated),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_quoted_options),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_dsr),
		cmocka_unit_test(test_unknown_flow),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_echo),
	};
	int failed;

	node_enter();
	node_shell("ip route add default via 10.0.0.2 && "
		   "ip -6 route add default via 2001:db8::2");
	node_attach(0);
	node_publish(manifest);
	failed = cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
