// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Flows of backends that get no new ones, in every mode: they live on, until the time
 * of their backend is over.
 */
#include <netinet/in.h>

#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define GATEWAY(name, address, mode)					\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"	\
	"metadata: {name: " name "}\nspec:\n  gatewayClassName: l\n"	\
	"  addresses: [{value: " address "}]\n"				\
	"  listeners:\n"						\
	"  - {name: tcp, port: 80, protocol: TCP}\n"			\
	"  - {name: udp, port: 80, protocol: UDP}\n"			\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n"			\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name "}\n"					\
	"spec: {mode: " mode ", drainTimeout: 1h}\n"
#define ROUTE(kind)							\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\n"	\
	"metadata: {name: r}\nspec:\n"					\
	"  parentRefs: [{name: nat}, {name: trans}, {name: l2}, {name: ipip}]\n"	\
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
#define LISTENERS							\
	GATEWAY("nat", "10.0.0.9", "nat")					\
	GATEWAY("trans", "10.0.0.10", "transparent")			\
	GATEWAY("l2", "10.0.0.11", "dsr-l2")				\
	GATEWAY("ipip", "10.0.0.12", "dsr-ipip")
#define MANIFEST(endpoints)						\
	LISTENERS							\
	ROUTE("TCPRoute") ROUTE("UDPRoute")				\
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"	\
	"  ports: [{name: t, port: 80}, {name: u, port: 80, protocol: UDP}]\n"	\
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: a, labels: {kubernetes.io/service-name: s}}\n"	\
	"addressType: IPv4\n"						\
	"ports: [{name: t, port: 8080}, {name: u, port: 8080, protocol: UDP}]\n" \
	"endpoints: [" endpoints "]\n"
#define OLD "10.0.0.20"
#define NEW "10.0.0.21"

static const char ready[] = MANIFEST("{addresses: [" OLD "]}");
static const char leaves[] = MANIFEST("{addresses: [" NEW "]}, "
	"{addresses: [" OLD "], conditions: {ready: false, serving: true, terminating: true}}");
static const char gone[] = MANIFEST("{addresses: [" NEW "]}");
static const char deleted[] = LISTENERS;

static const char *const addresses[] = { "10.0.0.9", "10.0.0.10", "10.0.0.11",
					 "10.0.0.12" };
#define MODES (sizeof(addresses) / sizeof(*addresses))

/* A packet of the flow of a mode and hook from a port, and what becomes of it. */
static void send_packet(enum l4gate_hook hook, size_t mode, bool udp,
			uint16_t port, uint8_t flags, enum l4gate_reason reason)
{
	struct shape shape = { .udp = udp, .src = "10.0.0.2",
			       .dst = addresses[mode], .sport = port,
			       .dport = 80, .tcp_flags = flags };
	struct frame in, out;
	uint64_t before;

	frame_build(&in, &shape);
	before = stats_reason(node.dataplane, hook, reason).packets;
	node_run(hook, &in, &out);
	if (stats_reason(node.dataplane, hook, reason).packets != before + 1)
		fail_msg("hook %d, mode %zu, port %d: not counted as %s", hook,
			 mode, port, reason_names[reason]);
}

/* Packets that backends at an address got, of either protocol. */
static uint64_t packets_to(const char *address)
{
	const struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	struct inet_addr wanted;
	uint64_t sum = 0;
	uint32_t i;

	assert_non_null(backends);
	assert_int_equal(inet_parse(address, &wanted), 0);
	for (i = 0; i < 64; i++)
		if (backends[i].addr.w[0] == wanted.addr.w[0])
			sum += stats_read(node.dataplane, MAP_BACKEND_STATS, i)
				       .packets[L4GATE_FROM_CLIENT];
	dataplane_unmap(node.dataplane, MAP_BACKENDS, (void *)backends);
	return sum;
}

static void send_to(enum l4gate_hook hook, size_t mode, bool udp, uint16_t port,
		    uint8_t flags, const char *address)
{
	uint64_t before = packets_to(address);

	send_packet(hook, mode, udp, port, flags, L4GATE_TO_BACKEND);
	if (packets_to(address) != before + 1)
		fail_msg("hook %d, mode %zu, port %d: not to %s", hook, mode,
			 port, address);
}

/* Lets the time of the old backend be over in so many ticks. */
static void drain_for(int32_t ticks)
{
	struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	uint32_t now = dataplane_jiffies(node.dataplane) >>
		       dataplane_tick_shift(node.dataplane);
	struct inet_addr old;
	uint32_t i, count = 0;

	assert_non_null(backends);
	assert_int_equal(inet_parse(OLD, &old), 0);
	for (i = 0; i < 64; i++)
		if (backends[i].state == L4GATE_BACKEND_DRAINING &&
		    backends[i].until &&
		    backends[i].addr.w[0] == old.addr.w[0]) {
			backends[i].until = now + ticks;
			count++;
		}
	dataplane_unmap(node.dataplane, MAP_BACKENDS, backends);
	assert_int_equal(count, 1);
}

/* What is done for each hook and mode, with a port of its own. */
static void each(void (*function)(enum l4gate_hook hook, size_t mode,
				  uint16_t port), uint16_t port)
{
	enum l4gate_hook hook;
	size_t mode;

	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++)
		for (mode = 0; mode < MODES; mode++)
			function(hook, mode, port + 10 * hook);
}

static void begin(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, false, port, SYN, OLD);
	send_to(hook, mode, false, port, ACK, OLD);
	send_to(hook, mode, false, port + 1, SYN, OLD);
	send_to(hook, mode, true, port, 0, OLD);
}

static void live_on(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, false, port, ACK, OLD);
	send_to(hook, mode, false, port + 1, ACK, OLD);
}

static void live_on_udp(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, true, port, 0, OLD);
}

static void move_udp(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, true, port, 0, NEW);
}

static void begin_elsewhere(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, false, port + 2, SYN, NEW);
	send_to(hook, mode, true, port + 2, 0, NEW);
}

/*
 * A connection that was reset begins again, to who gets new ones. Not of nat: without
 * an answer it is half open, and a RST nothing (test_life.c has those with answers).
 */
static void begin_again(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	if (!mode)
		return;
	send_to(hook, mode, false, port + 1, RST, OLD);
	send_to(hook, mode, false, port + 1, SYN, NEW);
}

/* The client is told, once of that, and its next connection is as any other. */
static void cut(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_packet(hook, mode, false, port, ACK, L4GATE_REJECT_DRAINED);
	if (!mode)
		send_packet(hook, mode, false, port, ACK,
			    L4GATE_REJECT_NO_FLOW);
	send_to(hook, mode, false, port, SYN, NEW);
}

/* A new connection from the port of one whose time is over. */
static void begin_over(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_to(hook, mode, false, port, SYN, NEW);
}

static void test_leaves(void **state)
{
	(void)state;
	node_publish(ready);
	each(begin, 1000);
	node_publish(leaves);
	each(live_on, 1000);
	each(live_on_udp, 1000);
	each(begin_elsewhere, 1000);
	each(begin_again, 1000);
	drain_for(-1);
	each(cut, 1000);
	each(live_on_udp, 1000);
	/* Half of all the time that there is. */
	drain_for(INT32_MAX - 1000);
}

static void test_gone(void **state)
{
	(void)state;
	node_publish(ready);
	each(begin, 2000);
	node_publish(gone);
	each(live_on, 2000);
	each(move_udp, 2000);
	each(begin_elsewhere, 2000);
	drain_for(INT32_MAX - 1000);
	each(live_on, 2000);
	drain_for(-1000000);
	each(begin_over, 2000);
	drain_for(0);
	each(cut, 2001);
}

/* It is back before its time is over: nothing was. */
static void test_back(void **state)
{
	(void)state;
	node_publish(ready);
	each(begin, 3000);
	node_publish(gone);
	node_publish(leaves);
	each(live_on, 3000);
	node_publish(ready);
	each(live_on, 3000);
	each(begin, 3100);
}

static void reject_new(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_packet(hook, mode, false, port + 5, SYN, L4GATE_REJECT_NO_ROUTE);
	send_packet(hook, mode, true, port, 0, L4GATE_REJECT_NO_ROUTE);
}

static void cut_off(enum l4gate_hook hook, size_t mode, uint16_t port)
{
	send_packet(hook, mode, false, port, ACK, L4GATE_REJECT_DRAINED);
}

/* A route that is deleted. */
static void test_route_goes(void **state)
{
	(void)state;
	node_publish(ready);
	each(begin, 4000);
	node_publish(deleted);
	each(live_on, 4000);
	each(reject_new, 4000);
	drain_for(-1);
	each(cut_off, 4000);
}

/* Leaves the old backend as a publish does that was killed behind its one write. */
static void forget_times(void)
{
	struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	uint32_t i;

	assert_non_null(backends);
	for (i = 0; i < 64; i++)
		if (backends[i].state == L4GATE_BACKEND_DRAINING &&
		    backends[i].until) {
			backends[i].until = 0;
			backends[i].state = L4GATE_BACKEND_ACTIVE;
		}
	dataplane_unmap(node.dataplane, MAP_BACKENDS, backends);
}

/* The next publish, of the same, makes up for it. */
static void test_killed(void **state)
{
	(void)state;
	node_publish(ready);
	each(begin, 5000);
	node_publish(gone);
	forget_times();
	node_publish(gone);
	each(live_on, 5000);
	drain_for(-1);
	each(cut, 5000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_route_goes),
		cmocka_unit_test(test_killed),
	};
	int failed;

	node_enter();
	node_shell("ip neigh add " NEW " lladdr 02:00:00:00:00:21 dev d0");
	node_attach(0);
	failed = cmocka_run_group_tests_name("draining", tests, NULL, NULL);
	node_detach();
	return failed != 0;
}
