// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The MTU of a route counts as that of a device does: in all modes, for each of the
 * routes by one router, and the one that it has now.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DEVICE_MTU 1500
#define DF 0x4000

/* A next hop is believed for a second, by a clock that jiffies tick. */
#define BELIEVED_US 1200000

static bool fib_has_mtu;
static uint16_t client_port = 1000;

static void run(enum l4gate_hook hook, const struct frame *in, struct frame *out,
		enum l4gate_reason reason)
{
	uint64_t before = stats_reason(node.dataplane, hook, reason).packets;

	node_run(hook, in, out);
	if (stats_reason(node.dataplane, hook, reason).packets != before + 1)
		fail_msg("hook %d: %u bytes: not counted as %s", hook,
			 in->size, reason_names[reason]);
}

/* A datagram from a client to a listener, of that many bytes of IP. */
static void build(struct frame *frame, enum l4gate_mode mode, enum port port,
		  bool v6, uint16_t bytes)
{
	struct shape shape = { .v6 = v6, .udp = true, .fragment = v6 ? 0 : DF,
		.src = v6 ? "2001:db8::2" : "10.0.0.2",
		.dst = v6 ? modes[mode].six : modes[mode].four,
		.sport = client_port, .dport = port,
		.payload = bytes - 8 - (v6 ? 40 : 20) };

	frame_build(frame, &shape);
}

static uint16_t told_mtu(const struct frame *frame, bool v6)
{
	const uint8_t *rest = frame->bytes + 14 + (v6 ? 40 : 20) + 4;

	return rest[2] << 8 | rest[3];
}

/* What fits goes on, by all hooks from one on; one byte more is too big. */
static void expect_from(enum l4gate_hook first, enum l4gate_mode mode,
			enum port port, bool v6, uint16_t mtu)
{
	uint16_t most = mtu;
	enum l4gate_hook hook;
	struct frame in, out;

	if (mode == L4GATE_MODE_DSR_IPIP)
		most -= v6 ? 40 : 20;
	build(&in, mode, port, v6, most);
	for (hook = first; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		run(hook, &in, &out, L4GATE_TO_BACKEND);
	build(&in, mode, port, v6, most + 1);
	if (first == L4GATE_HOOK_XDP)
		run(L4GATE_HOOK_XDP, &in, &out, L4GATE_DEFER_NEXT_HOP);
	run(L4GATE_HOOK_TC_INGRESS, &in, &out, L4GATE_TOLD_TOO_BIG);
	assert_true(frame_checks(&out));
	assert_int_equal(told_mtu(&out, v6), most);
}

static void expect_mtu(enum l4gate_mode mode, enum port port, bool v6,
		       uint16_t mtu)
{
	expect_from(node.first_hook, mode, port, v6, mtu);
}

/* The same, of a route that says so; before Linux 5.12 the device's counts. */
static void expect_route_mtu(enum l4gate_mode mode, enum port port, bool v6,
			     uint16_t mtu)
{
	expect_mtu(mode, port, v6, fib_has_mtu ? mtu : DEVICE_MTU);
}

/* 0: the route has none of its own. */
static void route_router(bool v6, const char *network, unsigned int mtu)
{
	char command[256], metric[32] = "";

	if (mtu)
		snprintf(metric, sizeof(metric), "mtu lock %u", mtu);
	snprintf(command, sizeof(command), "ip -%d route replace %s via %s %s",
		 v6 ? 6 : 4, network, v6 ? "2001:db8::2" : "10.0.0.2", metric);
	node_shell(command);
}

/* To the backend on the link. */
static void route_link(bool v6, unsigned int mtu)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip -%d route replace %s dev d0 mtu lock %u", v6 ? 6 : 4,
		 v6 ? backends[GOOD].six : backends[GOOD].four, mtu);
	node_shell(command);
}

static void remove_route(bool v6, const char *network)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -%d route del %s", v6 ? 6 : 4,
		 network);
	node_shell(command);
}

static const char *const far[] = { "10.8.0.0/24", "2001:db8:8::/64" };
static const char *const near[] = { "10.0.0.20", "2001:db8::20" };

static void test_modes(void **state)
{
	static const unsigned int mtus[] = { 1400, DEVICE_MTU - 1, DEVICE_MTU,
					     DEVICE_MTU + 100 };
	enum l4gate_mode mode;
	size_t i;
	int v6;

	(void)state;
	for (i = 0; i < sizeof(mtus) / sizeof(*mtus); i++) {
		/* No route makes a device's MTU larger. */
		unsigned int mtu = mtus[i] < DEVICE_MTU ? mtus[i] : DEVICE_MTU;

		for (v6 = 0; v6 < 2; v6++) {
			route_link(v6, mtus[i]);
			route_router(v6, far[v6], mtus[i]);
		}
		usleep(BELIEVED_US);
		client_port++;
		for (mode = 0; mode < L4GATE_MODES; mode++)
			for (v6 = 0; v6 < 2; v6++) {
				expect_route_mtu(mode, GOOD, v6, mtu);
				/* dsr-l2 reaches nobody behind a router. */
				if (mode != L4GATE_MODE_DSR_L2)
					expect_route_mtu(mode, ROUTED, v6,
							 mtu);
			}
	}
}

/* Two routes by one router: each has its own, again and again. */
static void test_shared_router(void **state)
{
	int v6, i;

	(void)state;
	client_port++;
	for (v6 = 0; v6 < 2; v6++) {
		route_router(v6, near[v6], 1300);
		route_router(v6, far[v6], 0);
	}
	for (i = 0; i < 3; i++) {
		usleep(BELIEVED_US);
		for (v6 = 0; v6 < 2; v6++) {
			expect_route_mtu(L4GATE_MODE_NAT, GOOD, v6, 1300);
			expect_mtu(L4GATE_MODE_NAT, ROUTED, v6, DEVICE_MTU);
			expect_route_mtu(L4GATE_MODE_DSR_IPIP, GOOD, v6, 1300);
			expect_mtu(L4GATE_MODE_TRANSPARENT, ROUTED, v6,
				   DEVICE_MTU);
		}
	}
}

/* TC finds the MTU itself: no XDP has asked before. */
static void test_tc_alone(void **state)
{
	int v6;

	(void)state;
	client_port++;
	for (v6 = 0; v6 < 2; v6++)
		route_router(v6, far[v6], 1340);
	usleep(BELIEVED_US);
	for (v6 = 0; v6 < 2; v6++)
		expect_from(L4GATE_HOOK_TC_INGRESS, L4GATE_MODE_NAT, ROUTED,
			    v6, fib_has_mtu ? 1340 : DEVICE_MTU);
}

/* A flow goes on while its route gets another MTU, and none, and one again. */
static void test_changes(void **state)
{
	static const uint16_t mtus[] = { 1400, 1300, 0, 1350 };
	size_t i;
	int v6;

	(void)state;
	client_port++;
	for (i = 0; i < sizeof(mtus) / sizeof(*mtus); i++) {
		for (v6 = 0; v6 < 2; v6++)
			route_router(v6, far[v6], mtus[i]);
		usleep(BELIEVED_US);
		for (v6 = 0; v6 < 2; v6++)
			expect_route_mtu(L4GATE_MODE_NAT, ROUTED, v6,
					 mtus[i] ?: DEVICE_MTU);
	}
}

/* Who asks for the way with too large a packet does not find that there is none. */
static void test_asked_by_too_big(void **state)
{
	enum l4gate_mode mode;
	struct frame in, out;
	int v6;

	(void)state;
	client_port++;
	for (v6 = 0; v6 < 2; v6++)
		remove_route(v6, near[v6]);
	for (mode = 0; mode < L4GATE_MODES; mode++)
		for (v6 = 0; v6 < 2; v6++) {
			usleep(BELIEVED_US);
			build(&in, mode, GOOD, v6, DEVICE_MTU + 200);
			run(L4GATE_HOOK_TC_INGRESS, &in, &out,
			    L4GATE_TOLD_TOO_BIG);
			build(&in, mode, GOOD, v6, 100);
			run(L4GATE_HOOK_TC_INGRESS, &in, &out,
			    L4GATE_TO_BACKEND);
		}
}

static bool kernel_since(int major, int minor)
{
	struct utsname name;
	int x = 0, y = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &x, &y);
	return x > major || (x == major && y >= minor);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_shared_router),
		cmocka_unit_test(test_tc_alone),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_asked_by_too_big),
	};
	int failed;

	fib_has_mtu = kernel_since(5, 12);
	node_enter();
	node_attach(0);
	modes_routes();
	modes_publish("");
	failed = cmocka_run_group_tests_name("mtu", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
