// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Two CPUs that open the same flows at the same time, in a table that is too
 * small for them: afterwards each flow is there once, and each word of the index
 * leads to the record that leads back to it. And in one with room for all: each is
 * counted once. And at a route with a limit: there are never more than that.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/flow_tables.h"
#include "l4gate/hash.h"
#include "node.h"
#include "packet.h"
#include "stats/stats.h"

/* Last: its macro fail() would hide a function of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CPUS 2
/* Of UDP, which may be evicted for each other: 1.3 times as many as records. */
#define FLOWS (L4GATE_MIN_FLOWS / 4 * 7)
/* So few that none of them is evicted. */
#define FEW (L4GATE_MIN_FLOWS / 4)
/* The second CPU is that much ahead, and behind in the next round. */
#define LEAD 3

static const char manifest[] =
	"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
	"metadata: {name: g}\nspec:\n  gatewayClassName: l\n"
	"  addresses: [{value: 10.0.0.9}]\n"
	"  listeners: [{name: u, port: 80, protocol: UDP}]\n"
	"  infrastructure: {parametersRef: {group: l4gate.dev, "
	"kind: GatewayParameters, name: p}}\n"
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"
	"metadata: {name: p}\nspec: {mode: %s}\n"
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
	"metadata: {name: r}\nspec:\n  parentRefs: [{name: g}]\n"
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
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

static void send_first(uint32_t i)
{
	struct shape shape = { .udp = true, .dst = "10.0.0.9", .dport = 80 };
	char src[INET_ADDRSTRLEN];
	struct frame in, out;

	snprintf(src, sizeof(src), "10.1.%u.%u", i / 16 >> 8 & 255,
		 i / 16 & 255);
	shape.src = src;
	shape.sport = 1024 + i % 16;
	frame_build(&in, &shape);
	node_run(node.first_hook, &in, &out);
}

static pthread_barrier_t start;
static uint32_t sent, lead;
/* In what order; 0: one after the other. */
static uint32_t order;

static void *run_cpu(void *argument)
{
	uint32_t cpu = (uintptr_t)argument, i;
	unsigned int seed = order + cpu;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(set),
						&set), 0);
	pthread_barrier_wait(&start);
	for (i = 0; i < sent; i++)
		send_first((order ? (uint32_t)rand_r(&seed) :
			    i + cpu * lead) % sent);
	return NULL;
}

/* All CPUs send the first packets of as many flows. */
static void run_cpus(uint32_t flows, uint32_t by)
{
	pthread_t threads[CPUS];
	uintptr_t i;

	sent = flows;
	lead = by;
	pthread_barrier_init(&start, NULL, CPUS);
	for (i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_cpu,
						(void *)i), 0);
	for (i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

static void open_mode(const char *mode, const char *more, struct flows *flows)
{
	char text[2 * sizeof(manifest)];
	size_t size;
	struct fail fail = { 0 };

	node_attach(L4GATE_MIN_FLOWS);
	size = snprintf(text, sizeof(text), manifest, mode);
	snprintf(text + size, sizeof(text) - size, "%s", more);
	node_publish(text);
	assert_int_equal(flows_open(node.dataplane, flows, &fail), 0);
}

/* Words with the tag of a hash, in both of its lines. */
static uint32_t words_of(const struct flows *flows, uint64_t hash,
			 uint64_t *ret_word)
{
	uint32_t row = row_first(hash, flows->rows.words), count = 0, i, j;
	uint32_t other = row_other(row, hash, flows->rows.words);
	uint32_t lines = other == row ? 1 : 2;

	for (i = 0; i < lines; i++, row = other)
		for (j = 0; j < L4GATE_LINE_WORDS; j++) {
			uint64_t word = flows->words[line_number(row, hash)]
						.word[j];

			if (!word || (word ^ hash) >> L4GATE_PAYLOAD_BITS)
				continue;
			*ret_word = word;
			count++;
		}
	return count;
}

/* Entries of a hash, in both of its lines. */
static uint32_t entries_of(const struct flows *flows, uint64_t hash,
			   uint64_t *ret_value)
{
	uint32_t row = row_first(hash, flows->rows.entries), count = 0, i, j;
	uint32_t other = row_other(row, hash, flows->rows.entries);
	uint32_t lines = other == row ? 1 : 2;

	for (i = 0; i < lines; i++, row = other) {
		const struct l4gate_line *line =
			&flows->entries[line_number(row, hash)];

		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			if (line->word[j] == hash) {
				*ret_value = line->word[L4GATE_LINE_ENTRIES + j];
				count++;
			}
	}
	return count;
}

static void test_nat(void **state)
{
	uint32_t entries = 0, live = 0, i, j;
	struct flows flows;
	struct flow flow;
	uint64_t value = 0;

	(void)state;
	open_mode("nat", "", &flows);
	run_cpus(FLOWS, LEAD);
	for (i = 0; i < flows.record_count; i++) {
		uint64_t hash = hash_finish(hash_round(
			node.dataplane->meta.key[0], flows.records[i].key));

		if (!flow_read(&flows, i, &flow))
			continue;
		live++;
		assert_int_equal(entries_of(&flows, hash, &value), 1);
		assert_int_equal((value ^ flows.records[i].value) &
				 L4GATE_RECORD_OWNER, 0);
	}
	for (i = 0; i < flows.rows.entries * L4GATE_SHARDS; i++)
		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			entries += !!flows.entries[i].word[j];
	/* The table is full, or nearly so, and no entry is left over. */
	assert_int_equal(entries, live);
	assert_in_range(live, flows.record_count / 20 * 17,
			flows.record_count);
	flows_close(&flows);
	node_detach();
}

static void test_direct(void **state)
{
	uint32_t found = 0, id, i;
	const struct l4gate_endpoint *endpoints;
	struct flows flows;
	uint64_t word;

	(void)state;
	open_mode("transparent", "", &flows);
	run_cpus(FLOWS, LEAD);
	endpoints = flows.endpoints + flows.half * L4GATE_MAX_ENDPOINTS;
	for (id = 0; !endpoints[id].protocol; id++)
		;
	for (i = 0; i < FLOWS; i++) {
		struct l4gate_addr client = { { htonl(0x0a010000 + i / 16) } };
		uint64_t hash = hash_place(node.dataplane->meta.key[0],
					   L4GATE_IPV4, &client,
					   htons(1024 + i % 16), id);
		uint32_t count = words_of(&flows, hash, &word);

		assert_in_range(count, 0, 1);
		found += count;
	}
	/* As many as there are places, less what two full lines can't hold. */
	assert_in_range(found, flows.word_lines * L4GATE_LINE_WORDS / 10 * 9,
			flows.word_lines * L4GATE_LINE_WORDS);
	flows_close(&flows);
	node_detach();
}

/* New flows at all listeners, routes or backends. */
static uint64_t new_flows(enum map_id map)
{
	uint64_t sum = 0;
	uint32_t id;

	for (id = 0; id < 16; id++)
		sum += stats_read(node.dataplane, map, id).flows;
	return sum;
}

static void count_once(const char *mode)
{
	struct flows flows;
	uint32_t live, by;

	/* Who is first, and by how much, is a matter of chance: not twice the same. */
	for (by = 0; by < 2 * LEAD; by++) {
		open_mode(mode, "", &flows);
		run_cpus(FEW, by);
		free(flows_by_backend(&flows, &live));
		assert_int_equal(live, FEW);
		assert_int_equal(new_flows(MAP_LISTENER_STATS), FEW);
		assert_int_equal(new_flows(MAP_ROUTE_STATS), FEW);
		assert_int_equal(new_flows(MAP_BACKEND_STATS), FEW);
		flows_close(&flows);
		node_detach();
	}
}

static void test_count_nat(void **state)
{
	(void)state;
	count_once("nat");
}

static void test_count_direct(void **state)
{
	(void)state;
	count_once("transparent");
}

#define LIMIT 100
#define ROUNDS 50

static const char policy[] =
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"
	"metadata: {name: q}\nspec:\n  targetRefs:\n"
	"  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: r}\n"
	"  connectionLimit: {maxFlows: 100}\n";

/* Longer than any flow lives. */
#define LONG_TICKS UINT64_C(30000)

/*
 * Nothing was heard of any flow for a long time. A word knows less than two timeouts,
 * and so is swept out.
 */
static void age_flows(const struct flows *flows)
{
	struct l4gate_line *entries = dataplane_map(node.dataplane, MAP_ENTRIES);
	struct l4gate_record *records = dataplane_map(node.dataplane, MAP_RECORDS);
	struct l4gate_line *words = dataplane_map(node.dataplane, MAP_WORDS);
	const uint64_t past = LONG_TICKS << L4GATE_RECORD_STAMP_SHIFT;
	uint32_t i, j;

	for (i = 0; i < flows->record_count; i++)
		if (records[i].value & L4GATE_RECORD_STATE)
			records[i].value -= past;
	for (i = 0; i < flows->rows.entries * L4GATE_SHARDS; i++)
		for (j = 0; j < L4GATE_LINE_ENTRIES; j++)
			if (entries[i].word[j])
				entries[i].word[L4GATE_LINE_ENTRIES + j] -= past;
	memset(words, 0, flows->word_lines * sizeof(*words));
	dataplane_unmap(node.dataplane, MAP_WORDS, words);
	dataplane_unmap(node.dataplane, MAP_RECORDS, records);
	dataplane_unmap(node.dataplane, MAP_ENTRIES, entries);
}

/*
 * Flows begin at random until there are as many as may be; then all are over, and so
 * on: the same clients come again while others look for their tickets.
 */
static void stay_below(const char *mode)
{
	uint32_t live, fewest = LIMIT, most = 0;
	struct flows flows;

	open_mode(mode, policy, &flows);
	for (order = 1; order < 2 * ROUNDS; order += 2) {
		run_cpus(8 * LIMIT, 0);
		free(flows_by_backend(&flows, &live));
		fewest = live < fewest ? live : fewest;
		most = live > most ? live : most;
		age_flows(&flows);
		free(flows_by_backend(&flows, &live));
		assert_int_equal(live, 0);
	}
	order = 0;
	print_message("%s: %u to %u flows\n", mode, fewest, most);
	assert_in_range(most, LIMIT, LIMIT);
	assert_in_range(fewest, LIMIT * 9 / 10, LIMIT);
	flows_close(&flows);
	node_detach();
}

static void test_limit_nat(void **state)
{
	(void)state;
	stay_below("nat");
}

static void test_limit_direct(void **state)
{
	(void)state;
	stay_below("transparent");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_count_nat),
		cmocka_unit_test(test_count_direct),
		cmocka_unit_test(test_limit_nat),
		cmocka_unit_test(test_limit_direct),
	};

	node_enter();
	node_shell("ip route add 10.1.0.0/16 via 10.0.0.2 && "
		   "for i in 1 2 3 4 5 6 7; do ip neigh add 10.0.0.2$i "
		   "lladdr 02:00:00:00:00:20 dev d0; done");
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
