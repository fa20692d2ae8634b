// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Session affinity: where the flows of a client go, before and after changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "dataplane/state.h"
#include "model/model.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BACKENDS 3
#define CLIENTS 5000

static const char *const mode_names[L4GATE_MODES] = {
	"nat", "transparent", "dsr-l2", "dsr-ipip",
};

/* A config: backends by weight. */
struct config {
	enum l4gate_mode mode;
	int weights[BACKENDS];	/* 0: no new flows; -1: it is gone */
	const char *policy;	/* NULL: none */
	bool draining;		/* the first is being terminated */
};

static void print_backend(FILE *file, const struct config *config, int i)
{
	static const char *const types[] = { "IPv4", "IPv6" };
	int family;

	fprintf(file, "---\napiVersion: v1\nkind: Service\n"
		"metadata: {name: s%d}\nspec:\n"
		"  ports: [{name: t, port: 80, protocol: TCP}, "
		"{name: u, port: 80, protocol: UDP}]\n", i);
	for (family = 0; family < 2; family++)
		fprintf(file, "---\napiVersion: discovery.k8s.io/v1\n"
			"kind: EndpointSlice\nmetadata: {name: s%d-%d, "
			"labels: {kubernetes.io/service-name: s%d}}\n"
			"addressType: %s\nendpoints: [{addresses: ['%s%d']%s}]\n"
			"ports: [{name: t, port: 8080, protocol: TCP}, "
			"{name: u, port: 8080, protocol: UDP}]\n", i, family, i,
			types[family], family ? "2001:db8::2" : "10.0.0.2", i,
			i || !config->draining ? "" :
			", conditions: {ready: false, serving: false, terminating: true}");
}

static void print_route(FILE *file, const struct config *config,
			const char *kind, const char *section)
{
	int i;

	fprintf(file, "---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: %s\nmetadata: {name: r}\nspec:\n"
		"  parentRefs: [{name: g, sectionName: %s}]\n"
		"  rules:\n  - backendRefs:\n", kind, section);
	for (i = 0; i < BACKENDS; i++)
		if (config->weights[i] >= 0)
			fprintf(file, "    - {name: s%d, port: 80, weight: %d}\n",
				i, config->weights[i]);
}

static void publish(const struct config *config)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int i;

	if (!file)
		abort();
	fprintf(file, "apiVersion: l4gate.dev/v1alpha1\n"
		"kind: GatewayParameters\nmetadata: {name: p}\n"
		"spec: {mode: %s, seed: 00112233445566778899aabbccddeeff}\n"
		"---\napiVersion: gateway.networking.k8s.io/v1\n"
		"kind: Gateway\nmetadata: {name: g}\nspec:\n"
		"  gatewayClassName: l\n"
		"  addresses: [{value: 10.0.0.9}, {value: '2001:db8::9'}]\n"
		"  infrastructure: {parametersRef: {group: l4gate.dev, "
		"kind: GatewayParameters, name: p}}\n  listeners:\n"
		"  - {name: t, port: 80, protocol: TCP}\n"
		"  - {name: u, port: 80, protocol: UDP}\n",
		mode_names[config->mode]);
	print_route(file, config, "TCPRoute", "t");
	print_route(file, config, "UDPRoute", "u");
	for (i = 0; i < BACKENDS; i++)
		print_backend(file, config, i);
	if (config->policy)
		fprintf(file, "---\napiVersion: l4gate.dev/v1alpha1\n"
			"kind: RoutePolicy\nmetadata: {name: p}\nspec:\n"
			"  targetRefs:\n"
			"  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: r}\n"
			"  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: r}\n"
			"  sessionAffinity: %s\n", config->policy);
	fclose(file);
	node_publish(text);
	free(text);
}

#define STICKY "{type: ClientIP, timeout: 100s}"

/* New flows that each backend has got so far. */
struct counts {
	uint64_t flows[BACKENDS];
};

static struct counts count_flows(void)
{
	struct counts counts = { 0 };
	struct state state;
	struct fail fail = { 0 };
	size_t i;

	assert_int_equal(state_read(node.dataplane, &state, &fail), 0);
	for (i = 0; i < state.backend_count; i++) {
		const struct state_backend *backend = &state.backends[i];
		const uint8_t *bytes = (const uint8_t *)&backend->addr;
		struct l4gate_stats stats = stats_read(
			node.dataplane, MAP_BACKEND_STATS, backend->id);

		/* The last digit of its address, see print_backend(). */
		counts.flows[bytes[backend->family == L4GATE_IPV4 ? 3 : 15] %
			     (backend->family == L4GATE_IPV4 ? 10 : 16)] +=
			stats.flows;
	}
	state_free(&state);
	return counts;
}

/* Which client, and by which of its ports. */
struct client {
	enum l4gate_hook hook;
	bool v6, udp;
	unsigned int number;
};

static void client_name(const struct client *client, char *text, size_t size)
{
	if (client->v6)
		snprintf(text, size, "2001:db8:c::%x", client->number + 1);
	else
		snprintf(text, size, "10.128.%u.%u", client->number >> 8,
			 client->number & 255);
}

static void open_flow(const struct client *client)
{
	static uint16_t port = 1024;
	char src[64];
	struct shape shape = {
		.v6 = client->v6, .udp = client->udp, .src = src,
		.dst = client->v6 ? "2001:db8::9" : "10.0.0.9",
		.sport = port = port < 60000 ? port + 1 : 1024, .dport = 80,
		.tcp_flags = client->udp ? 0 : SYN,
	};
	struct frame in, out;

	client_name(client, src, sizeof(src));
	frame_build(&in, &shape);
	node_run(client->hook, &in, &out);
}

/* The backend that one more flow of a client goes to. */
static int where(const struct client *client)
{
	struct counts before = count_flows(), after;
	int i, found = -1;

	open_flow(client);
	after = count_flows();
	for (i = 0; i < BACKENDS; i++) {
		if (after.flows[i] == before.flows[i])
			continue;
		assert_int_equal(found, -1);
		assert_int_equal(after.flows[i], before.flows[i] + 1);
		found = i;
	}
	return found;
}

/* A client of each kind, on each hook, in each mode. */
static void for_each(void (*check)(enum l4gate_mode mode,
				   const struct client *client))
{
	struct client client = { 0 };
	enum l4gate_mode mode;
	int kind;

	for (client.hook = node.first_hook;
	     client.hook <= L4GATE_HOOK_TC_INGRESS; client.hook++)
		for (mode = 0; mode < L4GATE_MODES; mode++)
			for (kind = 0; kind < 4; kind++) {
				client.v6 = kind & 1;
				client.udp = kind & 2;
				client.number++;
				check(mode, &client);
			}
}

/* All flows of a client go to one backend, which a change of weights leaves alone. */
static void check_change(enum l4gate_mode mode, const struct client *client)
{
	struct config config = { .mode = mode, .weights = { 1, 1, 1 },
				 .policy = STICKY };
	struct client other = *client;
	int first, i, moved = 0;

	publish(&config);
	first = where(client);
	assert_in_range(first, 0, BACKENDS - 1);
	for (i = 0; i < 10; i++)
		assert_int_equal(where(client), first);
	for (i = 0; i < BACKENDS; i++)
		config.weights[i] = i == first ? 1 : 1000;
	publish(&config);
	for (i = 0; i < 5; i++)
		assert_int_equal(where(client), first);
	/* Others, who are not known, follow the new weights. */
	for (i = 0; i < 8; i++) {
		other.number = client->number + 1000 + i;
		moved += where(&other) != first;
	}
	assert_in_range(moved, 6, 8);
	/* Who has lost its backend gets another, and stays there. */
	config.weights[first] = -1;
	publish(&config);
	i = where(client);
	assert_int_not_equal(i, first);
	assert_int_equal(where(client), i);
}

static void test_change(void **state)
{
	(void)state;
	for_each(check_change);
}

/* A backend of weight 0, or that terminates, gets no more flows of its clients. */
static void check_draining(enum l4gate_mode mode, const struct client *client)
{
	struct config config = { .mode = mode, .weights = { 1, 0, 0 },
				 .policy = STICKY };

	publish(&config);
	assert_int_equal(where(client), 0);
	config.weights[1] = 10000;
	publish(&config);
	assert_int_equal(where(client), 0);
	/* Its share is rejected now, one in 10,001. */
	config.draining = true;
	publish(&config);
	assert_int_equal(where(client), 1);
	config.weights[1] = 0;
	config.weights[2] = 10000;
	publish(&config);
	assert_int_equal(where(client), 2);
}

static void test_draining(void **state)
{
	(void)state;
	for_each(check_draining);
}

/* Without the policy a client's flows go everywhere. */
static void check_without(enum l4gate_mode mode, const struct client *client)
{
	struct config config = { .mode = mode, .weights = { 1, 1, 1 } };
	int i, seen = 0;

	publish(&config);
	for (i = 0; i < 40; i++)
		seen |= 1 << where(client);
	assert_int_equal(seen, 7);
}

static void test_without(void **state)
{
	(void)state;
	for_each(check_without);
}

/* As if all clients had come some seconds earlier. */
static void age_clients(uint32_t seconds)
{
	uint64_t ticks = seconds / dataplane_tick_seconds(node.dataplane);
	uint32_t i, j;

	struct l4gate_line *lines = dataplane_map(node.dataplane, MAP_AFFINITY);

	assert_non_null(lines);
	for (i = 0; i < L4GATE_AFFINITY_LINES; i++)
		for (j = 0; j < L4GATE_LINE_WORDS; j++) {
			__u64 *word = &lines[i].word[j];

			if (*word)
				*word = (*word & ~(__u64)L4GATE_AFFINITY_TICKS) |
					((*word - ticks) & L4GATE_AFFINITY_TICKS);
		}
	dataplane_unmap(node.dataplane, MAP_AFFINITY, lines);
}

static void check_timeout(enum l4gate_mode mode, const struct client *client)
{
	struct config config = { .mode = mode, .weights = { 1, 0, 0 },
				 .policy = STICKY };

	publish(&config);
	assert_int_equal(where(client), 0);
	config.weights[1] = 10000;
	publish(&config);
	age_clients(90);
	assert_int_equal(where(client), 0);
	/* That was a new flow: the time begins anew. */
	age_clients(90);
	assert_int_equal(where(client), 0);
	age_clients(110);
	assert_int_equal(where(client), 1);
}

static void test_timeout(void **state)
{
	(void)state;
	for_each(check_timeout);
}

/*
 * Of many clients the weights hold, as well as they can: each is a draw of its own,
 * so five standard deviations are too many.
 */
static void test_shares(void **state)
{
	static const int weights[BACKENDS] = { 1, 3, 6 };
	struct config config = { .weights = { 1, 3, 6 }, .policy = STICKY };
	struct client client = { 0 };
	int i;

	(void)state;
	publish(&config);
	for (client.hook = node.first_hook;
	     client.hook <= L4GATE_HOOK_TC_INGRESS; client.hook++) {
		struct counts before = count_flows(), after;

		for (client.number = 10000; client.number < 10000 + CLIENTS;
		     client.number++) {
			client.v6 = client.number & 1;
			open_flow(&client);
		}
		after = count_flows();
		for (i = 0; i < BACKENDS; i++) {
			double share = weights[i] / 10.0;
			double error = (double)(after.flows[i] -
						before.flows[i]) -
				       CLIENTS * share;

			if (error * error > 25 * CLIENTS * share * (1 - share))
				fail_msg("backend %d is %.0f clients off of %.0f",
					 i, error, CLIENTS * share);
		}
	}
}

/* The same clients, one by one: a node that has forgotten them agrees. */
static void test_nodes_agree(void **state)
{
	struct config config = { .weights = { 2, 3, 4 }, .policy = STICKY };
	struct client client = { .hook = node.first_hook };
	struct l4gate_line *lines;

	(void)state;
	publish(&config);
	for (client.number = 0; client.number < 50; client.number++) {
		int first = where(&client);

		lines = dataplane_map(node.dataplane, MAP_AFFINITY);
		assert_non_null(lines);
		memset(lines, 0, L4GATE_AFFINITY_LINES * sizeof(*lines));
		dataplane_unmap(node.dataplane, MAP_AFFINITY, lines);
		assert_int_equal(where(&client), first);
	}
}

/* A place that another client wants is lost; the slot table says the same again. */
static void test_full(void **state)
{
	struct config config = { .weights = { 1, 1, 1 }, .policy = STICKY };
	struct client client = { .hook = node.first_hook };
	struct l4gate_line *lines;
	int first, i, j;

	(void)state;
	publish(&config);
	first = where(&client);
	lines = dataplane_map(node.dataplane, MAP_AFFINITY);
	assert_non_null(lines);
	for (i = 0; i < L4GATE_AFFINITY_LINES; i++)
		for (j = 0; j < L4GATE_LINE_WORDS; j++)
			lines[i].word[j] = ~0ULL << L4GATE_AFFINITY_TAG_SHIFT |
					   1 << L4GATE_AFFINITY_BACKEND_SHIFT;
	dataplane_unmap(node.dataplane, MAP_AFFINITY, lines);
	assert_int_equal(where(&client), first);
	for (i = 0; i < BACKENDS; i++)
		config.weights[i] = i == first ? 1 : 1000;
	publish(&config);
	assert_int_equal(where(&client), first);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_draining),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_nodes_agree),
		cmocka_unit_test(test_full),
	};
	int failed;

	node_enter();
	node_shell("ip route add 10.128.0.0/9 via 10.0.0.2 && "
		   "ip -6 route add 2001:db8:c::/64 via 2001:db8::2 && "
		   "for i in 1 2; do "
		   "ip neigh add 10.0.0.2$i lladdr 02:00:00:00:00:2$i dev d0; "
		   "ip neigh add 2001:db8::2$i lladdr 02:00:00:00:00:2$i dev d0; "
		   "done");
	node_attach(0);
	failed = capture_run_tests("affinity", tests,
				   sizeof(tests) / sizeof(*tests));
	node_detach();
	return failed != 0;
}
