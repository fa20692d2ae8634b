/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counters and flows of the data path, read only. */
#ifndef L4GATE_STATS_H
#define L4GATE_STATS_H

#include "dataplane/object.h"

/* Sum over all CPUs; zeros if it can't be read. */
struct l4gate_stats stats_read(const struct dataplane *dataplane,
			       enum map_id map, uint32_t id);

struct l4gate_count stats_reason(const struct dataplane *dataplane,
				 enum l4gate_hook hook,
				 enum l4gate_reason reason);

extern const char *const reason_names[L4GATE_REASON_MAX];
extern const char *const reason_classes[L4GATE_REASON_MAX];
extern const char *const reason_texts[L4GATE_REASON_MAX];
extern const char *const hook_names[L4GATE_HOOK_MAX];

/* All flow records, mapped; live ones are those that flow_is_live() says. */
struct flows {
	const struct l4gate_flow *records;
	uint32_t count;
	uint32_t now;		/* ticks */
	double tick;		/* seconds */
};

int flows_open(const struct dataplane *dataplane, struct flows *ret_flows,
	       struct fail *fail);
void flows_close(struct flows *flows);
bool flow_is_live(const struct flows *flows, const struct l4gate_flow *flow);

/* Live flows of each backend id: L4GATE_MAX_BACKENDS numbers, to be freed. */
uint32_t *flows_by_backend(const struct flows *flows, uint32_t *ret_total);

#endif /* L4GATE_STATS_H */
