/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Numbers 0..count-1 of places in a map, of which some are taken. */
#ifndef L4GATE_DATAPLANE_POOL_H
#define L4GATE_DATAPLANE_POOL_H

#include <stdint.h>

#include "util/arena.h"

struct pool {
	uint8_t *taken;
	uint32_t count;
	uint32_t next;		/* where a search begins */
};

/* 0 or -ENOMEM; lives in arena. */
int pool_init(struct arena *arena, struct pool *pool, uint32_t count);

/* Marks a run as taken; what lies outside is ignored. */
void pool_take(struct pool *pool, uint32_t first, uint32_t length);

/* Takes the first run of free numbers; pool->count if there is none. */
uint32_t pool_find(struct pool *pool, uint32_t length);

/*
 * Takes the free number that comes next, around the end if need be, so that one
 * that was given back is given out last; pool->count if there is none.
 */
uint32_t pool_next(struct pool *pool);

#endif /* L4GATE_DATAPLANE_POOL_H */
