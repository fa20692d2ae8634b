// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Idle timeouts that routes have of their own, in real time: in all modes and states,
 * on both hooks, beside flows with the usual ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "dataplane/flow_tables.h"
#include "dataplane/lines.h"
#include "l4gate/hash.h"
#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"
#include "util/byteorder.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Two sets of Gateways, one for each mode, with a route of each kind. */
#define SETS 2
#define FAMILIES 2

/*
 * A short timeout, a wait in seconds that is shorter, and one that is longer: by less
 * than a word needs to look young again (bpf/clock.h). Twice that if a word is closing.
 */
#define SHORT "3s"
#define SHORTER 2
#define LONGER usleep(4400 * 1000)

static const char *const backend_text[SETS][FAMILIES] = {
	{ "10.0.0.20", "2001:db8::20" }, { "10.0.0.21", "2001:db8::21" },
};

static void print_gateway(FILE *file, int set, enum l4gate_mode mode,
			  const char *timeouts)
{
	fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\nmetadata: {name: g%d-%d}\n"
		"spec: {mode: %s, timeouts: {%s}}\n"
		"---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: g%d-%d}\nspec:\n"
		"  gatewayClassName: l\n"
		"  addresses: [{value: 10.0.%d.%d}, {value: '2001:db8:%d::%d'}]\n"
		"  infrastructure: {parametersRef: {group: l4gate.dev, "
		"kind: GatewayParameters, name: g%d-%d}}\n  listeners:\n"
		"  - {name: t, port: 80, protocol: TCP}\n"
		"  - {name: u, port: 80, protocol: UDP}\n",
		set, mode, modes[mode].name, timeouts, set, mode, set + 1,
		mode + 1, set + 1, mode + 1, set, mode);
}

static void print_route(FILE *file, int set, const char *kind)
{
	enum l4gate_mode mode;

	fprintf(file, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: %s\nmetadata: {name: r%d}\nspec:\n  parentRefs:\n",
		kind, set);
	for (mode = 0; mode < L4GATE_MODES; mode++)
		fprintf(file, "  - {name: g%d-%d}\n", set, mode);
	fprintf(file, "  rules: [{backendRefs: [{name: s%d, port: 80}]}]\n",
		set);
}

static void print_service(FILE *file, int set)
{
	int family;

	fprintf(file, "---\napiVersion: v1\nkind: Service\n"
		"metadata: {name: s%d}\nspec:\n"
		"  ports: [{name: t, port: 80, protocol: TCP}, "
		"{name: u, port: 80, protocol: UDP}]\n", set);
	for (family = 0; family < FAMILIES; family++)
		fprintf(file, "---\napiVersion: discovery.k8s.io/v1\n"
			"kind: EndpointSlice\nmetadata: {name: s%d-%d, "
			"labels: {kubernetes.io/service-name: s%d}}\n"
			"addressType: %s\nendpoints: [{addresses: ['%s']}]\n"
			"ports: [{name: t, port: 8080, protocol: TCP}, "
			"{name: u, port: 8080, protocol: UDP}]\n",
			set, family, set, family ? "IPv6" : "IPv4",
			backend_text[set][family]);
}

/* The config in which the sets have these timeouts ("": the usual ones). */
static void publish_timeouts(const char *first, const char *second)
{
	const char *const timeouts[SETS] = { first, second };
	enum l4gate_mode mode;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int set;

	assert_non_null(file);
	for (set = 0; set < SETS; set++) {
		for (mode = 0; mode < L4GATE_MODES; mode++)
			print_gateway(file, set, mode, timeouts[set]);
		print_route(file, set, "TCPRoute");
		print_route(file, set, "UDPRoute");
		print_service(file, set);
	}
	fclose(file);
	node_publish(text);
	free(text);
}

#define ALL(time)							\
	"tcpHalfOpen: " time ", tcpEstablished: " time ", tcpClosing: " time \
	", udpUnreplied: " time ", udpReplied: " time

struct flow_of {
	enum l4gate_hook hook;
	int set;
	enum l4gate_mode mode;
	bool v6;
	enum l4gate_flow_state state;
	uint16_t port;
};

static bool is_udp(const struct flow_of *flow)
{
	return flow->state == L4GATE_FLOW_UNREPLIED ||
	       flow->state == L4GATE_FLOW_REPLIED;
}

static uint64_t new_flows(void)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < 32; i++)
		sum += stats_read(node.dataplane, MAP_BACKEND_STATS, i).flows;
	return sum;
}

/* Sends from the client; false if that was not a packet of a flow that there was. */
static bool send_client(const struct flow_of *flow, uint8_t flags,
			struct frame *out)
{
	char dst[64];
	struct shape shape = {
		.v6 = flow->v6, .udp = is_udp(flow),
		.src = flow->v6 ? "2001:db8::2" : "10.0.0.2", .dst = dst,
		.sport = flow->port, .dport = 80,
		.tcp_flags = is_udp(flow) ? 0 : flags,
	};
	uint64_t sent, made = new_flows();
	struct frame in;

	snprintf(dst, sizeof(dst), flow->v6 ? "2001:db8:%d::%d" : "10.0.%d.%d",
		 flow->set + 1, flow->mode + 1);
	frame_build(&in, &shape);
	sent = stats_reason(node.dataplane, flow->hook,
			    L4GATE_TO_BACKEND).packets;
	node_run(flow->hook, &in, out);
	return stats_reason(node.dataplane, flow->hook,
			    L4GATE_TO_BACKEND).packets == sent + 1 &&
	       new_flows() == made;
}

/* The backend answers to what it got. */
static void answer(const struct flow_of *flow, const struct frame *got,
		   uint8_t flags)
{
	bool nat = flow->mode == L4GATE_MODE_NAT;
	struct shape shape = {
		.v6 = flow->v6, .udp = is_udp(flow),
		.src = backend_text[flow->set][flow->v6],
		.dst = flow->v6 ? (nat ? "2001:db8::1" : "2001:db8::2") :
				  (nat ? "10.0.0.1" : "10.0.0.2"),
		.sport = 8080, .dport = frame_sport(got),
		.tcp_flags = is_udp(flow) ? 0 : flags,
	};
	struct frame in, out;
	uint64_t before;

	if (flow->mode == L4GATE_MODE_DSR_L2 ||
	    flow->mode == L4GATE_MODE_DSR_IPIP)
		return;
	frame_build(&in, &shape);
	before = stats_reason(node.dataplane, flow->hook,
			      L4GATE_TO_CLIENT).packets;
	node_run(flow->hook, &in, &out);
	assert_int_equal(stats_reason(node.dataplane, flow->hook,
				      L4GATE_TO_CLIENT).packets, before + 1);
}

/* All packets up to where a flow is in its state. */
static void begin(const struct flow_of *flow)
{
	struct frame out;

	assert_false(send_client(flow, SYN, &out));
	if (flow->state == L4GATE_FLOW_HALF_OPEN ||
	    flow->state == L4GATE_FLOW_UNREPLIED)
		return;
	answer(flow, &out, SYN | ACK);
	if (flow->state == L4GATE_FLOW_REPLIED)
		return;
	assert_true(send_client(flow, ACK, &out));
	if (flow->state == L4GATE_FLOW_CLOSING) {
		assert_true(send_client(flow, FIN | ACK, &out));
		answer(flow, &out, FIN | ACK);
	}
}

static bool lives(const struct flow_of *flow)
{
	struct frame out;

	return send_client(flow, flow->state == L4GATE_FLOW_HALF_OPEN ?
				 SYN : ACK, &out);
}

static const enum l4gate_flow_state states[] = {
	L4GATE_FLOW_HALF_OPEN, L4GATE_FLOW_ESTABLISHED, L4GATE_FLOW_UNREPLIED,
	L4GATE_FLOW_REPLIED, L4GATE_FLOW_CLOSING,
};
#define STATES (sizeof(states) / sizeof(*states))

/* What is done with flows of a set: hooks, modes, families, some states. */
static void each_in(int set, uint16_t port, const enum l4gate_flow_state *in,
		    size_t count, void (*function)(const struct flow_of *))
{
	struct flow_of flow = { .set = set };
	size_t i;

	for (flow.hook = node.first_hook; flow.hook <= L4GATE_HOOK_TC_INGRESS;
	     flow.hook++)
		for (flow.mode = 0; flow.mode < L4GATE_MODES; flow.mode++)
			for (i = 0; i < count * FAMILIES; i++) {
				flow.state = in[i % count];
				flow.v6 = i / count;
				flow.port = port + 20 * flow.hook +
					    8 * flow.v6 + flow.state;
				function(&flow);
			}
}

static void each(int set, uint16_t port, void (*function)(const struct flow_of *))
{
	each_in(set, port, states, STATES, function);
}

/* Those in which both sides have taken part, and none has ended it. */
static const enum l4gate_flow_state lasting[] = {
	L4GATE_FLOW_ESTABLISHED, L4GATE_FLOW_REPLIED,
};

static void each_lasting(int set, uint16_t port,
			 void (*function)(const struct flow_of *))
{
	each_in(set, port, lasting, 2, function);
}

static void fail_flow(const struct flow_of *flow, const char *what)
{
	fail_msg("hook %d, set %d, mode %s, IPv%d, state %d: %s", flow->hook,
		 flow->set, modes[flow->mode].name, flow->v6 ? 6 : 4,
		 flow->state, what);
}

static void expect_life(const struct flow_of *flow)
{
	if (!lives(flow))
		fail_flow(flow, "is over");
}

static void expect_end(const struct flow_of *flow)
{
	if (lives(flow))
		fail_flow(flow, "lives");
}

/* Flows to the backends of a set that commands show. */
static uint32_t shown(int set)
{
	struct inet_addr wanted[FAMILIES];
	struct fail fail = { 0 };
	struct flows flows;
	uint32_t *counts, total, sum = 0, i;
	int family;

	assert_int_equal(flows_open(node.dataplane, &flows, &fail), 0);
	counts = flows_by_backend(&flows, &total);
	assert_non_null(counts);
	for (family = 0; family < FAMILIES; family++)
		inet_parse(backend_text[set][family], &wanted[family]);
	for (i = 0; i < 32; i++)
		for (family = 0; family < FAMILIES; family++)
			if (!memcmp(&flows.backends[i].addr,
				    &wanted[family].addr,
				    sizeof(wanted[family].addr)))
				sum += counts[i];
	free(counts);
	flows_close(&flows);
	return sum;
}

/* A short timeout ends a flow when it is over, and not before; nobody else's. */
static void test_short(void **state)
{
	uint32_t hooks = L4GATE_HOOK_TC_INGRESS - node.first_hook + 1;

	(void)state;
	publish_timeouts(ALL(SHORT), "");
	each(0, 1000, begin);
	each(1, 1000, begin);
	sleep(SHORTER);
	each(0, 1000, expect_life);
	sleep(SHORTER);
	each(0, 1000, expect_life);
	assert_int_equal(shown(0), hooks * L4GATE_MODES * STATES * FAMILIES);
	LONGER;
	/* Those that are closing, in three modes. */
	assert_int_equal(shown(0), hooks * (L4GATE_MODES - 1) * FAMILIES);
	assert_int_equal(shown(1), hooks * L4GATE_MODES * STATES * FAMILIES);
	each_in(0, 1000, states, STATES - 1, expect_end);
	LONGER;
	each_in(0, 1000, &states[STATES - 1], 1, expect_end);
	each(1, 1000, expect_life);
}

/*
 * Flows follow a change with their next packet: those without one keep the time that
 * they had, or are kept.
 */
static void test_change(void **state)
{
	(void)state;
	publish_timeouts(ALL(SHORT), "");
	each_lasting(0, 2000, begin);
	each_lasting(0, 2100, begin);
	each_lasting(1, 2000, begin);
	each_lasting(1, 2100, begin);
	publish_timeouts("", ALL(SHORT));
	each_lasting(0, 2100, expect_life);
	each_lasting(1, 2100, expect_life);
	LONGER;
	each_lasting(0, 2000, expect_life);
	each_lasting(0, 2100, expect_life);
	each_lasting(1, 2000, expect_life);
	each_lasting(1, 2100, expect_end);
}

static struct l4gate_timeouts *timeouts_map(void)
{
	struct l4gate_timeouts *timeouts =
		dataplane_map(node.dataplane, MAP_TIMEOUTS);

	assert_non_null(timeouts);
	return timeouts;
}

/* The class of a set's backends that is not the usual one for a state, or 0. */
static uint8_t class_of(int set, enum l4gate_flow_state state)
{
	const struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	struct l4gate_timeouts *timeouts = timeouts_map();
	struct inet_addr wanted;
	uint8_t class = 0;
	uint32_t i;

	assert_non_null(backends);
	assert_int_equal(inet_parse(backend_text[set][0], &wanted), 0);
	for (i = 0; i < 32; i++) {
		uint8_t number = backends[i].timeouts;

		if (backends[i].addr.w[0] == wanted.addr.w[0] &&
		    backends[i].state == L4GATE_BACKEND_ACTIVE &&
		    timeouts[number].state[state].quarter !=
		    timeouts[0].state[state].quarter)
			class = number;
	}
	dataplane_unmap(node.dataplane, MAP_BACKENDS, (void *)backends);
	dataplane_unmap(node.dataplane, MAP_TIMEOUTS, timeouts);
	return class;
}

/* Seconds that flows of a class in a state are kept whatever their time. */
static double kept_for(uint8_t class, enum l4gate_flow_state state)
{
	struct l4gate_timeouts *timeouts = timeouts_map();
	uint32_t now = dataplane_jiffies(node.dataplane) >>
		       dataplane_tick_shift(node.dataplane);
	int32_t ticks = timeouts[class].state[state].keep - now;

	dataplane_unmap(node.dataplane, MAP_TIMEOUTS, timeouts);
	return ticks * dataplane_tick_seconds(node.dataplane);
}

/* As if the time had passed in which flows are kept. */
static void end_keep(void)
{
	struct l4gate_timeouts *timeouts = timeouts_map();
	uint32_t i, j;

	for (i = 0; i < L4GATE_TIMEOUTS; i++)
		for (j = 0; j < L4GATE_FLOW_STATES; j++)
			timeouts[i].state[j].keep = 0;
	dataplane_unmap(node.dataplane, MAP_TIMEOUTS, timeouts);
}

/*
 * From one time of their own to another: kept for the longer one, and after that those
 * are over which have had no packet; by their new time those which have.
 */
static void test_keep(void **state)
{
	size_t i;

	(void)state;
	end_keep();
	publish_timeouts(ALL("1h"), "");
	each_lasting(0, 3000, begin);
	publish_timeouts(ALL(SHORT), "");
	for (i = 0; i < 2; i++) {
		uint8_t class = class_of(0, lasting[i]);

		assert_int_not_equal(class, 0);
		assert_true(kept_for(class, lasting[i]) > 3600 * 1.2);
		assert_true(kept_for(class, lasting[i]) < 3600 * 1.3);
	}
	LONGER;
	each_lasting(0, 3000, expect_life);
	end_keep();
	each_lasting(0, 3000, expect_life);
	LONGER;
	each_lasting(0, 3000, expect_end);
}

/* Leaves backends as a publish does that was killed behind its one write. */
static void forget_classes(void)
{
	struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	uint32_t i;

	assert_non_null(backends);
	for (i = 0; i < 32; i++)
		backends[i].timeouts = 0;
	dataplane_unmap(node.dataplane, MAP_BACKENDS, backends);
}

static void test_killed(void **state)
{
	uint8_t class;

	(void)state;
	publish_timeouts(ALL("2h"), ALL("3h"));
	class = class_of(1, L4GATE_FLOW_ESTABLISHED);
	assert_int_not_equal(class, 0);
	assert_int_not_equal(class_of(0, L4GATE_FLOW_ESTABLISHED), class);
	forget_classes();
	publish_timeouts(ALL("2h"), ALL("3h"));
	assert_int_equal(class_of(1, L4GATE_FLOW_ESTABLISHED), class);
}

/* The hash of the flow from a port to the first set's listener of TCP of a mode. */
static uint64_t hash_of(enum l4gate_mode mode, uint16_t port)
{
	struct inet_addr client, address;
	struct fail fail = { 0 };
	const struct l4gate_endpoint *endpoint;
	struct flows flows;
	char text[32];
	uint32_t id = 0;

	snprintf(text, sizeof(text), "10.0.1.%d", mode + 1);
	inet_parse(text, &address);
	inet_parse("10.0.0.2", &client);
	assert_int_equal(flows_open(node.dataplane, &flows, &fail), 0);
	endpoint = flows.endpoints + flows.half * L4GATE_MAX_ENDPOINTS;
	while (id < L4GATE_MAX_ENDPOINTS - 1 &&
	       (endpoint[id].protocol != IPPROTO_TCP ||
		endpoint[id].addr.w[0] != address.addr.w[0]))
		id++;
	flows_close(&flows);
	return hash_place(node.dataplane->meta.key[0], L4GATE_IPV4,
			  &client.addr, port_to_net(port), id);
}

/* An established flow's word, of some age in quarters of a class' time. */
static uint64_t word_of(uint8_t class, uint64_t tag, uint32_t age)
{
	const struct l4gate_backend *backends =
		dataplane_map(node.dataplane, MAP_BACKENDS);
	struct l4gate_timeouts *timeouts = timeouts_map();
	uint64_t quarter = timeouts[class].state[L4GATE_FLOW_ESTABLISHED].quarter;
	uint32_t now = dataplane_jiffies(node.dataplane), i = 0;

	assert_non_null(backends);
	while (i < 32 && (backends[i].state != L4GATE_BACKEND_ACTIVE ||
			  backends[i].timeouts != class))
		i++;
	assert_true(i < 32);
	dataplane_unmap(node.dataplane, MAP_BACKENDS, (void *)backends);
	dataplane_unmap(node.dataplane, MAP_TIMEOUTS, timeouts);
	return tag << L4GATE_PAYLOAD_BITS | (class ? L4GATE_FLOW_TIMED : 0) |
	       i << L4GATE_WORD_BACKEND_SHIFT |
	       L4GATE_FLOW_ESTABLISHED << L4GATE_WORD_STATE_SHIFT |
	       (((now * quarter >> 32) - age) & L4GATE_WORD_CLOCK);
}

/*
 * Fills both lines of a flow of transparent mode with established flows, one of them of
 * an age in its own class; whether that is still there when the flow has come, wherever.
 */
static bool survives(enum l4gate_hook hook, uint16_t port, uint8_t class,
		     uint32_t age)
{
	uint64_t hash = hash_of(L4GATE_MODE_TRANSPARENT, port), odd = 0;
	uint32_t rows = dataplane_rows(node.dataplane).words;
	uint32_t row = row_first(hash, rows), i, j;
	struct flow_of flow = { .hook = hook, .port = port,
				.mode = L4GATE_MODE_TRANSPARENT };
	struct l4gate_line *lines = dataplane_map(node.dataplane, MAP_WORDS);
	struct frame out;
	bool found = false;
	__u64 *word;

	assert_non_null(lines);
	for (i = 0; i < 2; i++) {
		word = lines[line_number(row, hash)].word;
		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			/* By their upper bits their other lines are many. */
			word[j] = word_of(0, (8 * i + j + 1) * 0x3ffffffffULL,
					  0);
		if (i)
			word[3] = odd = word_of(class, 77, age);
		row = row_other(row, hash, rows);
	}
	flow.state = L4GATE_FLOW_HALF_OPEN;
	assert_false(send_client(&flow, SYN, &out));
	if (!lives(&flow))
		fail_flow(&flow, "has found no room");
	for (i = 0; i < rows * L4GATE_SHARDS; i++)
		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			if (lines[i].word[j] == odd) {
				found = true;
				lines[i].word[j] = 0;
			}
	dataplane_unmap(node.dataplane, MAP_WORDS, lines);
	return found;
}

/* In full lines each flow is judged by its own time. */
static void test_full_lines(void **state)
{
	enum l4gate_hook hook;
	uint8_t own;

	(void)state;
	publish_timeouts("", ALL("8h"));
	end_keep();
	own = class_of(1, L4GATE_FLOW_ESTABLISHED);
	assert_int_not_equal(own, 0);
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		assert_true(survives(hook, 4000, own, 0));
		assert_true(survives(hook, 4001, own, 4));
		assert_false(survives(hook, 4002, own, 5));
		assert_false(survives(hook, 4003, own, 7));
		assert_true(survives(hook, 4004, 0, 4));
		assert_false(survives(hook, 4005, 0, 5));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_full_lines),
	};
	int failed;

	node_enter();
	node_shell("for n in 10.0.0.21 2001:db8::21; do "
		   "ip neigh add $n lladdr 02:00:00:00:00:21 dev d0; done");
	node_attach(0);
	failed = capture_run_tests("timeouts", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
