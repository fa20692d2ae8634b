// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

#define MAPS 32
#define CHANGES 65536
#define SHARED_BYTES (4 << 20)
#define WORD 8

struct map {
	const void *map;
	const char *name;
	enum model_kind kind;
	size_t size;
	uint32_t entries;
	uint8_t *values;
};

struct change {
	uint64_t *at;
	uint64_t value;
};

static struct {
	struct map maps[MAPS];
	int count;
	uint32_t used;
	struct change changes[CHANGES];
	uint32_t change_count;
} model;

static uint64_t shared[SHARED_BYTES / WORD] __attribute__((aligned(64)));

uint64_t model_jiffies;

static void stop(const char *why)
{
	fprintf(stderr, "model: %s\n", why);
	exit(2);
}

static size_t round_up(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

void model_map(void *map, const char *name, enum model_kind kind, size_t size,
	       uint32_t entries)
{
	struct map *new = &model.maps[model.count++];
	size_t bytes = size * entries;

	if (model.count == MAPS)
		stop("too many maps");
	*new = (struct map){ map, name, kind, size, entries, NULL };
	if (kind == MODEL_SHARED) {
		new->values = (uint8_t *)shared + model.used;
		model.used += round_up(bytes);
		if (model.used > sizeof(shared))
			stop("shared maps are too large");
		return;
	}
	new->values = calloc(kind == MODEL_PER_CPU ? EXPLORE_CPUS : 1,
			     round_up(bytes));
	if (!new->values)
		stop("no memory");
}

void model_clear(void)
{
	while (model.count) {
		struct map *map = &model.maps[--model.count];

		if (map->kind != MODEL_SHARED)
			free(map->values);
	}
	memset(shared, 0, model.used);
	model.used = 0;
	model.change_count = 0;
}

uint32_t model_words(void)
{
	return model.used / WORD;
}

static const struct map *map_of(const void *map)
{
	int i;

	for (i = 0; i < model.count; i++)
		if (model.maps[i].map == map)
			return &model.maps[i];
	stop("not a map");
	return NULL;
}

void *model_value(const void *map, uint32_t key)
{
	const struct map *found = map_of(map);

	return found->values + found->size * key;
}

static size_t cpu_bytes(const struct map *map)
{
	return round_up(map->size * map->entries);
}

void *model_cpu_value(const void *map, uint32_t key, int cpu)
{
	const struct map *found = map_of(map);

	return found->values + cpu * cpu_bytes(found) + found->size * key;
}

void model_empty(const void *map)
{
	const struct map *found = map_of(map);

	memset(found->values, 0, cpu_bytes(found) *
	       (found->kind == MODEL_PER_CPU ? EXPLORE_CPUS : 1));
}

uint64_t model_sum(const void *map, uint32_t key, size_t offset)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < EXPLORE_CPUS; i++)
		sum += *(uint64_t *)((uint8_t *)model_cpu_value(map, key, i) +
				     offset);
	return sum;
}

void *model_lookup(void *map, const void *key)
{
	const struct map *found = map_of(map);
	uint32_t number;
	size_t part = 0;

	memcpy(&number, key, sizeof(number));
	if (number >= found->entries)
		return NULL;
	if (found->kind == MODEL_PER_CPU && explore_cpu() > 0)
		part = cpu_bytes(found) * explore_cpu();
	return found->values + part + found->size * number;
}

const char *model_name(uint32_t word)
{
	const uint8_t *at = (const uint8_t *)(shared + word);
	static char text[64];
	int i;

	for (i = 0; i < model.count; i++) {
		const struct map *map = &model.maps[i];
		size_t offset = at - map->values;

		if (map->kind != MODEL_SHARED || at < map->values ||
		    offset >= map->size * map->entries)
			continue;
		snprintf(text, sizeof(text), "%s[%zu] + %zu", map->name,
			 offset / map->size, offset % map->size);
		return text;
	}
	return "?";
}

/* ---- what changes */

static bool is_shared(const void *at)
{
	return (uintptr_t)at - (uintptr_t)shared < model.used;
}

static bool is_per_cpu(const void *at)
{
	int i;

	for (i = 0; i < model.count; i++)
		if (model.maps[i].kind == MODEL_PER_CPU &&
		    (uintptr_t)at - (uintptr_t)model.maps[i].values <
		    EXPLORE_CPUS * cpu_bytes(&model.maps[i]))
			return true;
	return false;
}

void model_mark(void)
{
	model.change_count = 0;
}

void model_undo(void)
{
	while (model.change_count) {
		const struct change *last = &model.changes[--model.change_count];

		*last->at = last->value;
	}
}

static void note_change(uint64_t *at)
{
	if (model.change_count == CHANGES)
		stop("too many changes");
	model.changes[model.change_count++] = (struct change){ at, *at };
}

static void touch(const void *at, size_t size, enum op_kind kind)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)(WORD - 1), i;
	size_t count = ((uintptr_t)at + size - first + WORD - 1) / WORD;

	if (is_shared(at))
		explore_op(kind, (first - (uintptr_t)shared) / WORD, count);
	else if (kind == OP_READ || !is_per_cpu(at))
		return;
	if (kind != OP_READ)
		for (i = 0; i < count; i++)
			note_change((uint64_t *)first + i);
}

/* ---- helpers */

void model_lock(void *lock)
{
	touch(lock, 4, OP_LOCK);
	*(uint32_t *)lock = 1;
}

void model_unlock(void *lock)
{
	touch(lock, 4, OP_UNLOCK);
	*(uint32_t *)lock = 0;
}

void model_zero(void *to, size_t size)
{
	touch(to, size, OP_WRITE);
	memset(to, 0, size);
}

/* ---- what the compiler calls before each access */

#define ACCESS(size)							\
	void __tsan_read##size(void *at);				\
	void __tsan_write##size(void *at);				\
	void __tsan_unaligned_read##size(void *at);			\
	void __tsan_unaligned_write##size(void *at);			\
	void __tsan_read##size(void *at) { touch(at, size, OP_READ); }	\
	void __tsan_write##size(void *at) { touch(at, size, OP_WRITE); }	\
	void __tsan_unaligned_read##size(void *at)			\
	{								\
		touch(at, size, OP_READ);				\
	}								\
	void __tsan_unaligned_write##size(void *at)			\
	{								\
		touch(at, size, OP_WRITE);				\
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_read_range(void *at, size_t size);
void __tsan_write_range(void *at, size_t size);
void __tsan_func_entry(void *at);
void __tsan_func_exit(void *at);
void __tsan_init(void);
int __tsan_atomic32_fetch_add(volatile int *at, int change, int order);

void __tsan_read_range(void *at, size_t size)
{
	touch(at, size, OP_READ);
}

void __tsan_write_range(void *at, size_t size)
{
	touch(at, size, OP_WRITE);
}

void __tsan_func_entry(void *at)
{
	(void)at;
}

void __tsan_func_exit(void *at)
{
	(void)at;
}

void __tsan_init(void)
{
}

/* One operation, as the CPU has it: between its two halves nobody comes. */
int __tsan_atomic32_fetch_add(volatile int *at, int change, int order)
{
	int was;

	(void)order;
	touch((void *)at, sizeof(*at), OP_WRITE);
	was = *at;
	*at = was + change;
	return was;
}
