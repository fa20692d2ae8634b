/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Indices of an array, found by a hash of what they stand for: who looks up
 * compares each that has the hash.
 */
#ifndef L4GATE_UTIL_TABLE_H
#define L4GATE_UTIL_TABLE_H

#include <stdint.h>

#include "util/arena.h"

#define TABLE_NONE UINT32_MAX

struct table {
	struct table_slot {
		uint32_t hash;
		uint32_t index;		/* TABLE_NONE: free */
	} *slots;
	uint32_t mask;
};

/* Room for count indices; 0 or -ENOMEM. Lives in arena. */
int table_init(struct arena *arena, struct table *table, size_t count);

void table_add(struct table *table, uint64_t hash, uint32_t index);

/*
 * The first index with a hash, or the one after *at; TABLE_NONE at the end. *at
 * is 0 at first.
 */
uint32_t table_next(const struct table *table, uint64_t hash, uint32_t *at);

/* FNV-1a, to begin with TABLE_HASH; of a text with its end. */
#define TABLE_HASH 0xcbf29ce484222325ULL
uint64_t table_hash(uint64_t hash, const void *bytes, size_t size);
uint64_t table_hash_text(uint64_t hash, const char *text);

#endif /* L4GATE_UTIL_TABLE_H */
