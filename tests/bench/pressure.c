// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The flow tables under pressure: filled up to and beyond the size that was asked
 * for, and under a flood of SYNs. What a new flow costs then, how many are refused,
 * and how many established ones are lost.
 *
 *   pressure [-n ROUNDS] [-o FILE] [-c COMMIT] [PHASE...]
 *
 * Phases are fill and flood; both without one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"
#include "flows.h"
#include "result.h"

#define XDP L4GATE_HOOK_XDP
#define FLOWS 262144
#define BACKENDS 64
/* New flows that are measured, and packets of established ones. */
#define NEWCOMERS (FLOWS / 64)
#define HITS 65536
/* A flood: established flows before it, in percent, and SYNs for each of them. */
#define FLOOD_FILL 75
#define FLOOD_STEPS 8
#define FLOOD_SIZE 4

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const enum l4gate_mode modes[] = {
	L4GATE_MODE_NAT, L4GATE_MODE_TRANSPARENT,
};
static const char *const mode_names[L4GATE_MODES] = {
	[L4GATE_MODE_NAT] = "nat",
	[L4GATE_MODE_TRANSPARENT] = "transparent",
};

static struct {
	unsigned int rounds;
	const char *output;
	const char *commit;
	char **phases;
} options = { .rounds = 3, .commit = "unknown" };

static struct feed feed;
static struct gateway gateway;
static struct floor floor_;
static json_t *fills, *floods;

/* Runs packets of a stream, where it left off; net ns a packet. */
static double run(struct stream *stream, uint32_t flows, uint32_t packets)
{
	uint32_t next = stream->feed.next, action;
	double empty;

	empty = feed_run(&feed, XDP, floor_.xdp_empty, stream, flows, packets,
			 &action);
	stream->feed.next = next;
	return feed_run(&feed, XDP, node.dataplane->xdp_fd, stream, flows,
			packets, &action) - empty;
}

/* Packets that found no room, for whatever reason. */
static uint64_t refused(void)
{
	return packets_counted(XDP, L4GATE_REJECT_TABLE_FULL) +
	       packets_counted(XDP, L4GATE_REJECT_PORTS) +
	       packets_counted(XDP, L4GATE_DROP_BUSY);
}

static void open_tables(enum l4gate_mode mode)
{
	gateway_open(&gateway, &feed, mode, FLOWS, BACKENDS);
	floor_open(&floor_, 1024, BACKENDS);
}

static void close_tables(void)
{
	floor_close(&floor_);
	gateway_close(&gateway);
}

/* Sums over the rounds of one measurement. */
struct pressure {
	struct rounds new_ns, hit_ns;
	uint64_t wanted, refused, established, lost;
};

static void fill_once(enum l4gate_mode mode, uint32_t percent,
		      struct pressure *sum)
{
	uint32_t count = (uint64_t)FLOWS * percent / 100, before, after;
	struct stream newcomers;
	struct flow_set set;
	uint64_t refusals;

	open_tables(mode);
	flow_set_try(&gateway, &set, false, false, count);
	later_clients_open(&gateway, &newcomers, false, false, 2 * count, NEWCOMERS);
	before = gateway_established(&gateway);
	refusals = refused();
	rounds_add(&sum->new_ns, run(&newcomers, NEWCOMERS, NEWCOMERS));
	sum->refused += refused() - refusals;
	sum->wanted += NEWCOMERS;
	rounds_add(&sum->hit_ns, run(&set.client, set.count, HITS));
	after = gateway_established(&gateway);
	sum->established += before;
	sum->lost += before > after ? before - after : 0;
	close_tables();
}

static void measure_fill(enum l4gate_mode mode, uint32_t percent)
{
	struct pressure sum = { .wanted = 0 };
	unsigned int i;

	for (i = 0; i < options.rounds; i++)
		fill_once(mode, percent, &sum);
	json_array_append_new(fills, json_pack(
		"{s:s, s:i, s:i, s:o, s:o, s:I, s:I, s:I, s:I}",
		"mode", mode_names[mode], "max_flows", FLOWS,
		"percent", (int)percent,
		"new_ns", rounds_json(&sum.new_ns),
		"hit_ns", rounds_json(&sum.hit_ns),
		"wanted", (json_int_t)sum.wanted,
		"refused", (json_int_t)sum.refused,
		"established", (json_int_t)sum.established,
		"lost", (json_int_t)sum.lost));
	printf("%-12s %4u %% %7.0f [%.0f..%.0f] %8.0f %10.4f %% %12llu %8llu\n",
	       mode_names[mode], percent, rounds_median(&sum.new_ns),
	       rounds_min(&sum.new_ns), rounds_max(&sum.new_ns),
	       rounds_median(&sum.hit_ns), 100.0 * sum.refused / sum.wanted,
	       (unsigned long long)(sum.established / options.rounds),
	       (unsigned long long)sum.lost);
	fflush(stdout);
}

static void measure_fills(void)
{
	static const uint32_t levels[] = { 25, 50, 75, 90, 100, 110, 120, 130 };
	size_t i, j;

	printf("\nfill: established flows by the size that was asked for (%u)\n"
	       "%-12s %6s %7s %-12s %8s %12s %12s %8s\n", FLOWS, "mode", "fill",
	       "new ns", "[min..max]", "hit ns", "refused", "established",
	       "lost");
	for (i = 0; i < COUNT(modes); i++)
		for (j = 0; j < COUNT(levels); j++)
			measure_fill(modes[i], levels[j]);
}

/* One share of a flood. */
struct flood_step {
	struct rounds syn_ns, hit_ns;
	uint64_t established, refused;
};

static void flood_once(enum l4gate_mode mode, struct flood_step *steps)
{
	uint32_t count = (uint64_t)FLOWS * FLOOD_FILL / 100, i;
	uint32_t share = FLOWS * FLOOD_SIZE / FLOOD_STEPS;
	struct flow_set set;
	struct stream flood;

	open_tables(mode);
	flow_set_try(&gateway, &set, false, false, count);
	later_clients_open(&gateway, &flood, false, false, 2 * count, FLOWS * FLOOD_SIZE);
	for (i = 0; i <= FLOOD_STEPS; i++) {
		uint64_t refusals = refused();

		if (i)
			rounds_add(&steps[i].syn_ns,
				   run(&flood, flood.room, share));
		rounds_add(&steps[i].hit_ns, run(&set.client, set.count, HITS));
		steps[i].refused += refused() - refusals;
		steps[i].established += gateway_established(&gateway);
	}
	close_tables();
}

static void measure_flood(enum l4gate_mode mode)
{
	struct flood_step steps[FLOOD_STEPS + 1] = { 0 };
	unsigned int i;

	for (i = 0; i < options.rounds; i++)
		flood_once(mode, steps);
	for (i = 0; i <= FLOOD_STEPS; i++) {
		struct flood_step *step = &steps[i];
		double sent = (double)FLOOD_SIZE * i / FLOOD_STEPS;

		json_array_append_new(floods, json_pack(
			"{s:s, s:i, s:f, s:o, s:o, s:I, s:I, s:i}",
			"mode", mode_names[mode], "max_flows", FLOWS,
			"sent", sent, "syn_ns", rounds_json(&step->syn_ns),
			"hit_ns", rounds_json(&step->hit_ns),
			"established", (json_int_t)step->established,
			"refused", (json_int_t)step->refused,
			"rounds", (int)options.rounds));
		printf("%-12s %6.1f %8.0f %8.0f %12llu %9llu\n",
		       mode_names[mode], sent, rounds_median(&step->syn_ns),
		       rounds_median(&step->hit_ns),
		       (unsigned long long)(step->established /
					    options.rounds),
		       (unsigned long long)step->refused);
	}
	fflush(stdout);
}

static void measure_floods(void)
{
	size_t i;

	printf("\nflood: SYNs sent by the size that was asked for, which is "
	       "filled to %d %%\n%-12s %6s %8s %8s %12s %9s\n", FLOOD_FILL,
	       "mode", "sent", "SYN ns", "hit ns", "established", "refused");
	for (i = 0; i < COUNT(modes); i++)
		measure_flood(modes[i]);
}

static bool is_chosen(const char *phase)
{
	char **name;

	for (name = options.phases; *name; name++)
		if (!strcmp(*name, phase))
			return true;
	return !*options.phases;
}

static int parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:o:c:")) >= 0) {
		if (option == 'n')
			options.rounds = atoi(optarg);
		else if (option == 'o')
			options.output = optarg;
		else if (option == 'c')
			options.commit = optarg;
		else
			return -EINVAL;
	}
	options.phases = argv + optind;
	return options.rounds && options.rounds <= ROUNDS_MAX ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	if (parse_options(argc, argv)) {
		fputs("pressure [-n ROUNDS] [-o FILE] [-c COMMIT] [PHASE...]\n",
		      stderr);
		return 2;
	}
	bench_prepare();
	node_enter();
	gateway_routes();
	feed_open(&feed, node.ifindex);
	fills = json_array();
	floods = json_array();
	if (is_chosen("fill"))
		measure_fills();
	if (is_chosen("flood"))
		measure_floods();
	feed_close(&feed);
	if (options.output)
		result_write(json_pack("{s:o, s:o, s:o}", "run",
				       run_json(options.commit), "fill", fills,
				       "flood", floods), options.output);
	return 0;
}
