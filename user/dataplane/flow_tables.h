/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The flow tables as the loader makes them: how large they are, how long a flow lives
 * in them, and the clock that it lives by.
 */
#ifndef L4GATE_DATAPLANE_FLOW_TABLES_H
#define L4GATE_DATAPLANE_FLOW_TABLES_H

#include "dataplane/object.h"

/* Jiffies a second of this kernel. */
uint32_t dataplane_hz(void);

/* Seconds of a flow state's idle timeout (README has the table). */
uint32_t dataplane_timeout(enum l4gate_flow_state state);

/*
 * The data path's clocks (bpf/clock.h): jiffies now; a tick as a power of two of
 * them and in seconds; 2^32 / jiffies in a quarter of a state's timeout.
 */
uint64_t dataplane_jiffies(const struct dataplane *dataplane);
uint32_t dataplane_tick_shift(const struct dataplane *dataplane);
double dataplane_tick_seconds(const struct dataplane *dataplane);
uint32_t dataplane_quarter(const struct dataplane *dataplane,
			   enum l4gate_flow_state state);

/*
 * Ticks after which a flow of nat may be forgotten; and after which the time of its
 * last packet is written down once more.
 */
uint32_t dataplane_timeout_ticks(const struct dataplane *dataplane,
				 enum l4gate_flow_state state);
uint32_t dataplane_refresh_ticks(const struct dataplane *dataplane,
				 enum l4gate_flow_state state);

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
