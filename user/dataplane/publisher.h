/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What one publish works with. */
#ifndef L4GATE_DATAPLANE_PUBLISHER_H
#define L4GATE_DATAPLANE_PUBLISHER_H

#include "dataplane/object.h"
#include "dataplane/plan.h"

struct publisher {
	const struct dataplane *dataplane;
	const struct plan *plan;
	struct state *state;	/* of the plan */
	const struct inet_addr *own;
	size_t own_count;
	uint64_t generation;	/* the published one */
	uint64_t jiffies;	/* now */
	uint32_t half;		/* the one that packets don't look at */
	/* Values of the maps, as packets see them. */
	struct l4gate_route *routes;
	uint64_t *buckets;
	union l4gate_chunk *chunks;
	struct l4gate_backend *backends;
	struct l4gate_timeouts *timeouts;
	struct l4gate_half_open *half_open;
	struct fail *fail;
};

/* Writes a value of a map that can't be mapped; 0 or -errno, with fail. */
int publisher_put(const struct publisher *publisher, enum map_id map,
		  const void *key, const void *value);

/* Writes to a mapped value unless it is that already: packets share its line. */
void publisher_set(void *to, const void *value, size_t size);

/* Counters of a number that is given out anew start at zero. */
int publisher_clear_stats(const struct publisher *publisher, enum map_id map,
			  uint32_t id);

#endif /* L4GATE_DATAPLANE_PUBLISHER_H */
