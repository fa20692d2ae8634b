// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Limits of half-open flows (bpf/half_open.h): how they are counted, and which are
 * surplus. With the smallest tables a listener may have 1,024, all of them 8,192.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture.h"
#include "l4gate/half_open.h"
#include "modes.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LISTENER_MOST L4GATE_LISTENER_HALF_OPEN_MAX(L4GATE_MIN_FLOWS)
#define NODE_MOST L4GATE_FLOW_HALF_OPEN_MAX(L4GATE_MIN_FLOWS)

/* Where flows begin, and by which hook. */
struct place {
	enum l4gate_mode mode;
	enum l4gate_hook hook;
	enum port port;
	bool udp;
	bool v6;
};

/* Clients of 10.64.0.0/10: no two flows are from one. */
static uint32_t next_client;

static struct l4gate_half_open *half_open;	/* mapped */
static struct l4gate_endpoint *endpoints;

static const char *listener_address(const struct place *place)
{
	return place->v6 ? modes[place->mode].six : modes[place->mode].four;
}

/* Its id, in the half that packets see, whose first endpoint is *ret_first. */
static uint32_t endpoint_of(const struct place *place, uint32_t *ret_first)
{
	struct l4gate_control control;
	struct l4gate_addr addr = { 0 };
	uint32_t key = 0, first, i;

	assert_false(bpf_map_lookup_elem(node.dataplane->maps[MAP_CONTROL],
					 &key, &control));
	inet_pton(place->v6 ? AF_INET6 : AF_INET, listener_address(place),
		  &addr);
	first = control.generation % 2 * L4GATE_MAX_ENDPOINTS;
	*ret_first = first;
	for (i = first; i < first + L4GATE_MAX_ENDPOINTS; i++)
		if (endpoints[i].port == htons(place->port) &&
		    endpoints[i].protocol ==
		    (place->udp ? IPPROTO_UDP : IPPROTO_TCP) &&
		    !memcmp(&endpoints[i].addr, &addr, sizeof(addr)))
			return i - first;
	fail_msg("%s has no listener at %u", modes[place->mode].name,
		 place->port);
	return 0;
}

/* The number of its listener. */
static uint32_t listener_of(const struct place *place)
{
	uint32_t first, id = endpoint_of(place, &first);

	return endpoints[first + id].listener;
}

/* As if no time had passed since the last one was counted. */
static int counted(uint32_t key)
{
	return half_open_count(&half_open[key], half_open[key].quarter);
}

static int half_open_of(const struct place *place)
{
	return counted(L4GATE_HALF_OPEN_NODES + listener_of(place));
}

static uint64_t surplus_of(const struct place *place)
{
	uint64_t values[64] = { 0 }, sum = 0;
	uint32_t key = listener_of(place), i;

	assert_true(libbpf_num_possible_cpus() <= 64);
	assert_false(bpf_map_lookup_elem(node.dataplane->maps[MAP_SURPLUS],
					 &key, values));
	for (i = 0; i < 64; i++)
		sum += values[i];
	return sum;
}

static void print_client(const struct place *place, uint32_t client,
			 char *text, size_t size)
{
	if (place->v6)
		snprintf(text, size, "2001:db8:a::%x", client);
	else
		snprintf(text, size, "10.%u.%u.%u", 64 + (client >> 16),
			 client >> 8 & 255, client & 255);
}

/* One packet of a client, numbered; out is what was sent on. */
static void client_send(const struct place *place, uint32_t client,
			uint8_t flags, struct frame *out)
{
	char src[INET6_ADDRSTRLEN];
	const struct shape shape = {
		.v6 = place->v6, .udp = place->udp, .src = src,
		.dst = listener_address(place), .sport = 4000,
		.dport = place->port, .tcp_flags = place->udp ? 0 : flags,
	};
	uint64_t before = stats_reason(node.dataplane, place->hook,
				       L4GATE_TO_BACKEND).packets;
	struct frame in;

	print_client(place, client, src, sizeof(src));
	frame_build(&in, &shape);
	node_run(place->hook, &in, out);
	if (stats_reason(node.dataplane, place->hook,
			 L4GATE_TO_BACKEND).packets != before + 1)
		fail_msg("hook %d, %s, client %u: not sent on", place->hook,
			 modes[place->mode].name, client);
}

/* Begins so many flows; the client of the first. */
static uint32_t begin(const struct place *place, int count)
{
	uint32_t first = next_client;
	struct frame out;

	while (count--)
		client_send(place, next_client++, SYN, &out);
	return first;
}

/* The backend's answer to a client, whose first packet went out as sent. */
static void answer(const struct place *place, uint32_t client, uint8_t flags,
		   const struct frame *sent)
{
	char dst[INET6_ADDRSTRLEN];
	const struct shape shape = {
		.v6 = place->v6, .udp = place->udp,
		.src = place->v6 ? backends[place->port].six :
				   backends[place->port].four,
		.dst = dst, .sport = 8080, .dport = frame_sport(sent),
		.tcp_flags = place->udp ? 0 : flags,
	};
	uint64_t before = stats_reason(node.dataplane, place->hook,
				       L4GATE_TO_CLIENT).packets;
	struct frame in, out;

	if (place->mode == L4GATE_MODE_NAT)
		snprintf(dst, sizeof(dst), "%s",
			 place->v6 ? "2001:db8::1" : "10.0.0.1");
	else
		print_client(place, client, dst, sizeof(dst));
	frame_build(&in, &shape);
	node_run(place->hook, &in, &out);
	assert_int_equal(stats_reason(node.dataplane, place->hook,
				      L4GATE_TO_CLIENT).packets, before + 1);
}

static void expect_established(const struct place *place, uint32_t client)
{
	struct inet_addr addr = {
		.family = place->v6 ? L4GATE_IPV6 : L4GATE_IPV4,
	};
	uint32_t first, id = endpoint_of(place, &first);
	struct known_flow flow = { 0 };
	char text[INET6_ADDRSTRLEN];
	struct fail fail = { 0 };
	struct flows flows;

	print_client(place, client, text, sizeof(text));
	inet_pton(place->v6 ? AF_INET6 : AF_INET, text, &addr.addr);
	assert_false(flows_open(node.dataplane, &flows, &fail));
	assert_true(flow_find(&flows, &addr, 4000, id, place->mode, &flow));
	flows_close(&flows);
	assert_int_equal(flow.state, place->udp ? L4GATE_FLOW_REPLIED :
						  L4GATE_FLOW_ESTABLISHED);
}

/* A flow that has begun gets further; one of TCP by its handshake. */
static void complete(const struct place *place, uint32_t client)
{
	struct frame sent, out;

	client_send(place, client, SYN, &sent);
	answer(place, client, SYN | ACK, &sent);
	if (!place->udp)
		client_send(place, client, ACK, &out);
	expect_established(place, client);
}

/* As if so many quarters had passed for all that is counted. */
static void pass_quarters(int quarters)
{
	uint32_t count = L4GATE_HALF_OPEN_NODES + node.dataplane->sizes.listeners;
	struct l4gate_half_open was;
	uint32_t key, i;

	for (key = 0; key < count; key++) {
		was = half_open[key];
		half_open[key].quarter = was.quarter - quarters;
		for (i = 0; i < L4GATE_HALF_OPEN_QUARTERS; i++)
			half_open[key].at[(i - quarters) %
					  L4GATE_HALF_OPEN_QUARTERS] = was.at[i];
	}
}

static void forget_all(void)
{
	memset(half_open, 0,
	       (L4GATE_HALF_OPEN_NODES + node.dataplane->sizes.listeners) *
	       sizeof(*half_open));
}

/* Up to the limit flows are counted, beyond it they are surplus. */
static void expect_limit(const struct place *place)
{
	uint64_t surplus = surplus_of(place);
	uint32_t first;
	int i;

	forget_all();
	first = begin(place, LISTENER_MOST);
	assert_int_equal(half_open_of(place), LISTENER_MOST);
	assert_int_equal(counted(place->udp), LISTENER_MOST);
	assert_int_equal(surplus_of(place), surplus);
	begin(place, 50);
	assert_int_equal(half_open_of(place), LISTENER_MOST);
	assert_int_equal(surplus_of(place), surplus + 50);
	if (place->mode >= L4GATE_MODE_DSR_L2)
		return;
	/* Who gets further makes room for others. */
	for (i = 0; i < 20; i++)
		complete(place, first + i);
	assert_int_equal(half_open_of(place), LISTENER_MOST - 20);
	assert_int_equal(counted(place->udp), LISTENER_MOST - 20);
	begin(place, 21);
	assert_int_equal(half_open_of(place), LISTENER_MOST);
	assert_int_equal(surplus_of(place), surplus + 51);
	/* And a surplus flow, whose end nobody counts, goes on as others. */
	for (i = 0; i < 50; i++)
		complete(place, first + LISTENER_MOST + i);
	assert_int_equal(half_open_of(place), LISTENER_MOST);
}

static void test_limit(void **state)
{
	struct place place = { .port = GOOD };
	int bits;

	(void)state;
	for (place.mode = 0; place.mode < L4GATE_MODES; place.mode++)
		for (bits = 0; bits < 8; bits++) {
			place.hook = bits & 1 ? L4GATE_HOOK_TC_INGRESS :
						node.first_hook;
			place.udp = bits & 2;
			place.v6 = bits & 4;
			expect_limit(&place);
		}
}

/* What is sent again, and what a backend refuses. */
static void test_turns(void **state)
{
	struct place place = { .port = GOOD, .hook = node.first_hook };
	struct frame out;
	uint32_t first;

	(void)state;
	for (place.mode = 0; place.mode < L4GATE_MODE_DSR_L2; place.mode++) {
		forget_all();
		first = begin(&place, 3);
		client_send(&place, first, SYN, &out);
		client_send(&place, first, SYN, &out);
		assert_int_equal(half_open_of(&place), 3);
		complete(&place, first);
		assert_int_equal(half_open_of(&place), 2);
		client_send(&place, first, ACK, &out);
		client_send(&place, first, FIN | ACK, &out);
		client_send(&place, first, RST, &out);
		assert_int_equal(half_open_of(&place), 2);
	}
}

/* A flow is counted for four quarters of its timeout. */
static void test_window(void **state)
{
	struct place place = { .port = GOOD, .hook = node.first_hook };
	uint64_t surplus;

	(void)state;
	for (place.mode = 0; place.mode <= L4GATE_MODE_DSR_L2; place.mode++) {
		forget_all();
		begin(&place, LISTENER_MOST);
		surplus = surplus_of(&place);
		/* Not five: a quarter may be over in the middle of this. */
		pass_quarters(3);
		begin(&place, 1);
		assert_int_equal(surplus_of(&place), surplus + 1);
		pass_quarters(2);
		begin(&place, 1);
		assert_int_equal(surplus_of(&place), surplus + 1);
		/* Nor when it comes around. */
		pass_quarters(3);
		begin(&place, LISTENER_MOST - 1);
		assert_int_equal(surplus_of(&place), surplus + 1);
	}
}

/* As if other listeners had so many more. */
static void begin_elsewhere(int count)
{
	half_open[L4GATE_HALF_OPEN_TCP].total += count;
}

/* All together have a limit; a listener that has few goes on beyond it. */
static void test_node(void **state)
{
	const int few = LISTENER_MOST / 16;
	struct place place = { .port = GOOD, .hook = node.first_hook };
	struct place last = { .port = ROUTED, .hook = node.first_hook };
	uint64_t surplus;

	(void)state;
	forget_all();
	for (place.mode = 0; place.mode < L4GATE_MODES; place.mode++)
		begin(&place, LISTENER_MOST);
	assert_int_equal(counted(L4GATE_HALF_OPEN_TCP), 4 * LISTENER_MOST);
	begin_elsewhere(NODE_MOST - 4 * LISTENER_MOST - few - 1);
	surplus = surplus_of(&last);
	begin(&last, few + 1);
	assert_int_equal(half_open_of(&last), few + 1);
	begin(&last, 10);
	assert_int_equal(half_open_of(&last), few + 1);
	assert_int_equal(surplus_of(&last), surplus + 10);
	last.mode = L4GATE_MODE_TRANSPARENT;
	begin(&last, few + 10);
	assert_int_equal(half_open_of(&last), few);
	/* UDP has a limit of its own. */
	last.udp = true;
	begin(&last, few + 10);
	assert_int_equal(half_open_of(&last), few + 10);
}

/* As if its listener had as many as it may. */
static void fill_limit(const struct place *place)
{
	forget_all();
	begin(place, 1);
	half_open[L4GATE_HALF_OPEN_NODES + listener_of(place)].total +=
		LISTENER_MOST - 1;
}

/* Begins so many flows that are not surplus, whatever the limit. */
static uint32_t begin_counted(const struct place *place, int count)
{
	uint64_t surplus = surplus_of(place);
	uint32_t first = next_client;
	int part;

	for (; count > 0; count -= part) {
		part = count < LISTENER_MOST ? count : LISTENER_MOST;
		forget_all();
		begin(place, part);
	}
	assert_int_equal(surplus_of(place), surplus);
	return first;
}

/* How many of some clients' flows of nat there are. */
static int count_flows(const struct place *place, uint32_t client, int count)
{
	uint32_t first, id = endpoint_of(place, &first);
	struct inet_addr addr = { .family = L4GATE_IPV4 };
	struct known_flow flow;
	struct fail fail = { 0 };
	struct flows flows;
	int found = 0;

	assert_false(flows_open(node.dataplane, &flows, &fail));
	for (; count--; client++) {
		addr.addr.w[0] = htonl((10 << 24) + (64 << 16) + client);
		found += flow_find(&flows, &addr, 4000, id, place->mode, &flow);
	}
	flows_close(&flows);
	return found;
}

/*
 * All NAT ports of a backend are those of half-open flows that are counted: a surplus
 * one takes the place of such, and is not refused. Those at another backend stay,
 * which have records where these ports could be.
 */
static void test_ports(void **state)
{
	struct place place = { .port = GOOD, .hook = node.first_hook };
	struct place other = { .port = ROUTED, .hook = node.first_hook };
	const int others = 8000;
	uint64_t surplus;
	uint32_t first;
	int left;

	(void)state;
	first = begin_counted(&other, others);
	begin_counted(&place, 40000);
	/* Begins one that is no surplus, and may take any of these. */
	fill_limit(&place);
	left = count_flows(&other, first, others);
	assert_true(left > others / 2);
	surplus = surplus_of(&place);
	begin(&place, 500);
	assert_int_equal(surplus_of(&place), surplus + 500);
	assert_int_equal(count_flows(&other, first, others), left);
}

/*
 * Fills the table of words with that of a flow which its backend has refused, or whose
 * client has sent a RST, or somebody in its name.
 */
static void fill_closed(const struct place *place, bool by_client,
			uint64_t *words, uint32_t count)
{
	const uint64_t mask = (UINT64_C(1) << L4GATE_PAYLOAD_BITS) - 1;
	struct frame sent, out;
	uint64_t payload = 0;
	uint32_t i;

	memset(words, 0, count * sizeof(*words));
	client_send(place, next_client, SYN, &sent);
	if (by_client) {
		client_send(place, next_client, ACK, &out);
		client_send(place, next_client++, RST, &out);
	} else {
		answer(place, next_client++, RST | ACK, &sent);
	}
	for (i = 0; i < count; i++)
		payload |= words[i] & mask;
	assert_int_equal(payload >> L4GATE_WORD_STATE_SHIFT &
			 L4GATE_RECORD_STATE,
			 by_client ? L4GATE_FLOW_RESET : L4GATE_FLOW_CLOSING);
	for (i = 0; i < count; i++)
		words[i] = (uint64_t)(i + 1) << L4GATE_PAYLOAD_BITS | payload;
}

/* A surplus flow takes the place of a closed one, and is not refused. */
static void expect_room(bool by_client)
{
	struct place place = {
		.mode = L4GATE_MODE_TRANSPARENT, .port = GOOD,
		.hook = node.first_hook,
	};
	uint64_t *words = dataplane_map(node.dataplane, MAP_WORDS);
	uint64_t surplus;

	assert_non_null(words);
	fill_closed(&place, by_client, words, dataplane_rows(node.dataplane).words *
		    L4GATE_SHARDS * L4GATE_LINE_WORDS);
	dataplane_unmap(node.dataplane, MAP_WORDS, words);
	fill_limit(&place);
	surplus = surplus_of(&place);
	begin(&place, 500);
	assert_int_equal(surplus_of(&place), surplus + 500);
}

static void test_closed(void **state)
{
	(void)state;
	expect_room(false);
	expect_room(true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_closed),
	};
	int failed;

	node_enter();
	node_shell("ip route add 10.64.0.0/10 via 10.0.0.2 && "
		   "ip -6 route add 2001:db8:a::/64 via 2001:db8::2");
	node_attach(L4GATE_MIN_FLOWS);
	modes_routes();
	modes_publish("");
	half_open = dataplane_map(node.dataplane, MAP_HALF_OPEN);
	endpoints = dataplane_map(node.dataplane, MAP_ENDPOINTS);
	if (!half_open || !endpoints)
		return 1;
	failed = capture_run_tests("half_open", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
