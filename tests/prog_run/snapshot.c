// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define BATCH 4096

static void *room(struct snapshot *snapshot, int map, size_t size)
{
	if (!snapshot->bytes[map])
		snapshot->bytes[map] = calloc(1, size);
	if (!snapshot->bytes[map])
		abort();
	snapshot->size[map] = size;
	return snapshot->bytes[map];
}

/* Keys and values one after the other, as hash maps have them, too. */
static void take_by_keys(int fd, size_t key_size, size_t stride, uint8_t *to)
{
	uint8_t *before = NULL;

	while (!bpf_map_get_next_key(fd, before, to)) {
		if (bpf_map_lookup_elem(fd, to, to + key_size))
			abort();
		before = to;
		to += key_size + stride;
	}
}

/* False before Linux 5.13, where arrays per CPU have no batches. */
static bool take_by_batches(int fd, uint32_t entries, size_t stride,
			    uint8_t *to)
{
	static uint32_t keys[BATCH];
	uint32_t done = 0, in, out, n;

	while (done < entries) {
		n = BATCH;
		in = done - 1;
		/* The batch begins behind the key that is given. */
		if (bpf_map_lookup_batch(fd, done ? &in : NULL, &out, keys,
					 to + done * stride, &n, NULL) &&
		    (errno != ENOENT || !n))
			return false;
		done += n;
	}
	return true;
}

static void *mapped[MAP_COUNT];

static void take_map(const struct dataplane *dataplane, int map,
		     struct snapshot *snapshot)
{
	size_t stride, cpus = libbpf_num_possible_cpus();
	int fd = dataplane->maps[map];
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	uint8_t *to;

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		abort();
	stride = (info.value_size + 7) & ~7U;
	if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		stride *= cpus;
	to = room(snapshot, map, info.max_entries * (info.key_size + stride));
	if (info.map_flags & BPF_F_MMAPABLE) {
		/* Mapped once: that takes as long as to copy it. */
		if (!mapped[map])
			mapped[map] = dataplane_map(dataplane, map);
		memcpy(to, mapped[map], info.max_entries * stride);
		return;
	}
	if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY &&
	    take_by_batches(fd, info.max_entries, stride, to))
		return;
	take_by_keys(fd, info.key_size, stride, to);
}

void snapshot_take(const struct dataplane *dataplane, bool with_counters,
		   struct snapshot *snapshot)
{
	int count = with_counters ? MAP_COUNT : MAP_LISTENER_STATS, i;

	for (i = count; i < MAP_COUNT; i++)
		snapshot->size[i] = 0;
	for (i = 0; i < count; i++)
		take_map(dataplane, i, snapshot);
}

void snapshot_free(struct snapshot *snapshot)
{
	int i;

	for (i = 0; i < MAP_COUNT; i++)
		free(snapshot->bytes[i]);
	*snapshot = (struct snapshot){ 0 };
}

const char *snapshot_difference(const struct snapshot *a,
				const struct snapshot *b)
{
	int i;

	for (i = 0; i < MAP_COUNT; i++)
		if (a->size[i] != b->size[i] ||
		    (a->size[i] && memcmp(a->bytes[i], b->bytes[i], a->size[i])))
			return map_names[i];
	return NULL;
}
