// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "stats/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define X(upper, lower, class, text) [L4GATE_##upper] = #lower,
const char *const reason_names[L4GATE_REASON_MAX] = { L4GATE_REASONS(X) };
#undef X
#define X(upper, lower, class, text) [L4GATE_##upper] = #class,
const char *const reason_classes[L4GATE_REASON_MAX] = { L4GATE_REASONS(X) };
#undef X
#define X(upper, lower, class, text) [L4GATE_##upper] = text,
const char *const reason_texts[L4GATE_REASON_MAX] = { L4GATE_REASONS(X) };
#undef X

const char *const hook_names[L4GATE_HOOK_MAX] = {
	[L4GATE_HOOK_XDP] = "xdp",
	[L4GATE_HOOK_TC_INGRESS] = "tc_ingress",
	[L4GATE_HOOK_TC_EGRESS] = "tc_egress",
};

/* Adds up a per-CPU value made of u64 words. */
static void sum_cpus(int fd, uint32_t key, uint64_t *sum, size_t words)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	uint64_t *values;
	size_t i;

	memset(sum, 0, words * sizeof(*sum));
	if (cpus <= 0 || fd < 0)
		return;
	values = calloc(cpus, words * sizeof(*values));
	if (values && !bpf_map_lookup_elem(fd, &key, values))
		for (cpu = 0; cpu < cpus; cpu++)
			for (i = 0; i < words; i++)
				sum[i] += values[cpu * words + i];
	free(values);
}

struct l4gate_stats stats_read(const struct dataplane *dataplane,
			       enum map_id map, uint32_t id)
{
	struct l4gate_stats stats;

	sum_cpus(dataplane->maps[map], id, (uint64_t *)&stats,
		 sizeof(stats) / sizeof(uint64_t));
	return stats;
}

/* Ids that one call reads: a batch of them has values for every CPU. */
#define BATCH 4096

/*
 * Sums a batch of ids, of count from first on, whose values are so many words; those
 * that were read, or 0: before Linux 5.13 arrays per CPU have no batches.
 */
static uint32_t sum_batch(int fd, uint32_t first, uint32_t count, int cpus,
			  size_t words, uint64_t *values, uint64_t *sums)
{
	uint32_t keys[BATCH], in = first - 1, out, n, i;
	size_t j;
	int cpu;

	n = count < BATCH ? count : BATCH;
	/* The batch begins behind the key that is given. */
	if (bpf_map_lookup_batch(fd, first ? &in : NULL, &out, keys, values, &n,
				 NULL) && errno != ENOENT)
		return 0;
	sums += first * words;
	for (i = 0; i < n; i++, sums += words)
		for (cpu = 0; cpu < cpus; cpu++, values += words)
			for (j = 0; j < words; j++)
				sums[j] += values[j];
	return n;
}

/* The sums of values of so many words, of the ids from 0 on. */
static uint64_t *sum_all(int fd, size_t words, uint32_t count)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *sums = calloc(count, words * sizeof(*sums)), *values;
	uint32_t i = 0, n;

	values = calloc(cpus > 0 ? BATCH * cpus : 1, words * sizeof(*values));
	while (sums && values && fd >= 0 && cpus > 0 && i < count) {
		n = sum_batch(fd, i, count - i, cpus, words, values, sums);
		if (!n)
			break;
		i += n;
	}
	for (; sums && i < count; i++)
		sum_cpus(fd, i, sums + i * words, words);
	free(values);
	return sums;
}

struct l4gate_stats *stats_read_all(const struct dataplane *dataplane,
				    enum map_id map, uint32_t count,
				    uint32_t *ret_count)
{
	*ret_count = count;
	return (struct l4gate_stats *)sum_all(
		dataplane->maps[map], sizeof(struct l4gate_stats) /
		sizeof(uint64_t), count);
}

uint64_t *stats_surplus(const struct dataplane *dataplane, uint32_t count)
{
	return sum_all(dataplane->maps[MAP_SURPLUS], 1, count);
}

struct l4gate_count stats_reason(const struct dataplane *dataplane,
				 enum l4gate_hook hook,
				 enum l4gate_reason reason)
{
	struct l4gate_count count;

	sum_cpus(dataplane->maps[MAP_REASON_STATS],
		 hook * L4GATE_REASON_MAX + reason, (uint64_t *)&count,
		 sizeof(count) / sizeof(uint64_t));
	return count;
}
