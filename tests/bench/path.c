// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>

#include "stats/stats.h"

/* Tokens that a budget has when full; README: RSTs a second and CPU. */
#define BUDGET 10000
/* Test runs that make up for the few packets that a budget allows. */
#define BUDGET_RUNS 20

struct path *path_add(struct bench *bench, const struct path *path)
{
	size_t size = (bench->path_count + 1) * sizeof(*bench->paths);

	bench->paths = realloc(bench->paths, size);
	if (!bench->paths)
		die("no memory");
	bench->paths[bench->path_count] = *path;
	return &bench->paths[bench->path_count++];
}

void paths_clear(struct bench *bench)
{
	free(bench->paths);
	bench->paths = NULL;
	bench->path_count = 0;
}

static int program_of(const struct bench *bench, const struct path *path)
{
	bool xdp = path->hook == L4GATE_HOOK_XDP;

	switch (path->program) {
	case PROGRAM_FLOOR_HIT:
		return xdp ? bench->floor.hit : bench->floor.tc_hit;
	case PROGRAM_FLOOR_NEW:
		return bench->floor.new;
	case PROGRAM_FLOOR_PASS:
		return xdp ? bench->floor.pass : bench->floor.tc_pass;
	default:
		return xdp ? node.dataplane->xdp_fd :
			     node.dataplane->ingress_fd;
	}
}

static uint32_t action_of(const struct path *path)
{
	bool xdp = path->hook == L4GATE_HOOK_XDP;
	bool passes = path->program == PROGRAM_FLOOR_PASS ||
		      (path->program == PROGRAM_L4GATE &&
		       path->reason == L4GATE_NOT_OURS);

	if (passes)
		return xdp ? XDP_PASS : (uint32_t)TC_ACT_UNSPEC;
	return xdp ? XDP_TX : TC_ACT_REDIRECT;
}

/* Packets that took the path so far. */
static uint64_t counted(const struct bench *bench, const struct path *path)
{
	if (path->program == PROGRAM_L4GATE)
		return packets_counted(path->hook,
				       path->reason);
	return floor_counted(&bench->floor);
}

/* Fills the budgets of all CPUs, so that rejections are answered. */
static void fill_budgets(void)
{
	int cpus = libbpf_num_possible_cpus(), i;
	struct l4gate_budget *budgets = calloc(cpus, sizeof(*budgets));
	uint32_t key = L4GATE_BUDGET_RST;

	if (!budgets)
		die("no memory");
	for (i = 0; i < cpus; i++)
		budgets[i].tokens = BUDGET;
	if (bpf_map_update_elem(node.dataplane->maps[MAP_BUDGETS],
				&key, budgets, BPF_ANY))
		die("budgets: %s", strerror(errno));
	free(budgets);
}

static uint32_t packets_of(const struct bench *bench, const struct path *path)
{
	if (path->rejects)
		return BUDGET;
	if (path->fresh && path->flows < bench->packets)
		return path->flows;
	return bench->packets;
}

static void read_reasons(const struct path *path, uint64_t *reasons)
{
	int i;

	for (i = 0; i < L4GATE_REASON_MAX; i++)
		reasons[i] = packets_counted(path->hook, i);
}

/* Names of the other reasons that packets have left for since. */
static const char *others(const struct path *path, const uint64_t *before)
{
	static char text[1024];
	uint64_t now[L4GATE_REASON_MAX];
	int i;

	read_reasons(path, now);
	for (i = 0; i < L4GATE_REASON_MAX; i++)
		if (i != (int)path->reason && now[i] != before[i])
			snprintf(text + strlen(text),
				 sizeof(text) - strlen(text), "%s %llu ",
				 reason_names[i],
				 (unsigned long long)(now[i] - before[i]));
	return text;
}

/* One run through the path itself, checked. */
static double run_path(struct bench *bench, struct path *path)
{
	uint32_t packets = packets_of(bench, path), action;
	uint64_t reasons[L4GATE_REASON_MAX], before, took;
	double ns;

	if (path->fresh && path->program == PROGRAM_L4GATE)
		gateway_empty(&bench->gateway);
	if (path->rejects)
		fill_budgets();
	read_reasons(path, reasons);
	before = counted(bench, path);
	ns = feed_run(&bench->feed, path->hook, program_of(bench, path),
		      path->stream, path->flows, packets, &action);
	took = counted(bench, path) - before;
	if (action != action_of(path) && !path->at_least)
		die("%s: verdict %u, not %u", path->name, action,
		    action_of(path));
	if (path->program != PROGRAM_FLOOR_PASS &&
	    (took > packets || took < packets * (path->at_least ?: 1)))
		die("%s (%s, IPv%u): %llu of %u packets took it, others: %s",
		    path->name, hook_names[path->hook],
		    path->stream->feed.is_v6 ? 6 : 4,
		    (unsigned long long)took, packets,
		    others(path, reasons));
	return ns;
}

static double run_empty(struct bench *bench, struct path *path)
{
	uint32_t action;

	return feed_run(&bench->feed, path->hook,
			path->hook == L4GATE_HOOK_XDP ?
			bench->floor.xdp_empty : bench->floor.tc_empty,
			path->stream, path->flows, packets_of(bench, path),
			&action);
}

/* The empty program's ns on the same packets, from this round if it has been. */
static double empty_of(struct bench *bench, struct path *path, size_t round)
{
	struct path *other;

	for (other = bench->paths; other != path; other++)
		if (other->hook == path->hook &&
		    other->stream == path->stream &&
		    other->flows == path->flows &&
		    packets_of(bench, other) == packets_of(bench, path))
			return other->total.value[round] -
			       other->net.value[round];
	return run_empty(bench, path);
}

static void measure(struct bench *bench, struct path *path)
{
	int runs = path->rejects ? BUDGET_RUNS : 1, i;
	double empty = 0, total = 0;

	if (path->rejects) {
		for (i = 0; i < runs; i++)
			empty += run_empty(bench, path) / runs;
	} else {
		empty = empty_of(bench, path, path->total.count);
	}
	for (i = 0; i < runs; i++)
		total += run_path(bench, path) / runs;
	rounds_add(&path->total, total);
	rounds_add(&path->net, total - empty);
}

void paths_measure(struct bench *bench, unsigned int rounds)
{
	unsigned int i;
	size_t j;

	for (i = 0; i < rounds; i++)
		for (j = 0; j < bench->path_count; j++)
			measure(bench, &bench->paths[j]);
}
