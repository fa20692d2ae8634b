// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Frames with VLAN tags. */
#include <stdio.h>
#include <stdlib.h>
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

#include "expect.h"

/* And 10.0.0.12, in mode nat with a backend on this node. */
static const char local_manifest[] =
	GATEWAY("own", "10.0.0.12", "2001:db8::c", "nat")
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
	"metadata: {name: own}\nspec:\n"
	"  parentRefs: [{name: own, port: 80, sectionName: tcp80}]\n"
	"  rules: [{backendRefs: [{name: own, port: 80}]}]\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: own}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: own, labels: {kubernetes.io/service-name: own}}\n"
	"addressType: IPv4\nendpoints: [{addresses: ['10.0.0.1']}]\n"
	"ports: [{name: t, port: 8080, protocol: TCP}]\n";

/* The frame without the inner tag, which has to be as it was. */
static void take_out(const struct frame *in, struct frame *out)
{
	assert_memory_equal(out->bytes + 12, in->bytes + 16, 4);
	memmove(out->bytes + 12, out->bytes + 16, out->size - 16);
	out->size -= 4;
	assert_true(frame_checks(out));
}

/*
 * The kernel takes the outer tag off before TC sees a frame, and there is no telling
 * a run of such a thing: of two tags the inner one is what can be seen here, of
 * one nothing. tests/netns/test_frames.sh has them on a wire.
 */
static void test_two_tags(void **state)
{
	static const uint16_t outer[] = { 0x88a8, 0x8100 };
	struct shape shape = { V4, .dport = 80, .tcp_flags = SYN,
			       .payload = 3, .inner_tag = 0x8100 };
	struct frame in, out;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		shape.v6 = i & 1;
		shape.src = shape.v6 ? "2001:db8::2" : "10.0.0.2";
		shape.dst = shape.v6 ? "2001:db8::9" : "10.0.0.9";
		shape.sport = 7100 + i;
		shape.tag = outer[i / 2];
		frame_build(&in, &shape);
		expect_deferred(&in);
		assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
					L4GATE_TO_BACKEND), TC_ACT_REDIRECT);
		assert_int_equal(out.size, in.size - 4);
		assert_memory_equal(out.bytes, "\x02\0\0\0\0\x20", 6);
		take_out(&in, &out);
		assert_true(frame_has_ends(&out,
					   shape.v6 ? "2001:db8::1" : "10.0.0.1",
					   shape.v6 ? "2001:db8::20" : "10.0.0.20"));
	}
}

/* To a backend on this node, and what it answers on the way out. */
static void test_two_tags_here(void **state)
{
	struct shape there = { .src = "10.0.0.2", .dst = "10.0.0.12",
			       .sport = 7150, .dport = 80, .tcp_flags = SYN,
			       .inner_tag = 0x8100, .tag = 0x88a8 };
	struct shape back = { .src = "10.0.0.1", .dst = "10.0.0.2",
			      .sport = 8080, .tcp_flags = SYN | ACK,
			      .inner_tag = 0x8100, .tag = 0x88a8 };
	struct frame in, out;

	(void)state;
	frame_build(&in, &there);
	expect_deferred(&in);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_TO_LOCAL), TC_ACT_UNSPEC);
	take_out(&in, &out);
	assert_true(frame_has_ends(&out, "10.0.0.2", "10.0.0.1"));
	back.dport = frame_sport(&out);
	frame_build(&in, &back);
	/* What comes in so goes on: it is what goes out that is ours. */
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_VLAN), TC_ACT_UNSPEC);
	expect_same(&in, &out);
	assert_int_equal(run_as(L4GATE_HOOK_TC_EGRESS, &in, &out,
				L4GATE_TO_CLIENT), TC_ACT_UNSPEC);
	take_out(&in, &out);
	assert_true(frame_has_ends(&out, "10.0.0.12", "10.0.0.2"));
	assert_int_equal(frame_sport(&out), 80);
	assert_int_equal(frame_dport(&out), 7150);
	/* Of no flow. */
	back.dport++;
	frame_build(&in, &back);
	assert_int_equal(node_run(L4GATE_HOOK_TC_EGRESS, &in, &out),
			 TC_ACT_UNSPEC);
	expect_same(&in, &out);
}

/* A RST goes back with them. */
static void test_two_tags_rejected(void **state)
{
	struct shape shape = { V4, .sport = 7200, .dport = 81,
			       .tcp_flags = SYN, .inner_tag = 0x8100,
			       .tag = 0x88a8 };
	struct frame in, out;

	(void)state;
	frame_build(&in, &shape);
	assert_int_equal(run_as(L4GATE_HOOK_TC_INGRESS, &in, &out,
				L4GATE_REJECT_NO_ROUTE), TC_ACT_REDIRECT);
	assert_int_equal(out.size, 14 + 4 + 20 + 20);
	assert_memory_equal(out.bytes + 12, in.bytes + 16, 4);
}

/* What is not ours keeps its tags as they are, whatever their number. */
static void test_tags_of_others(void **state)
{
	static const struct {
		uint16_t outer, inner;
	} tags[] = { { 0x8100, 0 }, { 0x88a8, 0 }, { 0x88a8, 0x8100 },
		     { 0x8100, 0x8100 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		struct shape port = { V4, .sport = 7300, .dport = 83,
				      .tcp_flags = SYN, .tag = tags[i].outer,
				      .inner_tag = tags[i].inner };
		struct shape addr = port, v6 = { V6, .udp = true,
				      .sport = 7300, .dport = 83,
				      .tag = tags[i].outer,
				      .inner_tag = tags[i].inner };
		struct shape fragment = port, arp = port, icmp = port;

		addr.dport = 80;
		addr.dst = "10.0.0.8";
		fragment.dport = 80;
		fragment.fragment = 0x2000;
		arp.ethertype = 0x0806;
		icmp.protocol = 1;
		expect_passed(&port, L4GATE_DEFER_HEADER, L4GATE_VLAN);
		expect_passed(&addr, L4GATE_DEFER_HEADER, L4GATE_VLAN);
		expect_passed(&v6, L4GATE_DEFER_HEADER, L4GATE_VLAN);
		expect_passed(&fragment, L4GATE_DEFER_HEADER, L4GATE_VLAN);
		expect_passed(&icmp, L4GATE_DEFER_HEADER, L4GATE_VLAN);
		expect_passed(&arp, L4GATE_VLAN, L4GATE_VLAN);
	}
}

/* A third one is beyond what any of us undoes. */
static void test_three_tags(void **state)
{
	struct shape shape = { V4, .sport = 7400, .dport = 80,
			       .tcp_flags = SYN, .ethertype = 0x8100,
			       .inner_tag = 0x8100, .tag = 0x88a8 };

	(void)state;
	expect_passed(&shape, L4GATE_VLAN, L4GATE_VLAN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_tags),
		cmocka_unit_test(test_two_tags_here),
		cmocka_unit_test(test_two_tags_rejected),
		cmocka_unit_test(test_tags_of_others),
		cmocka_unit_test(test_three_tags),
	};
	static char manifest[2 * sizeof(frames_manifest)];
	int failed;

	snprintf(manifest, sizeof(manifest), "%s%s", frames_manifest,
		 local_manifest);
	node_enter();
	node_attach(0);
	node_publish(manifest);
	failed = cmocka_run_group_tests_name("tags", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
