// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What a packet costs on each path through l4gate, in ns beyond an empty
 * program, beside floor programs in the same run: a table, a JSON document, and
 * a gate on the TCP hit.
 *
 *   packets [-n ROUNDS] [-p PACKETS] [-o FILE] [-c COMMIT] [PHASE...]
 *
 * Phases are few, modes, new, flood and many (few has the gate); all without one.
 * Exits 1 if the gate is not reached, 2 if something can't be measured.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

/* The gate: TCP hit by floor at up to HOT flows, median of repetitions. */
#define REPETITIONS 3
#define GATE 2.5
#define HOT 4096

/* Backends of few flows, and of many. */
#define BACKENDS_FEW 64
#define BACKENDS_MANY 960

/* Size of the tables that new flows go into: less than the packets of a run. */
#define NEW_FLOWS 262144

#define XDP L4GATE_HOOK_XDP
#define TC L4GATE_HOOK_TC_INGRESS

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct {
	unsigned int rounds;
	uint32_t packets;
	const char *output;
	const char *commit;
	char **phases;
} options = { .rounds = 5, .packets = 500000, .commit = "unknown" };

static struct bench bench;
static json_t *results;

/* The floor that stands beside a path, or NULL. */
static const struct path *floor_of(const struct path *path)
{
	enum program program = PROGRAM_FLOOR_HIT;
	size_t i;

	if (path->rejects || path->program != PROGRAM_L4GATE)
		return NULL;
	if (path->fresh || path->at_least)
		program = PROGRAM_FLOOR_NEW;
	else if (path->reason == L4GATE_NOT_OURS)
		program = PROGRAM_FLOOR_PASS;
	for (i = 0; i < bench.path_count; i++) {
		const struct path *floor = &bench.paths[i];

		if (floor->program == program && floor->hook == path->hook &&
		    (program == PROGRAM_FLOOR_NEW ||
		     floor->flows == path->flows))
			return floor;
	}
	return NULL;
}

static void store(const struct path *path, const char *phase)
{
	const struct path *floor = floor_of(path);
	json_t *entry;

	entry = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o}",
			  "phase", phase, "path", path->name,
			  "hook", path->hook == XDP ? "xdp" : "tc",
			  "family", path->stream->feed.is_v6 ? "ipv6" : "ipv4",
			  "flows", (int)path->flows,
			  "max_flows", (int)bench.gateway.max_flows,
			  "net_ns", rounds_json(&path->net),
			  "floor_ratio", floor ?
			  json_real(rounds_ratio(&path->net, &floor->net)) :
			  json_null());
	json_array_append_new(results, entry);
	printf("%-4s %-26s %-4s %8u %7.0f  [%.0f..%.0f]",
	       path->hook == XDP ? "xdp" : "tc", path->name,
	       path->stream->feed.is_v6 ? "ipv6" : "ipv4", path->flows,
	       rounds_median(&path->net), rounds_min(&path->net),
	       rounds_max(&path->net));
	if (floor)
		printf("  %.2f", rounds_ratio(&path->net, &floor->net));
	putchar('\n');
}

static void store_all(const char *phase)
{
	size_t i;

	printf("\n%s\n%-4s %-26s %-4s %8s %7s  %s  %s\n", phase, "hook", "path", "ip",
	       "flows", "net ns", "[min..max]", "by floor");
	for (i = 0; i < bench.path_count; i++)
		store(&bench.paths[i], phase);
	fflush(stdout);
}

static void add(const char *name, enum l4gate_hook hook, struct stream *stream,
		uint32_t flows, enum l4gate_reason reason)
{
	path_add(&bench, &(struct path){ .name = name, .hook = hook,
		 .stream = stream, .flows = flows, .reason = reason,
		 .rejects = reason == L4GATE_REJECT_SLOT });
}

static void add_floor(const char *name, enum l4gate_hook hook,
		      enum program program, struct stream *stream,
		      uint32_t flows)
{
	path_add(&bench, &(struct path){ .name = name, .hook = hook,
		 .program = program, .stream = stream, .flows = flows });
}

static void close_phase(void)
{
	paths_clear(&bench);
	floor_close(&bench.floor);
	gateway_close(&bench.gateway);
}

static const char *mode_phase(const char *phase, enum l4gate_mode mode)
{
	static const char *const names[L4GATE_MODES] = {
		[L4GATE_MODE_NAT] = "nat",
		[L4GATE_MODE_TRANSPARENT] = "transparent",
		[L4GATE_MODE_DSR_L2] = "dsr-l2",
		[L4GATE_MODE_DSR_IPIP] = "dsr-ipip",
	};
	static char text[64];

	snprintf(text, sizeof(text), "%s %s", phase, names[mode]);
	return text;
}

/* Few flows of the other modes. */
static void measure_mode(enum l4gate_mode mode)
{
	static const uint32_t sizes[] = { 1, 1024, HOT };
	static struct flow_set tcp4, tcp6, udp4;
	struct gateway *gateway = &bench.gateway;
	size_t i;

	gateway_open(gateway, &bench.feed, mode, 0, BACKENDS_FEW);
	flow_set_open(gateway, &tcp4, false, false, HOT);
	flow_set_open(gateway, &tcp6, true, false, HOT);
	flow_set_open(gateway, &udp4, false, true, HOT);
	floor_open(&bench.floor, gateway->max_flows, BACKENDS_FEW);
	floor_fill(&bench.floor, &bench.feed, &tcp4.client, tcp4.count);
	for (i = 0; i < COUNT(sizes); i++) {
		add_floor("floor: hit", XDP, PROGRAM_FLOOR_HIT, &tcp4.client,
			  sizes[i]);
		add("TCP hit", XDP, &tcp4.client, sizes[i], L4GATE_TO_BACKEND);
		add("TCP hit", XDP, &tcp6.client, sizes[i], L4GATE_TO_BACKEND);
		add("UDP hit", XDP, &udp4.client, sizes[i], L4GATE_TO_BACKEND);
		if (has_replies(mode))
			add("TCP reply", XDP, &tcp4.reply, sizes[i],
			    L4GATE_TO_CLIENT);
	}
	paths_measure(&bench, options.rounds);
	store_all(mode_phase("few", mode));
	close_phase();
}

static void measure_modes(void)
{
	measure_mode(L4GATE_MODE_TRANSPARENT);
	measure_mode(L4GATE_MODE_DSR_L2);
	measure_mode(L4GATE_MODE_DSR_IPIP);
}

/* A table of the default size, with all kinds of flows in it. */
static struct {
	struct flow_set tcp4, udp4, tcp6, udp6;
	struct stream other4, other6, stranger4, stranger6, reject4, reject6;
} few;

static void few_open(void)
{
	struct gateway *gateway = &bench.gateway;

	gateway_open(gateway, &bench.feed, L4GATE_MODE_NAT, 0,
		     BACKENDS_FEW);
	flow_set_open(gateway, &few.tcp4, false, false, 65536);
	flow_set_open(gateway, &few.tcp6, true, false, 65536);
	flow_set_open(gateway, &few.udp4, false, true, HOT);
	flow_set_open(gateway, &few.udp6, true, true, HOT);
	clients_open(gateway, &few.other4, false, false, OTHER_PORT, HOT);
	clients_open(gateway, &few.other6, true, false, OTHER_PORT, HOT);
	strangers_open(gateway, &few.stranger4, false, HOT);
	strangers_open(gateway, &few.stranger6, true, HOT);
	clients_open(gateway, &few.reject4, false, false, REJECTED_PORT, HOT);
	clients_open(gateway, &few.reject6, true, false, REJECTED_PORT, HOT);
	floor_open(&bench.floor, gateway->max_flows, BACKENDS_FEW);
	floor_fill(&bench.floor, &bench.feed, &few.tcp4.client,
		   few.tcp4.count);
}

/* What depends on the number of flows. */
static void few_add_sizes(void)
{
	static const uint32_t sizes[] = { 1, 64, 1024, HOT, 16384, 65536 };
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		add_floor("floor: hit", XDP, PROGRAM_FLOOR_HIT,
			  &few.tcp4.client, sizes[i]);
		add("TCP hit", XDP, &few.tcp4.client, sizes[i],
		    L4GATE_TO_BACKEND);
		add("TCP hit", XDP, &few.tcp6.client, sizes[i],
		    L4GATE_TO_BACKEND);
		add("TCP reply", XDP, &few.tcp4.reply, sizes[i],
		    L4GATE_TO_CLIENT);
	}
}

static void few_add_hook(enum l4gate_hook hook)
{
	add("TCP reply", hook, &few.tcp6.reply, HOT, L4GATE_TO_CLIENT);
	add("UDP hit", hook, &few.udp4.client, HOT, L4GATE_TO_BACKEND);
	add("UDP hit", hook, &few.udp6.client, HOT, L4GATE_TO_BACKEND);
	add("UDP reply", hook, &few.udp4.reply, HOT, L4GATE_TO_CLIENT);
	add_floor("floor: not ours", hook, PROGRAM_FLOOR_PASS, &few.other4,
		  HOT);
	add("not ours: other port", hook, &few.other4, HOT, L4GATE_NOT_OURS);
	add("not ours: other port", hook, &few.other6, HOT, L4GATE_NOT_OURS);
	add("not ours: other address", hook, &few.stranger4, HOT,
	    L4GATE_NOT_OURS);
	add("not ours: other address", hook, &few.stranger6, HOT,
	    L4GATE_NOT_OURS);
	add("reject: RST", hook, &few.reject4, HOT, L4GATE_REJECT_SLOT);
	add("reject: RST", hook, &few.reject6, HOT, L4GATE_REJECT_SLOT);
}

static struct rounds slice(const struct rounds *rounds, size_t first,
			   size_t count)
{
	struct rounds part = { .count = count };

	memcpy(part.value, rounds->value + first, count * sizeof(double));
	return part;
}

/* The worst ratio up to HOT flows, of each repetition. */
static struct rounds gate_ratios(void)
{
	struct rounds worst = { 0 };
	size_t i, j;

	for (i = 0; i < REPETITIONS; i++) {
		double ratio = 0;

		for (j = 0; j < bench.path_count; j++) {
			const struct path *path = &bench.paths[j], *floor;
			struct rounds mine, least;

			if (path->program != PROGRAM_L4GATE ||
			    path->stream != &few.tcp4.client ||
			    path->hook != XDP || path->flows > HOT)
				continue;
			floor = floor_of(path);
			mine = slice(&path->net, i * options.rounds,
				     options.rounds);
			least = slice(&floor->net, i * options.rounds,
				      options.rounds);
			if (rounds_ratio(&mine, &least) > ratio)
				ratio = rounds_ratio(&mine, &least);
		}
		rounds_add(&worst, ratio);
	}
	return worst;
}

static struct rounds measure_few(void)
{
	struct rounds ratios = {0};

	few_open();
	few_add_sizes();
	few_add_hook(XDP);
	add_floor("floor: hit", TC, PROGRAM_FLOOR_HIT, &few.tcp4.client, HOT);
	add("TCP hit", TC, &few.tcp4.client, HOT, L4GATE_TO_BACKEND);
	add("TCP hit", TC, &few.tcp6.client, HOT, L4GATE_TO_BACKEND);
	add("TCP reply", TC, &few.tcp4.reply, HOT, L4GATE_TO_CLIENT);
	few_add_hook(TC);
	paths_measure(&bench, REPETITIONS * options.rounds);
	store_all("few");
	ratios = gate_ratios();
	close_phase();
	return ratios;
}

static void add_fresh(const char *name, enum l4gate_hook hook,
		      struct stream *stream)
{
	path_add(&bench, &(struct path){ .name = name, .hook = hook,
		 .stream = stream, .flows = bench.gateway.max_flows / 4,
		 .reason = L4GATE_TO_BACKEND, .fresh = true });
}

/* First packets of flows: half a table full, from empty, and evicting. */
static void measure_new(enum l4gate_mode mode)
{
	static struct stream tcp4, tcp6, udp4, fill;
	struct gateway *gateway = &bench.gateway;
	uint32_t room, flows;

	gateway_open(gateway, &bench.feed, mode, NEW_FLOWS, BACKENDS_FEW);
	room = gateway->max_flows;
	/* So many that the floor's have all been evicted when they come again. */
	flows = 4 * room;
	clients_open(gateway, &tcp4, false, false, LISTENER_PORT, flows);
	clients_open(gateway, &tcp6, true, false, LISTENER_PORT, room / 2);
	clients_open(gateway, &udp4, false, true, LISTENER_PORT, room / 2);
	clients_open(gateway, &fill, false, false, OTHER_PORT, room);
	floor_open(&bench.floor, room, BACKENDS_FEW);
	floor_fill(&bench.floor, &bench.feed, &fill, room);

	add_floor("floor: new flow", XDP, PROGRAM_FLOOR_NEW, &tcp4, flows);
	add_fresh("new flow: SYN", XDP, &tcp4);
	add_fresh("new flow: SYN", XDP, &tcp6);
	add_fresh("new flow: UDP", XDP, &udp4);
	add_fresh("new flow: SYN", TC, &tcp4);
	paths_measure(&bench, options.rounds);
	store_all(mode_phase("new", mode));
	close_phase();
}

/* A SYN flood: a table that is full of half-open flows, more than it holds. */
static void measure_flood(enum l4gate_mode mode)
{
	static struct stream tcp4;
	struct gateway *gateway = &bench.gateway;
	uint32_t flows;

	gateway_open(gateway, &bench.feed, mode, NEW_FLOWS, BACKENDS_FEW);
	flows = 4 * gateway->max_flows;
	clients_open(gateway, &tcp4, false, false, LISTENER_PORT, flows);
	floor_open(&bench.floor, gateway->max_flows, BACKENDS_FEW);
	floor_fill(&bench.floor, &bench.feed, &tcp4, gateway->max_flows);
	gateway_fill(gateway, &tcp4, flows);
	/* An LRU hash does not forget exactly the oldest. */
	path_add(&bench, &(struct path){ .name = "floor: new flow",
		 .program = PROGRAM_FLOOR_NEW, .hook = XDP, .stream = &tcp4,
		 .flows = flows, .at_least = 0.8 });
	path_add(&bench, &(struct path){ .name = "new flow: SYN, evicts",
		 .hook = XDP, .stream = &tcp4, .flows = flows,
		 .reason = L4GATE_TO_BACKEND, .at_least = 0.9 });
	paths_measure(&bench, options.rounds);
	store_all(mode_phase("flood", mode));
	close_phase();
}

/*
 * One kind of flows at a time, in tables that are made for as many: theirs and the
 * floor's are full by three quarters.
 */
static void measure_kind(enum l4gate_mode mode, uint32_t flows, bool v6,
			 bool udp)
{
	static struct flow_set set;
	static struct stream keys;
	struct gateway *gateway = &bench.gateway;

	gateway_open(gateway, &bench.feed, mode, flows, BACKENDS_MANY);
	flow_set_open(gateway, &set, v6, udp, flows);
	/* The floor knows IPv4 and TCP only. */
	clients_open(gateway, &keys, false, false, LISTENER_PORT, set.count);
	stream_shuffle(&bench.feed, &keys);
	floor_open(&bench.floor, flows / 3 * 4, BACKENDS_MANY);
	floor_fill(&bench.floor, &bench.feed, &keys, set.count);

	add_floor("floor: hit", XDP, PROGRAM_FLOOR_HIT, &keys, set.count);
	add(udp ? "UDP hit" : "TCP hit", XDP, &set.client, set.count,
	    L4GATE_TO_BACKEND);
	if (has_replies(mode))
		add(udp ? "UDP reply" : "TCP reply", XDP, &set.reply,
		    set.count, L4GATE_TO_CLIENT);
	paths_measure(&bench, options.rounds);
	store_all(mode_phase("many", mode));
	close_phase();
}

/* New flows of nat need a record, those of the other modes a word only. */
static void measure_each(void (*measure)(enum l4gate_mode mode))
{
	measure(L4GATE_MODE_NAT);
	measure(L4GATE_MODE_TRANSPARENT);
	measure(L4GATE_MODE_DSR_L2);
}

static void measure_many(void)
{
	static const uint32_t sizes[] = { 1 << 19, 1 << 20, 1 << 22 };
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		measure_kind(L4GATE_MODE_NAT, sizes[i], false, false);
		measure_kind(L4GATE_MODE_NAT, sizes[i], true, false);
		measure_kind(L4GATE_MODE_NAT, sizes[i], false, true);
		measure_kind(L4GATE_MODE_TRANSPARENT, sizes[i], false, false);
		measure_kind(L4GATE_MODE_DSR_L2, sizes[i], false, false);
		measure_kind(L4GATE_MODE_DSR_L2, sizes[i], true, false);
		measure_kind(L4GATE_MODE_DSR_IPIP, sizes[i], false, false);
	}
}

static int parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:p:o:c:")) >= 0) {
		if (option == 'n')
			options.rounds = atoi(optarg);
		else if (option == 'p')
			options.packets = atoi(optarg);
		else if (option == 'o')
			options.output = optarg;
		else if (option == 'c')
			options.commit = optarg;
		else
			return -EINVAL;
	}
	if (!options.rounds || REPETITIONS * options.rounds > ROUNDS_MAX ||
	    !options.packets)
		return -EINVAL;
	options.phases = argv + optind;
	return 0;
}

static bool is_chosen(const char *phase)
{
	char **name;

	for (name = options.phases; *name; name++)
		if (!strcmp(*name, phase))
			return true;
	return !*options.phases;
}

static bool report_gate(const struct rounds *ratios)
{
	double ratio = rounds_median(ratios);

	printf("\ngate: TCP hit, 1 to %d flows, at most %.1f times the floor: "
	       "%.2f (repetitions %.2f, %.2f, %.2f), %s\n", HOT, GATE, ratio,
	       ratios->value[0], ratios->value[1], ratios->value[2],
	       ratio <= GATE ? "reached" : "NOT reached");
	return ratio <= GATE;
}

static void write_results(const struct rounds *ratios)
{
	json_t *gate = json_null();

	if (ratios->count)
		gate = json_pack("{s:f, s:f, s:b}", "ratio",
				 rounds_median(ratios), "limit", GATE,
				 "reached", rounds_median(ratios) <= GATE);
	result_write(json_pack("{s:o, s:o, s:o}", "run",
			       run_json(options.commit), "gate", gate,
			       "paths", results), options.output);
}

int main(int argc, char **argv)
{
	struct rounds ratios = { 0 };
	bool reached = true;

	if (parse_options(argc, argv)) {
		fputs("packets [-n ROUNDS] [-p PACKETS] [-o FILE] [-c COMMIT] [PHASE...]\n",
		      stderr);
		return 2;
	}
	bench_prepare();
	node_enter();
	gateway_routes();
	feed_open(&bench.feed, node.ifindex);
	bench.packets = options.packets;
	results = json_array();

	if (is_chosen("few"))
		ratios = measure_few();
	if (is_chosen("modes"))
		measure_modes();
	if (is_chosen("new"))
		measure_each(measure_new);
	if (is_chosen("flood"))
		measure_each(measure_flood);
	if (is_chosen("many"))
		measure_many();
	feed_close(&bench.feed);

	puts("\nTest runs on one CPU: no NIC, no driver, no second CPU that "
	     "shares flows, and\nthe packet is in the cache. At 16k to 64k "
	     "flows the tables are as large as the\ncache, and numbers differ "
	     "from run to run.");
	if (ratios.count)
		reached = report_gate(&ratios);
	if (options.output)
		write_results(&ratios);
	return reached ? 0 : 1;
}
