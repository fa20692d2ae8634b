// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/pool.h"

#include <errno.h>
#include <string.h>

int pool_init(struct arena *arena, struct pool *pool, uint32_t count)
{
	pool->taken = arena_array(arena, count, 1);
	pool->count = count;
	pool->next = 0;
	return pool->taken ? 0 : -ENOMEM;
}

void pool_take(struct pool *pool, uint32_t first, uint32_t length)
{
	if (first < pool->count && length <= pool->count - first)
		memset(pool->taken + first, 1, length);
}

uint32_t pool_find(struct pool *pool, uint32_t length)
{
	uint32_t first, run = 0;

	for (first = pool->next; first < pool->count; first++) {
		run = pool->taken[first] ? 0 : run + 1;
		if (run == length) {
			first -= length - 1;
			pool_take(pool, first, length);
			/* Nothing below it is free. */
			while (pool->next < pool->count &&
			       pool->taken[pool->next])
				pool->next++;
			return first;
		}
	}
	return pool->count;
}

uint32_t pool_next(struct pool *pool)
{
	uint32_t i;

	for (i = 0; i < pool->count; i++) {
		uint32_t number = (pool->next + i) % pool->count;

		if (pool->taken[number])
			continue;
		pool->taken[number] = 1;
		pool->next = (number + 1) % pool->count;
		return number;
	}
	return pool->count;
}
