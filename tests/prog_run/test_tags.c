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
	struct frame in, out, plain;
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
		assert_memory_equal(out.bytes + 12, in.bytes + 16, 4);
		plain = out;
		memmove(plain.bytes + 12, plain.bytes + 16, plain.size - 16);
		plain.size -= 4;
		assert_true(frame_checks(&plain));
		assert_true(frame_has_ends(&plain,
					   shape.v6 ? "2001:db8::1" : "10.0.0.1",
					   shape.v6 ? "2001:db8::20" : "10.0.0.20"));
	}
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
		cmocka_unit_test(test_two_tags_rejected),
		cmocka_unit_test(test_tags_of_others),
		cmocka_unit_test(test_three_tags),
	};
	int failed;

	node_enter();
	node_attach(0);
	node_publish(frames_manifest);
	failed = cmocka_run_group_tests_name("tags", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
