// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "util/table.h"

#include <errno.h>
#include <string.h>

int table_init(struct arena *arena, struct table *table, size_t count)
{
	size_t size = 16, i;

	while (size < count * 2)
		size *= 2;
	table->slots = arena_array(arena, size, sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	table->mask = size - 1;
	for (i = 0; i < size; i++)
		table->slots[i].index = TABLE_NONE;
	return 0;
}

/* The low bits of FNV-1a alone are not even. */
static uint32_t fold(uint64_t hash)
{
	return (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL >> 32;
}

void table_add(struct table *table, uint64_t hash, uint32_t index)
{
	uint32_t key = fold(hash), at = key;

	while (table->slots[at & table->mask].index != TABLE_NONE)
		at++;
	table->slots[at & table->mask] = (struct table_slot){ key, index };
}

uint32_t table_next(const struct table *table, uint64_t hash, uint32_t *at)
{
	uint32_t key = fold(hash);

	for (;;) {
		const struct table_slot *slot =
			&table->slots[(key + (*at)++) & table->mask];

		if (slot->index == TABLE_NONE || slot->hash == key)
			return slot->index;
	}
}

uint64_t table_hash(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	while (size--)
		hash = (hash ^ *at++) * 0x100000001b3ULL;
	return hash;
}

uint64_t table_hash_text(uint64_t hash, const char *text)
{
	return table_hash(hash, text, strlen(text) + 1);
}
