/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The flow tables as the loader makes them: how large they are, how long a flow lives
 * in them, and the clock that it lives by.
 */
#ifndef L4GATE_DATAPLANE_FLOW_TABLES_H
#define L4GATE_DATAPLANE_FLOW_TABLES_H

#include "compile/idle.h"
#include "dataplane/object.h"

/* Jiffies a second of this kernel. */
uint32_t dataplane_hz(void);

/*
 * The data path's clocks (bpf/clock.h): jiffies now; a tick as a power of two of
 * them and in seconds.
 */
uint64_t dataplane_jiffies(const struct dataplane *dataplane);
uint32_t dataplane_tick_shift(const struct dataplane *dataplane);
double dataplane_tick_seconds(const struct dataplane *dataplane);

/* Idle timeouts that hold without any others (README has the table): class 0. */
extern const struct image_timeouts dataplane_usual_timeouts;

/* Idle timeouts as packets judge by them; none is kept beyond its time. */
void dataplane_timeouts(const struct dataplane *dataplane,
			const struct image_timeouts *timeouts,
			struct l4gate_timeouts *ret_class);

/* Rows of the flow tables (include/l4gate/hash.h). */
struct flow_rows {
	uint32_t words;
	uint32_t entries;
	uint32_t records;
	uint32_t addresses;
};

struct flow_rows dataplane_rows(const struct dataplane *dataplane);

/*
 * NAT ports of each source and backend, of all shards alike; and the mask within
 * which those of a shard are shuffled (bpf/record.h).
 */
uint32_t dataplane_nat_ports(const struct dataplane *dataplane);
uint32_t dataplane_run_mask(const struct dataplane *dataplane);

#endif /* L4GATE_DATAPLANE_FLOW_TABLES_H */
