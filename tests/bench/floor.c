// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_floor.skel.h"

#define BATCH 65536

/* Counters: one of the listener, and behind it those of the backends. */
#define LISTENER_COUNTER 0

static struct floor_flow flow_to(uint32_t backend)
{
	return (struct floor_flow){
		.addr = htonl(0x0a010001 + backend),
		.port = htons(BACKEND_PORT),
		.listener = LISTENER_COUNTER,
		.backend = 1 + backend,
	};
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		die("%s: %s", bpf_map__name(map), strerror(errno));
}

static void fill_listeners(struct floor *floor)
{
	struct floor_listener key = { .addr = htonl(0x0a000009),
				      .port = htons(LISTENER_PORT),
				      .protocol = IPPROTO_TCP };
	struct floor_slots slots;
	uint32_t i, zero = 0;

	put(floor->skeleton->maps.floor_listeners, &key, &zero);
	for (i = 0; i < FLOOR_SLOTS; i++)
		slots.backend[i] = i % floor->backends;
	put(floor->skeleton->maps.floor_slots, &zero, &slots);
	for (i = 0; i < floor->backends; i++) {
		struct floor_flow flow = flow_to(i);

		put(floor->skeleton->maps.floor_backends, &i, &flow);
	}
}

void floor_open(struct floor *floor, uint32_t max_flows, uint32_t backends)
{
	struct bench_floor_bpf *skeleton = bench_floor_bpf__open();

	if (!skeleton ||
	    bpf_map__set_max_entries(skeleton->maps.floor_flows, max_flows) ||
	    bench_floor_bpf__load(skeleton))
		die("floor.bpf.o does not load: %s", strerror(errno));
	*floor = (struct floor){
		.skeleton = skeleton,
		.backends = backends,
		.hit = bpf_program__fd(skeleton->progs.floor_hit),
		.new = bpf_program__fd(skeleton->progs.floor_new),
		.pass = bpf_program__fd(skeleton->progs.floor_pass),
		.shared = bpf_program__fd(skeleton->progs.floor_shared),
		.tc_hit = bpf_program__fd(skeleton->progs.floor_tc_hit),
		.tc_pass = bpf_program__fd(skeleton->progs.floor_tc_pass),
		.xdp_empty = bpf_program__fd(skeleton->progs.floor_xdp_empty),
		.tc_empty = bpf_program__fd(skeleton->progs.floor_tc_empty),
	};
	fill_listeners(floor);
}

void floor_close(struct floor *floor)
{
	bench_floor_bpf__destroy(floor->skeleton);
}

/* 0 to count - 1 in random order. */
static uint32_t *random_order(uint32_t count)
{
	uint32_t *order = malloc(count * sizeof(*order)), i, other;

	if (!order)
		die("no memory");
	for (i = 0; i < count; i++) {
		other = bench_random() % (i + 1);
		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

static void fill_batch(struct floor *floor, const struct feed_tuple *tuples,
		       const uint32_t *order, uint32_t count)
{
	static struct floor_key keys[BATCH];
	static struct floor_flow flows[BATCH];
	uint32_t i;

	for (i = 0; i < count; i++) {
		const struct feed_tuple *tuple = &tuples[order[i]];

		keys[i] = (struct floor_key){
			.src = tuple->src,
			.dst = tuple->dst,
			.sport = tuple->sport,
			.dport = tuple->dport,
			.protocol = IPPROTO_TCP,
		};
		flows[i] = flow_to(order[i] % floor->backends);
	}
	if (bpf_map_update_batch(bpf_map__fd(floor->skeleton->maps.floor_flows),
				 keys, flows, &count, NULL))
		die("floor_flows: %s", strerror(errno));
}

/*
 * In another order than they will be fed: the kernel takes entries one after
 * the other from a list, and would find them so again.
 */
void floor_fill(struct floor *floor, const struct feed *feed,
		const struct stream *stream, uint32_t count)
{
	uint32_t *order = random_order(count), done;

	for (done = 0; done < count; done += BATCH)
		fill_batch(floor, feed->tuples + stream->feed.first,
			   order + done,
			   count - done < BATCH ? count - done : BATCH);
	free(order);
}

uint64_t floor_counted(const struct floor *floor)
{
	int cpus = libbpf_num_possible_cpus(), i;
	uint32_t key = LISTENER_COUNTER;
	struct floor_count *counts;
	uint64_t packets = 0;

	counts = calloc(cpus, sizeof(*counts));
	if (!counts ||
	    bpf_map_lookup_elem(bpf_map__fd(floor->skeleton->maps.floor_counts),
				&key, counts))
		die("floor_counts: %s", strerror(errno));
	for (i = 0; i < cpus; i++)
		packets += counts[i].packets;
	free(counts);
	return packets;
}
